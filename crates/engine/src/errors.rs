//! What DataFusion says, as one of our errors: whose fault, and in words that help.

use base::nearest::nearest;
use base::{Error, Result};
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;

use crate::codes;

/// Columns named in an error when none is near.
const COLUMNS_SHOWN: usize = 20;

/// The platform's error behind a DataFusion error. Errors of ours that travelled through it come out unchanged.
pub fn error(error: DataFusionError) -> Error {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(other) => match other.downcast::<DataFusionError>() {
                Ok(nested) => self::error(*nested),
                Err(other) => Error::new(&codes::QUERY_FAILED).with("reason", other),
            },
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => self::error(*inner),
        DataFusionError::Shared(inner) => shared(&inner),
        DataFusionError::SQL(parser, _) => syntax(&parser.to_string()),
        DataFusionError::SchemaError(schema, _) => column(&schema),
        DataFusionError::ResourcesExhausted(reason) => Error::new(&codes::QUERY_MEMORY_LIMIT).with("reason", first_line(&reason)),
        DataFusionError::Plan(reason) | DataFusionError::NotImplemented(reason) => {
            Error::new(&codes::STATEMENT_INVALID).with("reason", first_line(&reason))
        }
        DataFusionError::Execution(reason) => Error::new(&codes::QUERY_FAILED).with("reason", first_line(&reason)),
        DataFusionError::ArrowError(arrow, _) => from_arrow(*arrow),
        DataFusionError::Collection(mut errors) if !errors.is_empty() => self::error(errors.swap_remove(0)),
        other => Error::new(&codes::ENGINE_INTERNAL).with("reason", first_line(&other.to_string())),
    }
}

/// Maps a result.
pub(crate) fn mapped<T>(result: std::result::Result<T, DataFusionError>) -> Result<T> {
    result.map_err(error)
}

/// Sends one of our errors through DataFusion.
pub(crate) fn wrap(ours: Error) -> DataFusionError {
    DataFusionError::External(Box::new(ours))
}

fn from_arrow(arrow: arrow::error::ArrowError) -> Error {
    match arrow {
        arrow::error::ArrowError::ExternalError(inner) => error(DataFusionError::External(inner)),
        other => Error::new(&codes::QUERY_FAILED).with("reason", first_line(&other.to_string())),
    }
}

/// A shared error cannot be taken apart, so ours is rebuilt from its code and arguments.
fn shared(inner: &DataFusionError) -> Error {
    match inner.find_root() {
        DataFusionError::External(external) => match external.downcast_ref::<Error>() {
            Some(ours) => ours.arguments().iter().fold(Error::new(ours.code()), |error, (key, value)| error.with(key, value)),
            None => Error::new(&codes::QUERY_FAILED).with("reason", external),
        },
        DataFusionError::ResourcesExhausted(reason) => Error::new(&codes::QUERY_MEMORY_LIMIT).with("reason", first_line(reason)),
        root => Error::new(&codes::QUERY_FAILED).with("reason", first_line(&root.to_string())),
    }
}

fn syntax(reason: &str) -> Error {
    let reason = reason.trim_start_matches("sql parser error: ");
    if reason.contains("recursion limit") {
        return Error::new(&codes::STATEMENT_TOO_DEEP).with("max", crate::statement::DEPTH_MAX);
    }
    Error::new(&codes::SYNTAX_ERROR).with("reason", first_line(reason))
}

fn column(schema: &SchemaError) -> Error {
    match schema {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let names: Vec<&str> = valid_fields.iter().map(|valid| valid.name.as_str()).collect();
            let near = nearest(&field.name, names.iter().copied());
            let columns = match near {
                Some(_) => String::new(),
                None => names.iter().take(COLUMNS_SHOWN).copied().collect::<Vec<_>>().join(", "),
            };
            Error::new(&codes::COLUMN_NOT_FOUND)
                .with("column", &field.name)
                .with("near", near.unwrap_or_default())
                .with("columns", columns)
        }
        other => Error::new(&codes::STATEMENT_INVALID).with("reason", first_line(&other.to_string())),
    }
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    // Internal errors carry an invitation to another project's tracker and a backtrace; neither helps our users.
    line.split("\n\nbacktrace").next().unwrap_or_default().chars().take(600).collect()
}
