//! Blocks of delimited text into batches. A record that does not fit is set aside; the others of its block are not touched.

use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use base::Result;
use memchr::memchr_iter;

use super::split::{Fault, Fields};
use super::{Dialect, Layout};
use crate::blocks::Block;
use crate::causes::{ENCODING_INVALID, QUOTE_MISPLACED, QUOTE_OPEN, TOO_FEW_FIELDS, TOO_MANY_FIELDS, VALUE_UNFIT};
use crate::cells::{Cells, Table};
use crate::guess::Guess;
use crate::source::{Piece, RAW_BYTES_MAX, Reject};
use crate::workers::Decode;

/// Decodes blocks of files whose columns are known.
pub(crate) struct Decoder {
    dialect: Arc<Dialect>,
    schema: SchemaRef,
    batch_rows: usize,
    table: Table,
    fields: Fields,
    /// Where the records of the batch stand in the text.
    records: Vec<Range<usize>>,
    faults: Vec<Wrong>,
}

/// A record of a block, by its raw bytes, and what is wrong with it.
struct Wrong {
    raw: Range<usize>,
    cause: &'static str,
    message: String,
}

impl Decoder {
    pub fn new(dialect: Dialect, schema: SchemaRef, batch_rows: usize, place: &str) -> Result<Self> {
        Ok(Self {
            dialect: Arc::new(dialect),
            table: Table::new(schema.clone(), batch_rows, place)?,
            schema,
            batch_rows,
            fields: Fields::default(),
            records: Vec::new(),
            faults: Vec::new(),
        })
    }

    /// Turns the gathered records into a batch and the faulty ones into rejects.
    fn batch(&mut self, text: &Text, layout: &Layout, origin: &mut Origin) -> Result<Piece> {
        let rows = self.records.len();
        // The first column of each row whose value does not fit, as (row, column), columns first.
        let mut unfit: Vec<(usize, usize)> = Vec::new();
        for (column, (cells, field)) in self.table.columns.iter_mut().zip(&layout.fields).enumerate() {
            fill(cells, &self.dialect, &self.fields, layout.width, *field, text.text, rows, |row| unfit.push((row, column)));
        }
        unfit.sort_unstable();
        unfit.dedup_by_key(|(row, _)| *row);
        let mut next = unfit.iter().peekable();
        for row in 0..rows {
            let wrong = next.next_if(|(unfit, _)| *unfit == row);
            self.table.row(wrong.is_none());
        }
        for (row, column) in unfit {
            let raw = text.raw(self.records[row].clone());
            let field = self.schema.field(column);
            let message = format!("column `{}`: the value does not fit {}", field.name(), field.data_type());
            self.faults.push(Wrong { raw, cause: VALUE_UNFIT, message });
        }
        self.faults.sort_by_key(|wrong| wrong.raw.start);
        let rejects = self.faults.drain(..).map(|wrong| origin.reject(wrong)).collect();
        self.fields.clear();
        self.records.clear();
        Ok(Piece { batch: self.table.finish()?, rejects, bytes: 0 })
    }
}

/// Adds one field of every record to a column; a value that does not fit becomes a NULL of a row that is left out.
#[allow(clippy::too_many_arguments)]
fn fill(
    cells: &mut Cells,
    dialect: &Dialect,
    fields: &Fields,
    width: usize,
    field: usize,
    text: &str,
    rows: usize,
    mut unfit: impl FnMut(usize),
) {
    for row in 0..rows {
        let (raw, quoted, doubled) = fields.raw(row * width + field, text);
        if dialect.nulls.has(raw.as_bytes(), quoted) {
            cells.null();
            continue;
        }
        let fits = if doubled { cells.text(&dialect.splitter.undouble(raw)) } else { cells.text(raw) };
        if !fits {
            cells.null();
            unfit(row);
        }
    }
}

impl Decode<Layout> for Decoder {
    fn decode(&mut self, mut block: Block<Layout>, give: &mut dyn FnMut(Piece) -> bool) -> Result<()> {
        let mut bytes = block.bytes;
        let mut rejects = std::mem::take(&mut block.rejects);
        let mut owned = String::new();
        let mut pieces = Vec::new();
        let text = Text::of(&self.dialect, &block.raw[block.start..], &mut owned, &mut pieces, &mut self.faults);
        let mut origin = Origin { name: &block.name, raw: &block.raw[block.start..], at: 0, line: block.line };
        let layout = block.head.clone();
        let mut at = 0;
        loop {
            while at < text.text.len() && self.records.len() < self.batch_rows {
                let before = self.fields.len();
                let end = self.dialect.splitter.record(text.text.as_bytes(), at, &mut self.fields);
                let start = std::mem::replace(&mut at, end.end);
                let count = self.fields.len() - before;
                let (cause, message) = match end.fault {
                    Some(Fault::Open) => (QUOTE_OPEN, "a quote is opened and never closed".to_owned()),
                    Some(Fault::Misplaced) => (QUOTE_MISPLACED, "text follows a closing quote".to_owned()),
                    None if count == layout.width => {
                        self.records.push(start..end.end);
                        continue;
                    }
                    None if count == 0 => continue,
                    None => {
                        let cause = if count < layout.width { TOO_FEW_FIELDS } else { TOO_MANY_FIELDS };
                        (cause, format!("{count} fields where {} belong", layout.width))
                    }
                };
                self.fields.truncate(before);
                self.faults.push(Wrong { raw: text.raw(start..end.end), cause, message });
            }
            let last = at >= text.text.len();
            let mut piece = self.batch(&text, &layout, &mut origin)?;
            piece.bytes = std::mem::take(&mut bytes);
            if !rejects.is_empty() {
                rejects.append(&mut piece.rejects);
                piece.rejects = std::mem::take(&mut rejects);
            }
            let empty = piece.batch.num_rows() == 0 && piece.rejects.is_empty() && piece.bytes == 0;
            if !empty && !give(piece) || last {
                return Ok(());
            }
        }
    }
}

/// The text of a block, and from which bytes of it each piece was decoded if they differ.
struct Text<'a> {
    text: &'a str,
    /// Beginnings of records in the text and where those stood in the raw bytes; empty if the bytes are the text.
    pieces: &'a [(usize, usize, usize)],
}

impl<'a> Text<'a> {
    /// Takes bytes as they are if they can be; otherwise decodes record by record, so that only those that are no text are lost.
    fn of(
        dialect: &Dialect,
        raw: &'a [u8],
        owned: &'a mut String,
        pieces: &'a mut Vec<(usize, usize, usize)>,
        faults: &mut Vec<Wrong>,
    ) -> Self {
        if dialect.encoding.is_utf8()
            && let Ok(text) = std::str::from_utf8(raw)
        {
            return Self { text, pieces: &[] };
        }
        let framing = dialect.framing();
        let mut at = 0;
        while at < raw.len() {
            let end = next_record(raw, at, framing);
            let begin = owned.len();
            if dialect.encoding.decode(&raw[at..end], owned) {
                pieces.push((begin, at, end));
            } else {
                let message = format!("bytes that are no {} text", dialect.encoding.name());
                faults.push(Wrong { raw: at..end, cause: ENCODING_INVALID, message });
            }
            at = end;
        }
        Self { text: owned, pieces }
    }

    /// Where a record of the text stood in the raw bytes.
    fn raw(&self, record: Range<usize>) -> Range<usize> {
        match self.pieces.partition_point(|(begin, ..)| *begin <= record.start).checked_sub(1) {
            Some(index) => self.pieces[index].1..self.pieces[index].2,
            None => record,
        }
    }
}

fn next_record(raw: &[u8], at: usize, framing: crate::framing::Framing) -> usize {
    let mut from = at;
    loop {
        let Some(end) = memchr::memchr(b'\n', &raw[from..]).map(|end| from + end + 1) else { return raw.len() };
        let ends = framing.ends(&raw[at..end], true);
        if ends.complete > 0 {
            return at + ends.complete;
        }
        from = end;
    }
}

/// Names places in a file, counting lines as they are passed.
struct Origin<'a> {
    name: &'a str,
    raw: &'a [u8],
    at: usize,
    line: u64,
}

impl Origin<'_> {
    fn reject(&mut self, wrong: Wrong) -> Reject {
        let Range { start, end } = wrong.raw;
        if start < self.at {
            self.line -= memchr_iter(b'\n', &self.raw[start..self.at]).count() as u64;
        } else {
            self.line += memchr_iter(b'\n', &self.raw[self.at..start]).count() as u64;
        }
        self.at = start;
        let record = &self.raw[start..end];
        let record = record.strip_suffix(b"\n").unwrap_or(record);
        let record = record.strip_suffix(b"\r").unwrap_or(record);
        Reject {
            cause: wrong.cause.into(),
            message: wrong.message,
            raw: record[..record.len().min(RAW_BYTES_MAX)].to_vec(),
            position: format!("{}:{}", self.name, self.line),
        }
    }
}

/// Shows the values of at most `left` records to the guesses; answers how many records there were. `order` says for each
/// field which guess it belongs to.
pub(super) fn sample(
    dialect: &Dialect,
    block: &Block<Vec<String>>,
    order: &[Option<usize>],
    guesses: &mut [Guess],
    left: usize,
) -> usize {
    let (mut owned, mut pieces, mut faults) = (String::new(), Vec::new(), Vec::new());
    let text = Text::of(dialect, &block.raw[block.start..], &mut owned, &mut pieces, &mut faults);
    let mut fields = Fields::default();
    let (mut at, mut seen) = (0, 0);
    while at < text.text.len() && seen < left {
        let end = dialect.splitter.record(text.text.as_bytes(), at, &mut fields);
        at = end.end;
        // Records that will be set aside say nothing about types.
        if end.fault.is_none() && fields.len() == order.len() {
            for (field, column) in order.iter().enumerate() {
                let (raw, quoted, _) = fields.raw(field, text.text);
                if let (Some(column), false) = (column, dialect.nulls.has(raw.as_bytes(), quoted)) {
                    guesses[*column].see(&fields.text(field, text.text, dialect.splitter));
                }
            }
        }
        seen += usize::from(!fields.is_empty());
        fields.clear();
    }
    // A block without records must not be counted as nothing for ever.
    seen.max(1)
}
