//! The bytes of one version of a file, local or remote, as a blocking reader that can seek and holds two chunks at most.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base::Result;
use bytes::Bytes;
use object_store::{GetOptions, GetRange, GetResultPayload};
use storage::Store;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::marks;
use crate::source::FileMark;

/// Bytes asked of a remote store in one request.
const CHUNK_BYTES: u64 = 8 << 20;

/// A reader of one version of a file. Reads block, so it belongs on a blocking thread.
pub(crate) struct FileBytes {
    inner: Inner,
    /// Bytes read so far by this reader and its clones.
    read: Arc<AtomicU64>,
}

enum Inner {
    Local(File),
    Remote(Box<Remote>),
}

impl FileBytes {
    /// Opens the version of `mark`; fails if the file has changed since or is gone.
    pub async fn open(store: &Store, mark: &FileMark) -> Result<Self> {
        let result = marks::get(store, mark, GetOptions::new().with_head(true)).await?;
        let inner = match result.payload {
            GetResultPayload::File(file, _) => Inner::Local(file),
            GetResultPayload::Stream(_) => Inner::Remote(Box::new(Remote {
                handle: Handle::current(),
                store: store.clone(),
                mark: mark.clone(),
                at: 0,
                chunk: Bytes::new(),
                next: None,
            })),
        };
        Ok(Self { inner, read: Arc::default() })
    }

    /// The count of bytes read by this reader and all that were cloned from it.
    pub fn counter(&self) -> Arc<AtomicU64> {
        self.read.clone()
    }

    /// A second reader of the same file; only one of the two may be used at a time.
    pub fn again(&self) -> io::Result<Self> {
        let inner = match &self.inner {
            Inner::Local(file) => Inner::Local(file.try_clone()?),
            Inner::Remote(remote) => Inner::Remote(Box::new(Remote {
                handle: remote.handle.clone(),
                store: remote.store.clone(),
                mark: remote.mark.clone(),
                at: 0,
                chunk: Bytes::new(),
                next: None,
            })),
        };
        Ok(Self { inner, read: self.read.clone() })
    }
}

impl Read for FileBytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.inner {
            Inner::Local(file) => file.read(buffer)?,
            Inner::Remote(remote) => remote.read(buffer)?,
        };
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl Seek for FileBytes {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.inner {
            Inner::Local(file) => file.seek(to),
            Inner::Remote(remote) => remote.seek(to),
        }
    }
}

struct Remote {
    handle: Handle,
    store: Store,
    mark: FileMark,
    at: u64,
    /// Bytes from `at` on.
    chunk: Bytes,
    /// The chunk behind `chunk`, asked for while this one is used, and where it begins.
    next: Option<(u64, JoinHandle<Result<Bytes>>)>,
}

impl Remote {
    fn fetch(&self, from: u64) -> Option<(u64, JoinHandle<Result<Bytes>>)> {
        if from >= self.mark.size {
            return None;
        }
        let range = from..(from + CHUNK_BYTES).min(self.mark.size);
        let options = GetOptions::new().with_range(Some(GetRange::Bounded(range)));
        let (store, mark) = (self.store.clone(), self.mark.clone());
        let task = self.handle.spawn(async move {
            let result = marks::get(&store, &mark, options).await?;
            result.bytes().await.map_err(|error| store.explain(&mark.path, error))
        });
        Some((from, task))
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        if let Some((_, task)) = &self.next {
            task.abort();
        }
    }
}

impl Read for Remote {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.chunk.is_empty() {
            let next = match self.next.take() {
                Some((from, task)) if from == self.at => Some((from, task)),
                Some((_, task)) => {
                    task.abort();
                    self.fetch(self.at)
                }
                None => self.fetch(self.at),
            };
            let Some((_, task)) = next else { return Ok(0) };
            self.chunk = self.handle.block_on(task).map_err(io::Error::other)?.map_err(io::Error::other)?;
            self.next = self.fetch(self.at + self.chunk.len() as u64);
        }
        let count = buffer.len().min(self.chunk.len());
        buffer[..count].copy_from_slice(&self.chunk.split_to(count));
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Remote {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.mark.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        let at = at.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "seek before the beginning"))?;
        if at != self.at {
            let ahead = at.checked_sub(self.at).and_then(|by| usize::try_from(by).ok());
            match ahead {
                Some(by) if by <= self.chunk.len() => drop(self.chunk.split_to(by)),
                _ => self.chunk = Bytes::new(),
            }
            self.at = at;
        }
        Ok(at)
    }
}
