//! Bytes on any object store: one way to open a location, to see what it can do, and to say plainly what went wrong.

pub mod codes;
mod explain;
mod options;
mod probe;
mod store;
mod stores;
#[cfg(test)]
mod tests;

pub use explain::{explain, trouble};
pub use options::StoreOptions;
pub use probe::Probe;
pub use store::{Store, open, open_or_create};
