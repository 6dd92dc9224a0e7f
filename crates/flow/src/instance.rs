//! The instance a run is for: its time, and the `${…}` parameters that follow from it, bound as values.

use std::collections::BTreeMap;

use base::{Error, Result};
use chrono::{DateTime, Days, Duration, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value};

use crate::codes;

/// A run's time and parameters.
#[derive(Debug, Clone)]
pub struct Instance {
    /// The scheduled time, or the time of asking.
    pub at: DateTime<Utc>,
    /// The zone in which days are counted.
    pub zone: Tz,
    /// Named values of the run and the pipeline.
    pub parameters: BTreeMap<String, Value>,
}

impl Instance {
    /// A statement whose `${name}` places became `$name` parameters, and their values.
    ///
    /// Known are `bizdate` (the day before the instance, `YYYY-MM-DD`), `cyctime` (the instance's own time), any format of
    /// `yyyy`, `mm`, `dd`, `hh24`, `mi`, `ss` with an offset in days (`yyyymmdd-1`), or in hours behind a slash
    /// (`yyyymmddhh24-1/24`), as DataWorks writes them, and the run's own parameters.
    pub fn bind(&self, sql: &str) -> Result<(String, Map<String, Value>)> {
        let mut text = String::with_capacity(sql.len());
        let mut values = Map::new();
        for piece in pieces(sql) {
            match piece {
                Piece::Text(part) => text.push_str(part),
                Piece::Quoted(part) => match part.find("${") {
                    Some(start) => {
                        let name = part[start + 2..].split('}').next().unwrap_or_default();
                        return Err(Error::new(&codes::INSTANCE_QUOTED).with("name", name));
                    }
                    None => text.push_str(part),
                },
                Piece::Parameter(name) => {
                    let placeholder = format!("p{}", values.len() + 1);
                    text.push('$');
                    text.push_str(&placeholder);
                    values.insert(placeholder, self.value(name)?);
                }
            }
        }
        Ok((text, values))
    }

    fn value(&self, name: &str) -> Result<Value> {
        if let Some(value) = self.parameters.get(name) {
            return Ok(value.clone());
        }
        let local = self.at.with_timezone(&self.zone);
        match name {
            "bizdate" => Ok(local.date_naive().checked_sub_days(Days::new(1)).unwrap_or_default().to_string().into()),
            "cyctime" => Ok(local.format("%Y-%m-%d %H:%M:%S").to_string().into()),
            _ => self.formatted(name).map(Value::from).ok_or_else(|| Error::new(&codes::INSTANCE_PARAMETER).with("name", name)),
        }
    }

    fn formatted(&self, name: &str) -> Option<String> {
        let split = name.find(['+', '-']).unwrap_or(name.len());
        let (format, offset) = name.split_at(split);
        let offset = match offset.trim_start_matches('+').split_once('/') {
            None if offset.is_empty() => Duration::zero(),
            None => Duration::try_days(offset.trim_start_matches('+').parse().ok()?)?,
            Some((hours, "24")) => Duration::try_hours(hours.parse().ok()?)?,
            Some(_) => return None,
        };
        let mut pattern = format.to_owned();
        for (from, to) in [("yyyy", "%Y"), ("mm", "%m"), ("dd", "%d"), ("hh24", "%H"), ("mi", "%M"), ("ss", "%S")] {
            pattern = pattern.replace(from, to);
        }
        // Every letter must have been part of a known word.
        let bare =
            pattern.replace("%Y", "").replace("%m", "").replace("%d", "").replace("%H", "").replace("%M", "").replace("%S", "");
        if pattern == format || bare.chars().any(|c| !matches!(c, '-' | ':' | '/' | ' ' | '_')) {
            return None;
        }
        let at = self.at.with_timezone(&self.zone).naive_local().checked_add_signed(offset)?;
        Some(at.format(&pattern).to_string())
    }
}

enum Piece<'a> {
    Text(&'a str),
    Quoted(&'a str),
    Parameter(&'a str),
}

/// Parts SQL into plain text, quoted text and comments, and `${…}` places.
fn pieces(sql: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = sql;
    while !rest.is_empty() {
        let start = ["${", "'", "\"", "--", "/*"].iter().filter_map(|mark| rest.find(mark)).min().unwrap_or(rest.len());
        let (plain, tail) = rest.split_at(start);
        pieces.push(Piece::Text(plain));
        rest = tail;
        let end_after = |open: usize, close: &str| rest[open..].find(close).map_or(rest.len(), |end| open + end + close.len());
        if rest.starts_with("${") {
            match rest.find('}') {
                Some(end) => pieces.push(Piece::Parameter(&rest[2..end])),
                None => pieces.push(Piece::Text(rest)),
            }
            rest = rest.find('}').map_or("", |end| &rest[end + 1..]);
        } else if !rest.is_empty() {
            let (end, comment) = match rest.as_bytes()[0] {
                b'\'' => (end_after(1, "'"), false),
                b'"' => (end_after(1, "\""), false),
                b'-' => (end_after(2, "\n"), true),
                _ => (end_after(2, "*/"), true),
            };
            let (part, tail) = rest.split_at(end);
            pieces.push(if comment { Piece::Text(part) } else { Piece::Quoted(part) });
            rest = tail;
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance() -> Instance {
        let at = "2013-03-01T18:30:00Z".parse().expect("time");
        Instance { at, zone: chrono_tz::Asia::Shanghai, parameters: BTreeMap::from([("carrier".to_owned(), "UA".into())]) }
    }

    #[test]
    fn binds_days_of_the_zone() {
        let (sql, values) = instance()
            .bind("select * from t where d = ${bizdate} and c = ${carrier} -- ${not this}\nand m = '$x'")
            .expect("binds");
        assert_eq!(sql, "select * from t where d = $p1 and c = $p2 -- ${not this}\nand m = '$x'");
        assert_eq!(values["p1"], "2013-03-01", "it is already the 2nd in Shanghai");
        assert_eq!(values["p2"], "UA");
        assert_eq!(instance().value("yyyymmdd-1").expect("format"), "20130301");
        assert_eq!(instance().value("yyyymmddhh24-3/24").expect("format"), "2013030123");
        assert_eq!(instance().value("yyyymmdd").expect("format"), "20130302");
    }

    #[test]
    fn refuses_what_would_be_text_or_unknown() {
        assert!(instance().bind("select '${bizdate}'").expect_err("quoted").is(&codes::INSTANCE_QUOTED));
        assert!(instance().bind("select ${bizdaet}").expect_err("unknown").is(&codes::INSTANCE_PARAMETER));
        assert!(instance().bind("select ${; drop table x}").expect_err("unknown").is(&codes::INSTANCE_PARAMETER));
    }
}
