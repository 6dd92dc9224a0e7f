//! Systems that send by themselves: JSON lines over HTTP, into declared columns.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use base::document::Wrong;
use base::{Error, Result, TableName, units};
use flate2::read::MultiGzDecoder;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::blocks::{Block, RECORD_BYTES_MAX};
use crate::causes::RECORD_TOO_LONG;
use crate::codes::{PUSH_BODY_CORRUPT, PUSH_BODY_TOO_LARGE, TARGET_INVALID};
use crate::connectors::Connector;
use crate::formats::json_lines::{Decoder, JsonLinesFormat};
use crate::source::{Dialect, Piece, RAW_BYTES_MAX, ReadRequest, Reading, Reject, Source, SourceTable, Target};
use crate::spec::{ConnectionSpec, Context};
use crate::workers::Decode;

/// Rows of a batch.
const BATCH_ROWS: usize = 8192;
/// Most targets of one connection, and most columns of one target.
const TARGETS_MAX: usize = 1000;
const COLUMNS_MAX: usize = 2000;

/// A system that sends JSON lines to `POST /api/v1/push/CONNECTION/TARGET`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PushOptions {
    /// What it may send to, by name.
    pub targets: BTreeMap<String, PushTarget>,
    /// Requests of one target that come within this time share a commit, such as `500ms`; at least `50ms`. The first after a
    /// quiet time is committed at once.
    #[serde(default = "one_second")]
    pub commit_every: String,
}

/// Where pushed lines go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PushTarget {
    /// The lake table, which is made with these columns when there is none. A column that is declared later is added to it.
    pub into: TableName,
    /// The columns and their types, such as `id: int64`. They may be left out in a line.
    #[schemars(with = "BTreeMap<String, String>")]
    pub columns: Map<String, Value>,
    /// Leave out fields that are no column, instead of setting their line aside.
    #[serde(default)]
    pub ignore_unknown: bool,
}

fn one_second() -> String {
    "1s".to_owned()
}

impl PushOptions {
    /// What the types cannot say.
    pub fn check(&self) -> Result<(), Wrong> {
        if self.targets.is_empty() || self.targets.len() > TARGETS_MAX {
            return Err(Wrong::new("targets", format!("name 1 to {TARGETS_MAX} targets")));
        }
        let every = units::parse_duration(&self.commit_every).map_err(|error| Wrong::new("commit_every", error.to_string()))?;
        if !(Duration::from_millis(50)..=Duration::from_secs(60)).contains(&every) {
            return Err(Wrong::new("commit_every", "between 50ms and 60s"));
        }
        for (name, target) in &self.targets {
            let fits = (1..=63).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
            if !fits {
                return Err(Wrong::new("targets", format!("`{name}`: use letters, digits, dashes and underscores")));
            }
            if !target.into.is_lake() || target.into.table().ends_with(base::names::QUARANTINE_SUFFIX) {
                return Err(Wrong::new("into", format!("`{}` is no table of the lake; write lake.schema.table", target.into)));
            }
            target.schema()?;
        }
        Ok(())
    }

    /// How long requests are gathered.
    pub fn commit_every(&self) -> Duration {
        units::parse_duration(&self.commit_every).unwrap_or(Duration::from_secs(1))
    }
}

impl PushTarget {
    /// The declared columns, in the order in which they are declared.
    pub fn schema(&self) -> Result<SchemaRef, Wrong> {
        if self.columns.is_empty() || self.columns.len() > COLUMNS_MAX {
            return Err(Wrong::new("columns", format!("declare 1 to {COLUMNS_MAX} columns")));
        }
        let fields = self.columns.iter().map(|(name, word)| {
            let kind = word.as_str().and_then(crate::words::data_type);
            let kind = kind.ok_or_else(|| {
                Wrong::new("columns", format!("{name}: {word} is not a type; known are {}", crate::words::TYPES))
            })?;
            Ok(Field::new(name, kind, true))
        });
        Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>, Wrong>>()?)))
    }

    /// Reads a body of lines; what does not fit comes as rejects with the number of its line. Computes, so not for async code.
    pub fn read(&self, body: &[u8]) -> Result<Vec<Piece>> {
        let invalid = |wrong: Wrong| Error::new(&TARGET_INVALID).with("connection", "push").with("reason", wrong.reason);
        let schema = self.schema().map_err(invalid)?;
        let format = JsonLinesFormat { ignore_unknown: self.ignore_unknown };
        let mut decoder = Decoder::new(&format, &schema, schema.clone(), BATCH_ROWS, "push")?;
        let (lines, rejects) = without_long(body);
        let mut pieces = Vec::new();
        let block =
            Block { name: "line".into(), head: Arc::new(()), raw: lines, start: 0, line: 1, rejects, bytes: body.len() as u64 };
        decoder.decode(block, &mut |piece| {
            pieces.push(piece);
            true
        })?;
        Ok(pieces)
    }
}

/// The body with empty lines where one is too long, and those lines as rejects.
fn without_long(body: &[u8]) -> (Vec<u8>, Vec<Reject>) {
    if body.len() <= RECORD_BYTES_MAX {
        return (body.to_vec(), Vec::new());
    }
    let (mut kept, mut rejects) = (Vec::with_capacity(body.len()), Vec::new());
    for (line, number) in body.split(|byte| *byte == b'\n').zip(1_u64..) {
        if line.len() <= RECORD_BYTES_MAX {
            kept.extend_from_slice(line);
        } else {
            rejects.push(Reject {
                cause: RECORD_TOO_LONG.into(),
                message: format!("the line is longer than {RECORD_BYTES_MAX} bytes"),
                raw: line[..RAW_BYTES_MAX].to_vec(),
                position: format!("line:{number}"),
            });
        }
        kept.push(b'\n');
    }
    (kept, rejects)
}

/// Unpacks a gzip body of at most so many bytes. Computes, so not for async code.
pub fn gunzip(packed: &[u8], bytes_max: usize) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    let mut reader = MultiGzDecoder::new(packed).take(bytes_max as u64 + 1);
    reader.read_to_end(&mut body).map_err(|error| Error::new(&PUSH_BODY_CORRUPT).because(error))?;
    if body.len() > bytes_max {
        return Err(Error::new(&PUSH_BODY_TOO_LARGE).with("limit", units::bytes(bytes_max as u64)));
    }
    Ok(body)
}

/// The connector.
pub(crate) struct Push;

#[async_trait]
impl Connector for Push {
    async fn open(&self, name: &str, spec: &ConnectionSpec, _context: &Context) -> Result<Option<Arc<dyn Source>>> {
        Ok(spec.push.as_ref().map(|_| Arc::new(PushSource { connection: name.to_owned() }) as Arc<dyn Source>))
    }
}

/// There is nothing to ask of a system that sends by itself.
#[derive(Debug)]
struct PushSource {
    connection: String,
}

impl PushSource {
    fn refused<T>(&self) -> Result<T> {
        let reason = "it sends by itself and cannot be read; query the table it sends into";
        Err(Error::new(&TARGET_INVALID).with("connection", &self.connection).with("reason", reason))
    }
}

#[async_trait]
impl Source for PushSource {
    async fn check(&self) -> Result<String> {
        Ok("JSON lines over HTTP".to_owned())
    }

    async fn tables(&self) -> Result<Vec<SourceTable>> {
        Ok(Vec::new())
    }

    async fn describe(&self, _target: &Target) -> Result<SchemaRef> {
        self.refused()
    }

    async fn read(&self, _request: ReadRequest) -> Result<Reading> {
        self.refused()
    }

    fn live(&self) -> Option<Dialect> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn target(yaml: &str) -> PushTarget {
        base::document::parse(yaml, "test.yaml").expect(yaml)
    }

    #[test]
    fn columns_keep_their_order_and_lines_their_numbers() {
        let target = target("{into: lake.ods.e, columns: {z: int64, a: string}}");
        let names: Vec<String> = target.schema().expect("types").fields().iter().map(|field| field.name().clone()).collect();
        assert_eq!(names, ["z", "a"]);
        let pieces = target.read(b"{\"z\": 1}\n\n{\"z\": \"x\"}\n{\"y\": 2}\n{\"z\": 3, \"a\": \"b\"}").expect("read");
        assert_eq!(pieces.iter().map(|piece| piece.batch.num_rows()).sum::<usize>(), 2);
        let rejects: Vec<(&str, &str)> = pieces
            .iter()
            .flat_map(|piece| &piece.rejects)
            .map(|reject| (reject.position.as_str(), reject.cause.as_ref()))
            .collect();
        assert_eq!(rejects, [("line:3", "value_unfit"), ("line:4", "field_unknown")]);
        assert!(target.read(b"").expect("nothing").iter().all(|piece| piece.batch.num_rows() == 0));
    }

    #[test]
    fn a_body_unpacks_within_its_bound() {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(&[b'a'; 10_000]).expect("memory");
        let packed = packer.finish().expect("memory");
        assert_eq!(gunzip(&packed, 10_000).expect("fits").len(), 10_000);
        assert!(gunzip(&packed, 9_999).expect_err("too large").is(&PUSH_BODY_TOO_LARGE));
        assert!(gunzip(&packed[..20], 10_000).expect_err("cut").is(&PUSH_BODY_CORRUPT));
    }

    #[test]
    fn declarations_are_checked() {
        let options = |yaml: &str| base::document::parse::<PushOptions>(yaml, "test.yaml").expect(yaml).check();
        assert!(options("{targets: {e: {into: lake.ods.e, columns: {a: int64}}}}").is_ok());
        for wrong in [
            "{targets: {}}",
            "{targets: {e: {into: lake.ods.e, columns: {}}}}",
            "{targets: {e: {into: lake.ods.e, columns: {a: varchar}}}}",
            "{targets: {e: {into: lake.ods.e__quarantine, columns: {a: int64}}}}",
            "{targets: {e: {into: other.ods.e, columns: {a: int64}}}}",
            "{targets: {'e/x': {into: lake.ods.e, columns: {a: int64}}}}",
            "{commit_every: 1ms, targets: {e: {into: lake.ods.e, columns: {a: int64}}}}",
        ] {
            assert!(options(wrong).is_err(), "{wrong}");
        }
    }
}
