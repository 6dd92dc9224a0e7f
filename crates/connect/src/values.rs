//! Text to values, strictly: what would be cut, rounded or guessed does not fit.
//!
//! Arrow's own parsers are laxer (they cut a time off a date, digits off a decimal), which would lose data without a word.

use chrono::NaiveDate;

/// Days from 0001-01-01 to 1970-01-01, as `chrono` counts days.
const EPOCH_DAYS_FROM_CE: i32 = 719_163;
const DAY_MICROS: i64 = 86_400_000_000;

/// A whole number, with an optional sign and spaces around it.
pub(crate) fn integer(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    match bytes {
        [b'0'..=b'9', ..] => digits(bytes).or_else(|| text.trim_ascii().parse().ok()),
        [b'-', rest @ ..] => digits(rest).map(|value| -value).or_else(|| text.trim_ascii().parse().ok()),
        _ => text.trim_ascii().parse().ok(),
    }
}

/// Up to 18 digits, which cannot overflow.
fn digits(bytes: &[u8]) -> Option<i64> {
    if bytes.is_empty() || bytes.len() > 18 {
        return None;
    }
    let mut value = 0_i64;
    for byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(value)
}

/// A decimal or scientific number, `NaN`, `inf` or `-inf`.
pub(crate) fn float(text: &str) -> Option<f64> {
    // Powers of ten up to 22 and integers up to 2^53 are exact, so one division of them is correctly rounded.
    if let Some((whole, fraction)) = split_short(text.as_bytes()) {
        let negative = text.as_bytes()[0] == b'-';
        let value = whole as f64 / POWERS[fraction];
        return Some(if negative { -value } else { value });
    }
    let value: f64 = text.trim_ascii().parse().ok()?;
    // `1e400` is too large for a float, not infinite.
    (value.is_finite() || !text.bytes().any(|byte| byte.is_ascii_digit())).then_some(value)
}

const POWERS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// A plain number of at most 15 digits as its digits and how many of them stand behind the point.
fn split_short(bytes: &[u8]) -> Option<(u64, usize)> {
    let unsigned = bytes.strip_prefix(b"-").unwrap_or(bytes);
    if unsigned.is_empty() || unsigned.len() > 16 {
        return None;
    }
    let (mut value, mut count, mut point) = (0_u64, 0_usize, None);
    for byte in unsigned {
        match byte {
            b'0'..=b'9' => {
                value = value * 10 + u64::from(byte - b'0');
                count += 1;
            }
            b'.' if point.is_none() => point = Some(count),
            _ => return None,
        }
    }
    if count == 0 || count > 15 {
        return None;
    }
    Some((value, point.map_or(0, |point| count - point)))
}

/// `true`/`false`, `t`/`f`, `1`/`0`, in any case.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text.trim_ascii() {
        "1" => Some(true),
        "0" => Some(false),
        word if word.eq_ignore_ascii_case("true") || word.eq_ignore_ascii_case("t") => Some(true),
        word if word.eq_ignore_ascii_case("false") || word.eq_ignore_ascii_case("f") => Some(false),
        _ => None,
    }
}

/// `YYYY-MM-DD` as days since 1970-01-01.
pub(crate) fn date(text: &str) -> Option<i32> {
    let (days, rest) = date_prefix(text.as_bytes())?;
    rest.is_empty().then_some(days)
}

fn date_prefix(bytes: &[u8]) -> Option<(i32, &[u8])> {
    let (head, rest) = bytes.split_at_checked(10)?;
    if head[4] != b'-' || head[7] != b'-' {
        return None;
    }
    let year = two(&head[0..2])? * 100 + two(&head[2..4])?;
    let date = NaiveDate::from_ymd_opt(year as i32, two(&head[5..7])?, two(&head[8..10])?)?;
    Some((chrono::Datelike::num_days_from_ce(&date) - EPOCH_DAYS_FROM_CE, rest))
}

fn two(bytes: &[u8]) -> Option<u32> {
    let (tens, ones) = (bytes[0].wrapping_sub(b'0'), bytes[1].wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| u32::from(tens) * 10 + u32::from(ones))
}

/// What a timestamp's text says about its zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Instant {
    /// Microseconds since 1970-01-01 00:00, in UTC if there is an offset, else as the clock showed.
    pub micros: i64,
    /// Whether the text names an offset from UTC.
    pub zoned: bool,
}

/// `YYYY-MM-DD[T| ]HH:MM[:SS[.fraction]][Z|±HH[:]MM]`; digits below the microsecond must be zero. A bare date is its midnight.
pub(crate) fn instant(text: &str) -> Option<Instant> {
    let (days, rest) = date_prefix(text.as_bytes())?;
    let midnight = i64::from(days) * DAY_MICROS;
    let rest = match rest {
        [] => return Some(Instant { micros: midnight, zoned: false }),
        [b'T' | b't' | b' ', rest @ ..] => rest,
        _ => return None,
    };
    let (micros, rest) = time_prefix(rest)?;
    let offset = match rest.trim_ascii_start() {
        [] => return Some(Instant { micros: midnight + micros, zoned: false }),
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), offset @ ..] => {
            let (hours, minutes) = match offset.len() {
                2 => (two(offset)?, 0),
                4 => (two(&offset[..2])?, two(&offset[2..])?),
                5 if offset[2] == b':' => (two(&offset[..2])?, two(&offset[3..])?),
                _ => return None,
            };
            if hours > 18 || minutes > 59 {
                return None;
            }
            let micros = i64::from(hours * 60 + minutes) * 60_000_000;
            if *sign == b'-' { -micros } else { micros }
        }
        b"UTC" => 0,
        _ => return None,
    };
    Some(Instant { micros: midnight + micros - offset, zoned: true })
}

/// `HH:MM[:SS[.fraction]]` as microseconds since midnight.
pub(crate) fn time(text: &str) -> Option<i64> {
    let (micros, rest) = time_prefix(text.as_bytes())?;
    rest.is_empty().then_some(micros)
}

fn time_prefix(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (head, mut rest) = bytes.split_at_checked(5)?;
    let (hours, minutes) = (two(&head[..2])?, two(&head[3..])?);
    let mut seconds = 0;
    let mut fraction = 0_i64;
    if let [b':', tens, ones, after @ ..] = rest {
        seconds = two(&[*tens, *ones])?;
        rest = after;
        if let [b'.', after @ ..] = rest {
            let count = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if count == 0 || after[..count].iter().skip(6).any(|byte| *byte != b'0') {
                return None;
            }
            let zeros = std::iter::repeat(&b'0');
            for byte in after[..count].iter().chain(zeros).take(6) {
                fraction = fraction * 10 + i64::from(byte - b'0');
            }
            rest = &after[count..];
        }
    }
    if head[2] != b':' || hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    Some(((i64::from(hours) * 3600 + i64::from(minutes) * 60 + i64::from(seconds)) * 1_000_000 + fraction, rest))
}

/// A plain decimal number times `10^scale`; digits below the scale must be zero.
pub(crate) fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let text = text.trim_ascii();
    let (negative, unsigned) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        all => (false, all),
    };
    let scale = usize::try_from(scale).ok()?;
    let point = unsigned.iter().position(|byte| *byte == b'.').unwrap_or(unsigned.len());
    let (whole, fraction) = (&unsigned[..point], unsigned.get(point + 1..).unwrap_or_default());
    if whole.is_empty() && fraction.is_empty() || fraction.iter().skip(scale).any(|byte| *byte != b'0') {
        return None;
    }
    let mut value = 0_i128;
    let padding = std::iter::repeat_n(&b'0', scale.saturating_sub(fraction.len()));
    for byte in whole.iter().chain(fraction.iter().take(scale)).chain(padding) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(i128::from(digit))?;
    }
    (value < 10_i128.checked_pow(u32::from(precision)).unwrap_or(i128::MAX)).then_some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_taken_whole_or_not_at_all() {
        assert_eq!(integer("517"), Some(517));
        assert_eq!(integer(" -42 "), Some(-42));
        assert_eq!(integer("+7"), Some(7));
        assert_eq!(integer("9223372036854775807"), Some(i64::MAX));
        assert_eq!(integer("-9223372036854775808"), Some(i64::MIN));
        for bad in ["", "-", "1.0", "9223372036854775808", "1e3", "1 2", "x"] {
            assert_eq!(integer(bad), None, "{bad}");
        }
        for text in
            ["0", "-0", "1.5", "39.02", "-0.05544", ".5", "5.", "123456789012345", "10.357019999999999", "1e300", "-1E-7", "0.1"]
        {
            let expected: f64 = text.parse().expect("a float");
            assert_eq!(float(text).map(f64::to_bits), Some(expected.to_bits()), "{text}");
        }
        assert!(float("NaN").is_some_and(f64::is_nan));
        assert_eq!(float("-inf"), Some(f64::NEG_INFINITY));
        for bad in ["", "-", ".", "1.2.3", "1,5", "1e400"] {
            assert_eq!(float(bad), None, "{bad}");
        }
    }

    #[test]
    fn decimals_lose_no_digit() {
        assert_eq!(decimal("12.30", 10, 2), Some(1230));
        assert_eq!(decimal("-0.5", 10, 2), Some(-50));
        assert_eq!(decimal("1.2300", 10, 2), Some(123));
        assert_eq!(decimal("7", 3, 2), Some(700));
        for bad in ["1.234", "10.00", "1e2", "", ".", "-", "1.2.3"] {
            assert_eq!(decimal(bad, 3, 2), None, "{bad}");
        }
    }

    #[test]
    fn times_keep_their_zone_apart() {
        assert_eq!(date("1970-01-02"), Some(1));
        assert_eq!((date("2013-02-29"), date("2013-1-1"), date("2013-01-01 00:00:00")), (None, None, None));
        let utc = instant("2013-01-01T06:00:00Z").expect("RFC 3339");
        assert_eq!(utc, Instant { micros: 1_357_020_000_000_000, zoned: true });
        assert_eq!(instant("2013-01-01 14:00:00.000001+08:00"), Some(Instant { micros: utc.micros + 1, zoned: true }));
        assert_eq!(instant("2013-01-01 06:00"), Some(Instant { micros: utc.micros, zoned: false }));
        assert_eq!(instant("2013-01-01 06:00:00.123456789"), None);
        assert_eq!(instant("2013-01-01 06:00:00.123456000").map(|at| at.micros % 1_000_000), Some(123_456));
        assert_eq!((instant("2013-01-01T24:00:00Z"), instant("2013-01-01x")), (None, None));
        assert_eq!(time("23:59:59.5"), Some(86_399_500_000));
    }
}
