//! Live tables of connections: read from the business system when the query runs, with columns, filters and limits sent along.

use std::fmt::Write;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use base::{Error, Result, TableName};
use connect::{Dialect, Filters, ReadRequest, Reading, Source, Target};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Column;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::scalar::ScalarValue;
use futures::{StreamExt, TryStreamExt};

use crate::codes;
use crate::errors::wrap;

/// Rows asked of a source at a time.
const BATCH_ROWS: usize = 8192;

/// A table of a connection.
#[derive(Debug)]
pub struct LiveTable {
    source: Arc<dyn Source>,
    target: Target,
    dialect: Dialect,
    /// With what the source knows of its columns.
    described: SchemaRef,
    /// As queries see it.
    schema: SchemaRef,
    parallel: usize,
}

impl LiveTable {
    /// Asks the source for the table's columns.
    pub async fn open(source: Arc<dyn Source>, name: &TableName, parallel: usize) -> Result<Self> {
        let dialect = source.live().ok_or_else(|| {
            Error::new(&codes::STATEMENT_INVALID).with(
                "reason",
                format!("connection `{}` holds files, which are collected by a pipeline, not queried live", name.catalog()),
            )
        })?;
        let target = Target::Table { schema: name.schema().to_owned(), table: name.table().to_owned() };
        let described = source.describe(&target).await?;
        let seen = |field: &FieldRef| Filters::All.mark(field.as_ref().clone());
        let schema = Arc::new(Schema::new(described.fields().iter().map(seen).collect::<Vec<_>>()));
        Ok(Self { source, target, dialect, described, schema, parallel })
    }
}

#[async_trait]
impl TableProvider for LiveTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> datafusion::error::Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters.iter().map(|filter| pushes(filter, &self.described, self.dialect)).collect())
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(indices) => Arc::new(self.schema.project(indices)?),
            None => Arc::clone(&self.schema),
        };
        // DataFusion hands a limit down only when every filter is answered exactly by the source.
        let request = ReadRequest {
            target: self.target.clone(),
            columns: projection.map(|_| schema.fields().iter().map(|field| field.name().clone()).collect()),
            declared: None,
            filters: filters.iter().filter_map(|filter| fragment(filter, &self.described, self.dialect)).collect(),
            limit: limit.map(|limit| limit as u64),
            cursor: None,
            seen: Vec::new(),
            until: None,
            batch_rows: BATCH_ROWS,
            parallel: self.parallel,
        };
        let partition = LivePartition { source: Arc::clone(&self.source), request, schema: Arc::clone(&schema) };
        Ok(Arc::new(StreamingTableExec::try_new(schema, vec![Arc::new(partition)], None, None, false, limit)?))
    }
}

/// One reading; its parts are pulled at once and merged, so the source decides how parallel it is.
#[derive(Debug)]
struct LivePartition {
    source: Arc<dyn Source>,
    request: ReadRequest,
    schema: SchemaRef,
}

impl PartitionStream for LivePartition {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (source, request, schema) = (Arc::clone(&self.source), self.request.clone(), Arc::clone(&self.schema));
        let stream = futures::stream::once(async move {
            let reading = source.read(request).await.map_err(wrap)?;
            Ok::<_, DataFusionError>(batches(reading, schema))
        })
        .try_flatten();
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream))
    }
}

fn batches(reading: Reading, schema: SchemaRef) -> impl futures::Stream<Item = datafusion::error::Result<RecordBatch>> + Send {
    let parallel = reading.parts.len().max(1);
    futures::stream::iter(reading.parts).flatten_unordered(parallel).map(move |piece| {
        let piece = piece.map_err(wrap)?;
        // A query has no quarantine to put a bad row into, and leaving it out would be a wrong answer.
        if let Some(reject) = piece.rejects.first() {
            return Err(wrap(
                Error::new(&codes::QUERY_FAILED).with("reason", format!("{}: {}", reject.position, reject.message)),
            ));
        }
        Ok(piece.batch.with_schema(Arc::clone(&schema))?)
    })
}

/// How well the source answers a filter. Text compares by the source's own collation: equality is sent as a help and checked
/// again here, order is not sent at all.
fn pushes(filter: &Expr, schema: &SchemaRef, dialect: Dialect) -> TableProviderFilterPushDown {
    if fragment(filter, schema, dialect).is_none() {
        return TableProviderFilterPushDown::Unsupported;
    }
    if touches_text(filter, schema) { TableProviderFilterPushDown::Inexact } else { TableProviderFilterPushDown::Exact }
}

fn touches_text(filter: &Expr, schema: &SchemaRef) -> bool {
    filter.column_refs().iter().any(|column| !field(column, schema).is_some_and(|field| field.data_type().is_integer()))
}

/// A column that conditions can be sent about.
fn field<'a>(column: &Column, schema: &'a SchemaRef) -> Option<&'a Field> {
    schema.field_with_name(&column.name).ok().filter(|field| Filters::of(field) != Filters::None)
}

fn holds_time(column: &Column, schema: &SchemaRef) -> bool {
    field(column, schema).is_some_and(|field| matches!(field.data_type(), DataType::Date32 | DataType::Timestamp(..)))
}

/// The filter as SQL of the source, or nothing if it holds anything whose meaning might differ there.
fn fragment(filter: &Expr, schema: &SchemaRef, dialect: Dialect) -> Option<String> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            Some(format!("({} {op} {})", fragment(left, schema, dialect)?, fragment(right, schema, dialect)?))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (left.as_ref(), right.as_ref()) {
            (Expr::Column(column), Expr::Literal(value, _)) => comparison(column, *op, value, schema, dialect),
            (Expr::Literal(value, _), Expr::Column(column)) => comparison(column, op.swap()?, value, schema, dialect),
            _ => None,
        },
        Expr::IsNull(inner) => {
            let column = column_of(inner, schema, dialect)?;
            // MySQL's `0000-00-00` may be read as NULL, and is none there.
            let vague = dialect == Dialect::Mysql && filter.column_refs().iter().any(|column| holds_time(column, schema));
            (!vague).then(|| format!("{column} IS NULL"))
        }
        Expr::IsNotNull(inner) => Some(format!("{} IS NOT NULL", column_of(inner, schema, dialect)?)),
        Expr::InList(list) if !list.negated && list.list.len() <= 1000 => {
            let Expr::Column(column) = list.expr.as_ref() else { return None };
            let mut text = format!("{} IN (", quoted(column, schema, dialect)?);
            for (index, item) in list.list.iter().enumerate() {
                let Expr::Literal(value, _) = item else { return None };
                let comma = if index == 0 { "" } else { ", " };
                write!(text, "{comma}{}", literal(value, field(column, schema)?)?).ok()?;
            }
            Some(text + ")")
        }
        _ => None,
    }
}

fn comparison(column: &Column, op: Operator, value: &ScalarValue, schema: &SchemaRef, dialect: Dialect) -> Option<String> {
    let field = field(column, schema)?;
    let ordered = matches!(op, Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq);
    let fits = match field.data_type() {
        DataType::Utf8 => op == Operator::Eq,
        kind if kind.is_integer() => ordered || matches!(op, Operator::Eq | Operator::NotEq),
        DataType::Date32 => ordered || op == Operator::Eq,
        _ => false,
    };
    let sign = match op {
        Operator::NotEq => "<>".to_owned(),
        other => other.to_string(),
    };
    fits.then(|| Some(format!("{} {sign} {}", quoted(column, schema, dialect)?, literal(value, field)?)))?
}

fn column_of(expr: &Expr, schema: &SchemaRef, dialect: Dialect) -> Option<String> {
    match expr {
        Expr::Column(column) => quoted(column, schema, dialect),
        _ => None,
    }
}

fn quoted(column: &Column, schema: &SchemaRef, dialect: Dialect) -> Option<String> {
    field(column, schema)?;
    Some(dialect.quote(&column.name))
}

fn literal(value: &ScalarValue, field: &Field) -> Option<String> {
    let kind = field.data_type();
    match value.cast_to(kind).ok()? {
        ScalarValue::Utf8(Some(text)) if Filters::of(field) == Filters::Ascii && !text.is_ascii() => None,
        ScalarValue::Utf8(Some(text)) if !text.contains(['\\', '\0']) => Some(format!("'{}'", text.replace('\'', "''"))),
        ScalarValue::Date32(Some(days)) => {
            let date = chrono::NaiveDate::from_num_days_from_ce_opt(days.checked_add(719_163)?)?;
            (1..=9999).contains(&chrono::Datelike::year(&date)).then(|| format!("'{date}'"))
        }
        number if kind.is_integer() && !number.is_null() => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{col, lit};

    use super::*;

    #[test]
    fn sends_only_what_means_the_same_there() {
        let schema: SchemaRef = Arc::new(Schema::new(vec![
            Field::new("id", DataType::Int64, false),
            Field::new("na\"me", DataType::Utf8, true),
            Field::new("ratio", DataType::Float64, true),
        ]));
        let text = |filter: &Expr| fragment(filter, &schema, Dialect::Sqlite);
        assert_eq!(text(&col("id").gt_eq(lit(3)).and(col("id").lt(lit(9)))).as_deref(), Some("(\"id\" >= 3 AND \"id\" < 9)"));
        let name = || Expr::Column(Column::new_unqualified("na\"me"));
        assert_eq!(text(&name().eq(lit("o'hare"))).as_deref(), Some("\"na\"\"me\" = 'o''hare'"));
        assert_eq!(pushes(&name().eq(lit("a")), &schema, Dialect::Sqlite), TableProviderFilterPushDown::Inexact);
        assert_eq!(text(&name().lt(lit("a"))), None, "order depends on the collation");
        assert_eq!(text(&col("ratio").eq(lit(0.1))), None, "floats are compared here");
        assert_eq!(text(&name().eq(lit("a\\'; drop table t --"))), None, "a backslash may end a literal early");
    }

    #[test]
    fn each_dialect_quotes_in_its_own_way_and_gets_no_condition_it_would_misread() {
        let schema: SchemaRef = Arc::new(Schema::new(vec![
            Field::new("a`b\"", DataType::Int64, true),
            Field::new("day", DataType::Date32, true),
            Filters::None.mark(Field::new("span", DataType::Int64, true)),
            Filters::Ascii.mark(Field::new("latin", DataType::Utf8, true)),
        ]));
        let name = || Expr::Column(Column::new_unqualified("a`b\""));
        let sent = |filter: &Expr, dialect| fragment(filter, &schema, dialect);
        assert_eq!(sent(&name().gt(lit(1)), Dialect::Mysql).as_deref(), Some("`a``b\"` > 1"));
        assert_eq!(sent(&name().gt(lit(1)), Dialect::Postgres).as_deref(), Some("\"a`b\"\"\" > 1"));
        assert_eq!(sent(&col("day").is_null(), Dialect::Mysql), None, "a zero date is NULL here and not there");
        assert_eq!(sent(&col("day").is_null(), Dialect::Postgres).as_deref(), Some("\"day\" IS NULL"));
        assert_eq!(sent(&col("day").is_not_null(), Dialect::Mysql).as_deref(), Some("`day` IS NOT NULL"));
        assert_eq!(pushes(&col("day").is_not_null(), &schema, Dialect::Mysql), TableProviderFilterPushDown::Inexact);
        for filter in [col("span").gt(lit(3600)), col("span").is_null(), col("span").in_list(vec![lit(1)], false)] {
            assert_eq!(sent(&filter, Dialect::Mysql), None, "a TIME is compared as 10000, not as an hour's microseconds");
            assert_eq!(pushes(&filter, &schema, Dialect::Mysql), TableProviderFilterPushDown::Unsupported);
        }
        assert_eq!(sent(&col("latin").eq(lit("a")), Dialect::Mysql).as_deref(), Some("`latin` = 'a'"));
        assert_eq!(sent(&col("latin").eq(lit("中")), Dialect::Mysql), None, "a letter that the column cannot hold is an error");
        let both = name().gt(lit(1)).and(col("span").gt(lit(1)));
        assert_eq!(sent(&both, Dialect::Mysql), None);
    }
}
