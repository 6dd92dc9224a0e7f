//! The account of one statement: whatever becomes of it, it is audited and counted once.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use base::{Error, Language, Result};
use bytes::Bytes;
use futures::stream::{BoxStream, Stream, StreamExt};
use guard::{Event, Pass};
use serde_json::Value;

use crate::metrics;
use crate::observe::Trace;
use crate::platform::Platform;

/// Longest statement text kept in the audit, in characters.
const TEXT_MAX: usize = 10_000;

/// A way out that runs statements.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Door {
    /// `POST /api/v1/sql`.
    Sql,
    /// `GET /services/NAME`.
    Service,
}

impl Door {
    const fn name(self) -> &'static str {
        match self {
            Self::Sql => "sql",
            Self::Service => "service",
        }
    }
}

/// Open from the moment a statement is asked for until its last byte, or until the client leaves.
pub(crate) struct Account {
    platform: Platform,
    door: Door,
    event: Option<Event>,
    began: Instant,
    rows: Rows,
    bytes: u64,
    outcome: &'static str,
}

/// Counts rows where they pass.
#[derive(Debug, Clone)]
pub(crate) enum Rows {
    /// Counted by us.
    Here(Arc<AtomicU64>),
    /// Counted by the gateway.
    There(gateway::Seen),
}

impl Rows {
    fn count(&self) -> u64 {
        match self {
            Self::Here(rows) => rows.load(Ordering::Acquire),
            Self::There(seen) => seen.rows(),
        }
    }
}

impl Account {
    /// Opens an account. Until it says otherwise, the statement counts as given up.
    pub fn open(platform: &Platform, pass: &Pass, door: Door, object: String, trace: &Trace, address: Option<String>) -> Self {
        let event = Event { object, trace_id: Some(trace.0.to_string()), address, ..Event::of(pass, door.name()) };
        let rows = Rows::Here(Arc::default());
        Self { platform: platform.clone(), door, event: Some(event), began: Instant::now(), rows, bytes: 0, outcome: "cancelled" }
    }

    /// What was asked, for the audit.
    pub fn detail(&mut self, detail: Value) {
        if let Some(event) = &mut self.event {
            event.detail = detail;
        }
    }

    /// The tables it read.
    pub fn tables(&mut self, tables: impl IntoIterator<Item = String>) {
        if let Some(event) = &mut self.event {
            event.tables = tables.into_iter().collect();
        }
    }

    /// Where its rows are counted.
    pub fn count(&mut self, rows: Rows) {
        self.rows = rows;
    }

    /// It failed; a refusal is written down as one.
    pub fn failed(&mut self, error: &Error) {
        let refused = matches!(error.code().http, 401 | 403);
        self.outcome = if refused { "refused" } else { "failed" };
        if let Some(event) = &mut self.event {
            event.allowed = !refused;
            event.error = Some(error.code().name.to_owned());
        }
    }

    /// It went out as a whole.
    pub fn done(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.outcome = "ok";
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let Some(mut event) = self.event.take() else { return };
        let (rows, elapsed, door) = (self.rows.count(), self.began.elapsed(), self.door.name());
        event.rows = Some(rows);
        event.bytes = Some(self.bytes);
        event.millis = Some(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
        if self.outcome == "cancelled" {
            event.error = Some("cancelled".to_owned());
        }
        ::metrics::counter!(metrics::STATEMENTS, "door" => door, "outcome" => self.outcome).increment(1);
        ::metrics::histogram!(metrics::STATEMENT_SECONDS, "door" => door).record(elapsed.as_secs_f64());
        ::metrics::counter!(metrics::STATEMENT_ROWS, "door" => door).increment(rows);
        ::metrics::counter!(metrics::STATEMENT_BYTES, "door" => door).increment(self.bytes);
        if let Err(error) = self.platform.guard().audit().record(event) {
            tracing::error!(%error, "a statement could not be audited");
        }
    }
}

/// The statement as the audit keeps it.
pub(crate) fn kept_text(sql: &str) -> String {
    sql.chars().take(TEXT_MAX).collect()
}

/// What a failure in the middle of an answer becomes.
#[derive(Debug, Clone)]
pub(crate) enum Broken {
    /// A last line `{"error":{…}}`, in this language and with this trace.
    LastLine(Language, Trace),
    /// The end of the connection, so that a part is never taken for the whole.
    Abort,
}

/// Bytes on their way to the client, with their account.
pub(crate) struct Accounted {
    pieces: BoxStream<'static, Result<Bytes>>,
    account: Account,
    broken: Broken,
    ended: bool,
}

impl Accounted {
    pub fn new(pieces: BoxStream<'static, Result<Bytes>>, account: Account, broken: Broken) -> Self {
        Self { pieces, account, broken, ended: false }
    }
}

impl Stream for Accounted {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let polled = std::task::ready!(self.pieces.poll_next_unpin(cx));
        Poll::Ready(match polled {
            Some(Ok(piece)) => {
                self.account.bytes += piece.len() as u64;
                Some(Ok(piece))
            }
            Some(Err(error)) => {
                self.ended = true;
                self.account.failed(&error);
                match &self.broken {
                    Broken::LastLine(language, trace) => {
                        let line = serde_json::json!({ "error": error.to_json(*language, Some(&trace.0)) });
                        Some(Ok(Bytes::from(format!("{line}\n"))))
                    }
                    Broken::Abort => Some(Err(error)),
                }
            }
            None => {
                self.ended = true;
                self.account.done(0);
                None
            }
        })
    }
}
