//! Numbers that are looked up when somebody asks for them, as Prometheus text: what is gone is not told again.

use std::fmt::Write as _;

use crate::metrics::METRICS;

/// Gauges, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Exposition(String);

impl Exposition {
    /// A gauge without labels.
    pub fn number(&mut self, name: &'static str, value: f64) {
        self.begin(name);
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{name} {value}");
    }

    /// A gauge with one label; nothing if there are no series.
    pub fn numbers<T: AsRef<str>>(&mut self, name: &'static str, label: &str, series: impl IntoIterator<Item = (T, f64)>) {
        let mut series = series.into_iter().peekable();
        if series.peek().is_none() {
            return;
        }
        self.begin(name);
        for (of, value) in series {
            let of = of.as_ref().replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = writeln!(self.0, "{name}{{{label}=\"{of}\"}} {value}");
        }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0
    }

    fn begin(&mut self, name: &str) {
        let help = METRICS.iter().find(|metric| metric.name == name).map_or("", |metric| metric.help);
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} gauge");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{JOBS_WAITING, TABLES};

    #[test]
    fn writes_what_prometheus_reads() {
        let mut text = Exposition::default();
        text.number(JOBS_WAITING, 3.0);
        text.numbers(TABLES, "schema", [("a\"b\\c\nd", 1.5)]);
        text.numbers(TABLES, "schema", [("", 0.0); 0]);
        let lines: Vec<&str> = text.text().lines().filter(|line| !line.starts_with("# HELP")).collect();
        let wanted = [
            "# TYPE dataux_jobs_waiting gauge",
            "dataux_jobs_waiting 3",
            "# TYPE dataux_tables gauge",
            r#"dataux_tables{schema="a\"b\\c\nd"} 1.5"#,
        ];
        assert_eq!(lines, wanted);
        assert!(text.text().starts_with("# HELP dataux_jobs_waiting Runs that are due"), "{}", text.text());
    }
}
