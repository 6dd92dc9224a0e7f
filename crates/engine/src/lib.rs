//! SQL over the lake and over live connections: governed catalog, limits, memory, cancellation.
//!
//! Nothing reads a table but through [`Engine`], and every call needs a `guard::Pass`. Tables are resolved by
//! [`governed`], which is also where a policy view will stand between a name and its rows.

mod admission;
pub mod codes;
mod errors;
mod governed;
mod limits;
mod live;
mod memory;
mod parameters;
mod query;
mod runtime;
mod settings;
mod statement;
mod tables;
mod writes;
mod yielding;

pub use errors::error;
pub use limits::Limits;
pub use query::{Answer, Engine, EngineParts, Statement};
pub use settings::EngineSettings;
pub use statement::tables_of;
pub use tables::{Column, TableEntry, TableInfo, TableKind};
