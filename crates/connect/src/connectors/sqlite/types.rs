//! Column types of SQLite: what the table declares, and where that says little, what the first rows hold.

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::guess::Guess;
use crate::select::quoted;

/// Rows that are looked at for columns whose declared type says little.
const SAMPLE_ROWS: usize = 1000;

/// What a declaration promises.
#[derive(Clone, PartialEq)]
enum Declared {
    /// SQLite itself keeps values in this form where it can.
    Known(DataType),
    /// Times are texts or numbers as the program likes; this type if the rows are texts of it, or there are none.
    Time(DataType),
    /// Any value; this type if there are no rows.
    Any(DataType),
}

/// The columns of a table or view; `None` if there is no such table.
pub(super) fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Option<Schema>> {
    let mut statement = connection.prepare("select name, type from pragma_table_xinfo(?1) where hidden <> 1 order by cid")?;
    let columns = statement.query_map([table], |row| Ok((row.get::<_, String>(0)?, declared(&row.get::<_, String>(1)?))))?;
    let columns = columns.collect::<rusqlite::Result<Vec<_>>>()?;
    if columns.is_empty() {
        return Ok(None);
    }
    let unsure: Vec<usize> = (0..columns.len()).filter(|index| !matches!(columns[*index].1, Declared::Known(_))).collect();
    let mut seen = vec![Seen::default(); unsure.len()];
    if !unsure.is_empty() {
        let names = unsure.iter().map(|index| quoted(&columns[*index].0)).collect::<Vec<_>>().join(", ");
        let mut statement = connection.prepare(&format!("select {names} from {} limit {SAMPLE_ROWS}", quoted(table)))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for (index, seen) in seen.iter_mut().enumerate() {
                seen.see(row.get_ref(index)?);
            }
        }
    }
    let mut seen = seen.into_iter();
    let field = |(name, declared): (String, Declared)| {
        let data_type = match declared {
            Declared::Known(data_type) => data_type,
            unsure => seen.next().unwrap_or_default().data_type(&unsure),
        };
        Field::new(name, data_type, true)
    };
    Ok(Some(Schema::new(columns.into_iter().map(field).collect::<Vec<_>>())))
}

/// SQLite's rules of affinity, and beside them the names that people give to truth values and times.
fn declared(name: &str) -> Declared {
    let name = name.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    match () {
        () if has(&["BOOL"]) => Declared::Known(DataType::Boolean),
        () if has(&["INT"]) => Declared::Known(DataType::Int64),
        () if has(&["CHAR", "CLOB", "TEXT"]) => Declared::Known(DataType::Utf8),
        () if has(&["BLOB"]) => Declared::Known(DataType::Binary),
        () if has(&["REAL", "FLOA", "DOUB"]) => Declared::Known(DataType::Float64),
        () if has(&["DATETIME", "TIMESTAMP"]) => Declared::Time(DataType::Timestamp(TimeUnit::Microsecond, None)),
        () if name == "DATE" => Declared::Time(DataType::Date32),
        () if has(&["NUM", "DEC"]) => Declared::Any(DataType::Float64),
        () => Declared::Any(DataType::Utf8),
    }
}

/// What was seen in a column.
#[derive(Clone, Default)]
struct Seen {
    texts: Guess,
    text: bool,
    integer: bool,
    real: bool,
    blob: bool,
}

impl Seen {
    fn see(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Null => {}
            ValueRef::Integer(_) => self.integer = true,
            ValueRef::Real(_) => self.real = true,
            ValueRef::Blob(_) => self.blob = true,
            ValueRef::Text(text) => {
                self.text = true;
                self.texts.see(&String::from_utf8_lossy(text));
            }
        }
    }

    fn data_type(self, declared: &Declared) -> DataType {
        match (self.text, self.integer, self.real, self.blob) {
            (false, false, false, false) => match declared {
                Declared::Known(data_type) | Declared::Time(data_type) | Declared::Any(data_type) => data_type.clone(),
            },
            (false, true, false, false) if *declared != Declared::Any(DataType::Float64) => DataType::Int64,
            (false, _, _, false) => DataType::Float64,
            (true, false, false, false) => match (declared, self.texts.data_type()) {
                (Declared::Time(_), time @ (DataType::Date32 | DataType::Timestamp(..))) => time,
                _ => DataType::Utf8,
            },
            (false, false, false, true) => DataType::Binary,
            _ => DataType::Utf8,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn declarations_and_rows_together_tell_the_type() {
        let connection = Connection::open_in_memory().expect("memory");
        connection
            .execute_batch(
                "create table t (id integer primary key, name varchar(20), ok boolean, price decimal(10,2), born date,
                                 seen datetime, unix timestamp, free, raw blob);
                 insert into t values (1, 'a', 1, 2, '2013-01-01', '2013-01-01T06:00:00Z', 1700000000, 'x', x'00');",
            )
            .expect("valid SQL");
        let schema = columns(&connection, "t").expect("readable").expect("there");
        let types: Vec<&DataType> = schema.fields().iter().map(|field| field.data_type()).collect();
        let instant = DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")));
        let expected = [
            &DataType::Int64,
            &DataType::Utf8,
            &DataType::Boolean,
            &DataType::Float64,
            &DataType::Date32,
            &instant,
            &DataType::Int64,
            &DataType::Utf8,
            &DataType::Binary,
        ];
        assert_eq!(types, expected);
        assert!(columns(&connection, "none").expect("readable").is_none());
    }
}
