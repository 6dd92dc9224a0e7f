//! What exists: the resources users declare, with one strict reader, one difference and one place that changes them.

pub mod codes;
mod difference;
mod resources;

pub use resources::{Action, ApplyOptions, Catalog, Change, Declaration, Resource};
