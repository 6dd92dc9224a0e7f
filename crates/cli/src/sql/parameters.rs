//! `--parameter name=value`: typed as JSON where the text is a number, a boolean or null, else a string.

use serde_json::{Map, Value};

use crate::failure::{Failure, Outcome};

/// The parameters by name; a value in double quotes is a string whatever it looks like.
pub fn read(command: &str, pairs: &[String]) -> Outcome<Map<String, Value>> {
    let mut parameters = Map::new();
    for pair in pairs {
        let Some((name, value)) = pair.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(Failure::usage(command, format!("--parameter takes name=value, not `{pair}`")));
        };
        let name = name.trim_start_matches('$').to_owned();
        if parameters.insert(name.clone(), typed(value)).is_some() {
            return Err(Failure::usage(command, format!("parameter `{name}` is given twice")));
        }
    }
    Ok(parameters)
}

fn typed(value: &str) -> Value {
    match serde_json::from_str::<Value>(value) {
        Ok(json @ (Value::Number(_) | Value::Bool(_) | Value::Null | Value::String(_) | Value::Array(_))) => json,
        _ => Value::String(value.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_get_the_type_they_look_like() {
        let pairs =
            ["carrier=UA", "$flight=1545", "on=true", "date=2013-01-01", "code=\"007\"", "list=[1,2]", "zip=007", "empty="];
        let parameters = read("sql", &pairs.map(str::to_owned)).expect("right");
        assert_eq!(
            Value::Object(parameters),
            json!({"carrier": "UA", "flight": 1545, "on": true, "date": "2013-01-01", "code": "007", "list": [1, 2], "zip": "007", "empty": ""})
        );
        assert_eq!(read("sql", &["novalue".to_owned()]).expect_err("no =").exit(), 2);
        assert_eq!(read("sql", &["a=1".to_owned(), "a=2".to_owned()]).expect_err("twice").exit(), 2);
    }
}
