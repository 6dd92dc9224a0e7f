//! The HTTP face: puts the rooms together, and answers the API, data services, health and metrics.
//!
//! Every endpoint but those in [`openapi::PUBLIC`] takes a [`Caller`], and only `guard` can make the pass inside it. The same
//! router serves the network and, in one process, the commands that work on a home.

mod api;
mod caller;
pub mod codes;
mod console;
mod counting;
mod door;
mod exposition;
mod failure;
mod home;
mod input;
mod kinds;
pub mod logs;
pub mod metrics;
mod observe;
pub mod openapi;
mod platform;
mod roles;
mod router;
mod serve;
mod settings;
mod statement;
mod survey;
mod upkeep;

pub use caller::Caller;
pub use home::{Home, HomeLock};
pub use kinds::KINDS;
pub use observe::TRACE_HEADER;
pub use openapi::openapi;
pub use platform::Platform;
pub use roles::{Role, Roles};
pub use router::router;
pub use serve::{DRAIN_WAIT, Ready, serve, serve_platform, signalled};
pub use settings::{Flags, LogFormat, Settings};

#[cfg(test)]
mod tests;
