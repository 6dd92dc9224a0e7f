//! Where records end, found before they are decoded.

use memchr::{memchr, memrchr};

use crate::encodings::TextEncoding;

/// How records are told apart in raw bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Framing {
    /// The quote character and the delimiter before it; `None` if every line is a record.
    pub quotes: Option<Quotes>,
}

/// A quote opens a field only as its first byte, so it must follow a delimiter or a line end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quotes {
    pub quote: u8,
    pub delimiter: u8,
    pub encoding: TextEncoding,
}

/// What was found in a piece of text that begins at a record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ends {
    /// Bytes up to and including the last line end that ends a record.
    pub complete: usize,
    /// Whether what follows stands in an open quote.
    pub open: bool,
}

impl Framing {
    /// Looks for the last record end. `last`: no more bytes follow.
    pub fn ends(&self, text: &[u8], last: bool) -> Ends {
        let Some(quotes) = self.quotes else {
            return Ends { complete: memrchr(b'\n', text).map_or(0, |at| at + 1), open: false };
        };
        let mut complete = 0;
        let mut at = 0;
        loop {
            let Some(found) = memchr(quotes.quote, &text[at..]) else {
                let end = memrchr(b'\n', &text[at..]).map_or(complete, |end| at + end + 1);
                return Ends { complete: end, open: false };
            };
            let quote = at + found;
            if let Some(end) = memrchr(b'\n', &text[at..quote]) {
                complete = at + end + 1;
            }
            if !quotes.opens(text, complete, quote) {
                at = quote + 1;
                continue;
            }
            match closing(text, quotes.quote, quote + 1) {
                // A quote at the very end may be the first of a doubled pair.
                Some(close) if close + 1 < text.len() || last => at = close + 1,
                _ => return Ends { complete, open: true },
            }
        }
    }
}

impl Quotes {
    fn opens(&self, text: &[u8], record: usize, quote: usize) -> bool {
        match quote.checked_sub(1).map(|before| text[before]) {
            None | Some(b'\n') => true,
            Some(before) if before == self.delimiter => {
                self.delimiter < 0x40 || !self.encoding.is_trail(&text[record..], quote - 1 - record)
            }
            Some(_) => false,
        }
    }
}

/// The closing quote of a field whose text begins at `at`, past doubled ones.
pub(crate) fn closing(text: &[u8], quote: u8, mut at: usize) -> Option<usize> {
    loop {
        let close = at + memchr(quote, &text[at..])?;
        if text.get(close + 1) != Some(&quote) {
            return Some(close);
        }
        at = close + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv() -> Framing {
        let encoding = TextEncoding::of("utf-8").expect("known");
        Framing { quotes: Some(Quotes { quote: b'"', delimiter: b',', encoding }) }
    }

    #[test]
    fn line_ends_in_quotes_end_nothing() {
        let check = |text: &str, complete: usize, open: bool| {
            assert_eq!(csv().ends(text.as_bytes(), true), Ends { complete, open }, "{text:?}");
        };
        check("a,b\n1,2\n3", 8, false);
        check("1,\"x\ny\"\n2", 8, false);
        check("1,\"x\n2,y\n", 0, true);
        check("0,0\n1,\"x\n2,y\n", 4, true);
        check("5\" pipe,\"a\"\"b\n\"\n", 16, false);
        check("\"a\",\"\",\"b\"\n", 11, false);
        check("\"a\" \"b\n", 7, false);
        // Without the next byte the last quote may be half of a pair.
        assert_eq!(csv().ends(b"1\n\"x\"", false), Ends { complete: 2, open: true });
        let lines = Framing { quotes: None };
        assert_eq!(lines.ends(b"{\"a\":\"\n", true), Ends { complete: 7, open: false });
    }
}
