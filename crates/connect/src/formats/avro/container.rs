//! Avro's container files, cut into blocks and unpacked under our own bounds.
//!
//! The library that decodes records would take a file cut between two blocks for a whole one, does not look at the marks
//! between blocks, and unpacks a block to any size; so it is given blocks that were checked and unpacked here.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base::{Error, Result};
use flate2::Crc;
use serde_json::Value;

use crate::blocks::Options;
use crate::codes::{FILE_CORRUPT, FILE_EXPANDS, FILE_TRUNCATED};
use crate::compression::{self, EXPANSION_FREE_BYTES, Text, Texts};
use crate::source::FileMark;

const MAGIC: &[u8; 4] = b"Obj\x01";
/// Bytes of one name or value of the header; schemas of thousands of fields have fewer.
const HEADER_BYTES_MAX: u64 = 16 << 20;
/// Entries of the header.
const HEADER_ENTRIES_MAX: i64 = 10_000;
/// Bytes of one block, packed or not. Writers make blocks of some ten kilobytes, or of a few megabytes.
const BLOCK_BYTES_MAX: u64 = 128 << 20;

/// What a container file says of itself.
pub(super) struct Header {
    /// The file, for positions and messages.
    pub name: String,
    /// The schema in which its records were written, as JSON.
    pub schema: Value,
    codec: Codec,
    sync: [u8; 16],
    /// Bytes unpacked so far, which may not outgrow the packed ones.
    unpacked: AtomicU64,
    packed: AtomicU64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    Null,
    Deflate,
    Snappy,
    Zstandard,
    Bzip2,
    Xz,
}

/// Some records that were written together.
pub(super) struct Block {
    pub header: Arc<Header>,
    /// Number of its first record in the file, from 1.
    pub first_row: u64,
    /// How many records it holds.
    pub rows: u64,
    packed: Vec<u8>,
    /// Bytes of the file that were used up since the block before.
    pub bytes: u64,
}

/// Cuts blocks off a list of files, one after the other. Blocks when it reads.
pub(super) struct Containers {
    options: Options,
    files: VecDeque<FileMark>,
    open: Option<(Texts, Arc<AtomicU64>)>,
    container: Option<Container>,
    counted: u64,
    failed: bool,
}

struct Container {
    header: Arc<Header>,
    bytes: BufReader<Box<dyn Read + Send>>,
    next_row: u64,
}

impl Containers {
    pub fn new(options: Options, files: Vec<FileMark>) -> Self {
        Self { options, files: files.into(), open: None, container: None, counted: 0, failed: false }
    }

    /// The next block; `None` after the last one and after an error.
    pub fn next(&mut self) -> Result<Option<Block>> {
        if self.failed {
            return Ok(None);
        }
        let block = self.step();
        self.failed = block.is_err();
        block
    }

    fn step(&mut self) -> Result<Option<Block>> {
        loop {
            if let Some(container) = &mut self.container {
                if let Some(mut block) = container.next()? {
                    if let Some((_, counter)) = &self.open {
                        let counted = counter.load(Ordering::Relaxed);
                        block.bytes = counted.saturating_sub(self.counted);
                        self.counted = counted;
                    }
                    return Ok(Some(block));
                }
                self.container = None;
            }
            if let Some((texts, _)) = &mut self.open {
                if let Some(text) = texts.next()? {
                    self.container = Some(Container::open(text)?);
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

/// The headers of one file: one, or one of each member of an archive. Blocks.
pub(super) fn headers(options: &Options, mark: &FileMark) -> Result<Vec<Arc<Header>>> {
    let (mut texts, _) = options.open(mark)?;
    let mut headers = Vec::new();
    while let Some(text) = texts.next()? {
        headers.push(Container::open(text)?.header);
    }
    Ok(headers)
}

impl Container {
    fn open(text: Text) -> Result<Self> {
        let name = text.name;
        let corrupt = |reason: &str| Error::new(&FILE_CORRUPT).with("place", &name).with("reason", reason);
        let mut bytes = BufReader::new(text.bytes);
        if bytes.fill_buf().map_err(|error| compression::explain(&name, error))?.is_empty() {
            return Err(Error::new(&FILE_TRUNCATED).with("place", &name).with("reason", "it holds nothing"));
        }
        let mut magic = [0; 4];
        exact(&mut bytes, &mut magic, &name)?;
        if magic != *MAGIC {
            return Err(corrupt("it does not begin as an Avro container file does"));
        }
        let (mut schema, mut codec) = (None, Codec::Null);
        let mut entries = 0;
        loop {
            let mut count = long(&mut bytes, &name)?;
            if count == 0 {
                break;
            }
            if count < 0 {
                // A negative count is followed by the size of its entries, for those who skip them.
                count = count.saturating_neg();
                long(&mut bytes, &name)?;
            }
            entries += count.min(HEADER_ENTRIES_MAX);
            if entries >= HEADER_ENTRIES_MAX {
                return Err(corrupt("its header has too many entries"));
            }
            for _ in 0..count {
                let key = short(&mut bytes, &name)?;
                let value = short(&mut bytes, &name)?;
                match key.as_slice() {
                    b"avro.schema" => {
                        schema = Some(serde_json::from_slice(&value).map_err(|error| corrupt(&error.to_string()))?);
                    }
                    b"avro.codec" => {
                        let named = String::from_utf8_lossy(&value);
                        codec = Codec::of(&named)
                            .ok_or_else(|| corrupt(&format!("its blocks are packed by `{named}`, which cannot be read")))?;
                    }
                    _ => {}
                }
            }
        }
        let mut sync = [0; 16];
        exact(&mut bytes, &mut sync, &name)?;
        let schema = schema.ok_or_else(|| corrupt("its header has no schema"))?;
        let header = Header { name, schema, codec, sync, unpacked: AtomicU64::new(0), packed: AtomicU64::new(0) };
        Ok(Self { header: Arc::new(header), bytes, next_row: 1 })
    }

    fn next(&mut self) -> Result<Option<Block>> {
        let header = &self.header;
        let place = header.name.as_str();
        if self.bytes.fill_buf().map_err(|error| compression::explain(place, error))?.is_empty() {
            return Ok(None);
        }
        let corrupt = |reason: String| {
            let place = format!("{place}:{}", self.next_row);
            Error::new(&FILE_CORRUPT).with("place", place).with("reason", reason)
        };
        let rows =
            u64::try_from(long(&mut self.bytes, place)?).map_err(|_| corrupt("a block has fewer than no records".into()))?;
        let size = u64::try_from(long(&mut self.bytes, place)?).map_err(|_| corrupt("a block has less than no bytes".into()))?;
        if size > BLOCK_BYTES_MAX {
            return Err(corrupt(format!("a block has {size} bytes; at most {BLOCK_BYTES_MAX} are read")));
        }
        let packed = bytes(&mut self.bytes, size, place)?;
        let mut sync = [0; 16];
        exact(&mut self.bytes, &mut sync, place)?;
        if sync != header.sync {
            return Err(corrupt("a block does not end with the file's mark".into()));
        }
        let first_row = self.next_row;
        self.next_row = self.next_row.saturating_add(rows);
        Ok(Some(Block { header: header.clone(), first_row, rows, packed, bytes: 0 }))
    }
}

impl Block {
    /// Where it begins, for messages.
    pub fn place(&self) -> String {
        format!("{}:{}", self.header.name, self.first_row)
    }

    /// Its records' bytes, added to `into`.
    pub fn unpack(&self, expansion_max: u32, into: &mut Vec<u8>) -> Result<()> {
        let before = into.len();
        let corrupt = |reason: &str| Error::new(&FILE_CORRUPT).with("place", self.place()).with("reason", reason);
        let explain = |error| compression::explain(&self.place(), error);
        let packed = self.packed.as_slice();
        let mut unpack = |reader: &mut dyn Read| -> Result<()> {
            let count = reader.take(BLOCK_BYTES_MAX + 1).read_to_end(into).map_err(explain)?;
            if count as u64 > BLOCK_BYTES_MAX {
                return Err(corrupt(&format!("a block unpacks to more than {BLOCK_BYTES_MAX} bytes")));
            }
            Ok(())
        };
        match self.header.codec {
            Codec::Null => into.extend_from_slice(packed),
            Codec::Deflate => unpack(&mut flate2::read::DeflateDecoder::new(packed))?,
            Codec::Zstandard => unpack(&mut zstd::stream::read::Decoder::new(packed).map_err(explain)?)?,
            Codec::Bzip2 => unpack(&mut bzip2::read::MultiBzDecoder::new(packed))?,
            Codec::Xz => unpack(&mut liblzma::read::XzDecoder::new(packed))?,
            Codec::Snappy => {
                let (packed, sum) = packed.split_last_chunk::<4>().ok_or_else(|| corrupt("a block lacks its checksum"))?;
                let length = snap::raw::decompress_len(packed).map_err(|error| corrupt(&error.to_string()))?;
                if length as u64 > BLOCK_BYTES_MAX {
                    return Err(corrupt(&format!("a block unpacks to more than {BLOCK_BYTES_MAX} bytes")));
                }
                into.extend(snap::raw::Decoder::new().decompress_vec(packed).map_err(|error| corrupt(&error.to_string()))?);
                let mut found = Crc::new();
                found.update(&into[before..]);
                if found.sum() != u32::from_be_bytes(*sum) {
                    return Err(corrupt("a block's checksum is wrong"));
                }
            }
        }
        let length = (into.len() - before) as u64;
        // Records of no bytes at all would make rows out of nothing, without an end.
        if self.rows > length {
            return Err(corrupt("a block has more records than bytes"));
        }
        let unpacked = self.header.unpacked.fetch_add(length, Ordering::Relaxed) + length;
        let packed = self.header.packed.fetch_add(packed.len() as u64, Ordering::Relaxed) + packed.len() as u64;
        if unpacked > EXPANSION_FREE_BYTES && unpacked > packed.saturating_mul(u64::from(expansion_max)) {
            return Err(Error::new(&FILE_EXPANDS).with("place", &self.header.name).with("limit", expansion_max));
        }
        Ok(())
    }
}

impl Codec {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "" | "null" => Self::Null,
            "deflate" => Self::Deflate,
            "snappy" => Self::Snappy,
            "zstandard" => Self::Zstandard,
            "bzip2" => Self::Bzip2,
            "xz" => Self::Xz,
            _ => return None,
        })
    }
}

/// A whole number as Avro writes it: seven bits a byte, the lowest first, the sign in the lowest bit.
fn long(reader: &mut impl Read, place: &str) -> Result<i64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let mut byte = [0];
        exact(reader, &mut byte, place)?;
        value |= u64::from(byte[0] & 0x7F) << shift;
        if byte[0] & 0x80 == 0 {
            return Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed());
        }
    }
    Err(Error::new(&FILE_CORRUPT).with("place", place).with("reason", "a number in it has more than 64 bits"))
}

/// The same the other way.
pub(super) fn put_long(value: u64, into: &mut Vec<u8>) {
    let mut left = value << 1;
    while left > 0x7F {
        into.push((left & 0x7F) as u8 | 0x80);
        left >>= 7;
    }
    into.push(left as u8);
}

/// A name or value of the header.
fn short(reader: &mut impl Read, place: &str) -> Result<Vec<u8>> {
    match u64::try_from(long(reader, place)?) {
        Ok(length) if length <= HEADER_BYTES_MAX => bytes(reader, length, place),
        _ => Err(Error::new(&FILE_CORRUPT).with("place", place).with("reason", "its header has an entry of impossible length")),
    }
}

/// So many bytes; memory is taken only for those that are there.
fn bytes(reader: &mut impl Read, length: u64, place: &str) -> Result<Vec<u8>> {
    let mut found = Vec::new();
    let count = reader.take(length).read_to_end(&mut found).map_err(|error| compression::explain(place, error))?;
    if (count as u64) < length {
        return Err(cut_off(place));
    }
    Ok(found)
}

fn exact(reader: &mut impl Read, buffer: &mut [u8], place: &str) -> Result<()> {
    reader.read_exact(buffer).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof if error.get_ref().is_none() => cut_off(place),
        _ => compression::explain(place, error),
    })
}

fn cut_off(place: &str) -> Error {
    Error::new(&FILE_TRUNCATED).with("place", place).with("reason", "it ends within a block")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_both_ways() {
        for value in [0, 1, 63, 64, 300, 1 << 40, i64::MAX as u64 >> 1] {
            let mut written = Vec::new();
            put_long(value, &mut written);
            assert_eq!(long(&mut written.as_slice(), "f").expect("written"), value.cast_signed());
        }
        assert_eq!(long(&mut [1].as_slice(), "f").expect("-1"), -1);
        assert!(long(&mut [0xFF; 11].as_slice(), "f").expect_err("too long").is(&FILE_CORRUPT));
        assert!(long(&mut [0x80].as_slice(), "f").expect_err("cut").is(&FILE_TRUNCATED));
    }
}
