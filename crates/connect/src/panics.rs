//! Decoders that others wrote, kept from taking the platform down: a file that makes one panic is a broken file.

use std::panic::{AssertUnwindSafe, catch_unwind};

use base::{Error, Result};

use crate::codes::FILE_CORRUPT;

/// Does the work; what it panics at is the fault of the file at `place`. Nothing that the work touched is used afterwards.
pub(crate) fn guarded<T>(place: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Error::new(&FILE_CORRUPT).with("place", place).with("reason", "its parts contradict each other")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_names_the_file() {
        let error = guarded::<()>("a.orc", || panic!("a decoder's assertion")).expect_err("it panicked");
        assert!(error.is(&FILE_CORRUPT) && error.to_string().contains("a.orc"), "{error}");
        assert_eq!(guarded("a.orc", || Ok(1)).expect("no panic"), 1);
    }
}
