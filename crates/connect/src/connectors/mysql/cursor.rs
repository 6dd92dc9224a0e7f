//! Reading only what is new, by a column that grows.

use base::{Error, Result};
use serde_json::Value;

use super::session::Session;
use super::types::{Column, Form, text};
use super::{MysqlSource, Relation};
use crate::codes::CURSOR_UNFIT;
use crate::columns::missing;
use crate::select::{Select, backquoted, literal};
use crate::source::{Cursor, Position, ReadRequest};

impl MysqlSource {
    /// Restricts a statement to what is new; answers up to where it goes.
    pub(super) async fn follow(
        &self,
        session: &mut Session,
        relation: &Relation,
        request: &ReadRequest,
        select: &mut Select,
    ) -> Result<Position> {
        let Some(cursor) = &request.cursor else { return Ok(Position::Snapshot) };
        let upper = match &request.until {
            Some(Position::Cursor { column, value }) if *column == cursor.column => value.clone(),
            _ => self.upper(session, relation, cursor).await?,
        };
        let name = backquoted(&cursor.column);
        if let Some(after) = &cursor.after {
            select.conditions.push(format!("{name} > {}", self.value(relation, cursor, after)?));
        }
        match &upper {
            Some(upper) => select.conditions.push(format!("{name} <= {}", self.value(relation, cursor, upper)?)),
            None => select.conditions.push("false".to_owned()),
        }
        Ok(Position::Cursor { column: cursor.column.clone(), value: upper })
    }

    fn unfit(&self, relation: &Relation, cursor: &Cursor, reason: &str) -> Error {
        let error = self.server.error(&CURSOR_UNFIT).with("place", &relation.place);
        error.with("column", &cursor.column).with("reason", reason)
    }

    /// The cursor's column, refusing those that cannot be one.
    fn cursor_column<'a>(&self, relation: &'a Relation, cursor: &Cursor) -> Result<&'a Column> {
        let names = || relation.columns.iter().map(|column| column.name.as_str());
        let column = relation.columns.iter().find(|column| column.name == cursor.column);
        let column = column.ok_or_else(|| missing(&cursor.column, names(), &relation.place))?;
        match column.form {
            Some(
                Form::Integer(_) | Form::Unsigned | Form::Decimal(..) | Form::Date | Form::Time | Form::Timestamp(_) | Form::Year,
            ) => Ok(column),
            Some(Form::Text) if column.collation.ends_with("_bin") => Ok(column),
            Some(Form::Text) => Err(self.unfit(
                relation,
                cursor,
                "its collation takes texts that differ for the same; one that ends in _bin does not",
            )),
            _ => Err(self.unfit(relation, cursor, "its type has no order that is kept exactly")),
        }
    }

    /// The highest value of the cursor's column.
    async fn upper(&self, session: &mut Session, relation: &Relation, cursor: &Cursor) -> Result<Option<Value>> {
        let column = self.cursor_column(relation, cursor)?;
        let (name, from) = (backquoted(&column.name), &relation.from);
        if column.nullable {
            let nulls = session.query(&format!("select 1 from {from} where {name} is null limit 1"), &[]).await?;
            if !nulls.is_empty() {
                return Err(self.unfit(relation, cursor, "it holds NULL, and a row with NULL would never be read again"));
            }
        }
        let rows = session.query(&format!("select cast(max({name}) as char) from {from}"), &[]).await?;
        Ok(match (rows.first().and_then(|row| text(row, 0)), &column.form) {
            // An empty table leaves the position where it was.
            (None, _) => cursor.after.clone(),
            (Some(text), Some(Form::Integer(_) | Form::Year)) => text.parse::<i64>().map(Value::from).ok(),
            (Some(text), _) => Some(text.into()),
        })
    }

    /// A saved value as SQL.
    fn value(&self, relation: &Relation, cursor: &Cursor, value: &Value) -> Result<String> {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return Err(self.unfit(relation, cursor, "its saved position is neither a number nor a text")),
        };
        let only = |allowed: &str| text.bytes().all(|byte| byte.is_ascii_digit() || allowed.as_bytes().contains(&byte));
        match self.cursor_column(relation, cursor)?.form {
            Some(Form::Text) => {
                // In figures, for neither the server nor the driver is to look for quotes and backslashes in it.
                let figures: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
                Ok(format!("_utf8mb4 x'{figures}'"))
            }
            Some(Form::Date | Form::Time | Form::Timestamp(_)) if only("-: .") => Ok(literal(&text)),
            _ if only("-.") && !text.is_empty() => Ok(text),
            _ => Err(self.unfit(relation, cursor, "its saved position is no value of its type")),
        }
    }
}
