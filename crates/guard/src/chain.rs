//! The hash chain of the audit: how a row is hashed, and the proof that no row was changed, removed or put in.

use std::collections::{BTreeMap, HashMap};

use base::Result;
use meta::{AuditRow, Meta};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::retention::Checkpoints;

/// The hash before the first row.
pub(crate) const START: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The action of a chain's first row, whose detail names where other chains ended then.
pub(crate) const START_ACTION: &str = "audit.start";

/// Rows read at once.
const PAGE_ROWS: u64 = 500;

/// What the verification of one chain found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChainReport {
    /// The chain.
    pub chain: String,
    /// Rows up to the first that is wrong, or all.
    pub rows: u64,
    /// What is wrong and at which sequence number; none: nothing is.
    pub problem: Option<String>,
}

/// What the verification of all chains found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Each chain that has rows, or should have.
    pub chains: Vec<ChainReport>,
}

impl Verification {
    /// Whether every chain is whole.
    pub fn is_sound(&self) -> bool {
        self.chains.iter().all(|chain| chain.problem.is_none())
    }
}

/// SHA-256 over the hash before and the row's body, in hexadecimal.
pub(crate) fn hash(prev: &str, body: &str) -> String {
    hex::encode(Sha256::new().chain_update(prev).chain_update(b"\n").chain_update(body).finalize())
}

/// JSON with sorted keys and no spaces: one text for one value.
pub(crate) fn canonical(value: &Value) -> String {
    fn write(value: &Value, text: &mut String) {
        match value {
            Value::Object(map) => {
                let sorted: BTreeMap<&String, &Value> = map.iter().collect();
                text.push('{');
                for (index, (key, value)) in sorted.into_iter().enumerate() {
                    if index > 0 {
                        text.push(',');
                    }
                    text.push_str(&Value::from(key.as_str()).to_string());
                    text.push(':');
                    write(value, text);
                }
                text.push('}');
            }
            Value::Array(items) => {
                text.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        text.push(',');
                    }
                    write(item, text);
                }
                text.push(']');
            }
            plain => text.push_str(&plain.to_string()),
        }
    }
    let mut text = String::new();
    write(value, &mut text);
    text
}

/// The name under which the list of what was forgotten is reported when it is wrong.
const CHECKPOINTS: &str = "checkpoints";

/// Verifies every chain from where it was forgotten: its rows follow each other, say what was hashed, and end at its head; and
/// what later chains noted of it when they began is still there, or was forgotten in order.
pub(crate) async fn verify(meta: &Meta) -> Result<Verification> {
    let audit = meta.audit();
    let heads: HashMap<String, (i64, String)> =
        audit.heads(None).await?.into_iter().map(|head| (head.chain, (head.seq, head.hash))).collect();
    let checkpoints = Checkpoints::read(meta).await?;
    let mut anchors = Vec::new();
    let mut hashes = HashMap::new();
    let mut chains = BTreeMap::new();
    if !checkpoints.is_empty() && !checkpoints.are_written_down(meta).await? {
        let problem = Some("what was forgotten is not what was written down".to_owned());
        chains.insert(CHECKPOINTS.to_owned(), ChainReport { chain: CHECKPOINTS.to_owned(), rows: 0, problem });
    }
    for chain in audit.chains().await? {
        let report = verify_chain(meta, &chain, checkpoints.of(&chain), heads.get(&chain), &mut anchors, &mut hashes).await?;
        chains.insert(chain, report);
    }
    for (chain, (seq, hash)) in &heads {
        // A chain that was forgotten to its end has nothing left to say.
        if !chains.contains_key(chain) && checkpoints.of(chain) != (*seq, hash.as_str()) {
            chains.insert(chain.clone(), missing(chain.clone()));
        }
    }
    for (chain, seq, hash) in anchors {
        match checkpoints.of(&chain) {
            (forgotten, _) if seq < forgotten => continue,
            (forgotten, last) if seq == forgotten && hash == last => continue,
            _ => {}
        }
        let report = chains.entry(chain.clone()).or_insert_with(|| missing(chain.clone()));
        let stands = match hashes.get(&(chain.clone(), seq)) {
            Some(found) => *found == hash,
            None => stored_hash(meta, &chain, seq).await?.is_some_and(|found| found == hash),
        };
        if !stands && report.problem.is_none() {
            report.problem = Some(format!("row {seq} is not the one that a later chain noted"));
        }
    }
    Ok(Verification { chains: chains.into_values().collect() })
}

fn missing(chain: String) -> ChainReport {
    ChainReport { chain, rows: 0, problem: Some("all its rows are gone".to_owned()) }
}

async fn verify_chain(
    meta: &Meta,
    chain: &str,
    checkpoint: (i64, &str),
    head: Option<&(i64, String)>,
    anchors: &mut Vec<(String, i64, String)>,
    hashes: &mut HashMap<(String, i64), String>,
) -> Result<ChainReport> {
    let mut report = ChainReport { chain: chain.to_owned(), rows: 0, problem: None };
    let (mut seq, mut prev) = (checkpoint.0, checkpoint.1.to_owned());
    loop {
        let rows = meta.audit().chain(chain, seq, PAGE_ROWS).await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            if let Some(problem) = problem(&row, seq + 1, &prev) {
                report.problem = Some(problem);
                return Ok(report);
            }
            if row.action == START_ACTION {
                anchors.extend(noted(&row));
            }
            seq = row.seq;
            prev = row.hash;
            report.rows += 1;
        }
    }
    match head {
        Some((last, hash)) if *last == seq && *hash == prev => {}
        Some((last, _)) => report.problem = Some(format!("it ends at row {seq}, but its head is row {last}")),
        None => report.problem = Some("its head is gone".to_owned()),
    }
    hashes.insert((chain.to_owned(), seq), prev);
    Ok(report)
}

/// What is wrong with a row.
pub(crate) fn problem(row: &AuditRow, seq: i64, prev: &str) -> Option<String> {
    if row.seq != seq {
        return Some(format!("row {seq} is missing"));
    }
    if row.prev != prev {
        return Some(format!("row {seq} does not follow the row before it"));
    }
    if row.hash != hash(&row.prev, &row.body) {
        return Some(format!("row {seq} was changed"));
    }
    let body: Value = serde_json::from_str(&row.body).unwrap_or_default();
    let says = body["chain"] == row.chain
        && body["seq"] == row.seq
        && body["id"] == row.id
        && body["at"] == row.at.timestamp_micros()
        && body["principal"] == row.principal
        && body["action"] == row.action
        && body["object"] == row.object
        && body["allowed"] == row.allowed;
    (!says).then(|| format!("row {seq} says something else than its hashed body"))
}

/// Where other chains ended when this one began: chain, sequence number, hash.
fn noted(row: &AuditRow) -> Vec<(String, i64, String)> {
    let body: Value = serde_json::from_str(&row.body).unwrap_or_default();
    let heads = body["detail"]["heads"].as_array().cloned().unwrap_or_default();
    let read = |head: &Value| Some((head[0].as_str()?.to_owned(), head[1].as_i64()?, head[2].as_str()?.to_owned()));
    heads.iter().filter_map(read).collect()
}

async fn stored_hash(meta: &Meta, chain: &str, seq: i64) -> Result<Option<String>> {
    let rows = meta.audit().chain(chain, seq - 1, 1).await?;
    Ok(rows.into_iter().next().filter(|row| row.seq == seq).map(|row| row.hash))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_text_for_one_value() {
        let one = json!({ "b": [1, { "z": null, "a": "é\"" }], "a": 1.5 });
        assert_eq!(canonical(&one), "{\"a\":1.5,\"b\":[1,{\"a\":\"é\\\"\",\"z\":null}]}");
        assert_eq!(hash(START, "{}").len(), 64);
    }
}
