//! One operator at a time: a Lease beside the release. Who holds it renews it; it is taken over only after it was watched and did
//! not change for as long as it lasts, so no two clocks are ever compared.

use std::time::Duration;

use base::{Error, Result};
use chrono::{SecondsFormat, Utc};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::codes::{SITE_LOCK_LOST, SITE_LOCKED};
use crate::facts;

/// How long a lock lasts without being renewed.
pub const LOCK_SECONDS: u64 = 30;
/// How often it is renewed, and how often a stranger's is watched.
const RENEW: Duration = Duration::from_secs(6);

/// A lock that is held. It is let go by [`Lock::release`]; if this process dies it lasts until it is taken over.
#[derive(Debug)]
pub struct Lock {
    cluster: Cluster,
    /// Grows by one with each holder: it tells this hold from every other.
    fence: u64,
    lost: watch::Receiver<Option<String>>,
    stop: watch::Sender<bool>,
    renewing: JoinHandle<Option<Value>>,
}

impl Lock {
    /// Takes the lock of a site, whose namespace is there. Whoever holds it and lives is an error that says who.
    pub async fn take(cluster: &Cluster, holder: &str) -> Result<Self> {
        let path = format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases/{}", cluster.namespace, name(cluster));
        let known = match facts::found(cluster, &path).await? {
            None => None,
            Some(lease) if is_free(&lease) => Some(lease),
            Some(lease) => Some(outlive(cluster, &path, lease).await?),
        };
        let fence = known.as_ref().map_or(1, |lease| fence(lease) + 1);
        let wanted = lease(cluster, holder, fence, known.as_ref());
        let verb = if known.is_some() { "replace" } else { "create" };
        let held = match cluster.json(&[verb, "-f", "-", "--output", "json"], Some(&wanted.to_string())).await {
            Ok(held) => held,
            Err(error) if is_race(&error) => {
                let other = facts::found(cluster, &path).await?.unwrap_or_default();
                return Err(locked(cluster, &other));
            }
            Err(error) => return Err(error),
        };
        let (tell_lost, lost) = watch::channel(None);
        let (stop, stopped) = watch::channel(false);
        let renewing = tokio::spawn(renew(cluster.clone(), held, tell_lost, stopped));
        Ok(Self { cluster: cluster.clone(), fence, lost, stop, renewing })
    }

    /// The number of this hold.
    pub fn fence(&self) -> u64 {
        self.fence
    }

    /// An error if somebody else has the lock by now.
    pub fn check(&self) -> Result<()> {
        match &*self.lost.borrow() {
            Some(reason) => Err(Error::new(&SITE_LOCK_LOST).with("site", &self.cluster.site).with("reason", reason)),
            None => Ok(()),
        }
    }

    /// Lets go. Who cannot be told finds out by watching.
    pub async fn release(self) {
        let _ = self.stop.send(true);
        if let Ok(Some(mut held)) = self.renewing.await {
            held["spec"]["holderIdentity"] = json!("");
            let _ = self.cluster.json(&["replace", "-f", "-", "--output", "json"], Some(&held.to_string())).await;
        }
    }
}

/// Who holds a site, and since when, if somebody does.
pub async fn holder(cluster: &Cluster) -> Result<Option<(String, String)>> {
    let path = format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases/{}", cluster.namespace, name(cluster));
    let lease = facts::found(cluster, &path).await?;
    Ok(lease.filter(|lease| !is_free(lease)).map(|lease| held_by(&lease)))
}

fn name(cluster: &Cluster) -> String {
    format!("{}-deploy", cluster.release)
}

fn lease(cluster: &Cluster, holder: &str, fence: u64, known: Option<&Value>) -> Value {
    let now = now();
    let mut lease = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": { "name": name(cluster), "namespace": cluster.namespace },
        "spec": {
            "holderIdentity": holder, "leaseDurationSeconds": LOCK_SECONDS, "acquireTime": now, "renewTime": now, "leaseTransitions": fence,
        },
    });
    if let Some(version) = known.map(|known| known["metadata"]["resourceVersion"].clone()) {
        lease["metadata"]["resourceVersion"] = version;
    }
    lease
}

/// Renews until told to stop; gives back the lease as it was last, unless it was lost.
async fn renew(
    cluster: Cluster,
    mut held: Value,
    lost: watch::Sender<Option<String>>,
    mut stopped: watch::Receiver<bool>,
) -> Option<Value> {
    let mut renewed = Instant::now();
    loop {
        tokio::select! {
            () = told(&mut stopped) => return Some(held),
            () = tokio::time::sleep(RENEW) => {}
        }
        held["spec"]["renewTime"] = json!(now());
        match cluster.json(&["replace", "-f", "-", "--output", "json"], Some(&held.to_string())).await {
            Ok(answer) => {
                held = answer;
                renewed = Instant::now();
            }
            // Whoever took it over changed it, so that ours is no longer the version that is there.
            Err(error) if is_race(&error) || facts::is_missing(&error) => {
                lost.send_replace(Some("somebody else took it over".to_owned()));
                return None;
            }
            Err(error) if renewed.elapsed() >= Duration::from_secs(LOCK_SECONDS) => {
                lost.send_replace(Some(format!("it could not be renewed: {error}")));
                return None;
            }
            Err(_) => {}
        }
    }
}

/// Waits until the holder lets go, or is gone.
async fn told(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}

/// Watches a stranger's lease: renewed, it is an error; unchanged for as long as it lasts, its holder is dead.
async fn outlive(cluster: &Cluster, path: &str, first: Value) -> Result<Value> {
    let seconds =
        first.pointer("/spec/leaseDurationSeconds").and_then(Value::as_u64).unwrap_or(LOCK_SECONDS).min(10 * LOCK_SECONDS);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(seconds) {
        tokio::time::sleep(RENEW / 2).await;
        match facts::found(cluster, path).await? {
            Some(lease) if is_free(&lease) => return Ok(lease),
            Some(lease) if lease["metadata"]["resourceVersion"] != first["metadata"]["resourceVersion"] => {
                return Err(locked(cluster, &lease));
            }
            _ => {}
        }
    }
    Ok(first)
}

fn locked(cluster: &Cluster, lease: &Value) -> Error {
    let (holder, since) = held_by(lease);
    Error::new(&SITE_LOCKED).with("site", &cluster.site).with("holder", holder).with("since", since).with("seconds", LOCK_SECONDS)
}

fn held_by(lease: &Value) -> (String, String) {
    let field = |name: &str| lease["spec"][name].as_str().unwrap_or("?").to_owned();
    let since = field("acquireTime");
    (field("holderIdentity"), since.split_once('.').map_or(since.clone(), |(whole, _)| format!("{whole}Z")))
}

fn is_free(lease: &Value) -> bool {
    lease.pointer("/spec/holderIdentity").and_then(Value::as_str).is_none_or(str::is_empty)
}

fn fence(lease: &Value) -> u64 {
    lease.pointer("/spec/leaseTransitions").and_then(Value::as_u64).unwrap_or(0)
}

fn is_race(error: &Error) -> bool {
    error.arguments().get("reason").is_some_and(|reason| reason.contains("(AlreadyExists)") || reason.contains("(Conflict)"))
}

fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true)
}
