//! SQL at the command line: cutting text into statements, asking, and writing the rows.

pub mod formats;
pub mod grid;
pub mod parameters;
pub mod statements;
pub mod tokens;
