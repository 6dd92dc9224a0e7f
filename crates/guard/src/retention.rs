//! Forgetting audit rows that are old enough, so that the proof still holds: whole beginnings of chains go, each verified once
//! more before, and what was forgotten is itself written into the chain.
//!
//! The order is what makes it safe to be cut short: first the event that says what the list of checkpoints was and will be,
//! then the list, then the rows. A verification goes from each chain's checkpoint, and believes the list only if the newest
//! such event says so.

use std::collections::{BTreeMap, HashMap};

use base::Result;
use chrono::{DateTime, Utc};
use meta::{AuditFilter, AuditHead, Meta};
use serde::Serialize;
use serde_json::{Value, json};

use crate::audit::{Audit, Event};
use crate::chain::{self, START};

/// The action of the event that says what was forgotten.
pub(crate) const CHECKPOINT_ACTION: &str = "audit.checkpoint";

/// Rows read at once.
const PAGE_ROWS: u64 = 500;

/// What a forgetting did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Forgotten {
    /// Rows that are gone.
    pub rows: u64,
    /// Chains whose rows stay although they are old, because something is wrong with them.
    pub refused: Vec<String>,
}

/// Up to where each chain has been forgotten.
pub(crate) struct Checkpoints(BTreeMap<String, AuditHead>);

impl Checkpoints {
    pub async fn read(meta: &Meta) -> Result<Self> {
        let heads = meta.audit().checkpoints().await?;
        Ok(Self(heads.into_iter().map(|head| (head.chain.clone(), head)).collect()))
    }

    /// The last row of a chain that is gone, and its hash; of a chain that is whole, what stands before its first row.
    pub fn of(&self, chain: &str) -> (i64, &str) {
        self.0.get(chain).map_or((0, START), |head| (head.seq, head.hash.as_str()))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One text for one list.
    fn digest(&self) -> String {
        let list: Vec<Value> = self.0.values().map(|head| json!([head.chain, head.seq, head.hash])).collect();
        chain::hash("", &chain::canonical(&Value::Array(list)))
    }

    /// Whether the newest event about checkpoints speaks of this list: as what it made, or, if it was cut short, as what it found.
    pub async fn are_written_down(&self, meta: &Meta) -> Result<bool> {
        let filter = AuditFilter { action: Some(CHECKPOINT_ACTION.to_owned()), limit: 1, ..AuditFilter::default() };
        let newest = meta.audit().page(&filter).await?;
        let Some(row) = newest.first() else { return Ok(false) };
        let body: Value = serde_json::from_str(&row.body).unwrap_or_default();
        let digest = self.digest();
        Ok(["to", "from"].iter().any(|side| body["detail"][side] == digest))
    }
}

impl Audit {
    /// Forgets rows from before then, chain by chain, from each chain's beginning. One process does so at a time.
    ///
    /// Errors: the database, and a list of checkpoints that somebody else has changed.
    pub async fn forget_before(&self, before: DateTime<Utc>) -> Result<Forgotten> {
        self.flush().await?;
        let known = Checkpoints::read(self.meta()).await?;
        // Before any row is read: what a living chain grows by meanwhile is young.
        let heads = self.meta().audit().heads(None).await?;
        let heads: HashMap<String, AuditHead> = heads.into_iter().map(|head| (head.chain.clone(), head)).collect();
        let mut forgotten = Forgotten::default();
        let (mut moved, mut touched) = (Vec::new(), Vec::new());
        for chain in self.meta().audit().chains_before(before).await? {
            match end_of_old(self.meta(), &chain, known.of(&chain), heads.get(&chain), before).await? {
                Ok(Some(head)) => moved.push(head),
                // Rows that an earlier forgetting had no time to delete.
                Ok(None) => touched.extend(known.0.get(&chain).cloned()),
                Err(problem) => {
                    tracing::error!(chain, problem, "an old audit chain is not whole and is not forgotten");
                    forgotten.refused.push(chain);
                }
            }
        }
        if !moved.is_empty() {
            self.write_down(&known, &moved, before).await?;
            touched.extend(moved);
        }
        for checkpoint in &touched {
            forgotten.rows += self.meta().audit().delete_forgotten(checkpoint).await?;
        }
        Ok(forgotten)
    }

    /// The event, then the list that it speaks of.
    async fn write_down(&self, known: &Checkpoints, moved: &[AuditHead], before: DateTime<Utc>) -> Result<()> {
        let mut all = known.0.clone();
        all.extend(moved.iter().map(|head| (head.chain.clone(), head.clone())));
        let (from, to) = (known.digest(), Checkpoints(all).digest());
        let mut event = Event::new("dataux", CHECKPOINT_ACTION, "the audit");
        event.detail = json!({ "before": before, "chains": moved.len(), "from": from, "to": to });
        self.record_now(event).await?;
        let from = (!known.is_empty()).then_some(from.as_str());
        self.meta().audit().move_checkpoints(moved, from, &to).await
    }
}

/// The last row of a chain's old beginning behind its checkpoint, if there is one; or what is wrong with the chain there.
async fn end_of_old(
    meta: &Meta,
    chain: &str,
    checkpoint: (i64, &str),
    head: Option<&AuditHead>,
    before: DateTime<Utc>,
) -> Result<std::result::Result<Option<AuditHead>, String>> {
    let (mut seq, mut hash) = (checkpoint.0, checkpoint.1.to_owned());
    loop {
        let rows = meta.audit().chain(chain, seq, PAGE_ROWS).await?;
        let last = (rows.len() as u64) < PAGE_ROWS;
        for row in rows {
            if row.at >= before {
                return Ok(Ok((seq > checkpoint.0).then(|| AuditHead { chain: chain.to_owned(), seq, hash })));
            }
            if let Some(problem) = chain::problem(&row, seq + 1, &hash) {
                return Ok(Err(problem));
            }
            (seq, hash) = (row.seq, row.hash);
        }
        if last {
            // The whole chain is old: it must be all there.
            if !head.is_some_and(|head| head.seq == seq && head.hash == hash) {
                return Ok(Err(format!("it does not end at row {seq} as its head says")));
            }
            return Ok(Ok((seq > checkpoint.0).then(|| AuditHead { chain: chain.to_owned(), seq, hash })));
        }
    }
}
