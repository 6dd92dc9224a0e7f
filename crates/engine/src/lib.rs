//! SQL over the lake and over live connections: governed catalog, limits, memory, cancellation.
//!
//! Nothing reads a table but through [`Engine`], and every call needs a `guard::Pass`. Tables are resolved by
//! [`governed`], which is also where a declared view becomes its query, and where a policy view will stand between a name and
//! its rows.

mod admission;
pub mod codes;
mod errors;
mod gained;
mod governed;
mod limits;
mod live;
mod maintenance;
mod memory;
mod newest;
mod paced;
mod parameters;
mod prepared;
mod query;
mod runtime;
mod sampled;
mod settings;
mod spills;
mod standing;
mod statement;
mod stopping;
mod tables;
mod views;
mod warm;
mod writes;
mod yielding;

pub use errors::error;
pub use gained::only_gained;
pub use limits::Limits;
pub use query::{Answer, Engine, EngineParts, Statement};
pub use settings::EngineSettings;
pub use standing::TableStanding;
pub use statement::tables_of;
pub use tables::{Column, TableEntry, TableInfo, TableKind};
pub use views::{Inputs, ViewSpec};
