//! The text of a request as typed values, bound to the statement and never part of it.

use std::cmp::Ordering;
use std::collections::HashMap;

use base::nearest::nearest;
use base::{Error, Result};
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use serde_json::{Map, Value};

use crate::codes::{SERVICE_PARAMETER_INVALID, SERVICE_PARAMETER_MISSING, SERVICE_PARAMETER_UNKNOWN};
use crate::encode::Format;
use crate::spec::{DataServiceSpec, Parameter, ParameterType, RESERVED};

/// Longest query string taken, in bytes.
const QUERY_BYTES_MAX: usize = 64 << 10;
/// Longest text of a parameter that does not say its own limit, in characters.
const TEXT_MAX: usize = 1_000;
/// Most items of a list that does not say its own limit.
const ITEMS_MAX: usize = 100;
/// Formats of a service; the first is the default.
pub(crate) const OFFERED: [Format; 4] = Format::ALL;

/// A request, read.
#[derive(Debug)]
pub(crate) struct Bound {
    /// Values by name, in the order of the names, so that equal requests are equal.
    pub values: Map<String, Value>,
    /// Rows of this page.
    pub limit: u64,
    /// Rows before this page.
    pub offset: u64,
    /// The form the answer is wanted in.
    pub format: Format,
}

/// Reads a query string as the parameters of a service.
pub(crate) fn bind(service: &str, spec: &DataServiceSpec, query: &str, accept: Option<&str>) -> Result<Bound> {
    if query.len() > QUERY_BYTES_MAX {
        return Err(invalid("*", format!("the query string is longer than {QUERY_BYTES_MAX} bytes")));
    }
    let mut sent: HashMap<String, Vec<String>> = HashMap::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        sent.entry(name.into_owned()).or_default().push(value.into_owned());
    }
    if let Some(name) = sent.keys().filter(|name| !is_known(spec, name)).min() {
        return Err(unknown(service, spec, name));
    }
    let mut values = Map::new();
    for (name, parameter) in &spec.parameters {
        let value = match sent.get(name) {
            Some(texts) => read_sent(name, parameter, texts)?,
            None if parameter.required => {
                return Err(Error::new(&SERVICE_PARAMETER_MISSING).with("service", service).with("name", name));
            }
            None => default(parameter).map_err(|reason| invalid(name, reason))?,
        };
        values.insert(name.clone(), value);
    }
    let format = match single(&sent, "format")? {
        Some(name) => Format::from_name(name, &OFFERED)?,
        None => Format::from_accept(accept, &OFFERED)?,
    };
    let limit = match count(&sent, "limit")? {
        None => spec.paging.default_rows,
        Some(0) => return Err(invalid("limit", "must be at least 1")),
        Some(limit) if limit > spec.paging.max_rows => {
            return Err(invalid("limit", format!("at most {} rows come in one page", spec.paging.max_rows)));
        }
        Some(limit) => limit,
    };
    let offset = count(&sent, "offset")?.unwrap_or(0);
    Ok(Bound { values, limit, offset, format })
}

/// What the types of a declaration cannot say about one parameter.
pub(crate) fn check(name: &str, parameter: &Parameter) -> Result<(), String> {
    let item = match (parameter.kind, parameter.of) {
        (ParameterType::List, None) => return Err("a list needs `of`, the type of its items".to_owned()),
        (ParameterType::List, Some(ParameterType::List)) => {
            return Err("a list of lists cannot be sent in a query string".to_owned());
        }
        (ParameterType::List, Some(item)) => item,
        (_, Some(_)) => return Err("`of` belongs to type list only".to_owned()),
        (kind, None) => kind,
    };
    if (item == ParameterType::Enum) == parameter.values.is_empty() {
        return Err("type enum needs `values`, and no other type has them".to_owned());
    }
    for bound in [&parameter.min, &parameter.max].into_iter().flatten() {
        let ordered =
            matches!(item, ParameterType::Integer | ParameterType::Number | ParameterType::Date | ParameterType::Timestamp);
        if !ordered {
            return Err("only integers, numbers, dates and timestamps have min and max".to_owned());
        }
        Scalar::read(item, &plain(bound)?).map_err(|reason| format!("min or max: {reason}"))?;
    }
    if parameter.max_length.is_some() && !matches!(parameter.kind, ParameterType::String | ParameterType::List) {
        return Err("only texts and lists have max_length".to_owned());
    }
    if parameter.required && parameter.default.is_some() {
        return Err("a required parameter has no use for a default".to_owned());
    }
    default(parameter).map(drop).map_err(|reason| format!("the default of {name}: {reason}"))
}

fn is_known(spec: &DataServiceSpec, name: &str) -> bool {
    RESERVED.contains(&name) || spec.parameters.contains_key(name)
}

fn unknown(service: &str, spec: &DataServiceSpec, name: &str) -> Error {
    let known: Vec<&str> = spec.parameters.keys().map(String::as_str).chain(RESERVED).collect();
    let near = nearest(name, known.iter().copied()).unwrap_or_default();
    let shown: String = name.chars().take(63).collect();
    Error::new(&SERVICE_PARAMETER_UNKNOWN)
        .with("service", service)
        .with("name", shown)
        .with("near", near)
        .with("known", known.join(", "))
}

fn invalid(name: &str, reason: impl std::fmt::Display) -> Error {
    Error::new(&SERVICE_PARAMETER_INVALID).with("name", name).with("reason", reason)
}

fn single<'a>(sent: &'a HashMap<String, Vec<String>>, name: &str) -> Result<Option<&'a str>> {
    match sent.get(name).map(Vec::as_slice) {
        None => Ok(None),
        Some([one]) => Ok(Some(one)),
        Some(_) => Err(invalid(name, "was sent more than once")),
    }
}

fn count(sent: &HashMap<String, Vec<String>>, name: &str) -> Result<Option<u64>> {
    let read = |text: &str| text.parse().map_err(|_| invalid(name, "must be a whole number, zero or above"));
    single(sent, name)?.map(read).transpose()
}

fn read_sent(name: &str, parameter: &Parameter, texts: &[String]) -> Result<Value> {
    match (parameter.kind, texts) {
        (ParameterType::List, texts) => read_list(parameter, texts.iter().map(String::as_str)),
        (_, [text]) => read_one(parameter.kind, parameter, text),
        _ => Err("was sent more than once; only a list may be".to_owned()),
    }
    .map_err(|reason| invalid(name, reason))
}

fn read_list<'a>(parameter: &Parameter, texts: impl ExactSizeIterator<Item = &'a str>) -> Result<Value, String> {
    let max = parameter.max_length.unwrap_or(ITEMS_MAX);
    if texts.len() > max {
        return Err(format!("at most {max} items are taken"));
    }
    let item = parameter.of.unwrap_or_default();
    texts.map(|text| read_one(item, parameter, text)).collect::<Result<Vec<_>, _>>().map(Value::Array)
}

fn read_one(kind: ParameterType, parameter: &Parameter, text: &str) -> Result<Value, String> {
    if kind == ParameterType::Enum {
        if parameter.values.iter().any(|value| value == text) {
            return Ok(Value::from(text));
        }
        let near = nearest(text, parameter.values.iter().map(String::as_str));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        return Err(format!("must be one of {}{near}", parameter.values.join(", ")));
    }
    // For a list `max_length` counts its items, so its texts have the general limit.
    let longest = parameter.max_length.filter(|_| parameter.kind == ParameterType::String).unwrap_or(TEXT_MAX);
    if text.chars().count() > longest {
        return Err(format!("must have at most {longest} characters"));
    }
    let scalar = Scalar::read(kind, text)?;
    for (bound, refused, words) in [(&parameter.min, Ordering::Less, "at least"), (&parameter.max, Ordering::Greater, "at most")]
    {
        let Some(bound) = bound else { continue };
        let bound = plain(bound)?;
        if scalar.partial_cmp(&Scalar::read(kind, &bound)?) == Some(refused) {
            return Err(format!("must be {words} {bound}"));
        }
    }
    Ok(scalar.value(text))
}

fn default(parameter: &Parameter) -> Result<Value, String> {
    match (&parameter.default, parameter.kind) {
        (None, _) => Ok(Value::Null),
        (Some(Value::Array(items)), ParameterType::List) => {
            let texts = items.iter().map(plain).collect::<Result<Vec<_>, _>>()?;
            read_list(parameter, texts.iter().map(String::as_str))
        }
        (Some(_), ParameterType::List) => Err("must be a list".to_owned()),
        (Some(value), kind) => read_one(kind, parameter, &plain(value)?),
    }
}

/// A scalar of a declaration as the text a request would send.
fn plain(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        _ => Err("must be a text, a number, true or false".to_owned()),
    }
}

/// A value of one type, to be compared with its bounds.
#[derive(Debug, PartialEq, PartialOrd)]
enum Scalar {
    Text,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Date(NaiveDate),
    /// Microseconds since 1970; a timestamp without an offset is compared as UTC.
    Timestamp(i64),
}

impl Scalar {
    fn read(kind: ParameterType, text: &str) -> Result<Self, String> {
        match kind {
            ParameterType::String | ParameterType::Enum => Ok(Self::Text),
            ParameterType::Boolean => match text {
                "true" => Ok(Self::Boolean(true)),
                "false" => Ok(Self::Boolean(false)),
                _ => Err("must be true or false".to_owned()),
            },
            ParameterType::Integer => {
                text.parse().map(Self::Integer).map_err(|_| "must be a whole number of at most 64 bits".to_owned())
            }
            ParameterType::Number => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(Self::Number(number)),
                _ => Err("must be a number, such as 12.5".to_owned()),
            },
            ParameterType::Date => NaiveDate::parse_from_str(text, "%Y-%m-%d")
                .map(Self::Date)
                .map_err(|_| "must be a date, such as 2013-01-31".to_owned()),
            ParameterType::Timestamp => {
                let zoned = DateTime::parse_from_rfc3339(text).map(|moment| moment.timestamp_micros());
                let local = || {
                    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").map(|moment| moment.and_utc().timestamp_micros())
                };
                zoned
                    .or_else(|_| local())
                    .map(Self::Timestamp)
                    .map_err(|_| "must be a timestamp, such as 2013-01-31T05:00:00Z".to_owned())
            }
            ParameterType::List => Err("must be a single value".to_owned()),
        }
    }

    fn value(&self, text: &str) -> Value {
        match self {
            Self::Boolean(value) => Value::from(*value),
            Self::Integer(value) => Value::from(*value),
            Self::Number(value) => Value::from(*value),
            Self::Text | Self::Date(_) | Self::Timestamp(_) => Value::from(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use base::document::{self, Declared};
    use serde_json::json;

    use super::*;

    fn spec() -> DataServiceSpec {
        let spec: DataServiceSpec = document::parse(
            "sql: select $day, $n, $x, $ok, $at, $carrier, $tails, $note\n\
             parameters:\n  day: {type: date, required: true, min: \"2013-01-01\", max: \"2013-12-31\"}\n  n: {type: integer, default: 7, max: 10}\n  \
             x: {type: number}\n  ok: {type: boolean, default: false}\n  at: {type: timestamp}\n  carrier: {type: enum, values: [AA, UA]}\n  \
             tails: {type: list, of: string, max_length: 2, default: [N1]}\n  note: {type: string, max_length: 4}\n\
             paging: {default_rows: 10, max_rows: 50}\n",
            "spec.yaml",
        )
        .expect("right");
        spec.check().expect("agrees");
        spec
    }

    fn bound(query: &str) -> Result<Bound, String> {
        bind("s", &spec(), query, None).map_err(|error| error.to_string())
    }

    #[test]
    fn reads_each_type_and_fills_defaults() {
        let read =
            bound("day=2013-02-01&x=1.5&at=2013-01-01T05:00:00%2B08:00&carrier=UA&tails=a%27%20or%201=1&tails=b&note=%E4%B8%AD")
                .expect("right");
        assert_eq!(
            Value::Object(read.values),
            json!({"at": "2013-01-01T05:00:00+08:00", "carrier": "UA", "day": "2013-02-01", "n": 7, "note": "中", "ok": false,
                   "tails": ["a' or 1=1", "b"], "x": 1.5})
        );
        assert_eq!((read.limit, read.offset, read.format), (10, 0, Format::Json));
        let least = bound("day=2013-02-01&limit=50&offset=100&format=csv").expect("right");
        assert_eq!(least.values["tails"], json!(["N1"]));
        assert!(least.values["carrier"].is_null() && least.values["x"].is_null());
        assert_eq!((least.limit, least.offset, least.format), (50, 100, Format::Csv));
    }

    #[test]
    fn says_what_does_not_fit() {
        for (query, words) in [
            ("", "needs the parameter `day`"),
            ("day=2013-02-01&carier=AA", "did you mean `carrier`"),
            ("day=2013-02-30", "must be a date"),
            ("day=2012-12-31", "must be at least 2013-01-01"),
            ("day=2014-01-01", "must be at most 2013-12-31"),
            ("day=2013-02-01&n=11", "must be at most 10"),
            ("day=2013-02-01&n=9223372036854775808", "whole number"),
            ("day=2013-02-01&x=NaN", "must be a number"),
            ("day=2013-02-01&ok=yes", "true or false"),
            ("day=2013-02-01&carrier=Ua", "must be one of AA, UA; did you mean `UA`?"),
            ("day=2013-02-01&tails=a&tails=b&tails=c", "at most 2 items"),
            ("day=2013-02-01&day=2013-02-02", "more than once"),
            ("day=2013-02-01&note=12345", "at most 4 characters"),
            ("day=2013-02-01&limit=51", "at most 50 rows"),
            ("day=2013-02-01&limit=0", "at least 1"),
            ("day=2013-02-01&offset=-1", "whole number"),
            ("day=2013-02-01&format=xml", "`xml` is not offered"),
        ] {
            let error = bound(query).expect_err(query);
            assert!(error.contains(words), "{query}: {error}");
        }
    }
}
