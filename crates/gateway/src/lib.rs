//! Data out: data services, and answers as Arrow, JSON lines, JSON and CSV.
//!
//! A service runs with the rights of who declared it last (definer's rights): a caller needs only `execute` on
//! `service:NAME`, so an application's token opens nothing but the services it was made for. Parameters are bound as
//! values; no text of a request ever becomes part of a statement.

mod cache;
pub mod codes;
pub mod encode;
mod openapi;
mod page;
mod parameters;
mod services;
mod spec;
mod template;

pub use encode::{Format, encode, framed_json};
pub use page::Seen;
pub use services::{Call, Declaration, Payload, Served, Services};
pub use spec::{Cache, DataServiceSpec, Paging, Parameter, ParameterType, Rate};
