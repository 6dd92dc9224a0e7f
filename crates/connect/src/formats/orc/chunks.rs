//! Packed data of ORC files, looked at before the decoder unpacks it: it takes sizes at their word and panics at what is cut off.

use std::io::Read;

use orc_rust::compression::CompressionType;

/// Bytes one chunk may unpack to. Writers make chunks of 64 to 256 KB.
const UNPACKED_MAX: u64 = 64 << 20;
/// The most that DEFLATE makes of a byte.
const DEFLATE_RATIO: u64 = 1032;
/// The most that LZO makes of a byte.
const LZO_RATIO: u64 = 255;

/// Whether a run of chunks is whole and unpacks to little; what is wrong with it otherwise.
pub(super) fn check(mut chunks: &[u8], packing: CompressionType) -> Result<(), &'static str> {
    while !chunks.is_empty() {
        let (head, rest) = chunks.split_first_chunk::<3>().ok_or("its packed data is cut off")?;
        let number = u32::from_le_bytes([head[0], head[1], head[2], 0]);
        let (length, original) = ((number >> 1) as usize, number & 1 == 1);
        let (chunk, rest) = rest.split_at_checked(length).ok_or("its packed data is cut off")?;
        if !original && !unpacks_to_little(chunk, packing) {
            return Err("its packed data unpacks to far more than it says");
        }
        chunks = rest;
    }
    Ok(())
}

fn unpacks_to_little(chunk: &[u8], packing: CompressionType) -> bool {
    let length = chunk.len() as u64;
    match packing {
        CompressionType::Zlib => {
            length * DEFLATE_RATIO <= 4 * UNPACKED_MAX || is_little(flate2::read::DeflateDecoder::new(chunk))
        }
        CompressionType::Zstd => zstd::stream::read::Decoder::new(chunk).is_ok_and(is_little),
        CompressionType::Snappy => snap::raw::decompress_len(chunk).is_ok_and(|length| length as u64 <= UNPACKED_MAX),
        CompressionType::Lzo => length * LZO_RATIO <= UNPACKED_MAX,
        // Bounded by the file's own block size.
        CompressionType::Lz4 => true,
    }
}

fn is_little(reader: impl Read) -> bool {
    // What cannot be unpacked is the decoder's to report.
    std::io::copy(&mut reader.take(UNPACKED_MAX + 1), &mut std::io::sink()).is_ok_and(|length| length <= UNPACKED_MAX)
}

/// Whether the size that a file says its chunks have may be believed; the decoder takes memory for it.
pub(super) fn is_believable(described: &str) -> bool {
    let digits: String = described.chars().filter(char::is_ascii_digit).skip_while(|digit| *digit == '0').collect();
    digits.is_empty() || digits.parse().is_ok_and(|size: u64| size <= UNPACKED_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(bytes: &[u8], original: bool) -> Vec<u8> {
        let number = (bytes.len() as u32) << 1 | u32::from(original);
        [&number.to_le_bytes()[..3], bytes].concat()
    }

    #[test]
    fn chunks_are_whole_and_small() {
        let packed = zstd::encode_all(&[7; 1000][..], 3).expect("memory");
        let bomb = zstd::encode_all(std::io::repeat(0).take(100 << 20), 1).expect("memory");
        let run = [chunk(&packed, false), chunk(b"as it is", true)].concat();
        assert_eq!(check(&run, CompressionType::Zstd), Ok(()));
        assert!(check(&run[..run.len() - 1], CompressionType::Zstd).is_err());
        assert!(check(&run[..2], CompressionType::Zstd).is_err());
        assert!(check(&chunk(&bomb, false), CompressionType::Zstd).is_err());
        assert!(check(&chunk(&[0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0], false), CompressionType::Snappy).is_err());
        assert!(check(&chunk(&[0; 1 << 20], false), CompressionType::Lzo).is_err());
    }

    #[test]
    fn sizes_are_believed_only_so_far() {
        assert!(is_believable("(262144 byte max block size)"));
        assert!(!is_believable("(1099511627776 byte max block size)"));
    }
}
