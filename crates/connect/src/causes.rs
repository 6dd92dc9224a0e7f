//! Why a record is set aside: stable words that quarantine tables keep, so they are never renamed.

/// A value does not fit its column's type.
pub const VALUE_UNFIT: &str = "value_unfit";
/// The record has fewer fields than the header.
pub const TOO_FEW_FIELDS: &str = "too_few_fields";
/// The record has more fields than the header.
pub const TOO_MANY_FIELDS: &str = "too_many_fields";
/// The record is longer than [`crate::RECORD_BYTES_MAX`].
pub const RECORD_TOO_LONG: &str = "record_too_long";
/// Bytes that are no text in the file's encoding.
pub const ENCODING_INVALID: &str = "encoding_invalid";
/// A quote is opened and never closed.
pub const QUOTE_OPEN: &str = "quote_open";
/// Text stands between a closing quote and the next delimiter.
pub const QUOTE_MISPLACED: &str = "quote_misplaced";
/// The line is not a JSON object.
pub const JSON_INVALID: &str = "json_invalid";
/// A JSON object has a field that the schema does not.
pub const FIELD_UNKNOWN: &str = "field_unknown";
/// A cell of a sheet holds an error, such as `#N/A`.
pub const CELL_ERROR: &str = "cell_error";
