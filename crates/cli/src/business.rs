//! The airline's business system: a SQLite file made of the example's CSV files.

use std::path::Path;

use base::Error;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::failure::{Failure, Outcome};

/// Tables of the schema, each filled from the CSV file of its name.
const TABLES: &[&str] = &["airlines", "planes", "weather"];

/// Builds `airline.db` in the folder of its CSV files and schema. A file that was built of the same input stays as it is;
/// otherwise it is built beside and put in place whole.
pub fn build(folder: &Path) -> Outcome {
    let failed = |reason: &dyn std::fmt::Display| {
        Failure::Own(Error::new(&crate::codes::EXAMPLE_UNUSABLE).with("place", folder.display()).with("reason", reason))
    };
    let file = folder.join("airline.db");
    let schema = std::fs::read_to_string(folder.join("schema.sql")).map_err(|error| failed(&error))?;
    let mut inputs = vec![schema.clone().into_bytes()];
    for table in TABLES {
        inputs.push(std::fs::read(folder.join(format!("{table}.csv"))).map_err(|error| failed(&error))?);
    }
    let mark = mark(&inputs);
    if built_of(&file) == Some(mark) {
        return Ok(());
    }
    // A folder of its own, so that SQLite's journal goes with it.
    let beside = tempfile::tempdir_in(folder).map_err(|error| failed(&error))?;
    let new = beside.path().join("airline.db");
    fill(&new, &schema, &inputs[1..], mark).map_err(|error| failed(&error))?;
    std::fs::rename(&new, &file).map_err(|error| failed(&error))
}

/// One transaction: the schema, then a row for each line.
fn fill(file: &Path, schema: &str, inputs: &[Vec<u8>], mark: i32) -> Result<(), Box<dyn std::error::Error>> {
    let mut database = Connection::open(file)?;
    let transaction = database.transaction()?;
    transaction.execute_batch(schema)?;
    for (table, input) in TABLES.iter().zip(inputs) {
        let mut reader = csv::Reader::from_reader(input.as_slice());
        let columns: Vec<String> = reader.headers()?.iter().map(|name| format!("\"{name}\"")).collect();
        let types = types(&transaction, table, reader.headers()?)?;
        let places = vec!["?"; columns.len()].join(", ");
        let mut insert = transaction.prepare(&format!("INSERT INTO {table} ({}) VALUES ({places})", columns.join(", ")))?;
        for record in reader.records() {
            let record = record?;
            insert.execute(params_from_iter(record.iter().zip(&types).map(|(text, kind)| value(text, kind))))?;
        }
    }
    transaction.pragma_update(None, "user_version", mark)?;
    transaction.commit()?;
    database.close().map_err(|(_, error)| error)?;
    Ok(())
}

/// The declared type of each CSV column.
fn types(database: &Connection, table: &str, headers: &csv::StringRecord) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let mut query = database.prepare("SELECT type FROM pragma_table_info(?1) WHERE name = ?2")?;
    let kind = |name| query.query_row([table, name], |row| row.get::<_, String>(0)).map_err(Into::into);
    headers.iter().map(kind).collect()
}

/// `NA` is how the source writes that nothing is known.
fn value(text: &str, kind: &str) -> Value {
    let text_value = || Value::Text(text.to_owned());
    match (text, kind) {
        ("NA", _) => Value::Null,
        (_, "INTEGER") => text.parse().map_or_else(|_| text_value(), Value::Integer),
        (_, "REAL") => text.parse().map_or_else(|_| text_value(), Value::Real),
        _ => text_value(),
    }
}

/// What a file was built of, if it is whole.
fn built_of(file: &Path) -> Option<i32> {
    if !file.exists() {
        return None;
    }
    let database = Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
    database.pragma_query_value(None, "user_version", |row| row.get(0)).ok()
}

/// FNV-1a over the inputs, folded to SQLite's user version; never 0, which is an empty file's.
fn mark(inputs: &[Vec<u8>]) -> i32 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in inputs.iter().flatten() {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    ((hash >> 33) as i32).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_airlines_database_is_typed_and_built_once() {
        let folder = tempfile::tempdir().expect("a folder");
        crate::assets::unpack(folder.path()).expect("unpacked");
        let business = folder.path().join("business");
        build(&business).expect("built");
        let database = Connection::open(business.join("airline.db")).expect("opens");
        let one = |sql: &str| database.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("answers");
        assert_eq!(one("SELECT count(*) FROM airlines"), 16);
        assert_eq!(one("SELECT count(*) FROM planes"), 3_322);
        assert_eq!(one("SELECT count(*) FROM weather"), 26_115);
        assert_eq!(one("SELECT count(*) FROM planes WHERE typeof(year) NOT IN ('integer', 'null')"), 0);
        assert_eq!(one("SELECT count(*) FROM planes WHERE year IS NULL"), 70);
        assert_eq!(one("SELECT count(*) FROM weather WHERE typeof(temp) NOT IN ('real', 'null')"), 0);
        assert_eq!(one("SELECT count(*) FROM weather WHERE wind_gust = 'NA'"), 0);
        let modified = || std::fs::metadata(business.join("airline.db")).and_then(|found| found.modified()).expect("there");
        let first = modified();
        build(&business).expect("again");
        assert_eq!(modified(), first);
        let left: Vec<_> = std::fs::read_dir(&business).expect("lists").map(|entry| entry.expect("entry").file_name()).collect();
        assert_eq!(left.len(), 5, "{left:?}");
    }
}
