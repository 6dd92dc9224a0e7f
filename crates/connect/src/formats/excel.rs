//! Workbooks of Excel and LibreOffice: one sheet as a table, read cell by cell.

mod address;
mod binary;
mod cell;
mod rows;
mod unfolding;
mod workbook;

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use base::document::Wrong;
use base::{Error, Result};
use futures::stream::BoxStream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use crate::codes::{FILE_EMPTY, FILE_HEADER_INVALID};
use crate::fit::same_names;
use crate::formats::csv::SAMPLE_RECORDS;
use crate::source::{FileMark, Piece};
use crate::workers::{Outlet, sharing};
use address::{Area, column_name};
use cell::Kinds;
use rows::Filler;
use workbook::{Row, Workbook};

/// Workbooks that are in memory at once.
const PARALLEL_MAX: usize = 2;

/// A sheet of a workbook: `.xlsx`, `.xls` or `.ods`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExcelFormat {
    /// The sheet, by its name or by its place from 1; the first one if not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sheet: Option<Sheet>,
    /// The number of the row that names the columns, as the sheet shows it; the first row that is not empty if not set. 0: no
    /// row does; the columns are then `column_1`, `column_2` and so on, or the declared ones in their order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header_row: Option<u32>,
    /// The cells that are read, such as `B3:F200`, `B3:F` (to the last row) or `A:F`; all if not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<String>,
}

/// Which sheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Sheet {
    /// By its place, from 1.
    Number(u32),
    /// By its name.
    Name(String),
}

impl ExcelFormat {
    /// What the types cannot say.
    pub fn check(&self) -> Result<(), Wrong> {
        let area = self.area()?;
        match (self.header_row, &self.sheet) {
            (_, Some(Sheet::Number(0))) => Err(Wrong::new("sheet", "sheets are counted from 1")),
            (Some(row), _) if row > 0 && !area.has_row(row - 1) => Err(Wrong::new("header_row", "it lies outside `range`")),
            _ => Ok(()),
        }
    }

    fn area(&self) -> Result<Area, Wrong> {
        let Some(range) = &self.range else { return Ok(Area::ALL) };
        Area::of(range).ok_or_else(|| Wrong::new("range", format!("`{range}`: write cells as in `B3:F200`, `B3:F` or `A:F`")))
    }
}

/// How far a sheet has been looked through.
enum Seen {
    /// Before the row that names the columns.
    Nothing,
    Header(Header),
}

/// What the columns are called and where they stand.
struct Header {
    names: Vec<String>,
    /// Index of the first column in the sheet.
    first: u32,
}

impl ExcelFormat {
    /// Whether a row names the columns; fails if its names cannot be used.
    fn header(&self, row: &Row, area: Area, place: &str) -> Result<Option<Header>> {
        match self.header_row {
            Some(0) => {
                let (first, last) = row.ends();
                let first = area.first_column().unwrap_or(first);
                let names = (1..=last - first + 1).map(|number| format!("column_{number}")).collect();
                Ok(Some(Header { names, first }))
            }
            Some(number) if row.index + 1 < number => Ok(None),
            Some(number) if row.index + 1 > number => Err(Error::new(&FILE_HEADER_INVALID)
                .with("place", place)
                .with("reason", format!("row {number}, which should name the columns, is empty"))),
            _ => named(row, place).map(Some),
        }
    }
}

/// The names in a row: one in each cell from the first to the last.
fn named(row: &Row, place: &str) -> Result<Header> {
    let (first, last) = row.ends();
    let wrong = |reason: String| Error::new(&FILE_HEADER_INVALID).with("place", place).with("reason", reason);
    let mut names = Vec::new();
    let mut seen = HashSet::new();
    for column in first..=last {
        let at = || format!("cell {}{}", column_name(column), row.index + 1);
        let name = row.cell(column).and_then(cell::text).map(|name| name.trim().to_owned()).unwrap_or_default();
        if name.is_empty() {
            return Err(wrong(format!("{} has no name; say by `range` which columns to read", at())));
        }
        if !seen.insert(name.clone()) {
            return Err(wrong(format!("it names `{name}` twice, the second time in {}", at())));
        }
        names.push(name);
    }
    Ok(Header { names, first })
}

/// Guesses the columns from the first rows of some files. Blocks.
pub(crate) fn infer(format: &ExcelFormat, options: &Open, samples: &[FileMark], declared: Option<&SchemaRef>) -> Result<Schema> {
    let area = format.area().unwrap_or(Area::ALL);
    let mut found: Option<Schema> = None;
    let mut kinds: Vec<Kinds> = Vec::new();
    for mark in samples {
        let mut workbook = Workbook::open(options, mark)?;
        let sheet = workbook.sheet(format.sheet.as_ref())?;
        let place = format!("{}:{sheet}", mark.path);
        let mut seen = Seen::Nothing;
        let mut left = SAMPLE_RECORDS;
        // For each column of this file, which of the known ones it is.
        let mut order = Vec::new();
        workbook.rows(&sheet, area, &mut |row| {
            if let Seen::Nothing = seen {
                let Some(header) = format.header(&row, area, &place)? else { return Ok(true) };
                let names = Schema::new(header.names.iter().map(|name| Field::new(name, KINDLESS, true)).collect::<Vec<_>>());
                match &found {
                    Some(known) if format.header_row != Some(0) => same_names(&place, known, &names)?,
                    Some(_) => {}
                    None => {
                        kinds = vec![Kinds::default(); header.names.len()];
                        found = Some(names);
                    }
                }
                let known = found.as_ref().map(Schema::fields);
                let find = |name: &String| known.and_then(|known| known.iter().position(|field| field.name() == name));
                order = header.names.iter().map(find).collect();
                seen = Seen::Header(header);
                if format.header_row != Some(0) {
                    return Ok(true);
                }
            }
            if let Seen::Header(header) = &seen {
                for (index, known) in order.iter().enumerate() {
                    if let (Some(cell), Some(known)) = (row.cell(header.first + index as u32), known) {
                        kinds[*known].see(cell);
                    }
                }
            }
            left -= 1;
            Ok(left > 0)
        })?;
    }
    let place = samples.first().map_or("", |mark| mark.path.as_str());
    let Some(found) = found else { return Err(Error::new(&FILE_EMPTY).with("place", place)) };
    let names: Vec<String> = match declared {
        Some(declared) if format.header_row == Some(0) && declared.fields().len() == found.fields().len() => {
            declared.fields().iter().map(|field| field.name().clone()).collect()
        }
        _ => found.fields().iter().map(|field| field.name().clone()).collect(),
    };
    Ok(Schema::new(names.iter().zip(&kinds).map(|(name, kind)| Field::new(name, kind.data_type(), true)).collect::<Vec<_>>()))
}

/// The type of a column of which only the name is known.
const KINDLESS: arrow::datatypes::DataType = arrow::datatypes::DataType::Null;

/// Where and how workbooks are opened.
#[derive(Clone)]
pub(crate) struct Open {
    pub store: storage::Store,
    pub handle: Handle,
    pub expansion_max: u32,
}

/// What is read of workbooks.
pub(crate) struct Plan {
    pub open: Open,
    pub format: ExcelFormat,
    /// All columns of the files.
    pub found: Schema,
    /// Whether a file may have columns that are not read.
    pub chosen: bool,
    pub schema: SchemaRef,
    pub batch_rows: usize,
    pub limit: Option<u64>,
}

/// The parts of a reading; each takes the next file.
pub(crate) fn parts(plan: Plan, files: Vec<FileMark>, parallel: usize) -> Vec<BoxStream<'static, Result<Piece>>> {
    let parallel = parallel.clamp(1, PARALLEL_MAX.min(files.len().max(1)));
    let mut files = files.into_iter();
    let limit = plan.limit;
    let plan = Arc::new(plan);
    let worker = |_| {
        let plan = plan.clone();
        move |mark: FileMark, outlet: &mut Outlet<'_>| plan.file(&mark, outlet)
    };
    sharing(move || Ok(files.next()), (0..parallel).map(worker).collect(), limit)
}

impl Plan {
    /// Gives the rows of a file; false if no more are wanted.
    fn file(&self, mark: &FileMark, outlet: &mut Outlet<'_>) -> Result<bool> {
        let mut workbook = Workbook::open(&self.open, mark)?;
        let sheet = workbook.sheet(self.format.sheet.as_ref())?;
        let place = format!("{}:{sheet}", mark.path);
        let area = self.format.area().unwrap_or(Area::ALL);
        let mut filler: Option<Filler> = None;
        let mut bytes = mark.size;
        let mut wanted = true;
        workbook.rows(&sheet, area, &mut |row| {
            if filler.is_none() {
                let Some(header) = self.format.header(&row, area, &place)? else { return Ok(true) };
                filler = Some(self.filler(header, &place)?);
                if self.format.header_row != Some(0) {
                    return Ok(true);
                }
            }
            let Some(filler) = &mut filler else { return Ok(true) };
            filler.add(&row);
            if filler.is_full(self.batch_rows) {
                wanted = hand_out(filler, &mut bytes, outlet)?;
            }
            Ok(wanted)
        })?;
        match &mut filler {
            None => return Err(Error::new(&FILE_EMPTY).with("place", place)),
            Some(filler) if wanted => wanted = hand_out(filler, &mut bytes, outlet)?,
            Some(_) => {}
        }
        Ok(wanted)
    }

    fn filler(&self, mut header: Header, place: &str) -> Result<Filler> {
        if self.format.header_row == Some(0) {
            // The rows of this file may be shorter or longer than those that were sampled.
            header.names = self.found.fields().iter().map(|field| field.name().clone()).collect();
        } else if !self.chosen {
            let names = header.names.iter().map(|name| Field::new(name, KINDLESS, true)).collect::<Vec<_>>();
            same_names(place, &self.found, &Schema::new(names))?;
        }
        Filler::new(header.names, header.first, self.schema.clone(), self.batch_rows, place)
    }
}

fn hand_out(filler: &mut Filler, bytes: &mut u64, outlet: &mut Outlet<'_>) -> Result<bool> {
    let (batch, rejects) = filler.finish()?;
    Ok(outlet.give(Piece { batch, rejects, bytes: std::mem::take(bytes) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_is_checked() {
        let format = |yaml: &str| base::document::parse::<ExcelFormat>(yaml, "test.yaml").expect(yaml);
        assert_eq!(format("{sheet: 2}").sheet, Some(Sheet::Number(2)));
        assert_eq!(format("{sheet: Year 2013}").sheet, Some(Sheet::Name("Year 2013".to_owned())));
        assert!(format("{sheet: 1, header_row: 3, range: 'B3:F'}").check().is_ok());
        for bad in ["{sheet: 0}", "{range: 'B3-F'}", "{header_row: 2, range: 'B3:F'}", "{range: 'F3:B4'}"] {
            assert!(format(bad).check().is_err(), "{bad}");
        }
    }
}
