//! Data services: a call from its query string to the bytes of its answer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base::document::Declared;
use base::{Error, Result};
use bytes::{Bytes, BytesMut};
use catalog::Catalog;
use chrono::{DateTime, Utc};
use engine::{Engine, Limits, Statement};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use guard::{Guard, Object, Pass, Privilege};
use meta::{Bucket, Cache};
use serde_json::Value;

use crate::cache::{ANSWER_BYTES_MAX, Kept, Key};
use crate::codes::SERVICE_RATE_EXCEEDED;
use crate::encode::{Format, encode, framed_json};
use crate::openapi;
use crate::page::{Seen, page};
use crate::parameters::{Bound, bind};
use crate::spec::DataServiceSpec;
use crate::template;

/// How long a declaration is used before it is looked up again.
const PREPARED_FOR: Duration = Duration::from_secs(1);
/// Of several calls that find a declaration too old one looks it up, and the others use it for so long.
const PREPARED_MEANWHILE: Duration = Duration::from_secs(3);
/// Most declarations kept.
const PREPARED_MAX: usize = 10_000;
/// An answer that ends within this many bytes and [`WHOLE_WITHIN`] of its first piece is sent as a whole, with its length.
const WHOLE_BYTES: usize = 256 << 10;
/// See [`WHOLE_BYTES`].
const WHOLE_WITHIN: Duration = Duration::from_millis(50);

/// The data services of one process. Cheap to clone.
#[derive(Clone)]
pub struct Services(Arc<Shared>);

struct Shared {
    guard: Guard,
    catalog: Catalog,
    engine: Engine,
    prepared: Mutex<HashMap<String, Arc<Prepared>>>,
    cache: Cache,
}

/// A declaration, ready to be called.
struct Prepared {
    spec: DataServiceSpec,
    version: i64,
    /// Which declaration this is; one that was deleted and made anew is another, whatever its version.
    declared: String,
    /// Whose rights the statement runs with: who declared the service last. His pass is asked for at each call.
    definer: String,
    /// Whether the statement pages by itself, with `$limit` and `$offset`.
    pages: bool,
    timeout: Duration,
    fresh_for: Option<Duration>,
    at: Instant,
    /// Whether somebody is looking the declaration up again.
    looked_up: AtomicBool,
}

/// A service as it is declared.
#[derive(Debug, Clone)]
pub struct Declaration {
    /// Its name.
    pub name: String,
    /// Grows by one with each change.
    pub version: i64,
    /// When it was changed last.
    pub changed: DateTime<Utc>,
    /// What was declared.
    pub spec: DataServiceSpec,
}

/// One request to a service.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The service's name.
    pub name: &'a str,
    /// The query string as it came, without the question mark.
    pub query: &'a str,
    /// The `Accept` header.
    pub accept: Option<&'a str>,
}

/// An answer on its way.
pub struct Served {
    /// The form of the bytes.
    pub format: Format,
    /// The bytes.
    pub payload: Payload,
    /// Counts the rows that went out; final when the payload has ended.
    pub rows: Seen,
    /// The tables that were read.
    pub tables: Arc<[String]>,
    /// How long anybody may keep the answer; nothing if it may not be kept.
    pub fresh_for: Option<Duration>,
    /// How old it is already.
    pub age: Duration,
    /// Whether it was given before.
    pub kept: bool,
}

/// The bytes of an answer.
pub enum Payload {
    /// All of them.
    Whole(Bytes),
    /// As they are computed; an error ends them, and then they are not the whole answer.
    Stream(BoxStream<'static, Result<Bytes>>),
}

impl Services {
    /// The services that `catalog` declares, over `engine`; answers and counts of calls are kept in `cache`.
    pub fn new(guard: Guard, catalog: Catalog, engine: Engine, cache: Cache) -> Self {
        Self(Arc::new(Shared { guard, catalog, engine, prepared: Mutex::default(), cache }))
    }

    /// Answers a call, for who may execute `service:NAME`. Errors: refusal, unknown service, parameters that do not fit, rate,
    /// and whatever the statement says before its first row.
    pub async fn call(&self, pass: &Pass, call: Call<'_>) -> Result<Served> {
        let shared = &self.0;
        pass.demand(Privilege::Execute, &Object::Service(call.name))?;
        let prepared = shared.prepared(call.name).await?;
        shared.check_rate(pass, call.name, &prepared.spec).await?;
        let bound = bind(call.name, &prepared.spec, call.query, call.accept)?;
        let definer = shared.guard.pass_of(&prepared.definer).await?;
        let Some(fresh_for) = prepared.fresh_for else {
            return shared.answer(&prepared, &definer, bound, WHOLE_BYTES, Some(WHOLE_WITHIN)).await;
        };
        let key = key(call.name, &prepared, &definer, &bound);
        if let Some(found) = shared.cache.get(&key, fresh_for).await
            && let Some(kept) = Kept::from_bytes(found.bytes)
        {
            let rows = Seen::default();
            rows.add(kept.rows);
            let payload = Payload::Whole(kept.body);
            return Ok(Served {
                format: bound.format,
                payload,
                rows,
                tables: kept.tables,
                fresh_for: Some(fresh_for),
                age: found.age,
                kept: true,
            });
        }
        let at = Instant::now();
        let served = shared.answer(&prepared, &definer, bound, ANSWER_BYTES_MAX, None).await?;
        if let Payload::Whole(body) = &served.payload {
            let kept = Kept { body: body.clone(), rows: served.rows.rows(), tables: Arc::clone(&served.tables) };
            if let Some(bytes) = kept.to_bytes() {
                shared.cache.put(&key, bytes, at, fresh_for).await;
            }
        }
        Ok(served)
    }

    /// The services that the pass may execute, by name.
    pub async fn list(&self, pass: &Pass) -> Result<Vec<Declaration>> {
        let all = self.0.catalog.rows::<DataServiceSpec>().await?.into_iter();
        let declared = all.map(|(resource, spec)| Declaration {
            name: resource.name,
            version: resource.version,
            changed: resource.updated_at,
            spec,
        });
        Ok(declared.filter(|service| pass.allows(Privilege::Execute, &Object::Service(&service.name))).collect())
    }

    /// The OpenAPI 3.1 document of one service, for who may execute it.
    pub async fn openapi(&self, pass: &Pass, name: &str) -> Result<Value> {
        pass.demand(Privilege::Execute, &Object::Service(name))?;
        let prepared = self.0.prepared(name).await?;
        let names = template::names(&prepared.spec.sql).unwrap_or_default();
        let values = names.into_iter().map(|name| (name, Value::Null)).collect();
        let newest = HashMap::new();
        let statement = Statement { sql: &prepared.spec.sql, parameters: &values, limits: Limits::default(), at: &newest };
        let definer = self.0.guard.pass_of(&prepared.definer).await?;
        // A statement that cannot be planned now still has parameters worth describing.
        let columns = self.0.engine.check_sql(&definer, statement).await.ok().map(|(columns, _)| columns);
        Ok(openapi::document(name, prepared.version, &prepared.spec, columns.as_deref()))
    }

    /// Forgets every declaration it has looked up, so that the next call sees what was just applied.
    pub fn forget(&self) {
        self.0.prepared.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Prepared {
    /// Whether it may be used; once it is too old, the first to ask is told to look it up again.
    fn is_fresh(&self) -> bool {
        let age = self.at.elapsed();
        age < PREPARED_FOR || (age < PREPARED_MEANWHILE && self.looked_up.swap(true, Ordering::AcqRel))
    }
}

impl Shared {
    async fn prepared(&self, name: &str) -> Result<Arc<Prepared>> {
        let known = self.prepared.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some(known) = known.filter(|known| known.is_fresh()) {
            return Ok(known);
        }
        let at = Instant::now();
        let Some((resource, spec)) = self.catalog.row::<DataServiceSpec>(name).await? else {
            self.prepared.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
            return Err(self.catalog.not_found(DataServiceSpec::KIND, name).await);
        };
        let pages = template::names(&spec.sql).is_ok_and(|names| names.contains("limit"));
        let (timeout, fresh_for) = (spec.timeout(), spec.fresh_for());
        let (version, changed) = (resource.version, resource.updated_at.timestamp_micros());
        let declared = format!("{version}@{changed}");
        let prepared = Arc::new(Prepared {
            spec,
            version,
            declared,
            definer: resource.updated_by,
            pages,
            timeout,
            fresh_for,
            at,
            looked_up: AtomicBool::new(false),
        });
        let mut all = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= PREPARED_MAX {
            all.clear();
        }
        all.insert(name.to_owned(), Arc::clone(&prepared));
        Ok(prepared)
    }

    async fn check_rate(&self, pass: &Pass, name: &str, spec: &DataServiceSpec) -> Result<()> {
        let Some(rate) = &spec.rate else { return Ok(()) };
        let caller = pass.token_id().unwrap_or(pass.user());
        let burst = rate.burst.map_or(rate.per_second.max(1.0), f64::from);
        let bucket = Bucket { per_second: rate.per_second, burst };
        self.cache.take(&format!("rate {name} {caller}"), bucket).await.map_err(|wait| {
            let seconds = wait.as_secs_f64().ceil().max(1.0);
            Error::new(&SERVICE_RATE_EXCEEDED).with("service", name).with("rate", rate.per_second).with("seconds", seconds)
        })
    }

    /// Runs the statement; the payload is whole if it ends within `bytes` and, if given, within `patience` of its first piece.
    async fn answer(
        &self,
        prepared: &Prepared,
        definer: &Pass,
        bound: Bound,
        bytes: usize,
        patience: Option<Duration>,
    ) -> Result<Served> {
        let Bound { mut values, limit, offset, format } = bound;
        let mut skip = offset;
        if prepared.pages {
            // One row more than the page, so that it is known whether there is a next one.
            values.insert("limit".to_owned(), (limit + 1).into());
            values.insert("offset".to_owned(), offset.into());
            skip = 0;
        }
        let limits = Limits { timeout: prepared.timeout, ..Limits::default() };
        let newest = HashMap::new();
        let statement = Statement { sql: &prepared.spec.sql, parameters: &values, limits, at: &newest };
        let answer = self.engine.query_again(definer, statement).await?;
        let tables = answer.tables.keys().map(ToString::to_string).collect();
        let rows = Seen::default();
        let batches = page(answer.stream.map_err(engine::error), skip, limit, rows.clone());
        let pieces = match format {
            Format::Json => {
                let seen = rows.clone();
                let next = move || match seen.more() {
                    true => format!(",\"next\":{}}}", offset + seen.rows()),
                    false => ",\"next\":null}".to_owned(),
                };
                framed_json(answer.schema, batches, next)
            }
            format => encode(format, answer.schema, batches),
        };
        let payload = gather(pieces, &rows, bytes, patience).await?;
        Ok(Served { format, payload, rows, tables, fresh_for: prepared.fresh_for, age: Duration::ZERO, kept: false })
    }
}

/// Equal requests have equal keys: the values stand in the order of their names.
fn key(name: &str, prepared: &Prepared, definer: &Pass, bound: &Bound) -> String {
    let values = Value::Object(bound.values.clone());
    let request = format!("{} {} {} {values}", bound.limit, bound.offset, bound.format.name());
    let policy = definer.policy_version();
    Key { service: name, declared: &prepared.declared, policy, request: &request }.text()
}

/// Waits for the end of small answers, so that they are sent with their length. Patience begins with the first row: what
/// fails before it has a status of its own.
async fn gather(
    mut pieces: BoxStream<'static, Result<Bytes>>,
    rows: &Seen,
    bytes: usize,
    patience: Option<Duration>,
) -> Result<Payload> {
    let mut whole = BytesMut::new();
    let mut until = None;
    while whole.len() <= bytes {
        let next = match until {
            Some(until) => match tokio::time::timeout_at(until, pieces.next()).await {
                Ok(next) => next,
                Err(_late) => break,
            },
            None => pieces.next().await,
        };
        let Some(piece) = next else { return Ok(Payload::Whole(whole.freeze())) };
        whole.extend_from_slice(&piece?);
        if until.is_none() && rows.rows() > 0 {
            until = patience.map(|patience| tokio::time::Instant::now() + patience);
        }
    }
    let first = stream::once(std::future::ready(Ok(whole.freeze())));
    Ok(Payload::Stream(first.chain(pieces).boxed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(sizes: &'static [usize]) -> BoxStream<'static, Result<Bytes>> {
        stream::iter(sizes).map(|size| Ok(Bytes::from(vec![b'x'; *size]))).boxed()
    }

    #[tokio::test]
    async fn small_answers_are_whole_and_large_ones_flow() {
        assert!(
            matches!(gather(pieces(&[1, 2, 3]), &Seen::default(), 10, None).await.expect("no error"), Payload::Whole(body) if body.len() == 6)
        );
        let Payload::Stream(rest) = gather(pieces(&[6, 6, 6]), &Seen::default(), 10, None).await.expect("no error") else {
            panic!("too large")
        };
        let all: Vec<Bytes> = rest.try_collect().await.expect("no error");
        assert_eq!(all.iter().map(Bytes::len).sum::<usize>(), 18);
    }

    #[tokio::test]
    async fn a_slow_answer_is_not_waited_for() {
        let rows = Seen::default();
        rows.add(1);
        let slow = pieces(&[1, 1]).chain(stream::pending()).boxed();
        assert!(matches!(gather(slow, &rows, 10, Some(WHOLE_WITHIN)).await.expect("no error"), Payload::Stream(_)));
    }
}
