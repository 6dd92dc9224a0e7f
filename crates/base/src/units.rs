//! Numbers as people read them: bytes, counts, durations.

use std::time::Duration;

use crate::errors::{Error, INVALID_SETTING, Result};

/// `1536` as `1.5 KiB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// `336776` as `336,776`.
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A duration in the two units that matter: `340 ms`, `2.4 s`, `3 min 20 s`, `2 h 5 min`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..60 => format!("{:.1} s", duration.as_secs_f64()),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Reads `512MB`, `512 MiB`, `2g` or plain bytes. Units are powers of 1024, as memory settings of databases take them.
pub fn parse_bytes(text: &str) -> Result<u64> {
    let wrong = |reason: &str| Error::new(&INVALID_SETTING).with("setting", format!("size `{text}`")).with("reason", reason);
    let trimmed = text.trim();
    let split = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
    let number: u64 = trimmed[..split].parse().map_err(|_| wrong("begin with a whole number, such as 512MiB"))?;
    let shift = match trimmed[split..].trim().to_ascii_lowercase().trim_end_matches("ib").trim_end_matches('b') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err(wrong("the unit is one of B, KiB, MiB, GiB, TiB")),
    };
    number.checked_mul(1 << shift).ok_or_else(|| wrong("larger than any memory"))
}

/// Reads `30s`, `5m`, `2h`, `7d` or `500ms`.
pub fn parse_duration(text: &str) -> Result<Duration> {
    let wrong = || {
        Error::new(&INVALID_SETTING)
            .with("setting", format!("duration `{text}`"))
            .with("reason", "write a whole number and its unit: 500ms, 30s, 5m, 2h or 7d")
    };
    let trimmed = text.trim();
    let split = trimmed.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let number: u64 = trimmed[..split].parse().map_err(|_| wrong())?;
    let millis = match trimmed[split..].trim() {
        "ms" => 1,
        "s" => 1000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(millis).map(Duration::from_millis).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(count(336_776), "336,776");
        assert_eq!(duration(Duration::from_secs(200)), "3 min 20 s");
        assert_eq!(parse_bytes("512 MiB").expect("fits"), 512 << 20);
        assert_eq!(parse_bytes("2g").expect("fits"), 2 << 30);
        assert!(parse_bytes("-1").is_err() && parse_bytes("1 parsec").is_err());
        assert_eq!(parse_duration("5m").expect("fits"), Duration::from_secs(300));
        assert!(parse_duration("5").is_err());
    }
}
