//! Clusters: one topology of several sites, checked before, planned, applied in waves, compared and rolled back.
//!
//! Helm and kubectl are called as programs ([why](../../../docs/decisions/0008-helm-and-kubectl-as-programs.md)), so every way to log in
//! to a cluster that they know works here as well.

mod apply;
mod chart;
mod checks;
mod cluster;
pub mod codes;
mod difference;
mod facts;
mod finding;
pub mod formats;
mod lock;
mod manifest;
mod plan;
mod preflight;
mod programs;
mod providers;
mod quantity;
mod reach;
mod release;
mod render;
mod rollback;
mod status;
mod topology;
mod values;
pub mod waves;

pub use apply::{Manner, apply};
pub use chart::Chart;
pub use cluster::Cluster;
pub use difference::{Action, Change, Drift};
pub use finding::{Finding, Level, Sentence};
pub use manifest::Object;
pub use plan::{Plan, Planned, Plans, SitePlan, Step, Work, plan};
pub use preflight::{Report, Wish, preflight};
pub use programs::{Programs, Settings};
pub use providers::Provider;
pub use release::{Part, Release};
pub use render::{Rendered, render};
pub use rollback::rollback;
pub use status::{SiteStatus, status};
pub use topology::{KIND, Site, SiteKind, Topology, TopologyFile, schema};
