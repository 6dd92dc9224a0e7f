//! What the libraries below say, as one of our errors.

use base::{Error, TableName};
use datafusion::error::DataFusionError;
use deltalake_core::DeltaTableError;

use crate::codes;

/// An error while a table's log was read or written.
pub(crate) fn log(table: &TableName, error: DeltaTableError) -> Error {
    match error {
        DeltaTableError::NotATable(_) => Error::new(&codes::LAKE_TABLE_NOT_FOUND).with("table", table),
        DeltaTableError::ObjectStore { source } => store(table, source),
        // The library wraps what its store says in words of its own.
        other if let Some(code) = storage::trouble(&other) => {
            Error::new(code).with("location", table).with("path", "_delta_log").because(other)
        }
        other => Error::new(&codes::LAKE_LOG_FAILED).with("table", table).because(other),
    }
}

/// An error of the object store at a place.
pub(crate) fn store(place: impl std::fmt::Display, error: object_store::Error) -> Error {
    if let Some(code) = storage::trouble(&error) {
        return Error::new(code).with("location", "lake").with("path", place).because(error);
    }
    Error::new(&codes::LAKE_STORE_FAILED).with("place", place).because(error)
}

/// An error of the stream that brings the rows: ours comes out unchanged.
pub(crate) fn input(table: &TableName, error: DataFusionError) -> Error {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(other) => match other.downcast::<DataFusionError>() {
                Ok(nested) => input(table, *nested),
                Err(other) => Error::new(&codes::LAKE_WRITE_FAILED).with("table", table).with("reason", other),
            },
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => input(table, *inner),
        // A shared error cannot be taken apart, so ours is rebuilt from its code and arguments.
        DataFusionError::Shared(inner) => match inner.find_root() {
            DataFusionError::External(external) if let Some(ours) = external.downcast_ref::<Error>() => {
                ours.arguments().iter().fold(Error::new(ours.code()), |error, (key, value)| error.with(key, value))
            }
            root => Error::new(&codes::LAKE_WRITE_FAILED).with("table", table).with("reason", root),
        },
        DataFusionError::ArrowError(arrow, _) => match *arrow {
            arrow::error::ArrowError::ExternalError(inner) => input(table, DataFusionError::External(inner)),
            other => Error::new(&codes::LAKE_WRITE_FAILED).with("table", table).because(other),
        },
        other => Error::new(&codes::LAKE_WRITE_FAILED).with("table", table).because(other),
    }
}

/// An error while rows were encoded.
pub(crate) fn write(table: &TableName, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(&codes::LAKE_WRITE_FAILED).with("table", table).because(error)
}
