//! This host: the programs that everything else is done with.

use std::sync::Arc;

use base::Result;
use tokio::sync::Semaphore;

use crate::finding::{Finding, Level};
use crate::programs::{Program, Programs, Settings, helm, kubectl};

/// What this host is called in the table.
const PLACE: &str = "this host";

/// Looks for both programs; they are given back if both are there.
pub(super) async fn look(settings: &Settings) -> (Vec<Finding>, Option<Programs>) {
    let gate = Arc::new(Semaphore::new(settings.parallel.max(1)));
    let (helm, kubectl) = tokio::join!(helm(settings, &gate), kubectl(settings, &gate));
    let findings = vec![said("helm", &helm), said("kubectl", &kubectl)];
    let programs = match (helm, kubectl) {
        (Ok(helm), Ok(kubectl)) => Some(Programs { helm, kubectl: Some(kubectl) }),
        _ => None,
    };
    (findings, programs)
}

fn said(check: &'static str, program: &Result<Program>) -> Finding {
    match program {
        Ok(program) => Finding::good(check, &program.version, &program.version),
        Err(error) => Finding::unseen(check, Level::Failure, error),
    }
    .at(PLACE)
}
