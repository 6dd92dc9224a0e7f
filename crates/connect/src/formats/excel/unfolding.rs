//! How large a workbook would unfold, looked at before the library that reads it takes memory for that.
//!
//! Its archive may unpack to a thousand times its size, its table of texts may announce any number of them, and one cell of an
//! OpenDocument sheet may say that it stands in a million places.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use base::{Error, Result};
use bytes::Bytes;
use zip::ZipArchive;
use zip::result::ZipError;

use crate::codes::{FILE_CORRUPT, FILE_EXPANDS, FILE_TRUNCATED};
use crate::compression::{self, EXPANSION_FREE_BYTES};

/// Members of one workbook.
const MEMBERS_MAX: usize = 10_000;
/// Unpacked bytes of all that is no worksheet, such as the table of texts, which is in memory as a whole.
const PARTS_BYTES_MAX: u64 = 256 << 20;
/// Texts that a table of texts may announce.
const TEXTS_MAX: u64 = 16 << 20;
/// Bytes of that table in which the number stands.
const TEXTS_HEAD_BYTES: u64 = 4 << 10;
/// Cells of all OpenDocument sheets, empty ones between others included.
const CELLS_MAX: u64 = 5_000_000;
/// Spaces that one OpenDocument file may say are repeated.
const SPACES_MAX: u64 = 16 << 20;
/// Bytes of one tag of XML.
const TAG_BYTES_MAX: usize = 1 << 20;

/// What an archive holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Xlsx,
    Ods,
}

/// Unpacks all of the archive once, without keeping it.
pub(super) fn check(bytes: &Bytes, place: &str, expansion_max: u32) -> Result<Kind> {
    let corrupt = |reason: &str| Error::new(&FILE_CORRUPT).with("place", place).with("reason", reason);
    let unzip = |error: ZipError| match error {
        ZipError::Io(error) => compression::explain(place, error),
        error => Error::new(&FILE_TRUNCATED).with("place", place).because(error),
    };
    let mut archive = ZipArchive::new(Cursor::new(bytes.clone())).map_err(unzip)?;
    if archive.len() > MEMBERS_MAX {
        return Err(corrupt(&format!("its archive has more than {MEMBERS_MAX} members")));
    }
    let kind = match () {
        () if archive.index_for_name("content.xml").is_some() => Kind::Ods,
        () if archive.file_names().any(|name| name.ends_with("workbook.bin")) => {
            return Err(corrupt("it is a binary workbook (.xlsb); save it as .xlsx"));
        }
        () => Kind::Xlsx,
    };
    let allowed = EXPANSION_FREE_BYTES.max((bytes.len() as u64).saturating_mul(u64::from(expansion_max)));
    let (mut total, mut parts) = (0, 0);
    for index in 0..archive.len() {
        let member = archive.by_index(index).map_err(unzip)?;
        let name = member.name().to_ascii_lowercase();
        let mut member = Counted { inner: member, count: 0, allowed: allowed.saturating_sub(total) };
        let read = match kind {
            Kind::Xlsx if name.ends_with("sharedstrings.xml") => texts(&mut member),
            Kind::Ods if name == "content.xml" => cells(BufReader::new(&mut member)),
            _ => Ok(()),
        };
        let read = read.and_then(|()| io::copy(&mut member, &mut io::sink()).map_err(Trouble::Unread));
        total += member.count;
        if !name.contains("worksheets/") {
            parts += member.count;
        }
        match read {
            _ if total > allowed => return Err(Error::new(&FILE_EXPANDS).with("place", place).with("limit", expansion_max)),
            Err(Trouble::Unread(error)) => return Err(compression::explain(place, error)),
            Err(Trouble::Unfolds(reason)) => return Err(corrupt(reason)),
            Ok(_) if parts > PARTS_BYTES_MAX => return Err(corrupt("its texts and styles are too many to be read")),
            Ok(_) => {}
        }
    }
    Ok(kind)
}

enum Trouble {
    Unread(io::Error),
    Unfolds(&'static str),
}

/// Ends one byte behind what is allowed.
struct Counted<R> {
    inner: R,
    count: u64,
    allowed: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.count > self.allowed {
            return Ok(0);
        }
        let count = self.inner.read(buffer)?;
        self.count += count as u64;
        Ok(count)
    }
}

/// Looks at how many texts a table of them announces, for which memory is taken at once.
fn texts(table: &mut impl Read) -> Result<(), Trouble> {
    let mut head = Vec::new();
    table.by_ref().take(TEXTS_HEAD_BYTES).read_to_end(&mut head).map_err(Trouble::Unread)?;
    let head = String::from_utf8_lossy(&head);
    let announced = head.split("uniqueCount").skip(1).map(|rest| digits(rest.trim_start_matches([' ', '=', '"', '\''])));
    if announced.max().unwrap_or_default() > TEXTS_MAX {
        return Err(Trouble::Unfolds("its table of texts announces too many of them"));
    }
    Ok(())
}

/// The number a text begins with.
fn digits(text: &str) -> u64 {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    // Zero only if there is none: what has too many digits is too large.
    if length == 0 { 0 } else { text[..length].parse().unwrap_or(u64::MAX) }
}

/// Counts the cells of OpenDocument sheets as they would stand beside each other in memory.
fn cells(mut xml: impl BufRead) -> Result<(), Trouble> {
    let mut sheet = Sheet::default();
    let (mut cells, mut spaces) = (0_u64, 0_u64);
    let mut tag = Vec::new();
    while next_tag(&mut xml, &mut tag)? {
        let text = String::from_utf8_lossy(&tag);
        let repeated = |name: &str| match text.split_once(name) {
            None => 1,
            Some((_, rest)) => digits(rest.trim_start_matches([' ', '=', '"', '\''])),
        };
        match text.split([' ', '\t', '\n', '\r', '/', '>']).next().unwrap_or_default() {
            // Programs write none of these there, and what stands in them would look like tags.
            name if name.starts_with('!') => return Err(Trouble::Unfolds("it holds XML of a kind that no sheet has")),
            "table:table" => {
                cells = cells.saturating_add(sheet.cells());
                sheet = Sheet::default();
            }
            "table:table-row" => sheet.row(repeated("number-rows-repeated")),
            "table:table-cell" | "table:covered-table-cell" => {
                // What repeats and holds nothing only fills the row up to its edge.
                let empty = text.ends_with('/') && !text.contains("office:") && !text.contains("formula");
                sheet.cell(repeated("number-columns-repeated"), empty);
            }
            "text:s" => spaces = spaces.saturating_add(repeated("text:c")),
            _ => {}
        }
        if cells.saturating_add(sheet.cells()) > CELLS_MAX {
            return Err(Trouble::Unfolds("its sheets have too many cells; save it as .xlsx or .csv"));
        }
        if spaces > SPACES_MAX {
            return Err(Trouble::Unfolds("it repeats spaces without measure"));
        }
    }
    Ok(())
}

/// The rectangle that the cells of a sheet fill.
#[derive(Default)]
struct Sheet {
    /// Rows up to the last one with something in it.
    rows: u64,
    /// Rows behind that.
    empty_rows: u64,
    width: u64,
    /// Cells that are held while the sheet is read.
    held: u64,
    /// Of the row at hand: how often it is repeated, and its cells so far.
    repeated: u64,
    column: u64,
    filled: bool,
}

impl Sheet {
    fn row(&mut self, repeated: u64) {
        self.empty_rows = self.empty_rows.saturating_add(if self.filled { 0 } else { self.repeated });
        (self.repeated, self.column, self.filled) = (repeated, 0, false);
    }

    fn cell(&mut self, repeated: u64, empty: bool) {
        self.column = self.column.saturating_add(repeated);
        if empty {
            return;
        }
        self.held = self.held.saturating_add(repeated);
        self.width = self.width.max(self.column);
        if !self.filled {
            self.filled = true;
            self.rows = self.rows.saturating_add(self.empty_rows).saturating_add(self.repeated);
            self.empty_rows = 0;
        }
    }

    fn cells(&self) -> u64 {
        self.rows.saturating_mul(self.width).max(self.held)
    }
}

/// What stands between the next `<` and its `>`; false at the end.
fn next_tag(xml: &mut impl BufRead, tag: &mut Vec<u8>) -> Result<bool, Trouble> {
    xml.skip_until(b'<').map_err(Trouble::Unread)?;
    tag.clear();
    loop {
        let before = tag.len();
        xml.by_ref().take((TAG_BYTES_MAX - before) as u64).read_until(b'>', tag).map_err(Trouble::Unread)?;
        if tag.len() == before {
            return if before == 0 { Ok(false) } else { Err(Trouble::Unfolds("one of its parts is no valid XML")) };
        }
        // A `>` in quotes ends no tag.
        let mut quote = None;
        for byte in tag.iter() {
            match (quote, byte) {
                (None, b'"' | b'\'') => quote = Some(*byte),
                (Some(open), byte) if open == *byte => quote = None,
                _ => {}
            }
        }
        if quote.is_none() && tag.ends_with(b">") {
            tag.pop();
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unfolds(xml: &str) -> Option<&'static str> {
        match cells(xml.as_bytes()) {
            Ok(()) => None,
            Err(Trouble::Unfolds(reason)) => Some(reason),
            Err(Trouble::Unread(error)) => panic!("{error}"),
        }
    }

    #[test]
    fn sheets_are_measured_as_they_would_stand_in_memory() {
        let sheet = |rows: &str| unfolds(&format!("<?xml version='1.0'?><table:table table:name='a>b'>{rows}</table:table>"));
        let row = |repeated: u32, cells: &str| {
            format!("<table:table-row table:number-rows-repeated=\"{repeated}\">{cells}</table:table-row>")
        };
        let cell = |repeated: u32| format!("<table:table-cell table:number-columns-repeated=\"{repeated}\" office:value=\"1\"/>");
        let empty = "<table:table-cell table:number-columns-repeated=\"16384\"/>";
        // What every program writes behind the last row and the last cell.
        assert_eq!(sheet(&(row(1, &format!("{}{empty}", cell(3))) + &row(1_048_575, empty))), None);
        assert!(sheet(&row(1_000, &cell(16_384))).is_some());
        assert!(sheet(&row(1_048_576, &cell(5))).is_some());
        assert!(sheet(&(row(1, &cell(5)) + &row(1_048_574, empty) + &row(1, &cell(1)))).is_some());
        assert!(sheet(&row(1, &cell(16_000)).repeat(400)).is_some());
        assert!(
            sheet(&row(1, "<table:table-cell><text:p><text:s text:c=\"99999999999\"/></text:p></table:table-cell>")).is_some()
        );
        assert!(sheet("<!-- ' --><table:table-row>").is_some());
        assert!(sheet(&format!("<table:table-row table:x='>' table:number-rows-repeated='2000000'>{}", cell(9))).is_some());
    }

    #[test]
    fn a_table_of_texts_is_believed_only_so_far() {
        let check = |head: &str| texts(&mut head.as_bytes()).is_ok();
        assert!(check("<sst count=\"9\" uniqueCount=\"100\">"));
        assert!(!check("<sst uniqueCount=\"99999999999999999999999\">"));
        assert!(!check("<sst uniqueCount = '400000000'>"));
    }
}
