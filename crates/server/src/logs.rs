//! The log of a process: lines on stderr, for people or for machines.

use std::io::IsTerminal;

use base::errors::INVALID_SETTING;
use base::{Error, Result};
use tracing_subscriber::EnvFilter;

use crate::settings::LogFormat;

/// The Delta kernel writes an error for every table that is looked up and not there. What it has to say reaches us as an
/// error anyway.
const QUIET: &str = "buoyant_kernel=off";

/// Starts the log. A second call in one process changes nothing.
pub fn start(filter: &str, format: LogFormat) -> Result<()> {
    let filter = EnvFilter::try_new(format!("{filter},{QUIET}"))
        .map_err(|error| Error::new(&INVALID_SETTING).with("setting", "DATAUX_LOG").because(error))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _started_before = match format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).try_init(),
    };
    Ok(())
}
