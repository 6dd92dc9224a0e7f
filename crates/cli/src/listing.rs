//! Lists for people: aligned columns without borders, one item a line; and the same items as JSON, YAML or names.

use serde_json::Value;

use crate::arguments::Output;
use crate::failure::{Failure, Outcome};
use crate::session::Session;
use crate::terminal::{self, Paint};

/// Spaces between columns.
const GAP: &str = "   ";

/// Where a column's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A table in the making.
pub struct Listing {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Listing {
    /// With these headings.
    pub fn new(columns: &[(&str, Align)]) -> Self {
        Self { columns: columns.iter().map(|(title, align)| ((*title).to_owned(), *align)).collect(), rows: Vec::new() }
    }

    /// Adds a line.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells.into_iter().map(|cell| clean(&cell)).collect());
    }

    /// The lines; cut to `width` columns if one is given.
    pub fn render(&self, paint: Paint, width: Option<usize>) -> String {
        let widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(index, (title, _))| {
                let cells = self.rows.iter().filter_map(|row| row.get(index));
                cells.map(|cell| console::measure_text_width(cell)).chain([console::measure_text_width(title)]).max().unwrap_or(0)
            })
            .collect();
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let mut text = String::new();
            for ((cell, (_, align)), width) in cells.zip(&self.columns).zip(&widths) {
                let pad = " ".repeat(width.saturating_sub(console::measure_text_width(cell)));
                if !text.is_empty() {
                    text.push_str(GAP);
                }
                match align {
                    Align::Left => text.extend([cell, &pad]),
                    Align::Right => text.extend([pad.as_str(), cell]),
                }
            }
            let text = text.trim_end();
            match width {
                Some(width) => console::truncate_str(text, width, "…").into_owned(),
                None => text.to_owned(),
            }
        };
        let mut all = paint.bold(&line(&mut self.columns.iter().map(|(title, _)| title.as_str())));
        all.push('\n');
        for row in &self.rows {
            all.push_str(&line(&mut row.iter().map(String::as_str)));
            all.push('\n');
        }
        all
    }
}

/// Writes items in the format asked for; `name` gives an item's name, `row` its cells.
pub fn write(
    session: &mut Session,
    output: Output,
    items: &[Value],
    columns: &[(&str, Align)],
    name: impl Fn(&Value) -> String,
    row: impl Fn(&Value) -> Vec<String>,
) -> Outcome {
    match output {
        Output::Json => session.out.json(&Value::Array(items.to_vec())),
        Output::Yaml => session.out.text(&yaml(&Value::Array(items.to_vec()))?),
        Output::Name => items.iter().try_for_each(|item| session.out.line(&name(item))),
        _ => {
            let mut listing = Listing::new(columns);
            items.iter().for_each(|item| listing.row(row(item)));
            let text = listing.render(session.paint, terminal::size().map(|(_, columns)| columns));
            session.out.text(&text)?;
            if items.is_empty() {
                session.note(session.say("(none)", "（无）"));
            }
            Ok(())
        }
    }
}

/// A value as YAML.
pub fn yaml(value: &Value) -> Outcome<String> {
    let text = serde_saphyr::to_string(value).map_err(|error| {
        Failure::Own(base::Error::new(&crate::codes::ANSWER_UNREADABLE).with("request", "YAML").with("reason", error))
    })?;
    Ok(if text.ends_with('\n') { text } else { text + "\n" })
}

/// A field's text: strings without quotes, nothing for null, JSON for the rest. `path` is a JSON pointer or a name.
pub fn text(item: &Value, path: &str) -> String {
    let found = if path.starts_with('/') { item.pointer(path) } else { item.get(path) };
    match found {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(list)) if list.iter().all(Value::is_string) => {
            list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        }
        Some(other) => other.to_string(),
    }
}

/// A count with separators.
pub fn count(item: &Value, path: &str) -> String {
    let found = if path.starts_with('/') { item.pointer(path) } else { item.get(path) };
    found.and_then(Value::as_u64).map(base::units::count).unwrap_or_default()
}

/// A moment in the reader's own time zone, to the second.
pub fn moment(item: &Value, path: &str) -> String {
    let text = text(item, path);
    match chrono::DateTime::parse_from_rfc3339(&text) {
        Ok(at) => at.with_timezone(&chrono::Local).format("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => text,
    }
}

/// Text without characters that could steer a terminal or break a line.
pub fn clean(text: &str) -> String {
    if !text.contains(|c: char| c.is_control()) {
        return text.to_owned();
    }
    text.chars()
        .map(|c| match c {
            '\n' => '⏎',
            '\t' => ' ',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_in_both_scripts() {
        let mut listing = Listing::new(&[("NAME", Align::Left), ("ROWS", Align::Right)]);
        listing.row(vec!["flights".into(), "336,776".into()]);
        listing.row(vec!["航班".into(), "9\u{1b}[31m".into()]);
        let text = listing.render(Paint::plain(), None);
        assert_eq!(text, "NAME         ROWS\nflights   336,776\n航班       9\u{fffd}[31m\n");
        assert_eq!(listing.render(Paint::plain(), Some(9)).lines().nth(1), Some("flights …"));
    }

    #[test]
    fn fields_are_found_by_name_and_pointer() {
        let item = serde_json::json!({"name": "a", "spec": {"cron": "* *"}, "tables": ["x", "y"], "n": null});
        assert_eq!(text(&item, "/spec/cron"), "* *");
        assert_eq!(text(&item, "tables"), "x, y");
        assert_eq!(text(&item, "n"), "");
    }
}
