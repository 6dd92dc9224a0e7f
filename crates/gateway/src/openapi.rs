//! The OpenAPI 3.1 document of one data service, from its declaration and the columns of its statement.

use arrow::datatypes::{DataType, Schema};
use serde_json::{Map, Value, json};

use crate::encode::Format;
use crate::parameters::OFFERED;
use crate::spec::{DataServiceSpec, Parameter, ParameterType};

/// The document; `columns` is missing when the statement could not be planned.
pub(crate) fn document(name: &str, version: i64, spec: &DataServiceSpec, columns: Option<&Schema>) -> Value {
    let mut parameters: Vec<Value> = spec.parameters.iter().map(|(name, parameter)| query_parameter(name, parameter)).collect();
    let page = &spec.paging;
    parameters.push(json!({"name": "limit", "in": "query", "description": "rows of this page",
        "schema": {"type": "integer", "minimum": 1, "maximum": page.max_rows, "default": page.default_rows}}));
    parameters.push(json!({"name": "offset", "in": "query", "description": "rows before this page; `next` of the page before",
        "schema": {"type": "integer", "minimum": 0, "default": 0}}));
    parameters.push(json!({"name": "format", "in": "query", "description": "the form of the answer; beats Accept",
        "schema": {"type": "string", "enum": OFFERED.map(Format::name), "default": "json"}}));
    json!({
        "openapi": "3.1.0",
        "info": {"title": name, "description": spec.description, "version": version.to_string()},
        "paths": {format!("/services/{name}"): {"get": {
            "operationId": name,
            "summary": spec.description.lines().next().unwrap_or(name),
            "parameters": parameters,
            "security": [{"bearer": []}],
            "responses": {
                "200": {"description": "one page of rows", "content": contents(columns)},
                "400": error("a parameter is missing, unknown or does not fit"),
                "401": error("no token, or one that is not valid"),
                "403": error("the token may not call this service"),
                "406": error("none of the accepted formats is offered"),
                "408": error("the statement took longer than the service allows"),
                "429": error("more calls than the token may make; Retry-After says when to come back"),
            },
        }}},
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": {"type": "object", "required": ["code", "message", "blame", "retry"], "properties": {
                "code": {"type": "string"}, "message": {"type": "string"},
                "arguments": {"type": "object", "additionalProperties": {"type": "string"}},
                "blame": {"enum": ["user", "source", "platform"]}, "retry": {"type": "boolean"},
                "hint": {"type": ["string", "null"]}, "trace_id": {"type": ["string", "null"]},
            }}},
        },
    })
}

fn error(description: &str) -> Value {
    json!({"description": description, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}})
}

fn contents(columns: Option<&Schema>) -> Value {
    let row = match columns {
        Some(schema) => {
            let names: Vec<&String> = schema.fields().iter().map(|field| field.name()).collect();
            let properties: Map<String, Value> =
                schema.fields().iter().map(|field| (field.name().clone(), column(field.data_type()))).collect();
            json!({"type": "object", "required": names, "properties": properties})
        }
        None => json!({"type": "object"}),
    };
    let mut contents = Map::new();
    for format in OFFERED {
        let media = format.content_type().split(';').next().unwrap_or_default().to_owned();
        let schema = match format {
            Format::Json => json!({"type": "object", "required": ["items", "next"], "properties": {
                "items": {"type": "array", "items": row},
                "next": {"type": ["integer", "null"], "description": "the offset of the next page; null if this is the last"},
            }}),
            Format::JsonLines | Format::Csv => json!({"type": "string"}),
            Format::Arrow => json!({"type": "string", "format": "binary"}),
        };
        contents.insert(media, json!({ "schema": schema }));
    }
    Value::Object(contents)
}

fn query_parameter(name: &str, parameter: &Parameter) -> Value {
    let mut schema = match parameter.kind {
        ParameterType::List => json!({"type": "array", "items": single(parameter.of.unwrap_or_default(), parameter),
            "maxItems": parameter.max_length.unwrap_or(100)}),
        kind => single(kind, parameter),
    };
    if let Some(default) = &parameter.default {
        schema["default"] = default.clone();
    }
    let mut described = json!({"name": name, "in": "query", "required": parameter.required, "schema": schema});
    if !parameter.description.is_empty() {
        described["description"] = parameter.description.as_str().into();
    }
    if parameter.kind == ParameterType::List {
        (described["style"], described["explode"]) = ("form".into(), true.into());
    }
    described
}

fn single(kind: ParameterType, parameter: &Parameter) -> Value {
    let mut schema = match kind {
        ParameterType::String | ParameterType::List => json!({"type": "string"}),
        ParameterType::Integer => json!({"type": "integer", "format": "int64"}),
        ParameterType::Number => json!({"type": "number"}),
        ParameterType::Boolean => json!({"type": "boolean"}),
        ParameterType::Date => json!({"type": "string", "format": "date"}),
        ParameterType::Timestamp => json!({"type": "string", "format": "date-time"}),
        ParameterType::Enum => json!({"type": "string", "enum": parameter.values}),
    };
    if matches!(kind, ParameterType::Integer | ParameterType::Number) {
        for (key, bound) in [("minimum", &parameter.min), ("maximum", &parameter.max)] {
            if let Some(bound) = bound {
                schema[key] = bound.clone();
            }
        }
    }
    if let (ParameterType::String, Some(max)) = (parameter.kind, parameter.max_length) {
        schema["maxLength"] = max.into();
    }
    schema
}

/// A column as JSON sends it.
fn column(data_type: &DataType) -> Value {
    let nullable = |name: &str| json!({"type": [name, "null"]});
    let formatted = |format: &str| json!({"type": ["string", "null"], "format": format});
    match data_type {
        DataType::Boolean => nullable("boolean"),
        data_type if data_type.is_integer() => nullable("integer"),
        data_type if data_type.is_floating() => nullable("number"),
        DataType::Date32 | DataType::Date64 => formatted("date"),
        DataType::Timestamp(..) => formatted("date-time"),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            json!({"type": ["string", "null"], "contentEncoding": "base64"})
        }
        DataType::List(item) | DataType::LargeList(item) | DataType::ListView(item) | DataType::LargeListView(item) => {
            json!({"type": ["array", "null"], "items": column(item.data_type())})
        }
        DataType::FixedSizeList(item, _) => json!({"type": ["array", "null"], "items": column(item.data_type())}),
        DataType::Struct(_) | DataType::Map(..) => nullable("object"),
        DataType::Dictionary(_, value) => column(value),
        _ => nullable("string"),
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Field;
    use base::document;

    use super::*;

    #[test]
    fn describes_parameters_and_columns() {
        let spec: DataServiceSpec = document::parse(
            "description: Flights of a day\nsql: select $day, $carriers\nparameters:\n  day: {type: date, required: true}\n  \
             carriers: {type: list, of: enum, values: [AA, UA]}\n",
            "spec.yaml",
        )
        .expect("right");
        let schema =
            Schema::new(vec![Field::new("n", DataType::Int64, false), Field::new("price", DataType::Decimal128(10, 2), true)]);
        let document = document("flights", 3, &spec, Some(&schema));
        let get = &document["paths"]["/services/flights"]["get"];
        assert_eq!(get["parameters"][0]["schema"]["items"]["enum"], json!(["AA", "UA"]));
        assert_eq!(
            get["parameters"][1],
            json!({"name": "day", "in": "query", "required": true, "schema": {"type": "string", "format": "date"}})
        );
        let row = &get["responses"]["200"]["content"]["application/json"]["schema"]["properties"]["items"]["items"];
        assert_eq!(row["properties"]["n"]["type"], json!(["integer", "null"]));
        assert_eq!(row["properties"]["price"]["type"], json!(["string", "null"]));
        assert_eq!(document["info"]["version"], "3");
    }
}
