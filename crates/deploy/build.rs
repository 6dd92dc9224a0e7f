//! Tells cargo that the chart's files are part of this crate.

use std::io::{Result, Write};

fn main() -> Result<()> {
    writeln!(std::io::stdout(), "cargo::rerun-if-changed=../../charts/dataux")
}
