//! Packed files as the texts in them: gzip, Zstandard and zip, told by their first bytes, unpacked as a stream and never
//! to more than a bounded multiple of what was read.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base::{Error, Result};
use flate2::Crc;
use flate2::read::{DeflateDecoder, MultiGzDecoder};
use zip::{CompressionMethod, ZipArchive};

use crate::codes::{ARCHIVE_MEMBER_MISSING, FILE_CORRUPT, FILE_EXPANDS, FILE_TRUNCATED};
use crate::file_bytes::FileBytes;

/// How often a text may be larger than its packed file, if the connection does not say.
pub(crate) const EXPANSION_MAX: u32 = 200;
/// Unpacked bytes below which the ratio is not looked at: small files of zeros are harmless.
pub(crate) const EXPANSION_FREE_BYTES: u64 = 64 << 20;
/// Members of one archive; more are refused before any is listed in memory twice.
const MEMBERS_MAX: usize = 100_000;
/// Largest window of a Zstandard stream, as a power of two: 128 MiB, what `zstd` itself allows without a flag.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// One text: its name for positions and messages, and its bytes.
pub(crate) struct Text {
    pub name: String,
    pub bytes: Box<dyn Read + Send>,
}

/// The texts of one file, one after the other.
pub(crate) struct Texts {
    name: String,
    file: FileBytes,
    left: std::vec::IntoIter<Member>,
    expansion_max: u32,
}

enum Member {
    Whole(Packing),
    Zipped(Zipped),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    Zstd,
}

struct Zipped {
    name: String,
    start: u64,
    packed: u64,
    size: u64,
    crc: u32,
    deflated: bool,
}

/// Looks into a file. `wanted` chooses members of an archive; `members` is how it is named in messages.
pub(crate) fn texts(
    name: &str,
    mut file: FileBytes,
    wanted: &dyn Fn(&str) -> bool,
    members: &str,
    expansion_max: u32,
) -> Result<Texts> {
    let mut head = [0; 4];
    let length = fill(&mut file, &mut head).map_err(|error| explain(name, error))?;
    file.seek(SeekFrom::Start(0)).map_err(|error| explain(name, error))?;
    let left = match &head[..length] {
        [0x1F, 0x8B, ..] => vec![Member::Whole(Packing::Gzip)],
        [0x28, 0xB5, 0x2F, 0xFD] => vec![Member::Whole(Packing::Zstd)],
        [b'P', b'K', 3, 4] | [b'P', b'K', 5, 6] => list(name, &file, wanted, members)?.into_iter().map(Member::Zipped).collect(),
        _ => vec![Member::Whole(Packing::None)],
    };
    // What was read to look inside is read again.
    file.counter().store(0, Ordering::Relaxed);
    Ok(Texts { name: name.to_owned(), file, left: left.into_iter(), expansion_max })
}

impl Texts {
    /// The next text, if there is one more.
    pub fn next(&mut self) -> Result<Option<Text>> {
        let Some(member) = self.left.next() else { return Ok(None) };
        let open = |error| explain(&self.name, error);
        let mut file = self.file.again().map_err(open)?;
        let text = match member {
            Member::Whole(packing) => {
                file.seek(SeekFrom::Start(0)).map_err(open)?;
                let counter = file.counter();
                let bytes: Box<dyn Read + Send> = match packing {
                    Packing::None => Box::new(file),
                    Packing::Gzip => Box::new(Bounded::new(MultiGzDecoder::new(file), counter, self.expansion_max)),
                    Packing::Zstd => {
                        let mut decoder = zstd::stream::read::Decoder::new(BufReader::new(file)).map_err(open)?;
                        decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(open)?;
                        Box::new(Bounded::new(decoder, counter, self.expansion_max))
                    }
                };
                Text { name: self.name.clone(), bytes }
            }
            Member::Zipped(member) => {
                file.seek(SeekFrom::Start(member.start)).map_err(open)?;
                let counter = file.counter();
                let packed = file.take(member.packed);
                let bytes: Box<dyn Read + Send> =
                    if member.deflated { Box::new(DeflateDecoder::new(packed)) } else { Box::new(packed) };
                let checked = Checked { inner: bytes, crc: Crc::new(), expected: member.crc, left: member.size };
                Text {
                    name: format!("{}!{}", self.name, member.name),
                    bytes: Box::new(Bounded::new(checked, counter, self.expansion_max)),
                }
            }
        };
        Ok(Some(text))
    }
}

fn list(name: &str, file: &FileBytes, wanted: &dyn Fn(&str) -> bool, members: &str) -> Result<Vec<Zipped>> {
    let corrupt = |reason: &str| Error::new(&FILE_CORRUPT).with("place", name).with("reason", reason);
    let unzip = |error: zip::result::ZipError| match error {
        zip::result::ZipError::Io(error) => explain(name, error),
        error => Error::new(&FILE_TRUNCATED).with("place", name).because(error),
    };
    let mut archive = ZipArchive::new(BufReader::new(file.again().map_err(|error| explain(name, error))?)).map_err(unzip)?;
    if archive.len() > MEMBERS_MAX {
        return Err(corrupt(&format!("the archive has more than {MEMBERS_MAX} members")));
    }
    let mut chosen = Vec::new();
    let mut all = Vec::new();
    for index in 0..archive.len() {
        let member = archive.by_index_raw(index).map_err(unzip)?;
        if member.is_dir() || member.name().starts_with("__MACOSX/") {
            continue;
        }
        all.push((index, member.name().to_owned()));
    }
    let only = all.len() == 1;
    for (index, member_name) in &all {
        if !only && !wanted(member_name) {
            continue;
        }
        let member = archive.by_index_raw(*index).map_err(unzip)?;
        if member.encrypted() {
            return Err(corrupt(&format!("its member `{member_name}` is encrypted")));
        }
        let deflated = match member.compression() {
            CompressionMethod::Stored => false,
            CompressionMethod::Deflated => true,
            other => return Err(corrupt(&format!("its member `{member_name}` is packed with {other:?}; deflate can be read"))),
        };
        let start = member.data_start().ok_or_else(|| corrupt("a member has no place in the archive"))?;
        chosen.push(Zipped {
            name: member_name.clone(),
            start,
            packed: member.compressed_size(),
            size: member.size(),
            crc: member.crc32(),
            deflated,
        });
    }
    if chosen.is_empty() {
        const NAMED_MAX: usize = 10;
        let names: Vec<&str> = all.iter().take(NAMED_MAX).map(|(_, name)| name.as_str()).collect();
        let found = match (names.len(), all.len()) {
            (0, _) => "nothing".to_owned(),
            (named, total) if named < total => format!("{} and {} more", names.join(", "), total - named),
            _ => names.join(", "),
        };
        return Err(Error::new(&ARCHIVE_MEMBER_MISSING).with("place", name).with("members", members).with("found", found));
    }
    Ok(chosen)
}

/// Fills the buffer as far as the reader goes.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match reader.read(&mut buffer[length..])? {
            0 => break,
            count => length += count,
        }
    }
    Ok(length)
}

/// From a reader's error to one that names the place and tells a cut file from a broken one.
pub(crate) fn explain(place: &str, error: io::Error) -> Error {
    let error = match error.downcast::<Error>() {
        Ok(ours) => return ours,
        Err(error) => error,
    };
    if let Some(expands) = error.get_ref().and_then(|inner| inner.downcast_ref::<Expands>()) {
        return Error::new(&FILE_EXPANDS).with("place", place).with("limit", expands.limit);
    }
    let code = match error.kind() {
        io::ErrorKind::UnexpectedEof => &FILE_TRUNCATED,
        _ => &FILE_CORRUPT,
    };
    Error::new(code).with("place", place).because(error)
}

/// Stops a text that grows beyond a multiple of what was read for it.
struct Bounded<R> {
    inner: R,
    read: Arc<AtomicU64>,
    read_before: u64,
    given: u64,
    limit: u32,
}

#[derive(Debug)]
struct Expands {
    limit: u32,
}

impl std::fmt::Display for Expands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "it unpacks to more than {} times its size", self.limit)
    }
}

impl std::error::Error for Expands {}

impl<R: Read> Bounded<R> {
    fn new(inner: R, read: Arc<AtomicU64>, limit: u32) -> Self {
        let read_before = read.load(Ordering::Relaxed);
        Self { inner, read, read_before, given: 0, limit }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.given += count as u64;
        let read = self.read.load(Ordering::Relaxed) - self.read_before;
        if self.given > EXPANSION_FREE_BYTES && self.given > read.saturating_mul(u64::from(self.limit)) {
            return Err(io::Error::other(Expands { limit: self.limit }));
        }
        Ok(count)
    }
}

/// A member of an archive, whose length and checksum must be what the archive says.
struct Checked {
    inner: Box<dyn Read + Send>,
    crc: Crc,
    expected: u32,
    left: u64,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if count == 0 && !buffer.is_empty() {
            if self.left > 0 {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    format!("{} bytes of the member are missing", self.left),
                ));
            }
            if self.crc.sum() != self.expected {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the member's checksum is wrong"));
            }
        }
        self.crc.update(&buffer[..count]);
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the member is longer than the archive says"))?;
        Ok(count)
    }
}
