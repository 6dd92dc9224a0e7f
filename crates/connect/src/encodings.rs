//! Text encodings of files. Bytes that are no text are never replaced: their record is set aside.

use base::document::Wrong;
use encoding_rs::{BIG5, EUC_KR, Encoding, GB18030, GBK, ISO_2022_JP, REPLACEMENT, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE};

/// An encoding in which ASCII bytes mean ASCII, so that line ends and quotes can be found before decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TextEncoding(&'static Encoding);

impl TextEncoding {
    /// By its label, such as `utf-8`, `gbk`, `gb18030`, `big5` or `latin1`.
    pub fn of(label: &str) -> Result<Self, Wrong> {
        let wrong = |reason: String| Err(Wrong::new("encoding", reason));
        match Encoding::for_label_no_replacement(label.trim().as_bytes()) {
            None => wrong(format!("`{label}` is not known; write utf-8, gbk, gb18030, big5, shift_jis or another WHATWG label")),
            Some(encoding) if [UTF_16BE, UTF_16LE, ISO_2022_JP, REPLACEMENT].contains(&encoding) => {
                wrong(format!("`{label}` cannot be read; convert the files to utf-8 first"))
            }
            Some(encoding) => Ok(Self(encoding)),
        }
    }

    /// Whether bytes are text as they stand, once checked.
    pub fn is_utf8(self) -> bool {
        self.0 == UTF_8
    }

    /// The name used in messages.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// Appends the bytes' text; false, and nothing appended, if they are no text.
    pub fn decode(self, bytes: &[u8], text: &mut String) -> bool {
        match self.0.decode_without_bom_handling_and_without_replacement(bytes) {
            Some(decoded) => {
                text.push_str(&decoded);
                true
            }
            None => false,
        }
    }

    /// Whether the byte at `at` of a line is the second half of a character that began before it.
    pub fn is_trail(self, line: &[u8], at: usize) -> bool {
        let lead: fn(u8) -> bool = if [GBK, GB18030, BIG5, EUC_KR].contains(&self.0) {
            |byte| (0x81..=0xFE).contains(&byte)
        } else if self.0 == SHIFT_JIS {
            |byte| matches!(byte, 0x81..=0x9F | 0xE0..=0xFC)
        } else {
            return false;
        };
        let mut index = 0;
        while index < at {
            index += if lead(line[index]) { 2 } else { 1 };
        }
        index > at
    }
}

/// What a file's first bytes say about its encoding.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Nothing.
    None,
    /// UTF-8, in this many bytes that are not part of the text.
    Utf8(usize),
    /// UTF-16, which cannot be read.
    Utf16,
}

/// Bytes of the longest mark.
pub(crate) const MARK_BYTES_MAX: usize = 3;

/// Looks for a byte order mark.
pub(crate) fn mark(head: &[u8]) -> Mark {
    match head {
        [0xEF, 0xBB, 0xBF, ..] => Mark::Utf8(3),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Mark::Utf16,
        _ => Mark::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gbk_is_decoded_whole_or_not_at_all() {
        let gbk = TextEncoding::of("GBK").expect("known");
        let mut text = String::new();
        assert!(gbk.decode(b"\xD6\xD0\xCE\xC4,1", &mut text));
        assert_eq!(text, "中文,1");
        assert!(!gbk.decode(b"\xD6", &mut text) && text == "中文,1");
        // 0x7C is `|` and also the second byte of many characters.
        assert!(gbk.is_trail(b"\x81\x7C\"", 1) && !gbk.is_trail(b"a|\"", 1));
        assert!(TextEncoding::of("utf-16").is_err() && TextEncoding::of("klingon").is_err());
        assert_eq!(mark(b"\xEF\xBB\xBFa"), Mark::Utf8(3));
    }
}
