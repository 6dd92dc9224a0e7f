//! Push: lines that a system sends by itself, over HTTP. Requests that come together share one commit.
//!
//! A request is answered when its rows are in the table, and not before. The table's commit names the keys of its requests, and
//! it lands right behind a version that was searched for them, so a request that is sent again with its key adds nothing,
//! whichever server takes it.

mod commit;
mod keys;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use base::{Error, Result, RunId, TableName};
use connect::{ConnectionSpec, Piece, PushTarget};
use engine::Engine;
use guard::{Object, Pass, Privilege};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::codes;
use crate::quarantine::Bad;
use crate::runs::Flow;
use keys::Keys;

/// Bytes of bodies, and requests, that may wait for one target.
const WAITING_BYTES_MAX: usize = 128 << 20;
const WAITING_MAX: usize = 1000;

/// Longest key of a request.
const KEY_BYTES_MAX: usize = 200;

/// Targets whose state is kept.
const TARGETS_MAX: usize = 1024;

/// A target that the caller may send to.
#[derive(Clone)]
pub struct PushedTo {
    /// As the quarantine calls it: `CONNECTION/TARGET`.
    pub name: String,
    /// The table.
    pub table: TableName,
    spec: PushTarget,
    every: Duration,
    /// The rights of who declared the connection, for making and changing the table.
    owner: Pass,
    by: String,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushed {
    /// Names the request; bad lines stand in quarantine under this run.
    pub id: String,
    /// Lines that are in the table.
    pub accepted: u64,
    /// Lines that are in its quarantine.
    pub quarantined: u64,
    /// An earlier request with the same key had brought them already.
    #[serde(skip)]
    pub duplicate: bool,
}

/// What waits for each target of this process.
#[derive(Default)]
pub(crate) struct Intakes(Mutex<HashMap<String, Arc<Intake>>>);

/// One target's requests.
pub(crate) struct Intake {
    engine: Engine,
    waiting: Mutex<Vec<Request>>,
    reserved_bytes: AtomicUsize,
    reserved: AtomicUsize,
    turn: tokio::sync::Mutex<Turn>,
}

/// What only the request that commits may touch.
#[derive(Default)]
pub(crate) struct Turn {
    last: Option<Instant>,
    commits: u64,
    table_keys: Keys,
    quarantine_keys: Keys,
}

/// One request that waits for its commit.
pub(crate) struct Request {
    id: RunId,
    by: String,
    key: Option<String>,
    rows: Vec<RecordBatch>,
    bad: Vec<Bad>,
    answer: oneshot::Sender<Result<Pushed>>,
    _place: Place,
}

impl Flow {
    /// Finds a target, for who may modify its table. Who may see neither the table nor the connection is told nothing of them.
    pub async fn push_target(&self, pass: &Pass, connection: &str, target: &str) -> Result<PushedTo> {
        let refused = || {
            let error = Error::new(&guard::codes::NOT_ALLOWED).with("user", pass.user());
            let error = error.with("object", format!("push target {connection}/{target}"));
            error.with("privilege", "modify").with("privilege_zh", "修改")
        };
        let found = self.shared.catalog.row::<ConnectionSpec>(connection).await?;
        let push = found.as_ref().and_then(|(_, spec)| spec.push.as_ref());
        match (push.and_then(|push| push.targets.get(target)), &found) {
            (Some(spec), Some((resource, declared))) if pass.allows(Privilege::Modify, &Object::Table(&spec.into)) => {
                Ok(PushedTo {
                    name: format!("{connection}/{target}"),
                    table: spec.into.clone(),
                    spec: spec.clone(),
                    every: declared.push.as_ref().map(connect::PushOptions::commit_every).unwrap_or_default(),
                    owner: self.shared.guard.pass_of(&resource.updated_by).await?,
                    by: pass.user().to_owned(),
                })
            }
            (None, _) if pass.reaches(Privilege::Select, connection, None) => {
                let names = push.into_iter().flat_map(|push| push.targets.keys().map(String::as_str));
                let near = base::nearest::nearest(target, names).unwrap_or_default();
                let error = Error::new(&codes::PUSH_TARGET_NOT_FOUND).with("connection", connection).with("target", target);
                Err(error.with("near", near))
            }
            _ => Err(refused()),
        }
    }

    /// Takes a body of JSON lines, unpacked; answers when its rows are in the table and its bad lines in the quarantine.
    ///
    /// Errors: too much waits already; a key that cannot be one; the table does not take the declared columns.
    pub async fn push(&self, target: &PushedTo, body: impl AsRef<[u8]> + Send + 'static, key: Option<&str>) -> Result<Pushed> {
        let visible = |key: &str| (1..=KEY_BYTES_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        if key.is_some_and(|key| !visible(key)) {
            return Err(Error::new(&codes::PUSH_KEY_INVALID).with("limit", KEY_BYTES_MAX));
        }
        let intake = self.intake(target);
        let place = Place::reserve(&intake, body.as_ref().len(), &target.table)?;
        let spec = target.spec.clone();
        let read = tokio::task::spawn_blocking(move || spec.read(body.as_ref())).await;
        let pieces = read.map_err(|error| Error::new(&codes::FLOW_INTERNAL).because(error))??;
        let (answer, answered) = oneshot::channel();
        let (mut rows, mut bad) = (Vec::new(), Vec::new());
        for Piece { batch, rejects, .. } in pieces {
            bad.extend(rejects.into_iter().map(|reject| Bad {
                cause: reject.cause.into_owned(),
                message: reject.message,
                raw: reject.raw,
                position: reject.position,
            }));
            rows.extend((batch.num_rows() > 0).then_some(batch));
        }
        let request =
            Request { id: RunId::new(), by: target.by.clone(), key: key.map(str::to_owned), rows, bad, answer, _place: place };
        intake.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        // On a task of its own: a client that leaves must not take the requests of others with it.
        let round = commit::Round { intake: Arc::clone(&intake), target: target.clone() };
        tokio::spawn(round.run());
        answered.await.map_err(|error| Error::new(&codes::FLOW_INTERNAL).because(error))?
    }

    fn intake(&self, target: &PushedTo) -> Arc<Intake> {
        let mut intakes = self.shared.intakes.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("{}/{}", target.name, target.table);
        if intakes.len() >= TARGETS_MAX && !intakes.contains_key(&name) {
            intakes.retain(|_, intake| intake.reserved.load(Ordering::Acquire) > 0);
        }
        let made = || Intake {
            engine: self.shared.engine.clone(),
            waiting: Mutex::default(),
            reserved_bytes: AtomicUsize::new(0),
            reserved: AtomicUsize::new(0),
            turn: tokio::sync::Mutex::default(),
        };
        Arc::clone(intakes.entry(name).or_insert_with(|| Arc::new(made())))
    }
}

/// A place among those that wait; given back when the request has its answer.
struct Place {
    intake: Arc<Intake>,
    bytes: usize,
}

impl Place {
    fn reserve(intake: &Arc<Intake>, bytes: usize, table: &TableName) -> Result<Self> {
        let place = Self { intake: Arc::clone(intake), bytes };
        let before = intake.reserved_bytes.fetch_add(bytes, Ordering::AcqRel);
        let count = intake.reserved.fetch_add(1, Ordering::AcqRel);
        // One body alone always has room.
        if count >= WAITING_MAX || (before > 0 && before + bytes > WAITING_BYTES_MAX) {
            return Err(Error::new(&codes::PUSH_BUSY).with("table", table));
        }
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.intake.reserved_bytes.fetch_sub(self.bytes, Ordering::AcqRel);
        self.intake.reserved.fetch_sub(1, Ordering::AcqRel);
    }
}
