//! What a file's encoder has written and nobody has sent yet, in chunks of one size: none is copied to make room for more, and
//! each is free as soon as it is sent.

use std::io::{Result, Write};

use bytes::Bytes;

/// Bytes of a chunk.
const CHUNK_BYTES: usize = 1 << 20;

/// Chunks of written bytes.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    full: Vec<Bytes>,
    last: Vec<u8>,
}

impl Chunks {
    /// Takes out all that was written.
    pub fn take(&mut self) -> Vec<Bytes> {
        self.close();
        std::mem::take(&mut self.full)
    }

    fn close(&mut self) {
        if !self.last.is_empty() {
            self.full.push(Bytes::from(std::mem::take(&mut self.last)));
        }
    }
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        if self.last.len() == CHUNK_BYTES {
            self.close();
        }
        if self.last.capacity() == 0 {
            self.last.reserve_exact(CHUNK_BYTES);
        }
        let taken = bytes.len().min(CHUNK_BYTES - self.last.len());
        self.last.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_comes_out_in_order_and_once() {
        let mut chunks = Chunks::default();
        let bytes: Vec<u8> = (0..3 * CHUNK_BYTES + 5).map(|index| (index % 251) as u8).collect();
        for part in bytes.chunks(100_003) {
            chunks.write_all(part).expect("memory");
        }
        let taken = chunks.take();
        assert_eq!(taken.iter().map(Bytes::len).collect::<Vec<_>>(), [CHUNK_BYTES, CHUNK_BYTES, CHUNK_BYTES, 5]);
        assert!(taken.concat() == bytes);
        assert!(chunks.take().is_empty());
        chunks.write_all(b"more").expect("memory");
        assert_eq!(chunks.take(), [Bytes::from_static(b"more")]);
    }
}
