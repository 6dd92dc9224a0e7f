//! The part that all replicas share, in Redis: bounded waits, and nobody waits for a Redis that has stopped answering.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use base::{Error, Result};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult, Script};

use super::Found;
use super::buckets::Bucket;
use super::url::RedisUrl;
use crate::codes::CACHE_UNUSABLE;

/// Longest wait for one answer of Redis.
pub const ANSWER_WITHIN: Duration = Duration::from_millis(250);

/// Longest wait for a connection, its login included.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// Longest wait for the first connection: a start must not be slow because Redis is.
const FIRST_CONNECT_WITHIN: Duration = Duration::from_millis(500);

/// Answers in a row that come too late before Redis counts as down.
const LATE_MAX: u32 = 3;

/// The pause between two looks at a Redis that is down: the first, and the longest; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What every key begins with, so that a Redis can also serve others.
const PREFIX: &str = "dataux";

/// One call out of a bucket, by the clock of Redis: 0, or the microseconds after which there will be one. The arithmetic is
/// that of `buckets`.
const TAKE: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local call, whole = tonumber(ARGV[1]), tonumber(ARGV[2])
local full = tonumber(redis.call('GET', KEYS[1]) or now)
full = math.min(math.max(full, now), now + whole)
local wait = full - now - (whole - call)
local refused = wait > 0.5
if not refused then full = full + call end
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000) + 1)
if refused then return math.ceil(wait) end
return 0";

/// A Redis that answers or is being looked for.
pub(super) struct Shared {
    link: Arc<Link>,
    take: Script,
}

struct Link {
    client: Client,
    /// For messages, without its password.
    place: String,
    /// What keys of this platform begin with.
    prefix: String,
    state: Mutex<State>,
    failures: AtomicU64,
}

enum State {
    /// It answers. `late`: how many answers in a row came too late.
    Up { connection: MultiplexedConnection, late: u32 },
    /// It does not; a task of its own looks for it.
    Down,
}

impl Shared {
    /// Connects, or begins to look for it. Must be called within a Tokio runtime.
    pub async fn open(url: &RedisUrl, platform: &str) -> Result<Self> {
        let unusable = |error: RedisError| Error::new(&CACHE_UNUSABLE).with("place", url).with("reason", words(&error));
        if url.is_encrypted() {
            choose_cryptography();
        }
        let client = Client::open(url.connection_info().map_err(unusable)?).map_err(unusable)?;
        let (place, prefix) = (url.to_string(), format!("{PREFIX}:{platform}:"));
        let link = Arc::new(Link { client, place, prefix, state: Mutex::new(State::Down), failures: AtomicU64::new(0) });
        match tokio::time::timeout(FIRST_CONNECT_WITHIN, link.connect()).await {
            Ok(Ok(connection)) => *link.state() = State::Up { connection, late: 0 },
            Ok(Err(error)) => link.look_for_it(Some(words(&error))),
            Err(_late) => link.look_for_it(Some("no answer".to_owned())),
        }
        Ok(Self { link, take: Script::new(TAKE) })
    }

    /// The bytes of a key, with their age by the time they have left.
    pub async fn get(&self, key: &str, fresh_for: Duration) -> Option<Found> {
        let key = self.link.key('v', key);
        let read = self.link.ask(|mut connection| async move {
            redis::pipe().get(&key).pttl(&key).query_async::<(Option<Vec<u8>>, i64)>(&mut connection).await
        });
        let (bytes, left) = read.await?;
        // Without an end of its own an entry is not ours.
        let left = u64::try_from(left).ok().filter(|left| *left > 0).map(Duration::from_millis)?;
        Some(Found { bytes: bytes?.into(), age: fresh_for.saturating_sub(left) })
    }

    /// Keeps bytes for as long as they are fresh.
    pub async fn put(&self, key: &str, bytes: &[u8], left: Duration) {
        let key = self.link.key('v', key);
        let millis = u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1);
        let write = self.link.ask(|mut connection| async move {
            redis::cmd("SET").arg(&key).arg(bytes).arg("PX").arg(millis).query_async::<()>(&mut connection).await
        });
        // What could not be kept is computed again.
        let _kept = write.await;
    }

    /// One call out of a bucket that all replicas share; none: Redis does not answer.
    pub async fn take(&self, key: &str, bucket: Bucket) -> Option<Result<(), Duration>> {
        let key = self.link.key('b', key);
        let call = bucket.micros_per_call();
        let mut invocation = self.take.key(key);
        invocation.arg(call).arg(call * bucket.burst);
        let asked = self.link.ask(|mut connection| async move { invocation.invoke_async::<u64>(&mut connection).await });
        let wait = asked.await?;
        Some(if wait == 0 { Ok(()) } else { Err(Duration::from_micros(wait)) })
    }

    pub fn failures(&self) -> u64 {
        self.link.failures.load(Ordering::Relaxed)
    }

    pub fn is_up(&self) -> bool {
        matches!(*self.link.state(), State::Up { .. })
    }
}

impl Link {
    fn key(&self, kind: char, key: &str) -> String {
        format!("{}{kind}:{key}", self.prefix)
    }

    /// One request, if Redis is up; nothing if it is not, or if it fails or is late.
    async fn ask<T, F>(self: &Arc<Self>, request: impl FnOnce(MultiplexedConnection) -> F) -> Option<T>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let connection = match &*self.state() {
            State::Up { connection, .. } => connection.clone(),
            State::Down => return None,
        };
        let failed = match tokio::time::timeout(ANSWER_WITHIN, request(connection)).await {
            Ok(Ok(answer)) => {
                if let State::Up { late, .. } = &mut *self.state() {
                    *late = 0;
                }
                return Some(answer);
            }
            Ok(Err(error)) => Some(error),
            Err(_late) => None,
        };
        self.failures.fetch_add(1, Ordering::Relaxed);
        match failed {
            // It refused this request and answers others: a full memory, a value of another type.
            Some(error) if !error.is_unrecoverable_error() && !error.is_io_error() => {
                tracing::debug!(error = words(&error), "the shared cache refused a request");
            }
            Some(error) => self.lose(words(&error)),
            None => {
                let too_late = match &mut *self.state() {
                    State::Up { late, .. } => {
                        *late += 1;
                        *late >= LATE_MAX
                    }
                    State::Down => false,
                };
                if too_late {
                    self.lose("no answer in time".to_owned());
                }
            }
        }
        None
    }

    /// From now on nobody asks it; a task looks for it. Of several who notice, one starts it.
    fn lose(self: &Arc<Self>, reason: String) {
        let before = std::mem::replace(&mut *self.state(), State::Down);
        if matches!(before, State::Up { .. }) {
            tracing::debug!(place = self.place, reason, "the connection to the shared cache was lost");
            self.look_for_it(None);
        }
    }

    /// Tries until it answers or the cache is gone. One line when it is down, one when it is back; a connection that is back at
    /// once is worth none. `reason`: what a first attempt has found already.
    fn look_for_it(self: &Arc<Self>, reason: Option<String>) {
        let told = reason.is_some();
        if let Some(reason) = reason {
            tell_down(&self.place, &reason);
        }
        tokio::spawn(look(Arc::downgrade(self), told));
    }

    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT_WITHIN)).set_response_timeout(Some(CONNECT_WITHIN));
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        redis::cmd("PING").query_async::<String>(&mut connection).await?;
        Ok(connection)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under this lock can be left half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn look(link: Weak<Link>, mut told: bool) {
    let mut pause = FIRST_PAUSE;
    if told {
        tokio::time::sleep(pause).await;
    }
    loop {
        let Some(link) = link.upgrade() else { return };
        let reason = match tokio::time::timeout(CONNECT_WITHIN, link.connect()).await {
            Ok(Ok(connection)) => {
                *link.state() = State::Up { connection, late: 0 };
                if told {
                    tracing::info!(place = link.place, "the shared cache answers");
                }
                return;
            }
            Ok(Err(error)) => words(&error),
            Err(_late) => "no answer".to_owned(),
        };
        if !told {
            tell_down(&link.place, &reason);
            told = true;
        }
        drop(link);
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn tell_down(place: &str, reason: &str) {
    tracing::warn!(place, reason, "the shared cache does not answer; each server goes on with its own memory until it does");
}

/// What Redis said, without what was sent to it.
fn words(error: &RedisError) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.category()),
        None => error.to_string(),
    }
}

/// Several libraries of this program bring cryptography; TLS wants to be told which to use.
fn choose_cryptography() {
    static CHOSEN: OnceLock<()> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Somebody else may have chosen in between, which is as good.
            let _chosen = rustls::crypto::ring::default_provider().install_default();
        }
    });
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shared").field(&self.link.place).finish()
    }
}
