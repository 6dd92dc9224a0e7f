//! Files as blocks of whole records: one reader cuts them off, any number of workers decode them.
//!
//! Cutting is cheap (it looks only for quotes and line ends) and is done by whichever worker asks next, so one large file,
//! packed or not, with or without line ends in quotes, keeps all workers busy, and no worker ever waits for a certain other.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base::{Error, Result};
use memchr::{memchr, memchr_iter};
use storage::Store;
use tokio::runtime::Handle;

use crate::causes::RECORD_TOO_LONG;
use crate::codes::{FILE_CORRUPT, FILE_UTF16};
use crate::compression::{self, Text, Texts};
use crate::encodings::{self, Mark};
use crate::file_bytes::FileBytes;
use crate::framing::Framing;
use crate::source::{FileMark, RAW_BYTES_MAX, Reject};

/// Bytes of a block of a source.
pub(crate) const BLOCK_BYTES: usize = 4 << 20;
/// Longest record; a longer one is set aside.
pub const RECORD_BYTES_MAX: usize = 16 << 20;

/// What a format adds to the cutting of records.
pub(crate) trait Format: Send + Sync {
    /// What is known of a text from its first record, such as which column stands where.
    type Head: Send + Sync;

    /// How records end.
    fn framing(&self) -> Framing;

    /// Reads the head from the first bytes of a text (empty for an empty text); answers how many of them are no record.
    fn head(&self, name: &str, first: &[u8]) -> Result<(Self::Head, usize)>;
}

/// Whole records of one text.
pub(crate) struct Block<H> {
    pub name: Arc<str>,
    pub head: Arc<H>,
    /// The records are `raw[start..]`.
    pub raw: Vec<u8>,
    pub start: usize,
    /// The line on which `raw[start..]` begins, from 1.
    pub line: u64,
    /// Records that were too long to be kept.
    pub rejects: Vec<Reject>,
    /// Bytes of the file that were used up since the block before.
    pub bytes: u64,
}

/// Cuts blocks off a list of files, one after the other. Blocks when it reads.
pub(crate) struct Blocks<F: Format> {
    format: Arc<F>,
    options: Options,
    files: VecDeque<FileMark>,
    open: Option<(Texts, Arc<AtomicU64>)>,
    text: Option<Cutter<F::Head>>,
    counted: u64,
    failed: bool,
}

/// Where and how files are opened.
#[derive(Clone)]
pub(crate) struct Options {
    pub store: Store,
    pub handle: Handle,
    /// Which members of an archive are read: those that match one of these.
    pub members: Vec<glob::Pattern>,
    pub expansion_max: u32,
    /// Bytes of a block, unless one record is longer.
    pub block_bytes: usize,
}

impl<F: Format> Blocks<F> {
    pub fn new(format: Arc<F>, options: Options, files: Vec<FileMark>) -> Self {
        Self { format, options, files: files.into(), open: None, text: None, counted: 0, failed: false }
    }

    /// The next block; `None` after the last one and after an error.
    pub fn next(&mut self) -> Result<Option<Block<F::Head>>> {
        if self.failed {
            return Ok(None);
        }
        let block = self.step();
        self.failed = block.is_err();
        block
    }

    fn step(&mut self) -> Result<Option<Block<F::Head>>> {
        loop {
            if let Some(text) = &mut self.text {
                if let Some(mut block) = text.next(&*self.format, self.options.block_bytes)? {
                    if let Some((_, counter)) = &self.open {
                        let counted = counter.load(Ordering::Relaxed);
                        block.bytes = counted.saturating_sub(self.counted);
                        self.counted = counted;
                    }
                    return Ok(Some(block));
                }
                self.text = None;
            }
            if let Some((texts, _)) = &mut self.open {
                if let Some(text) = texts.next()? {
                    self.text = Some(Cutter::open(text)?);
                    continue;
                }
                self.open = None;
            }
            let Some(mark) = self.files.pop_front() else { return Ok(None) };
            self.counted = 0;
            self.open = Some(self.options.open(&mark)?);
        }
    }
}

impl Options {
    /// The texts of a file, unpacked as they are read, and the count of its bytes that were used up. Blocks.
    pub fn open(&self, mark: &FileMark) -> Result<(Texts, Arc<AtomicU64>)> {
        let file = self.handle.block_on(FileBytes::open(&self.store, mark))?;
        let counter = file.counter();
        let wanted = |name: &str| self.members.iter().any(|pattern| matches(pattern, name));
        let named = self.members.iter().map(glob::Pattern::as_str).collect::<Vec<_>>().join(", ");
        Ok((compression::texts(&mark.path, file, &wanted, &named, self.expansion_max)?, counter))
    }
}

/// A pattern without a slash looks only at the last part of a path, as in a shell's `*.csv` of the folder one is in.
fn matches(pattern: &glob::Pattern, name: &str) -> bool {
    let name = if pattern.as_str().contains('/') { name } else { name.rsplit('/').next().unwrap_or(name) };
    pattern.matches_with(name, glob::MatchOptions { case_sensitive: false, ..Default::default() })
}

/// Cuts one text.
struct Cutter<H> {
    name: Arc<str>,
    bytes: Box<dyn Read + Send>,
    head: Option<Arc<H>>,
    /// What was read and not handed out; begins at a record.
    rest: Vec<u8>,
    at_end: bool,
    line: u64,
    rejects: Vec<Reject>,
}

impl<H> Cutter<H> {
    fn open(text: Text) -> Result<Self> {
        let mut cutter = Self {
            name: text.name.into(),
            bytes: text.bytes,
            head: None,
            rest: Vec::new(),
            at_end: false,
            line: 1,
            rejects: Vec::new(),
        };
        cutter.fill(encodings::MARK_BYTES_MAX)?;
        match encodings::mark(&cutter.rest) {
            Mark::None => {}
            Mark::Utf8(length) => drop(cutter.rest.drain(..length)),
            Mark::Utf16 => {
                return Err(Error::new(&FILE_UTF16).with("place", &cutter.name));
            }
        }
        Ok(cutter)
    }

    /// Reads until `rest` holds so many bytes or the text ends.
    fn fill(&mut self, length: usize) -> Result<()> {
        let missing = length.saturating_sub(self.rest.len());
        if !self.at_end && missing > 0 {
            self.rest.reserve_exact(missing);
            let read = self.bytes.by_ref().take(missing as u64).read_to_end(&mut self.rest);
            self.at_end = read.map_err(|error| compression::explain(&self.name, error))? < missing;
        }
        Ok(())
    }

    fn next<F: Format<Head = H>>(&mut self, format: &F, block_bytes: usize) -> Result<Option<Block<H>>> {
        let raw = self.cut(format.framing(), block_bytes)?;
        let (head, start) = match &self.head {
            Some(head) => (head.clone(), 0),
            None if raw.is_empty() && !self.rejects.is_empty() => {
                return Err(Error::new(&FILE_CORRUPT)
                    .with("place", &self.name)
                    .with("reason", format!("its first line is longer than {RECORD_BYTES_MAX} bytes")));
            }
            None => {
                let (head, start) = format.head(&self.name, &raw)?;
                let head = Arc::new(head);
                self.head = Some(head.clone());
                (head, start)
            }
        };
        if raw.is_empty() && self.rejects.is_empty() {
            return Ok(None);
        }
        let line = self.line + memchr_iter(b'\n', &raw[..start]).count() as u64;
        self.line = line + memchr_iter(b'\n', &raw[start..]).count() as u64;
        let rejects = std::mem::take(&mut self.rejects);
        Ok(Some(Block { name: self.name.clone(), head, raw, start, line, rejects, bytes: 0 }))
    }

    /// Whole records off the front of the text; empty at its end, and where a record too long was left out.
    fn cut(&mut self, framing: Framing, block_bytes: usize) -> Result<Vec<u8>> {
        let mut length = block_bytes;
        loop {
            self.fill(length)?;
            let ends = framing.ends(&self.rest, self.at_end);
            if ends.complete > 0 {
                let complete = if self.at_end && !ends.open { self.rest.len() } else { ends.complete };
                return Ok(self.take(complete));
            }
            if self.at_end && !ends.open {
                return Ok(self.take(self.rest.len()));
            }
            if self.at_end || self.rest.len() >= RECORD_BYTES_MAX {
                // An open quote that nothing closes: only its own line is wrong, so the next line begins a record again.
                return match memchr(b'\n', &self.rest) {
                    Some(end) if ends.open => Ok(self.take(end + 1)),
                    None if self.at_end => Ok(self.take(self.rest.len())),
                    _ => self.leave_out(),
                };
            }
            length = (length * 2).min(RECORD_BYTES_MAX);
        }
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.rest.split_off(length);
        std::mem::replace(&mut self.rest, rest)
    }

    /// Passes over one line of any length without keeping it.
    fn leave_out(&mut self) -> Result<Vec<u8>> {
        let raw = self.rest[..RAW_BYTES_MAX.min(self.rest.len())].to_vec();
        self.rejects.push(Reject {
            cause: RECORD_TOO_LONG.into(),
            message: format!("the line is longer than {RECORD_BYTES_MAX} bytes; its first {} are kept", raw.len()),
            raw,
            position: format!("{}:{}", self.name, self.line),
        });
        loop {
            if let Some(end) = memchr(b'\n', &self.rest) {
                self.rest.drain(..=end);
                self.line += 1;
                return Ok(Vec::new());
            }
            self.rest.clear();
            if self.at_end {
                return Ok(Vec::new());
            }
            self.fill(BLOCK_BYTES)?;
        }
    }
}
