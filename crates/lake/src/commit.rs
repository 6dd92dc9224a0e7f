//! The one place where the lake changes: rows, source position and origin land together, once, or not at all.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base::{Error, Result, TableName};
use deltalake_core::DeltaTableError;
use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties, TableReference, TransactionError};
use deltalake_core::kernel::{Action, Metadata, MetadataExt, Protocol, Transaction, new_metadata};
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use guard::Pass;
use serde_json::{Value, json};

use crate::lake::Lake;
use crate::origin::Origin;
use crate::settings::TableOptions;
use crate::snapshot::Snapshot;
use crate::table::Table;
use crate::{codes, errors, schema};

/// How often a change is tried again when others commit first.
pub(crate) const ATTEMPTS_MAX: u32 = 24;

/// Longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_millis(400);

/// The key of the origin in a commit's information.
pub(crate) const ORIGIN_KEY: &str = "dataux.origin";

/// The key of a commit's own id, which makes the bytes of every commit unique.
const COMMIT_KEY: &str = "dataux.commit";

/// What a commit holds.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub actions: Vec<Action>,
    pub operation: DeltaOperation,
    /// Rows, bytes and files written, for the history.
    pub written: Written,
}

/// What was written for a commit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub rows: u64,
    pub bytes: u64,
    pub files: u64,
}

/// How an attempt ended.
#[derive(Debug)]
pub(crate) enum Landed {
    /// It is in the table; this is the version that holds it.
    At(Arc<Snapshot>),
    /// Somebody else committed first; nothing happened.
    Moved,
}

impl Table {
    /// Commits a change right after this handle's version. Every write to the lake ends here.
    ///
    /// The next log entry is put only if it is absent, so a change lands only on the very version it was made for: whoever
    /// looked at this version and found no trace of a transaction can be sure that it is not doubled. If the store's answer
    /// stays unclear even after looking, the error says so, and the files are left for vacuum.
    pub(crate) async fn commit(&self, change: &Change, origin: &Origin) -> Result<Landed> {
        let snapshot = &self.snapshot;
        let landed = put(&self.lake, &snapshot.name, Some(&snapshot.state), change, origin).await?;
        if let Landed::At(landed) = &landed
            && (landed.version() + 1).is_multiple_of(self.lake.0.settings.checkpoint_commits.max(1))
        {
            self.lake.checkpoint_soon(landed.clone());
        }
        Ok(landed)
    }
}

/// What makes a table: its protocol and its columns.
pub(crate) struct Creation {
    pub protocol: Protocol,
    pub metadata: Metadata,
}

impl Creation {
    /// As the first actions of a commit.
    pub fn actions(&self) -> Vec<Action> {
        vec![Action::Protocol(self.protocol.clone()), Action::Metadata(self.metadata.clone())]
    }
}

/// Makes an empty table; none if somebody else made it.
pub(crate) async fn create(
    lake: &Lake,
    pass: &Pass,
    name: &TableName,
    columns: &arrow::datatypes::Schema,
    options: &TableOptions,
) -> Result<Option<Arc<Snapshot>>> {
    let creation = creation(name, columns, options)?;
    let actions = creation.actions();
    let Creation { protocol, metadata } = creation;
    let location = lake.log(name).root_url().clone();
    let operation = DeltaOperation::Create { mode: SaveMode::ErrorIfExists, location, protocol, metadata };
    first(lake, name, &Change { actions, operation, written: Written::default() }, &Origin::of(pass.user())).await
}

/// Makes the first commit of a table; none if somebody else did.
pub(crate) async fn first(lake: &Lake, name: &TableName, change: &Change, origin: &Origin) -> Result<Option<Arc<Snapshot>>> {
    match put(lake, name, None, change, origin).await? {
        Landed::At(snapshot) => {
            lake.forget(name);
            lake.0.snapshots.put(&snapshot);
            Ok(Some(snapshot))
        }
        Landed::Moved => Ok(None),
    }
}

/// The protocol and the metadata of a table that is to be made.
pub(crate) fn creation(name: &TableName, columns: &arrow::datatypes::Schema, options: &TableOptions) -> Result<Creation> {
    let invalid = |reason: String| Error::new(&codes::LAKE_COLUMNS_INVALID).with("reason", reason);
    for column in &options.partition_by {
        let field = columns.field_with_name(column).map_err(|_| invalid(format!("there is no column `{column}` to part by")))?;
        if !schema::fits_partition(field.data_type()) {
            return Err(invalid(format!("a table cannot be parted by `{column}`, which is {}", field.data_type())));
        }
    }
    if options.partition_by.len() >= columns.fields().len() {
        return Err(invalid("one column must be left that the table is not parted by".to_owned()));
    }
    let failed = |error: DeltaTableError| errors::log(name, error);
    let configuration: [(String, String); 0] = [];
    let delta = schema::to_delta(columns)?;
    let mut metadata: Metadata =
        new_metadata(&delta, options.partition_by.clone(), configuration).map_err(|error| failed(error.into()))?;
    metadata = metadata.with_name(name.table().to_owned()).map_err(|error| failed(error.into()))?;
    if let Some(comment) = &options.comment {
        metadata = metadata.with_description(comment.clone()).map_err(|error| failed(error.into()))?;
    }
    let protocol = protocol(columns).map_err(|error| failed(error.into()))?;
    Ok(Creation { protocol, metadata })
}

/// The protocol a table with these columns needs: the oldest that every reader knows, and features only where they are used.
pub(crate) fn protocol(columns: &arrow::datatypes::Schema) -> serde_json::Result<Protocol> {
    serde_json::from_value(if schema::has_zoneless(columns) {
        json!({
            "minReaderVersion": 3, "minWriterVersion": 7,
            "readerFeatures": ["timestampNtz"], "writerFeatures": ["timestampNtz", "appendOnly", "invariants"],
        })
    } else {
        json!({ "minReaderVersion": 1, "minWriterVersion": 2 })
    })
}

/// A pause before the next attempt, longer each time and never the same for two writers.
pub(crate) async fn pause(attempt: u32) {
    let longest = PAUSE_MAX.min(Duration::from_millis(5 << attempt.min(8)));
    let share = u32::from(uuid::Uuid::new_v4().as_bytes()[0]);
    tokio::time::sleep(longest * share / 255).await;
}

/// The error when all attempts are used up.
pub(crate) fn conflict(name: &TableName) -> Error {
    Error::new(&codes::LAKE_CONFLICT).with("table", name).with("attempts", ATTEMPTS_MAX)
}

async fn put(
    lake: &Lake,
    name: &TableName,
    base: Option<&deltalake_core::table::state::DeltaTableState>,
    change: &Change,
    origin: &Origin,
) -> Result<Landed> {
    let failed = |error: DeltaTableError| errors::log(name, error);
    let log = lake.log(name);
    // One attempt only: what to do when others were faster depends on the change, and is decided by our caller.
    let properties = properties(change, origin).map_err(|error| failed(error.into()))?.with_max_retries(0);
    let commit = CommitBuilder::from(properties).with_actions(change.actions.clone()).build(
        base.map(|state| state as &dyn TableReference),
        log,
        change.operation.clone(),
    );
    let prepared = Box::pin(commit.into_prepared_commit_future()).await.map_err(failed)?;
    let landed = match Box::pin(prepared.into_future()).await {
        Ok(landed) => landed,
        Err(error) if is_moved(&error) => return Ok(Landed::Moved),
        Err(DeltaTableError::ObjectStore { source }) if !is_refused(&source) => {
            return Err(Error::new(&codes::LAKE_COMMIT_UNCLEAR).with("table", name).because(source));
        }
        Err(error) => return Err(failed(error)),
    };
    // From here on the commit stands, and no error of what follows may say otherwise.
    let version = landed.version;
    let adopted = match Box::pin(landed.into_future()).await {
        Ok(done) => lake.adopt(name, done.snapshot).await,
        Err(error) => Err(failed(error)),
    };
    match adopted {
        Ok(snapshot) => Ok(Landed::At(snapshot)),
        Err(error) => {
            tracing::warn!(table = %name, version, %error, "the commit stands, but could not be loaded at once");
            lake.0.snapshots.forget(name);
            lake.load(name, Some(version)).await.map(Landed::At)
        }
    }
}

fn properties(change: &Change, origin: &Origin) -> serde_json::Result<CommitProperties> {
    let removes = change.actions.iter().any(|action| matches!(action, Action::Remove(_) | Action::Metadata(_)));
    let metrics = json!({
        "numOutputRows": change.written.rows,
        "numOutputBytes": change.written.bytes,
        "numFiles": change.written.files,
    });
    let information: HashMap<String, Value> = HashMap::from([
        (ORIGIN_KEY.to_owned(), serde_json::to_value(origin)?),
        (COMMIT_KEY.to_owned(), Value::from(uuid::Uuid::new_v4().to_string())),
        ("operationMetrics".to_owned(), metrics),
        ("isBlindAppend".to_owned(), Value::from(!removes)),
    ]);
    let mut properties = CommitProperties::default()
        .with_metadata(information)
        .with_create_checkpoint(false)
        .with_cleanup_expired_logs(Some(false));
    if let Some(transaction) = &origin.transaction {
        let now = chrono::Utc::now().timestamp_millis();
        let transaction = Transaction::new_with_last_update(&transaction.app_id, transaction.version, Some(now));
        properties = properties.with_application_transaction(transaction);
    }
    Ok(properties)
}

fn is_moved(error: &DeltaTableError) -> bool {
    matches!(
        error,
        DeltaTableError::VersionAlreadyExists(_)
            | DeltaTableError::Transaction {
                source: TransactionError::MaxCommitAttempts(_)
                    | TransactionError::VersionAlreadyExists(_)
                    | TransactionError::CommitConflict(_)
            }
    )
}

/// Whether the store surely did nothing.
fn is_refused(error: &object_store::Error) -> bool {
    use object_store::Error as Store;
    matches!(
        error,
        Store::PermissionDenied { .. }
            | Store::Unauthenticated { .. }
            | Store::NotSupported { .. }
            | Store::NotImplemented { .. }
    )
}
