//! The one way to standard output: buffered, and a reader that went away ends the command quietly.

use std::io::{BufWriter, Write};

use crate::failure::{Failure, Outcome};

/// Bytes held back before they are written.
const BUFFER_BYTES: usize = 64 << 10;

/// Standard output, or a buffer in tests.
pub struct Stdout {
    to: BufWriter<Box<dyn Write + Send>>,
}

impl Stdout {
    /// The process's standard output.
    pub fn new() -> Self {
        Self::to(Box::new(std::io::stdout()))
    }

    /// Any writer, such as a pager's input.
    pub fn to(writer: Box<dyn Write + Send>) -> Self {
        Self { to: BufWriter::with_capacity(BUFFER_BYTES, writer) }
    }

    /// Text as it is.
    pub fn text(&mut self, text: &str) -> Outcome {
        self.to.write_all(text.as_bytes()).map_err(Failure::write)
    }

    /// Text and a line end.
    pub fn line(&mut self, text: &str) -> Outcome {
        self.text(text)?;
        self.text("\n")
    }

    /// Bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> Outcome {
        self.to.write_all(bytes).map_err(Failure::write)
    }

    /// A JSON value, indented, with a line end.
    pub fn json(&mut self, value: &serde_json::Value) -> Outcome {
        self.line(&format!("{value:#}"))
    }

    /// Lets everything out.
    pub fn flush(&mut self) -> Outcome {
        self.to.flush().map_err(Failure::write)
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.to.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_a_quiet_end() {
        let mut out = Stdout::to(Box::new(Closed));
        out.line("rows").expect("is only buffered");
        assert!(matches!(out.flush(), Err(Failure::ReaderGone)));
    }
}
