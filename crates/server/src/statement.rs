//! The account of one statement: whatever becomes of it, it is audited and counted once.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::Body;
use base::{Error, Language, Result};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use guard::{Event, Pass};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::codes::ANSWER_CUT;
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
        let event = Event { trace_id: Some(trace.0.to_string()), address, ..Event::by(pass, door.name(), object) };
        let rows = Rows::Here(Arc::default());
        Self { platform: platform.clone(), door, event: Some(event), began: Instant::now(), rows, bytes: 0, outcome: "cancelled" }
    }

    /// What was asked, for the audit.
    pub fn detail(&mut self, detail: Value) {
        if let Some(event) = &mut self.event {
            add(&mut event.detail, detail);
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

    /// It failed before its first row: closes the account and answers the error. The failure is told even if the account cannot
    /// be written down.
    pub async fn refuse(mut self, error: Error) -> Error {
        self.failed(&error);
        if let Err(unwritten) = self.close().await {
            tracing::error!(error = %unwritten, "a failed statement could not be audited");
        }
        error
    }

    /// It went out as a whole.
    pub fn done(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.outcome = "ok";
    }
}

impl Account {
    /// Closes the account: counts it and writes it down. An answer whose account cannot be written down is not complete.
    pub async fn close(mut self) -> Result<()> {
        match self.finish() {
            Some(event) => self.platform.guard().audit().record(event).await,
            None => Ok(()),
        }
    }

    /// What is to be written down; nothing the second time.
    fn finish(&mut self) -> Option<Event> {
        let mut event = self.event.take()?;
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
        Some(event)
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        // A client that left is not waited for, but what it saw is written down.
        if let Some(event) = self.finish() {
            self.platform.guard().audit().try_record(event);
        }
    }
}

/// An act of somebody, for the audit.
pub(crate) fn event(pass: &Pass, action: &'static str, object: String, detail: Value) -> Event {
    let mut event = Event::by(pass, action, object);
    add(&mut event.detail, detail);
    event
}

/// Adds members to a detail, which may already name the token.
fn add(detail: &mut Value, more: Value) {
    match (detail, more) {
        (_, Value::Null) => {}
        (Value::Object(members), Value::Object(more)) => members.extend(more),
        (detail, more) => *detail = more,
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

/// Bytes on their way to the client, with their account, which is closed before the end is told.
pub(crate) struct Accounted {
    state: State,
    broken: Broken,
}

enum State {
    Flowing(BoxStream<'static, Result<Bytes>>, Box<Account>),
    /// The account is being closed; then comes this, if it is an error.
    Closing(BoxFuture<'static, Result<()>>, Option<Error>),
    Ended,
}

impl Accounted {
    pub fn new(pieces: BoxStream<'static, Result<Bytes>>, account: Account, broken: Broken) -> Self {
        Self { state: State::Flowing(pieces, Box::new(account)), broken }
    }

    /// Ends with a failure in the middle of an answer.
    fn break_off(&mut self, error: Error) -> Result<Bytes> {
        self.state = State::Ended;
        match &self.broken {
            Broken::LastLine(language, trace) => {
                let line = serde_json::json!({ "error": error.to_json(*language, Some(&trace.0)) });
                Ok(Bytes::from(format!("{line}\n")))
            }
            Broken::Abort => Err(error),
        }
    }
}

impl Stream for Accounted {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match &mut self.state {
                State::Flowing(pieces, account) => {
                    let polled = std::task::ready!(pieces.poll_next_unpin(cx));
                    let error = match polled {
                        Some(Ok(piece)) => {
                            account.bytes += piece.len() as u64;
                            return Poll::Ready(Some(Ok(piece)));
                        }
                        Some(Err(error)) => Some(error),
                        None => None,
                    };
                    let State::Flowing(_, mut account) = std::mem::replace(&mut self.state, State::Ended) else { continue };
                    match &error {
                        Some(error) => account.failed(error),
                        None => account.done(0),
                    }
                    self.state = State::Closing(account.close().boxed(), error);
                }
                State::Closing(closing, error) => {
                    let closed = std::task::ready!(closing.poll_unpin(cx));
                    let error = error.take().or(closed.err());
                    self.state = State::Ended;
                    return Poll::Ready(error.map(|error| self.break_off(error)));
                }
                State::Ended => return Poll::Ready(None),
            }
        }
    }
}

/// Pieces that wait for a slow reader.
const PIECES_AHEAD: usize = 2;

/// The bytes as a body. They are pulled by a task of their own, because a connection asks for more only when its client reads:
/// a client that stops reading for `patience` loses its query instead of keeping it for ever. A body that was cut ends
/// with an error.
pub(crate) fn body(platform: &Platform, mut pieces: Accounted, patience: Duration) -> Body {
    let (sender, mut receiver) = mpsc::channel(PIECES_AHEAD);
    let whole = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&whole);
    platform.answers().spawn(async move {
        loop {
            let next = tokio::select! {
                biased;
                () = sender.closed() => return,
                next = pieces.next() => next,
            };
            let Some(piece) = next else {
                ended.store(true, Ordering::Release);
                return;
            };
            let failed = piece.is_err();
            match tokio::time::timeout(patience, sender.send(piece)).await {
                Ok(Ok(())) if !failed => {}
                _ => return,
            }
        }
    });
    let mut cut = false;
    Body::from_stream(stream::poll_fn(move |cx| {
        if cut {
            return Poll::Ready(None);
        }
        let piece: Option<Result<Bytes>> = std::task::ready!(receiver.poll_recv(cx));
        Poll::Ready(match piece {
            Some(piece) => {
                cut = piece.is_err();
                Some(piece)
            }
            None if whole.load(Ordering::Acquire) => None,
            None => {
                cut = true;
                Some(Err(Error::new(&ANSWER_CUT)))
            }
        })
    }))
}
