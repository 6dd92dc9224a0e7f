//! What every connector must do, run by each on data of its own.
//!
//! A connector's tests prepare the same five rows ([`ROWS`]) and hand them in with [`Subject`].

pub(crate) mod tls;

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::DataType;
use arrow::util::display::array_value_to_string;
use base::{Error, Result, Secret, SecretRef, Secrets};
use futures::TryStreamExt;

use crate::connectors;
use crate::source::{Cursor, Position, ReadRequest, Reading, Reject, Source, Target};
use crate::spec::{ConnectionSpec, Context};

/// `id`, `name`, `score`: whole number, text, floating point; the third name and the fourth score are NULL.
pub(crate) const ROWS: [[Option<&str>; 3]; 5] = [
    [Some("1"), Some("ann"), Some("0.5")],
    [Some("2"), Some("bob, \"the\" 2nd"), Some("-1.25")],
    [Some("3"), None, Some("2.0")],
    [Some("4"), Some("中文"), None],
    [Some("5"), Some("eve"), Some("100.0")],
];

/// A source with the five rows in it.
pub(crate) struct Subject {
    pub source: Arc<dyn Source>,
    /// The rows.
    pub target: Target,
    /// Something that is not there.
    pub missing: Target,
}

/// Secrets of tests: the reference's own text.
pub(crate) struct Plain;

impl Secrets for Plain {
    fn resolve<'a>(&'a self, reference: &'a SecretRef) -> std::pin::Pin<Box<dyn Future<Output = Result<Secret>> + Send + 'a>> {
        Box::pin(async move {
            match reference {
                SecretRef::Store(text) => Ok(Secret::new(text.clone())),
                other => {
                    Err(Error::new(&base::errors::SECRET_UNRESOLVED).with("reference", other).with("reason", "not in tests"))
                }
            }
        })
    }
}

/// What connections of tests are opened with.
pub(crate) fn context(base_dir: &Path) -> Context {
    Context { secrets: Arc::new(Plain), base_dir: base_dir.to_owned() }
}

/// Opens a connection as [`crate::open`] does, for tests of connectors, which are not about passes.
pub(crate) async fn open(spec: &ConnectionSpec, base_dir: &Path) -> Result<Arc<dyn Source>> {
    base::document::Declared::check(spec).expect("a right spec");
    let context = context(base_dir);
    for connector in connectors::ALL {
        if let Some(source) = connector.open("test", spec, &context).await? {
            return Ok(source);
        }
    }
    panic!("no connector of {spec:?}");
}

/// All that a reading gives.
pub(crate) struct All {
    pub batch: RecordBatch,
    pub rejects: Vec<Reject>,
    pub bytes: u64,
    pub largest: usize,
}

/// Reads all parts, one after the other.
pub(crate) async fn all(reading: Reading) -> Result<All> {
    let (mut batches, mut rejects, mut bytes) = (Vec::new(), Vec::new(), 0);
    for part in reading.parts {
        for piece in part.try_collect::<Vec<_>>().await? {
            assert_eq!(piece.batch.schema(), reading.schema, "every batch has the schema that was promised");
            batches.push(piece.batch);
            rejects.extend(piece.rejects);
            bytes += piece.bytes;
        }
    }
    let largest = batches.iter().map(RecordBatch::num_rows).max().unwrap_or_default();
    Ok(All { batch: concat_batches(&reading.schema, &batches).expect("one schema"), rejects, bytes, largest })
}

/// The rows as texts, sorted, since parts come in any order.
pub(crate) fn texts(batch: &RecordBatch) -> Vec<Vec<Option<String>>> {
    let cell = |column: &Arc<dyn Array>, row| {
        (!column.is_null(row)).then(|| array_value_to_string(column, row).expect("a type that can be shown"))
    };
    // Showing named zones needs a feature of Arrow that nothing else here needs.
    let shown = |column: &Arc<dyn Array>| match column.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            cast(column, &DataType::Timestamp(*unit, Some("+00:00".into()))).expect("the same moments")
        }
        _ => column.clone(),
    };
    let columns: Vec<_> = batch.columns().iter().map(shown).collect();
    let row = |row| columns.iter().map(|column| cell(column, row)).collect();
    let mut rows: Vec<Vec<Option<String>>> = (0..batch.num_rows()).map(row).collect();
    rows.sort();
    rows
}

fn expected(columns: &[usize]) -> Vec<Vec<Option<String>>> {
    let row = |row: &[Option<&str>; 3]| columns.iter().map(|column| row[*column].map(str::to_owned)).collect();
    let mut rows: Vec<Vec<Option<String>>> = ROWS.iter().map(row).collect();
    rows.sort();
    rows
}

/// Runs the suite.
pub(crate) async fn conforms(subject: &Subject) {
    let Subject { source, target, missing } = subject;
    let read = async |request: ReadRequest| source.read(request).await.expect("readable");
    let whole = || ReadRequest::whole(target.clone());

    assert!(!source.check().await.expect("reachable").is_empty());
    assert!(!source.tables().await.expect("listable").is_empty());
    let schema = source.describe(target).await.expect("there");
    assert_eq!(schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>(), ["id", "name", "score"]);

    let reading = read(whole()).await;
    assert_eq!(reading.schema, schema);
    let everything = all(reading).await.expect("all of it");
    assert_eq!(texts(&everything.batch), expected(&[0, 1, 2]));
    assert!(everything.rejects.is_empty() && everything.bytes > 0, "{:?}", everything.rejects);

    for parallel in [1, 2, 7] {
        let reading = read(ReadRequest { parallel, batch_rows: 2, ..whole() }).await;
        assert!((1..=parallel).contains(&reading.parts.len()), "{parallel} wanted, {} parts", reading.parts.len());
        let parts = all(reading).await.expect("all of it");
        assert_eq!(texts(&parts.batch), expected(&[0, 1, 2]), "{parallel} parts");
        assert!(parts.largest <= 2, "a batch of {} rows where 2 were allowed", parts.largest);
    }

    let columns = Some(vec!["score".to_owned(), "id".to_owned()]);
    let two = all(read(ReadRequest { columns, ..whole() }).await).await.expect("two columns");
    assert_eq!(texts(&two.batch), expected(&[2, 0]));
    let columns = Some(vec!["idd".to_owned()]);
    let error = source.read(ReadRequest { columns, ..whole() }).await.expect_err("no such column");
    assert!(error.is(&crate::codes::COLUMN_MISSING), "{error}");

    let three = all(read(ReadRequest { limit: Some(3), parallel: 4, ..whole() }).await).await.expect("three rows");
    assert_eq!(three.batch.num_rows(), 3);

    let error = source.read(ReadRequest::whole(missing.clone())).await.expect_err("missing");
    assert_eq!(error.code().http, 404, "{error}");
    assert!(source.describe(missing).await.is_err());

    // Streams that nobody reads, or not to the end, end.
    drop(read(whole()).await);
    let mut begun = read(ReadRequest { batch_rows: 1, ..whole() }).await;
    assert!(begun.parts[0].try_next().await.expect("a first piece").is_some());
    drop(begun);

    match source.live() {
        Some(_) => reads_by_cursor(subject).await,
        None => skips_what_was_seen(subject).await,
    }
}

async fn reads_by_cursor(Subject { source, target, .. }: &Subject) {
    let by = |column: &str, after| Some(Cursor { column: column.to_owned(), after });
    let whole = || ReadRequest::whole(target.clone());
    let reading = source.read(ReadRequest { cursor: by("id", None), ..whole() }).await.expect("a first read");
    let Position::Cursor { column, value } = reading.position.clone() else { panic!("{:?}", reading.position) };
    assert_eq!((column.as_str(), all(reading).await.expect("all").batch.num_rows()), ("id", 5));
    let reading = source.read(ReadRequest { cursor: by("id", value.clone()), ..whole() }).await.expect("a second read");
    assert_eq!(reading.position, Position::Cursor { column, value });
    assert_eq!(all(reading).await.expect("nothing new").batch.num_rows(), 0);
    let part = source.read(ReadRequest { cursor: by("id", Some(3.into())), ..whole() }).await.expect("a later read");
    assert_eq!(all(part).await.expect("two").batch.num_rows(), 2);
    let error = source.read(ReadRequest { cursor: by("score", None), ..whole() }).await.expect_err("it holds NULL");
    assert!(error.is(&crate::codes::CURSOR_UNFIT), "{error}");

    let quote = |name| source.live().expect("a dialect").quote(name);
    let filters = vec![format!("{} > 1", quote("id")), format!("{} is not null -- all", quote("name"))];
    let filtered = source.read(ReadRequest { filters, limit: Some(2), ..whole() }).await.expect("filtered");
    assert_eq!(all(filtered).await.expect("two").batch.num_rows(), 2);
    let filters = vec!["nonsense(".to_owned()];
    assert!(source.read(ReadRequest { filters, ..whole() }).await.is_err());
    let none = source.read(ReadRequest { columns: Some(Vec::new()), ..whole() }).await.expect("no columns");
    assert_eq!(all(none).await.expect("five").batch.num_rows(), 5);
}

async fn skips_what_was_seen(Subject { source, target, .. }: &Subject) {
    let whole = || ReadRequest::whole(target.clone());
    let reading = source.read(whole()).await.expect("a first read");
    let Position::Files(seen) = reading.position.clone() else { panic!("{:?}", reading.position) };
    assert!(!seen.is_empty());
    let again = source.read(ReadRequest { seen: seen.clone(), ..whole() }).await.expect("a second read");
    assert_eq!(again.position, Position::Files(Vec::new()));
    assert_eq!(all(again).await.expect("nothing new").batch.num_rows(), 0);
    let mut changed = seen;
    changed[0].size += 1;
    let changed = source.read(ReadRequest { seen: changed, ..whole() }).await.expect("a read after a change");
    assert!(all(changed).await.expect("the changed file").batch.num_rows() > 0);
}
