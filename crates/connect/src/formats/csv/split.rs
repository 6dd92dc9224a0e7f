//! Records of delimited text into fields, without copying them.

use std::borrow::Cow;

use crate::framing::closing;

/// The characters that part fields.
#[derive(Debug, Clone, Copy)]
pub(super) struct Splitter {
    pub delimiter: u8,
    pub quote: Option<u8>,
}

/// Where fields stand in a text of less than 1 GiB, record after record.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<Span>);

#[derive(Debug, Clone, Copy)]
struct Span {
    start: u32,
    /// The end, and the two flags in the highest bits.
    end: u32,
}

/// The field stood in quotes.
const QUOTED: u32 = 1 << 31;
/// Quotes in it are doubled.
const DOUBLED: u32 = 1 << 30;
const FLAGS: u32 = QUOTED | DOUBLED;

/// How a record ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct End {
    /// Where the next record begins.
    pub end: usize,
    pub fault: Option<Fault>,
}

/// What is wrong with a record's quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A quote is never closed.
    Open,
    /// Text follows a closing quote.
    Misplaced,
}

impl Splitter {
    /// Appends the fields of the record at `at`. An empty line has none. With an open quote the record is its first line,
    /// so that what follows is read again as records.
    #[inline]
    pub fn record(self, text: &[u8], mut at: usize, fields: &mut Fields) -> End {
        let begin = at;
        let mut fault = None;
        match text.get(at) {
            Some(b'\n') => return End { end: at + 1, fault },
            Some(b'\r') if text.get(at + 1) == Some(&b'\n') => return End { end: at + 2, fault },
            None => return End { end: at, fault },
            _ => {}
        }
        loop {
            if self.quote.is_some() && text.get(at).copied() == self.quote {
                let quote = text[at];
                let Some(close) = closing(text, quote, at + 1) else {
                    let line = text[begin..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |end| begin + end + 1);
                    return End { end: line, fault: Some(Fault::Open) };
                };
                let doubled = text[at + 1..close].contains(&quote);
                fields.push(at + 1, close, if doubled { FLAGS } else { QUOTED });
                at = close + 1;
                match text.get(at) {
                    None => return End { end: at, fault },
                    Some(b'\n') => return End { end: at + 1, fault },
                    Some(b'\r') if text.get(at + 1).is_none_or(|next| *next == b'\n') => {
                        return End { end: (at + 2).min(text.len()), fault };
                    }
                    Some(byte) if *byte == self.delimiter => at += 1,
                    Some(_) => {
                        fault = Some(Fault::Misplaced);
                        let rest = text[at..].iter().position(|byte| *byte == b'\n' || *byte == self.delimiter);
                        match rest {
                            Some(rest) if text[at + rest] == self.delimiter => at += rest + 1,
                            Some(rest) => return End { end: at + rest + 1, fault },
                            None => return End { end: text.len(), fault },
                        }
                    }
                }
                continue;
            }
            let start = at;
            let stop = text[at..].iter().position(|byte| *byte == self.delimiter || *byte == b'\n');
            let Some(stop) = stop else {
                let end = if text.last() == Some(&b'\r') && text.len() > start { text.len() - 1 } else { text.len() };
                fields.push(start, end, 0);
                return End { end: text.len(), fault };
            };
            at += stop;
            if text[at] == b'\n' {
                let end = if at > start && text[at - 1] == b'\r' { at - 1 } else { at };
                fields.push(start, end, 0);
                return End { end: at + 1, fault };
            }
            fields.push(start, at, 0);
            at += 1;
        }
    }
}

impl Fields {
    #[inline]
    fn push(&mut self, start: usize, end: usize, flags: u32) {
        self.0.push(Span { start: start as u32, end: end as u32 | flags });
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Drops the fields from `length` on.
    pub fn truncate(&mut self, length: usize) {
        self.0.truncate(length);
    }

    /// A field as it stands between its quotes, and whether it stood in quotes and has doubled ones in it.
    #[inline]
    pub fn raw<'a>(&self, index: usize, text: &'a str) -> (&'a str, bool, bool) {
        let span = self.0[index];
        let raw = &text[span.start as usize..(span.end & !FLAGS) as usize];
        (raw, span.end & QUOTED != 0, span.end & DOUBLED != 0)
    }

    /// A field's text.
    pub fn text<'a>(&self, index: usize, text: &'a str, splitter: Splitter) -> Cow<'a, str> {
        match self.raw(index, text) {
            (raw, _, true) => Cow::Owned(splitter.undouble(raw)),
            (raw, ..) => Cow::Borrowed(raw),
        }
    }
}

impl Splitter {
    /// The text with each pair of quotes made one.
    pub fn undouble(self, raw: &str) -> String {
        match self.quote.map(char::from) {
            Some(quote) => raw.replace(&String::from_iter([quote, quote]), quote.encode_utf8(&mut [0; 4])),
            None => raw.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> (Vec<String>, usize, Option<Fault>) {
        let splitter = Splitter { delimiter: b',', quote: Some(b'"') };
        let mut fields = Fields::default();
        let End { end, fault } = splitter.record(text.as_bytes(), 0, &mut fields);
        let texts = (0..fields.len()).map(|index| fields.text(index, text, splitter).into_owned()).collect();
        (texts, end, fault)
    }

    #[test]
    fn fields_are_found_as_rfc_4180_has_them() {
        let check = |text: &str, fields: &[&str], end: usize, fault: Option<Fault>| {
            let fields = fields.iter().map(|field| (*field).to_owned()).collect::<Vec<_>>();
            assert_eq!(split(text), (fields, end, fault), "{text:?}");
        };
        check("a,b\nc", &["a", "b"], 4, None);
        check("a,\r\nc", &["a", ""], 4, None);
        check(",\n", &["", ""], 2, None);
        check("a,b\r", &["a", "b"], 4, None);
        check("\r\na", &[], 2, None);
        check("\n", &[], 1, None);
        check("", &[], 0, None);
        check("\"a,\n\",\"\"\"b\"\"\",\"\"\n", &["a,\n", "\"b\"", ""], 17, None);
        check("5\" pipe,x\n", &["5\" pipe", "x"], 10, None);
        check("\"a\"x,b\nc", &["a", "b"], 7, Some(Fault::Misplaced));
        check("a,\"b\nc,d\n", &["a"], 5, Some(Fault::Open));
        check("\"a\"\r\n", &["a"], 5, None);
    }
}
