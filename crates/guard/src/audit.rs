//! The audit: who did what, when, to what; queued, written in groups, chained by hash.
//!
//! One task writes the chain of this process. It takes all that waits, up to a limit, and commits it at once, so that many
//! small events cost few transactions. The queue is bounded: when the database takes no writes and the queue is full, events
//! are refused, and with them what they are about.

use std::time::Duration;

use base::{Error, Result};
use chrono::{DateTime, Utc};
use meta::{AuditFilter, AuditRow, Meta};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::oneshot;

use crate::chain::{self, START, START_ACTION, Verification};
use crate::codes::AUDIT_UNAVAILABLE;
use crate::pass::Pass;

/// Most events that wait.
const QUEUE_MAX: usize = 4096;

/// Most events of one transaction.
const GROUP_MAX: usize = 256;

/// How long an event waits for a place in the queue.
const PLACE_WAIT: Duration = Duration::from_secs(2);

/// How long a privileged act waits until its event is written.
const WRITE_WAIT: Duration = Duration::from_secs(10);

/// The first pause after a failed write; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Longest principal and object, in characters; the rest is cut.
const NAME_CHARACTERS_MAX: usize = 255;
const OBJECT_CHARACTERS_MAX: usize = 500;

/// Longest body of an event; a longer detail is replaced by its length.
const BODY_BYTES_MAX: usize = 64 << 10;

/// How many other chains a new one notes.
const NOTED_CHAINS_MAX: u64 = 16;

/// Something that happened or was refused. Holds neither row values nor secrets.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Who.
    pub principal: String,
    /// What, such as `sql` or `token.create`.
    pub action: &'static str,
    /// On what.
    pub object: String,
    /// More, by action; for `sql` the statement.
    pub detail: Value,
    /// Whether it was allowed.
    pub allowed: bool,
    /// The code of the error it ended with.
    pub error: Option<String>,
    /// Rows answered or written.
    pub rows: Option<u64>,
    /// Bytes answered or written.
    pub bytes: Option<u64>,
    /// How long it took.
    pub millis: Option<u64>,
    /// The request's trace.
    pub trace_id: Option<String>,
    /// Whence the request came.
    pub address: Option<String>,
    /// Tables read or written, by full name.
    pub tables: Vec<String>,
}

impl Event {
    /// An allowed event with nothing else known.
    pub fn new(principal: impl Into<String>, action: &'static str, object: impl Into<String>) -> Self {
        Self {
            principal: principal.into(),
            action,
            object: object.into(),
            detail: Value::Null,
            allowed: true,
            error: None,
            rows: None,
            bytes: None,
            millis: None,
            trace_id: None,
            address: None,
            tables: Vec::new(),
        }
    }

    /// An allowed event of whoever holds the pass; a token is named in the detail.
    pub fn by(pass: &Pass, action: &'static str, object: impl Into<String>) -> Self {
        let mut event = Self::new(pass.user(), action, object);
        if let Some(token) = pass.token_id() {
            event.detail = json!({ "token_id": token });
        }
        event
    }
}

/// One event as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditEntry {
    /// Sorts by time.
    pub id: String,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Its chain.
    pub chain: String,
    /// Its number in the chain.
    pub seq: i64,
    /// All of the event, as it was hashed.
    pub event: Value,
}

/// A page of events, newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditPage {
    /// The events.
    pub items: Vec<AuditEntry>,
    /// The `before` of the next page; none: this is the last.
    pub next: Option<String>,
}

/// The audit of this process, and the reading of all.
#[derive(Clone)]
pub struct Audit {
    meta: Meta,
    queue: Sender<Waiting>,
}

/// An event in the queue. Without an event it only waits until all before it are written.
struct Waiting {
    event: Option<(Event, DateTime<Utc>)>,
    written: Option<oneshot::Sender<()>>,
}

impl Audit {
    /// Starts the writer; it ends when the last clone is gone and the queue is empty.
    pub(crate) fn start(meta: Meta) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(Writer::new(meta.clone()).run(waiting));
        Self { meta, queue }
    }

    pub(crate) fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Queues an event; waits at most [`PLACE_WAIT`] for a place, then [`AUDIT_UNAVAILABLE`].
    pub async fn record(&self, event: Event) -> Result<()> {
        self.enqueue(Waiting { event: Some((event, Utc::now())), written: None }).await
    }

    /// Queues an event if there is a place at once; for destructors, which cannot wait. False: it is lost, and logged.
    pub fn try_record(&self, event: Event) -> bool {
        let waiting = Waiting { event: Some((event, Utc::now())), written: None };
        let queued = self.queue.try_send(waiting).is_ok();
        if !queued {
            tracing::error!("an audit event found no place in the queue and is lost");
        }
        queued
    }

    /// Records an event and waits until it is written; for privileged acts, before they are done.
    pub async fn record_now(&self, event: Event) -> Result<()> {
        let (written, done) = oneshot::channel();
        self.enqueue(Waiting { event: Some((event, Utc::now())), written: Some(written) }).await?;
        wait(done).await
    }

    /// Waits until all that was recorded before is written.
    pub async fn flush(&self) -> Result<()> {
        let (written, done) = oneshot::channel();
        self.enqueue(Waiting { event: None, written: Some(written) }).await?;
        wait(done).await
    }

    async fn enqueue(&self, waiting: Waiting) -> Result<()> {
        match tokio::time::timeout(PLACE_WAIT, self.queue.send(waiting)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(unavailable("its writer has ended")),
            Err(_) => Err(unavailable("too many events wait to be written")),
        }
    }

    /// Events that fit, newest first. The caller has demanded the right to read them.
    pub async fn page(&self, filter: &AuditFilter) -> Result<AuditPage> {
        let rows = self.meta.audit().page(filter).await?;
        let full = !rows.is_empty() && rows.len() as u64 == filter.limit;
        let next = rows.last().filter(|_| full).map(|row| row.id.clone());
        let entry = |row: AuditRow| AuditEntry {
            event: serde_json::from_str(&row.body).unwrap_or(Value::String(row.body)),
            id: row.id,
            at: row.at,
            chain: row.chain,
            seq: row.seq,
        };
        Ok(AuditPage { items: rows.into_iter().map(entry).collect(), next })
    }

    /// Verifies all chains; reads every row.
    pub async fn verify(&self) -> Result<Verification> {
        self.flush().await?;
        chain::verify(&self.meta).await
    }
}

async fn wait(done: oneshot::Receiver<()>) -> Result<()> {
    match tokio::time::timeout(WRITE_WAIT, done).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(unavailable("its writer has ended")),
        Err(_) => Err(unavailable("the database does not take writes")),
    }
}

fn unavailable(reason: &str) -> Error {
    Error::new(&AUDIT_UNAVAILABLE).with("reason", reason)
}

/// Writes the chain of this process.
struct Writer {
    meta: Meta,
    chain: String,
    seq: i64,
    prev: String,
}

impl Writer {
    fn new(meta: Meta) -> Self {
        Self { meta, chain: base::ids::fresh(), seq: 0, prev: START.to_owned() }
    }

    async fn run(mut self, mut queue: Receiver<Waiting>) {
        let mut group = Vec::with_capacity(GROUP_MAX);
        while queue.recv_many(&mut group, GROUP_MAX).await > 0 {
            let (events, written): (Vec<_>, Vec<_>) = group.drain(..).map(|waiting| (waiting.event, waiting.written)).unzip();
            let events: Vec<_> = events.into_iter().flatten().collect();
            if !events.is_empty() {
                self.write(&events).await;
            }
            for written in written.into_iter().flatten() {
                // Whoever gave up waiting has dropped his end.
                let _ = written.send(());
            }
        }
    }

    /// Writes until it is written: what waits behind is the pressure that refuses new events.
    async fn write(&mut self, events: &[(Event, DateTime<Utc>)]) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.append(events).await {
                Ok(()) => return,
                Err(error) if error.is(&meta::codes::AUDIT_CHAIN_MOVED) => {
                    tracing::error!(%error, "the audit chain was changed by others; going on with a new one");
                    *self = Self::new(self.meta.clone());
                }
                Err(error) => tracing::error!(%error, "the audit could not be written; trying again"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn append(&mut self, events: &[(Event, DateTime<Utc>)]) -> Result<()> {
        let mut rows = Vec::with_capacity(events.len() + 1);
        let (mut seq, mut prev) = (self.seq, self.prev.clone());
        if seq == 0 {
            let mut start = Event::new("dataux", START_ACTION, format!("chain {}", self.chain));
            let heads = self.meta.audit().heads(Some(NOTED_CHAINS_MAX)).await?;
            start.detail =
                json!({ "heads": heads.iter().map(|head| json!([head.chain, head.seq, head.hash])).collect::<Vec<_>>() });
            rows.push(self.row(&start, Utc::now(), &mut seq, &mut prev));
        }
        for (event, at) in events {
            rows.push(self.row(event, *at, &mut seq, &mut prev));
        }
        self.meta.audit().append(rows).await?;
        (self.seq, self.prev) = (seq, prev);
        Ok(())
    }

    fn row(&self, event: &Event, at: DateTime<Utc>, seq: &mut i64, prev: &mut String) -> AuditRow {
        *seq += 1;
        let id = base::ids::fresh();
        let (principal, object) = (cut(&event.principal, NAME_CHARACTERS_MAX), cut(&event.object, OBJECT_CHARACTERS_MAX));
        let mut body = json!({
            "chain": self.chain, "seq": *seq, "id": id, "at": at.timestamp_micros(),
            "principal": principal, "action": event.action, "object": object, "detail": event.detail,
            "allowed": event.allowed, "error": event.error, "rows": event.rows, "bytes": event.bytes,
            "millis": event.millis, "trace_id": event.trace_id, "address": event.address, "tables": event.tables,
        });
        let mut text = chain::canonical(&body);
        if text.len() > BODY_BYTES_MAX {
            let hash = chain::hash("", &chain::canonical(&event.detail));
            body["detail"] = json!({ "cut": true, "sha256": hash });
            body["tables"] = json!(event.tables.iter().take(100).collect::<Vec<_>>());
            text = chain::canonical(&body);
        }
        let before = std::mem::replace(prev, chain::hash(prev, &text));
        AuditRow {
            id,
            chain: self.chain.clone(),
            seq: *seq,
            at,
            principal,
            action: event.action.to_owned(),
            object,
            allowed: event.allowed,
            body: text,
            prev: before,
            hash: prev.clone(),
        }
    }
}

/// At most so many characters, none of them a zero byte, which PostgreSQL's text cannot hold.
fn cut(text: &str, characters_max: usize) -> String {
    text.chars().take(characters_max).map(|c| if c == '\0' { '\u{fffd}' } else { c }).collect()
}
