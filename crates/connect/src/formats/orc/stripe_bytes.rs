//! The bytes of an ORC file as its decoder asks for them: many small ranges, one behind the other, fetched in larger ones.

use std::io;
use std::sync::{Arc, Mutex, OnceLock};

use base::Error;
use bytes::Bytes;
use bytes::buf::{Buf, Reader};
use object_store::{GetOptions, GetRange};
use orc_rust::compression::CompressionType;
use orc_rust::reader::ChunkReader;
use storage::Store;
use tokio::runtime::Handle;

use super::chunks;
use crate::codes::FILE_CORRUPT;
use crate::marks;
use crate::source::FileMark;

/// Bytes fetched at least, unless the file ends before.
const WINDOW_BYTES: u64 = 1 << 20;

/// One version of a file in a store. Reads block, so it belongs on a blocking thread.
pub(super) struct StripeBytes {
    store: Store,
    handle: Handle,
    mark: FileMark,
    /// What was fetched last, and where it begins.
    window: Mutex<(u64, Bytes)>,
    /// How what is read is packed, once that is known.
    packing: Arc<OnceLock<CompressionType>>,
}

impl StripeBytes {
    pub fn new(store: Store, handle: Handle, mark: FileMark) -> Self {
        Self { store, handle, mark, window: Mutex::new((0, Bytes::new())), packing: Arc::default() }
    }

    /// Where to say how the file is packed; what is read afterwards is looked at before it is handed out.
    pub fn packing(&self) -> Arc<OnceLock<CompressionType>> {
        self.packing.clone()
    }

    fn fetch(&self, start: u64, end: u64) -> io::Result<Bytes> {
        let options = GetOptions::new().with_range(Some(GetRange::Bounded(start..end)));
        self.handle.block_on(async {
            let result = marks::get(&self.store, &self.mark, options).await.map_err(io::Error::other)?;
            result.bytes().await.map_err(|error| io::Error::other(self.store.explain(&self.mark.path, error)))
        })
    }
}

impl ChunkReader for StripeBytes {
    type T = Reader<Bytes>;

    fn len(&self) -> u64 {
        self.mark.size
    }

    fn get_read(&self, start: u64) -> io::Result<Self::T> {
        let end = start.saturating_add(WINDOW_BYTES).min(self.mark.size);
        Ok(self.get_bytes(start, end.saturating_sub(start))?.reader())
    }

    fn get_bytes(&self, start: u64, length: u64) -> io::Result<Bytes> {
        if length == 0 {
            return Ok(Bytes::new());
        }
        let beyond = || io::Error::new(io::ErrorKind::UnexpectedEof, "it names bytes beyond its own end");
        let end = start.checked_add(length).filter(|end| *end <= self.mark.size).ok_or_else(beyond)?;
        let mut window = self.window.lock().map_err(|_| io::Error::other("an earlier read stopped halfway"))?;
        let fetched_end = window.0 + window.1.len() as u64;
        if start < window.0 || end > fetched_end {
            let until = end.max(start.saturating_add(WINDOW_BYTES)).min(self.mark.size);
            *window = (start, self.fetch(start, until)?);
        }
        let at = (start - window.0) as usize;
        if window.1.len() < at + length as usize {
            return Err(beyond());
        }
        let bytes = window.1.slice(at..at + length as usize);
        if let Some(packing) = self.packing.get() {
            chunks::check(&bytes, *packing).map_err(|reason| {
                io::Error::other(Error::new(&FILE_CORRUPT).with("place", &self.mark.path).with("reason", reason))
            })?;
        }
        Ok(bytes)
    }
}
