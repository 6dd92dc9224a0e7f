//! The nouns everyone shares: names, errors, languages, secret references, units, documents. No I/O, no runtime.

pub mod document;
pub mod errors;
pub mod ids;
pub mod language;
pub mod names;
pub mod nearest;
pub mod secrets;
pub mod units;

pub use errors::{Blame, Code, Error, Result};
pub use ids::RunId;
pub use language::Language;
pub use names::{DeclaredName, ResourceName, TableName};
pub use secrets::{Secret, SecretRef, Secrets};
