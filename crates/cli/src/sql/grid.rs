//! Rows as a box table for people: fitted to the terminal, numbers to the right, NULL dim, at most a bounded number of rows.

use arrow::array::RecordBatch;
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, DurationFormat, FormatOptions};
use base::{Language, units};
use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table};

use crate::listing::clean;

/// Rows kept for display; memory stays bounded however long the answer is.
pub const ROWS_MAX: usize = 10_000;

/// Characters of one value that are kept for display.
const VALUE_CHARS_MAX: usize = 2_000;

/// Narrowest column that is still worth showing, borders included.
const COLUMN_WIDTH_MIN: usize = 7;

/// Lines without rows between them.
const BOXES: &str = "││──├─┼┤│    ┬┴┌┐└┘";
/// The same where only ASCII can be shown.
const ASCII: &str = "||--+-+||    ++++++";

/// The rows of one answer, as far as they are shown.
pub struct Grid {
    columns: Vec<Column>,
    rows: Vec<Vec<Option<String>>>,
    /// Whether there were more rows than are kept.
    more: bool,
}

struct Column {
    name: String,
    right: bool,
}

/// How to draw.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Columns of the terminal; none means no cutting.
    pub width: Option<usize>,
    /// Whether NULL is dim and headings are bold.
    pub colour: bool,
    /// Box-drawing characters or ASCII.
    pub boxes: bool,
}

impl Grid {
    /// No rows yet.
    pub fn new(schema: &SchemaRef) -> Self {
        let columns = schema
            .fields()
            .iter()
            .map(|field| Column { name: clean(field.name()), right: is_number(field.data_type()) })
            .collect();
        Self { columns, rows: Vec::new(), more: false }
    }

    /// Adds the rows of a batch; false when no more rows are wanted.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<bool, ArrowError> {
        let options = FormatOptions::new()
            .with_display_error(true)
            .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"))
            .with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.f%:z"))
            .with_duration_format(DurationFormat::Pretty);
        let formatters =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options)).collect::<Result<Vec<_>, _>>()?;
        // Logical nulls: an array of type Null has no null buffer of its own.
        let nulls: Vec<_> = batch.columns().iter().map(|column| column.logical_nulls()).collect();
        for row in 0..batch.num_rows() {
            if self.rows.len() == ROWS_MAX {
                self.more = true;
                return Ok(false);
            }
            let cell = |(formatter, nulls): (&ArrayFormatter<'_>, &Option<NullBuffer>)| {
                let is_null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
                (!is_null).then(|| shorten(clean(&formatter.value(row).to_string())))
            };
            self.rows.push(formatters.iter().zip(&nulls).map(cell).collect());
        }
        Ok(true)
    }

    /// How many rows there are, or that there are more than are shown.
    pub fn footer(&self, language: Language) -> String {
        let count = units::count(self.rows.len() as u64);
        match (language, self.more, self.rows.len()) {
            (Language::En, true, _) => format!("{count} rows shown; there are more: -o csv writes them all"),
            (Language::En, false, 1) => "1 row".to_owned(),
            (Language::En, false, _) => format!("{count} rows"),
            (Language::Zh, true, _) => format!("显示 {count} 行，还有更多：-o csv 输出全部"),
            (Language::Zh, false, _) => format!("{count} 行"),
        }
    }

    /// Whether there were more rows than are kept.
    pub fn has_more(&self) -> bool {
        self.more
    }

    /// The table as text that ends with a line end.
    pub fn render(&self, style: Style) -> String {
        let shown = self.shown_columns(style.width);
        let mut table = Table::new();
        table.load_preset(if style.boxes { BOXES } else { ASCII }).set_truncation_indicator(if style.boxes {
            "…"
        } else {
            ".."
        });
        match style.width {
            Some(width) => {
                table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width.min(usize::from(u16::MAX)) as u16)
            }
            None => table.set_content_arrangement(ContentArrangement::Disabled),
        };
        if style.colour {
            table.enforce_styling()
        } else {
            table.force_no_tty()
        };
        let heading = |index: &Option<usize>| {
            let cell = Cell::new(index.map_or("…", |index| self.columns[index].name.as_str()));
            if style.colour { cell.add_attribute(Attribute::Bold) } else { cell }
        };
        let mut header = comfy_table::Row::from(shown.iter().map(heading).collect::<Vec<_>>());
        header.max_height(1);
        table.set_header(header);
        for row in &self.rows {
            let mut cells = comfy_table::Row::new();
            for index in &shown {
                cells.add_cell(match index {
                    None => Cell::new("…"),
                    Some(index) => self.cell(&row[*index], self.columns[*index].right, style.colour),
                });
            }
            cells.max_height(1);
            table.add_row(cells);
        }
        let mut text = table.trim_fmt();
        text.push('\n');
        text
    }

    /// One value a line, for rows that are too wide.
    pub fn render_expanded(&self, style: Style) -> String {
        let widest = self.columns.iter().map(|column| console::measure_text_width(&column.name)).max().unwrap_or(0);
        let mut text = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            let line = if style.boxes { "─" } else { "-" };
            text.push_str(&format!("{} {} {}\n", line.repeat(2), number + 1, line.repeat(widest.max(8))));
            for (column, value) in self.columns.iter().zip(row) {
                let pad = " ".repeat(widest - console::measure_text_width(&column.name));
                let value = match value {
                    Some(value) => value.clone(),
                    None if style.colour => "\u{1b}[2mNULL\u{1b}[0m".to_owned(),
                    None => "NULL".to_owned(),
                };
                text.push_str(&format!("{}{pad}  {value}\n", column.name));
            }
        }
        text
    }

    fn cell(&self, value: &Option<String>, right: bool, colour: bool) -> Cell {
        let cell = match value {
            Some(value) => Cell::new(value),
            None if colour => Cell::new("NULL").add_attribute(Attribute::Dim),
            None => Cell::new("NULL"),
        };
        if right { cell.set_alignment(CellAlignment::Right) } else { cell }
    }

    /// All columns, or as many of the first and last as fit, with a gap between them.
    fn shown_columns(&self, width: Option<usize>) -> Vec<Option<usize>> {
        let count = self.columns.len();
        let fits = width.map_or(count, |width| (width / COLUMN_WIDTH_MIN).max(2));
        if count <= fits {
            return (0..count).map(Some).collect();
        }
        let (first, last) = ((fits - 1).div_ceil(2), (fits - 1) / 2);
        (0..first).map(Some).chain([None]).chain((count - last..count).map(Some)).collect()
    }
}

fn is_number(kind: &DataType) -> bool {
    kind.is_numeric()
}

fn shorten(value: String) -> String {
    match value.char_indices().nth(VALUE_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &value[..at]),
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Array, Int64Array, NullArray, StringArray};
    use arrow::datatypes::{Field, Schema};

    use super::*;

    const PIPE: Style = Style { width: None, colour: false, boxes: true };

    fn grid() -> Grid {
        let schema =
            Arc::new(Schema::new(vec![Field::new("name", DataType::Utf8, true), Field::new("flights", DataType::Int64, true)]));
        let batch = RecordBatch::try_new(
            schema.clone(),
            vec![
                Arc::new(StringArray::from(vec![Some("United Air Lines\u{1b}[31m"), None, Some("东方")])),
                Arc::new(Int64Array::from(vec![Some(58665), Some(7), None])),
            ],
        )
        .expect("a batch");
        let mut grid = Grid::new(&schema);
        assert!(grid.add(&batch).expect("shown"));
        grid
    }

    #[test]
    fn numbers_stand_right_and_null_is_named() {
        assert_eq!(
            grid().render(PIPE),
            "┌───────────────────────┬─────────┐\n\
             │ name                  │ flights │\n\
             ├───────────────────────┼─────────┤\n\
             │ United Air Lines\u{fffd}[31m │   58665 │\n\
             │ NULL                  │       7 │\n\
             │ 东方                  │    NULL │\n\
             └───────────────────────┴─────────┘\n"
        );
    }

    #[test]
    fn a_narrow_terminal_cuts_values() {
        let text = grid().render(Style { width: Some(24), ..PIPE });
        assert!(text.lines().all(|line| console::measure_text_width(line) <= 24), "{text}");
        assert!(text.contains('…'), "{text}");
        let ascii = grid().render(Style { boxes: false, ..PIPE });
        assert!(ascii.lines().all(|line| !line.contains('│')), "{ascii}");
    }

    #[test]
    fn too_many_columns_leave_out_the_middle() {
        let fields: Vec<Field> = (0..40).map(|index| Field::new(format!("c{index}"), DataType::Int64, true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let columns = (0..40).map(|_| Arc::new(Int64Array::from(vec![1_i64])) as Arc<dyn Array>).collect();
        let batch = RecordBatch::try_new(schema.clone(), columns).expect("a batch");
        let mut grid = Grid::new(&schema);
        grid.add(&batch).expect("shown");
        let text = grid.render(Style { width: Some(80), ..PIPE });
        assert!(text.contains("c0") && text.contains("c39") && text.contains('…') && !text.contains("c20"), "{text}");
        assert!(text.lines().all(|line| console::measure_text_width(line) <= 80), "{text}");
    }

    #[test]
    fn a_column_of_type_null_is_null_too() {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Null, true)]));
        let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(NullArray::new(1))]).expect("a batch");
        let mut grid = Grid::new(&schema);
        grid.add(&batch).expect("shown");
        assert!(grid.render(PIPE).contains("NULL"));
    }

    #[test]
    fn rows_are_bounded() {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
        let batch =
            RecordBatch::try_new(schema.clone(), vec![Arc::new(Int64Array::from_iter_values(0..8_000))]).expect("a batch");
        let mut grid = Grid::new(&schema);
        assert!(grid.add(&batch).expect("room"));
        assert!(!grid.add(&batch).expect("no room"));
        assert!(grid.footer(Language::En).starts_with("10,000 rows shown"));
    }

    #[test]
    fn expanded_rows_show_one_value_a_line() {
        let text = grid().render_expanded(PIPE);
        assert!(text.starts_with("── 1 ────────\nname     United Air Lines"), "{text}");
        assert!(text.contains("flights  NULL\n"), "{text}");
    }
}
