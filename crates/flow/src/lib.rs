//! The corridor: pipelines, their steps and checks, the runs that execute them and the schedules that start them.
//!
//! A step is planned before it is done: the versions of its inputs, the source position and the output's transaction
//! number are stored first, so that an attempt after a crash reads the same rows and adds nothing twice.

mod attempts;
pub mod checks;
pub mod codes;
mod instance;
mod plan;
mod progress;
mod push;
mod quarantine;
mod replay;
mod review;
mod runs;
mod schedule;
pub mod spec;
mod split;
mod standing;
pub mod steps;
mod tally;
mod worker;

pub use instance::Instance;
pub use push::{Pushed, PushedTo};
pub use replay::ReplayStarted;
pub use runs::{Flow, LogLine, Run, RunFilter, RunState, StartOptions, StepState};
pub use schedule::ScheduleSpec;
pub use spec::{PipelineSpec, Views};
pub use standing::PipelineStanding;
pub use steps::replay::ReplayRequest;
pub use tally::{Counted, EndedRun, Place, StepCounts};
