//! A workbook's file, opened after a look at how large it would unfold.

use std::io::Cursor;

use base::{Error, Result};
use bytes::Bytes;
use calamine::{Data, DataRef, Ods, OdsError, Range, Reader, SheetType, Xls, XlsError, Xlsx, XlsxError};
use object_store::GetOptions;

use super::address::Area;
use super::{Open, Sheet, binary, unfolding};
use crate::codes::{FILE_CORRUPT, FILE_TOO_LARGE, FILE_TRUNCATED, SHEET_MISSING};
use crate::compression;
use crate::marks;
use crate::panics::guarded;
use crate::source::FileMark;

/// Bytes of an `.xlsx` file, which is in memory while its cells are read one by one.
const XLSX_BYTES_MAX: u64 = 128 << 20;
/// Bytes of an `.xls` or `.ods` file, all cells of which are in memory at once.
const WHOLE_BYTES_MAX: u64 = 32 << 20;
/// Sheets that a message names.
const NAMED_MAX: usize = 20;

/// An open workbook.
pub(super) struct Workbook {
    place: String,
    book: Book,
}

enum Book {
    Xlsx(Box<Xlsx<Cursor<Bytes>>>),
    Xls(Box<Xls<Cursor<Bytes>>>),
    Ods(Box<Ods<Cursor<Bytes>>>),
}

/// The cells of a row that hold something.
#[derive(Debug)]
pub(super) struct Row {
    /// Counted from 0.
    pub index: u32,
    /// By column, ascending.
    cells: Vec<(u32, Data)>,
}

impl Row {
    pub fn cell(&self, column: u32) -> Option<&Data> {
        self.cells.binary_search_by_key(&column, |(column, _)| *column).ok().map(|at| &self.cells[at].1)
    }

    pub fn columns(&self) -> impl Iterator<Item = u32> {
        self.cells.iter().map(|(column, _)| *column)
    }

    /// The first and the last column that hold something.
    pub fn ends(&self) -> (u32, u32) {
        let end = |cell: Option<&(u32, Data)>| cell.map_or(0, |(column, _)| *column);
        (end(self.cells.first()), end(self.cells.last()))
    }
}

impl Workbook {
    /// Opens the version of `mark`. Blocks.
    pub fn open(options: &Open, mark: &FileMark) -> Result<Self> {
        let place = mark.path.clone();
        let too_large =
            |limit: u64| Error::new(&FILE_TOO_LARGE).with("place", &place).with("size", mark.size).with("limit", limit);
        if mark.size > XLSX_BYTES_MAX {
            return Err(too_large(XLSX_BYTES_MAX));
        }
        let bytes = options.handle.block_on(async {
            let result = marks::get(&options.store, mark, GetOptions::new()).await?;
            result.bytes().await.map_err(|error| options.store.explain(&mark.path, error))
        })?;
        let corrupt = |reason: &str| Error::new(&FILE_CORRUPT).with("place", &place).with("reason", reason);
        let input = Cursor::new(bytes.clone());
        let book = match bytes.get(..4) {
            Some(b"PK\x03\x04") => {
                let kind = unfolding::check(&bytes, &place, options.expansion_max)?;
                match kind {
                    unfolding::Kind::Xlsx => {
                        Book::Xlsx(Box::new(guarded(&place, || Xlsx::new(input).map_err(|error| xlsx(&place, error)))?))
                    }
                    unfolding::Kind::Ods if mark.size > WHOLE_BYTES_MAX => return Err(too_large(WHOLE_BYTES_MAX)),
                    unfolding::Kind::Ods => {
                        Book::Ods(Box::new(guarded(&place, || Ods::new(input).map_err(|error| ods(&place, error)))?))
                    }
                }
            }
            Some([0xD0, 0xCF, 0x11, 0xE0]) if mark.size > WHOLE_BYTES_MAX => return Err(too_large(WHOLE_BYTES_MAX)),
            Some([0xD0, 0xCF, 0x11, 0xE0]) => {
                binary::check(&bytes).map_err(corrupt)?;
                Book::Xls(Box::new(guarded(&place, || Xls::new(input).map_err(|error| xls(&place, error)))?))
            }
            None => return Err(Error::new(&FILE_TRUNCATED).with("place", &place).with("reason", "it holds nothing")),
            Some(_) => return Err(corrupt("it is no workbook of Excel (.xlsx, .xls) or LibreOffice (.ods)")),
        };
        Ok(Self { place, book })
    }

    /// The name of the sheet that is meant.
    pub fn sheet(&self, wanted: Option<&Sheet>) -> Result<String> {
        let sheets = match &self.book {
            Book::Xlsx(book) => book.sheets_metadata(),
            Book::Xls(book) => book.sheets_metadata(),
            Book::Ods(book) => book.sheets_metadata(),
        };
        let names: Vec<&str> =
            sheets.iter().filter(|sheet| sheet.typ == SheetType::WorkSheet).map(|sheet| sheet.name.as_str()).collect();
        let found = match wanted {
            None => names.first(),
            Some(Sheet::Number(number)) => names.get(*number as usize - 1),
            Some(Sheet::Name(name)) => names.iter().find(|known| *known == name),
        };
        found.map(|name| (*name).to_owned()).ok_or_else(|| {
            let wanted = match wanted {
                None => "1".to_owned(),
                Some(Sheet::Number(number)) => number.to_string(),
                Some(Sheet::Name(name)) => format!("`{name}`"),
            };
            let listed = names.iter().take(NAMED_MAX).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let listed = if listed.is_empty() { "none".to_owned() } else { listed };
            Error::new(&SHEET_MISSING).with("place", &self.place).with("sheet", wanted).with("found", listed)
        })
    }

    /// Gives the rows of a sheet that hold something, in order, until `give` answers false.
    pub fn rows(&mut self, sheet: &str, area: Area, give: &mut dyn FnMut(Row) -> Result<bool>) -> Result<()> {
        let place = self.place.as_str();
        match &mut self.book {
            Book::Xlsx(book) => {
                let mut cells = guarded(place, || book.worksheet_cells_reader(sheet).map_err(|error| xlsx(place, error)))?;
                let mut gathered = Gathered { area, row: None };
                loop {
                    let cell = guarded(place, || cells.next_cell().map_err(|error| xlsx(place, error)))?;
                    let Some(cell) = cell else { break };
                    if area.ends_before(cell.get_position().0) {
                        break;
                    }
                    let value = match cell.get_value() {
                        DataRef::Empty => continue,
                        value => Data::from(value.clone()),
                    };
                    if let Some(row) = gathered.add(cell.get_position(), value, place)?
                        && !give(row)?
                    {
                        return Ok(());
                    }
                }
                if let Some(row) = gathered.row {
                    give(row)?;
                }
                Ok(())
            }
            Book::Xls(book) => {
                give_rows(&guarded(place, || book.worksheet_range(sheet).map_err(|error| xls(place, error)))?, area, give)
            }
            Book::Ods(book) => {
                give_rows(&guarded(place, || book.worksheet_range(sheet).map_err(|error| ods(place, error)))?, area, give)
            }
        }
    }
}

/// A row whose cells come one by one.
struct Gathered {
    area: Area,
    row: Option<Row>,
}

impl Gathered {
    /// Adds a cell; answers the row before it, if it begins another.
    fn add(&mut self, (index, column): (u32, u32), value: Data, place: &str) -> Result<Option<Row>> {
        if !self.area.has_row(index) || !self.area.has_column(column) {
            return Ok(None);
        }
        let corrupt = |reason| Err(Error::new(&FILE_CORRUPT).with("place", place).with("reason", reason));
        match &mut self.row {
            Some(row) if row.index == index => {
                if row.cells.last().is_some_and(|(last, _)| *last >= column) {
                    return corrupt("the cells of a row are not in order");
                }
                row.cells.push((column, value));
                Ok(None)
            }
            Some(row) if row.index > index => corrupt("the rows of a sheet are not in order"),
            _ => Ok(self.row.replace(Row { index, cells: vec![(column, value)] })),
        }
    }
}

fn give_rows(range: &Range<Data>, area: Area, give: &mut dyn FnMut(Row) -> Result<bool>) -> Result<()> {
    let Some((top, left)) = range.start() else { return Ok(()) };
    for (row, index) in range.rows().zip(top..).filter(|(_, index)| area.has_row(*index)) {
        let cells = row.iter().zip(left..).filter(|(cell, column)| **cell != Data::Empty && area.has_column(*column));
        let cells: Vec<(u32, Data)> = cells.map(|(cell, column)| (column, cell.clone())).collect();
        if !cells.is_empty() && !give(Row { index, cells })? {
            return Ok(());
        }
    }
    Ok(())
}

// The libraries' own words may hold values of cells, so only the kind of trouble is passed on.

fn xlsx(place: &str, error: XlsxError) -> Error {
    match error {
        XlsxError::Io(error) => compression::explain(place, error),
        XlsxError::Password => broken(place, "it is protected by a password"),
        XlsxError::Zip(_) => broken(place, "its archive is damaged"),
        XlsxError::FileNotFound(part) => broken(place, &format!("it lacks its part {part}")),
        XlsxError::XmlEof(part) => broken(place, &format!("its part {part} ends too early")),
        XlsxError::Xml(_) => broken(place, "one of its parts is no valid XML"),
        _ => broken(place, "its parts are not those of a workbook"),
    }
}

fn xls(place: &str, error: XlsError) -> Error {
    match error {
        XlsError::Io(error) => compression::explain(place, error),
        XlsError::Password => broken(place, "it is protected by a password"),
        XlsError::Cfb(_) => broken(place, "it holds no workbook, or is cut off, or is protected by a password"),
        _ => broken(place, "its records are not those of a workbook"),
    }
}

fn ods(place: &str, error: OdsError) -> Error {
    match error {
        OdsError::Io(error) => compression::explain(place, error),
        OdsError::Password => broken(place, "it is protected by a password"),
        OdsError::Zip(_) => broken(place, "its archive is damaged"),
        _ => broken(place, "its parts are not those of a workbook"),
    }
}

fn broken(place: &str, reason: &str) -> Error {
    Error::new(&FILE_CORRUPT).with("place", place).with("reason", reason)
}
