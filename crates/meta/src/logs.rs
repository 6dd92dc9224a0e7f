//! The log lines of runs, numbered from 1 in each run and limited in number and length.

use base::{Result, RunId};
use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, DatabaseTransaction, DbErr, QueryOrder, QuerySelect, sea_query::ExprTrait};

use crate::clock::{micros, time};
use crate::failures::damaged;
use crate::runs::{Runs, run};
use crate::transactions::{begin, retried};

/// Most lines kept of one run; later ones are dropped, and the caller is told.
pub const LINES_PER_RUN_MAX: i64 = 10_000;

/// Longest text of a line, in bytes; the rest is cut.
pub const LINE_BYTES_MAX: usize = 4096;

/// Most lines of one page.
const PAGE_ROWS_MAX: u64 = 1000;

/// Most lines of one statement.
const LINES_PER_STATEMENT: usize = 500;

/// A line of a run's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRow {
    /// The run.
    pub run_id: RunId,
    /// From 1 in its run; set by [`Runs::append_logs`].
    pub seq: i64,
    /// When it was said.
    pub at: DateTime<Utc>,
    /// Such as `info`.
    pub level: String,
    /// The step it is about, if it is about one.
    pub step: Option<String>,
    /// The text, at most [`LINE_BYTES_MAX`] bytes.
    pub text: String,
}

impl Runs {
    /// Appends lines of one run and answers how many were kept: all, or fewer once the run has [`LINES_PER_RUN_MAX`].
    pub async fn append_logs(&self, id: RunId, lines: &[LogRow]) -> Result<usize> {
        if lines.is_empty() {
            return Ok(0);
        }
        retried(&self.meta, || async {
            let transaction = begin(self.meta.database()).await?;
            // Raising the run's count first makes writers of one run wait for each other, so numbers have no gaps.
            let wanted = i64::try_from(lines.len()).unwrap_or(i64::MAX);
            let raised = run::Entity::update_many()
                .col_expr(run::Column::LogLines, Expr::col(run::Column::LogLines).add(wanted))
                .filter(run::Column::Id.eq(id.to_string()))
                .filter(run::Column::LogLines.lt(LINES_PER_RUN_MAX))
                .exec(&transaction)
                .await?;
            if raised.rows_affected != 1 {
                return Ok(0);
            }
            let Some(run) = run::Entity::find_by_id(id.to_string()).one(&transaction).await? else { return Ok(0) };
            let first = run.log_lines - wanted + 1;
            let room = usize::try_from(LINES_PER_RUN_MAX - first + 1).unwrap_or(0);
            let kept = &lines[..lines.len().min(room)];
            let numbered: Vec<_> = kept.iter().zip(first..).map(|(line, seq)| store(id, seq, line)).collect();
            for part in numbered.chunks(LINES_PER_STATEMENT) {
                row::Entity::insert_many(part.to_vec()).exec_without_returning(&transaction).await?;
            }
            transaction.commit().await?;
            Ok(kept.len())
        })
        .await
    }

    /// Lines of a run behind `after_seq`, in their order.
    pub async fn logs(&self, id: RunId, after_seq: i64, limit: u64) -> Result<Vec<LogRow>> {
        let rows = row::Entity::find()
            .filter(row::Column::RunId.eq(id.to_string()))
            .filter(row::Column::Seq.gt(after_seq))
            .order_by_asc(row::Column::Seq)
            .limit(std::cmp::min(limit, PAGE_ROWS_MAX))
            .all(self.meta.database())
            .await;
        rows.map_err(|error| self.meta.failed(error))?.into_iter().map(read).collect()
    }
}

pub(crate) async fn delete_in(transaction: &DatabaseTransaction, id: RunId) -> Result<(), DbErr> {
    row::Entity::delete_many().filter(row::Column::RunId.eq(id.to_string())).exec(transaction).await.map(|_| ())
}

fn store(id: RunId, seq: i64, line: &LogRow) -> row::ActiveModel {
    row::ActiveModel {
        run_id: Set(id.to_string()),
        seq: Set(seq),
        at: Set(micros(line.at)),
        level: Set(line.level.clone()),
        step: Set(line.step.clone()),
        // PostgreSQL takes no zero bytes in text.
        text: Set(line.text[..line.text.floor_char_boundary(LINE_BYTES_MAX)].replace('\0', "\u{fffd}")),
    }
}

fn read(row: row::Model) -> Result<LogRow> {
    Ok(LogRow {
        run_id: row.run_id.parse().map_err(|error| damaged("run_logs", error))?,
        seq: row.seq,
        at: time(row.at),
        level: row.level,
        step: row.step,
        text: row.text,
    })
}

mod row {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "run_logs")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub run_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub seq: i64,
        pub at: i64,
        pub level: String,
        pub step: Option<String>,
        pub text: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
