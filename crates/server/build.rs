//! Tells cargo that the console's files are part of this crate, whether they are built yet or not.

use std::io::{Result, Write};

fn main() -> Result<()> {
    // The folder is not in the repository; the console's build fills it.
    let files = "../../console/dist";
    std::fs::create_dir_all(files)?;
    writeln!(std::io::stdout(), "cargo::rerun-if-changed={files}")
}
