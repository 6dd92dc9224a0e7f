//! How large an `.xls` workbook would unfold: two cells at the far ends of a sheet make the library hold all cells between them.
//!
//! Only what that needs is read of the two formats: the chain of sectors that holds the workbook (MS-CFB), and of its records
//! the sheets and where their cells stand (MS-XLS).

use std::collections::HashSet;

/// Cells of all sheets, empty ones between others included.
const CELLS_MAX: u64 = 5_000_000;
const SHEETS_MAX: usize = 1_000;
/// Rows that any sheet of this format may have.
const ROWS_MAX: u32 = 65_536;
/// Streams below this are kept elsewhere; a workbook is never that small.
const STREAM_BYTES_MIN: u64 = 4_096;
/// Sector numbers from here on are marks.
const SECTOR_MARKS: u32 = 0xFFFF_FFFA;
const ENTRY_BYTES: usize = 128;

const TOO_MANY: &str = "its sheets have too many cells; save it as .xlsx or .csv";

/// Looks through the file; what is wrong with it, if it cannot be read or would unfold too far.
pub(super) fn check(file: &[u8]) -> Result<(), &'static str> {
    let storage = Storage::open(file).ok_or("it is cut off, or no workbook")?;
    let entries = storage.stream(storage.directory, u64::MAX).ok_or("it is cut off")?;
    for entry in entries.chunks_exact(ENTRY_BYTES).filter(|entry| is_workbook(entry)) {
        let (start, size) = (number(entry, 116).unwrap_or(SECTOR_MARKS), u64::from(number(entry, 120).unwrap_or(0)));
        if size < STREAM_BYTES_MIN {
            return Err("it is too small to be a workbook");
        }
        measure(&storage.stream(start, size).ok_or("it is cut off")?)?;
    }
    Ok(())
}

/// The sectors of the file, and which follows which.
struct Storage<'a> {
    file: &'a [u8],
    sector_bytes: usize,
    next: Vec<u32>,
    directory: u32,
}

impl<'a> Storage<'a> {
    fn open(file: &'a [u8]) -> Option<Self> {
        let shift = short(file, 30)?;
        if !(9..=12).contains(&shift) {
            return None;
        }
        let mut storage = Self { file, sector_bytes: 1 << shift, next: Vec::new(), directory: number(file, 48)? };
        // The sectors that hold the table: the first 109 in the header, the others in a chain of their own.
        let mut holders: Vec<u32> = (0..109).filter_map(|index| number(file, 76 + index * 4)).collect();
        let mut more = number(file, 68)?;
        let mut seen = HashSet::new();
        while more < SECTOR_MARKS && seen.insert(more) {
            let sector = storage.sector(more)?;
            let last = storage.sector_bytes - 4;
            holders.extend((0..last).step_by(4).filter_map(|at| number(sector, at)));
            more = number(sector, last)?;
        }
        let mut next = Vec::new();
        for holder in holders.into_iter().filter(|holder| *holder < SECTOR_MARKS) {
            next.extend(storage.sector(holder)?.chunks_exact(4).filter_map(|entry| number(entry, 0)));
            if next.len() > file.len() {
                return None;
            }
        }
        storage.next = next;
        Some(storage)
    }

    fn sector(&self, index: u32) -> Option<&'a [u8]> {
        let start = (index as usize + 1).checked_mul(self.sector_bytes)?;
        // The last sector may be shorter than the others.
        self.file.get(start..self.file.len().min(start + self.sector_bytes)).filter(|sector| !sector.is_empty())
    }

    /// The bytes of a chain of sectors, at most so many.
    fn stream(&self, start: u32, size: u64) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut at = start;
        while at < SECTOR_MARKS && (bytes.len() as u64) < size {
            bytes.extend_from_slice(self.sector(at)?);
            // A chain that bites its tail has no end.
            if bytes.len() > self.file.len() {
                return None;
            }
            at = *self.next.get(at as usize)?;
        }
        bytes.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        Some(bytes)
    }
}

fn is_workbook(entry: &[u8]) -> bool {
    let is = |name: &str| {
        let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        entry.starts_with(&wide) && short(entry, 64) == u16::try_from(wide.len() + 2).ok()
    };
    is("Workbook") || is("Book")
}

/// Adds up the rectangles that the cells of all sheets fill.
fn measure(stream: &[u8]) -> Result<(), &'static str> {
    const SHEET: u16 = 0x0085;
    let sheets: Vec<u32> = Records(stream)
        .take_while(|(kind, _)| *kind != END)
        .filter(|(kind, _)| *kind == SHEET)
        .filter_map(|(_, data)| number(data, 0))
        .collect();
    if sheets.len() > SHEETS_MAX {
        return Err("it has too many sheets");
    }
    let distinct: HashSet<u32> = sheets.iter().copied().collect();
    if distinct.len() < sheets.len() {
        return Err("two of its sheets are the same");
    }
    let mut cells = 0_u64;
    for start in sheets {
        cells += sheet(stream.get(start as usize..).unwrap_or_default())?;
        if cells > CELLS_MAX {
            return Err(TOO_MANY);
        }
    }
    Ok(())
}

const BEGIN: u16 = 0x0809;
const END: u16 = 0x000A;

/// The cells of the rectangle that a sheet's records fill.
fn sheet(records: &[u8]) -> Result<u64, &'static str> {
    const MEASURES: u16 = 0x0200;
    const MANY: u16 = 0x00BD;
    // Formula, label, number, blank formula text, truth or error, short number, shared text.
    const CELLS: [u16; 8] = [0x0006, 0x0203, 0x0204, 0x00D6, 0x0205, 0x027E, 0x00FD, MANY];
    let mut depth = 0;
    let mut rows: Option<(u16, u16)> = None;
    let mut columns: Option<(u16, u16)> = None;
    let grow = |range: Option<(u16, u16)>, at: u16| range.map_or((at, at), |(first, last)| (first.min(at), last.max(at)));
    for (kind, data) in Records(records) {
        match kind {
            BEGIN => depth += 1,
            END if depth <= 1 => break,
            END => depth -= 1,
            MEASURES if data.len() >= 14 && number(data, 4).is_some_and(|last| last > ROWS_MAX) => return Err(TOO_MANY),
            kind if CELLS.contains(&kind) => {
                if let (Some(row), Some(column)) = (short(data, 0), short(data, 2)) {
                    rows = Some(grow(rows, row));
                    columns = Some(grow(columns, column));
                }
                if let (MANY, Some(last)) = (kind, data.len().checked_sub(2).and_then(|at| short(data, at))) {
                    columns = Some(grow(columns, last));
                }
            }
            _ => {}
        }
    }
    let span = |range: Option<(u16, u16)>| range.map_or(0, |(first, last)| u64::from(last - first) + 1);
    Ok(span(rows) * span(columns))
}

/// Kind and bytes of each record.
struct Records<'a>(&'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (kind, length) = (short(self.0, 0)?, short(self.0, 2)?);
        let (data, rest) = self.0.get(4..)?.split_at_checked(usize::from(length))?;
        self.0 = rest;
        Some((kind, data))
    }
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).and_then(|bytes| bytes.try_into().ok()).map(u16::from_le_bytes)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u16, data: &[u8]) -> Vec<u8> {
        [&kind.to_le_bytes()[..], &(data.len() as u16).to_le_bytes(), data].concat()
    }

    fn cell(row: u16, column: u16) -> Vec<u8> {
        record(0x0203, &[&row.to_le_bytes()[..], &column.to_le_bytes(), &[0; 10]].concat())
    }

    /// A workbook stream with one sheet listed so often.
    fn workbook(listed: usize, cells: &[Vec<u8>]) -> Vec<u8> {
        let head = |start: u32| {
            let list = record(0x0085, &[&start.to_le_bytes()[..], &[0; 4]].concat()).repeat(listed);
            [record(BEGIN, &[0; 16]), list, record(END, &[])].concat()
        };
        let start = head(0).len() as u32;
        [head(start), record(BEGIN, &[0; 16]), cells.concat(), record(END, &[])].concat()
    }

    #[test]
    fn sheets_are_measured_by_their_corners() {
        assert_eq!(measure(&workbook(1, &[cell(0, 0), cell(999, 9)])), Ok(()));
        assert_eq!(measure(&workbook(1, &[cell(0, 0), cell(65_535, 255)])), Err(TOO_MANY));
        assert!(measure(&workbook(2, &[cell(0, 0)])).is_err());
        let wide = record(0x00BD, &[&[0; 4][..], &[0; 6], &60_000_u16.to_le_bytes()].concat());
        assert_eq!(measure(&workbook(1, &[wide, cell(500, 0)])), Err(TOO_MANY));
        assert!(check(b"\xD0\xCF\x11\xE0").is_err());
    }
}
