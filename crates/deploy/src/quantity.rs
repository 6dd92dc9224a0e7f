//! Quantities as Kubernetes writes them: `250m`, `2Gi`, `1e3`.

/// A quantity in thousandths, so that a quarter of a CPU is a whole number; nothing if it is none.
pub fn thousandths(text: &str) -> Option<u128> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && part.is_empty() {
        return None;
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let part: u128 = format!("{:0<3.3}", part).parse().ok()?;
    let number = whole.checked_mul(1000)?.checked_add(part)?;
    let factor: u128 = match unit {
        "" => 1,
        "m" => return Some(number / 1000),
        "k" => 1000,
        "M" => 1000u128.pow(2),
        "G" => 1000u128.pow(3),
        "T" => 1000u128.pow(4),
        "P" => 1000u128.pow(5),
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        "Pi" => 1 << 50,
        _ => 10u128.checked_pow(unit.strip_prefix(['e', 'E'])?.parse().ok()?)?,
    };
    number.checked_mul(factor)
}

/// A quantity of JSON, be it text or a number.
pub fn of(value: &serde_json::Value) -> Option<u128> {
    match value {
        serde_json::Value::String(text) => thousandths(text),
        serde_json::Value::Number(number) => thousandths(&number.to_string()),
        _ => None,
    }
}

/// Thousandths of CPUs or bytes as a person reads them.
pub fn shown(name: &str, thousandths: u128) -> String {
    if name.ends_with("memory") || name.ends_with("storage") {
        return base::units::bytes(u64::try_from(thousandths / 1000).unwrap_or(u64::MAX));
    }
    if thousandths.is_multiple_of(1000) {
        (thousandths / 1000).to_string()
    } else {
        format!("{:.2}", thousandths as f64 / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{shown, thousandths};

    #[test]
    fn reads_what_kubernetes_writes() {
        for (text, expected) in [
            ("250m", Some(250)),
            ("4", Some(4000)),
            ("0.5", Some(500)),
            ("1.25", Some(1250)),
            ("2Gi", Some(2000 << 30)),
            ("3931524Ki", Some(3_931_524_000 << 10)),
            ("1G", Some(1_000_000_000_000)),
            ("1e3", Some(1_000_000)),
            ("", None),
            ("two", None),
            ("1X", None),
        ] {
            assert_eq!(thousandths(text), expected, "{text}");
        }
        assert_eq!(shown("requests.cpu", 1500), "1.50");
        assert_eq!(shown("memory", 2000 << 30), "2.0 GiB");
    }
}
