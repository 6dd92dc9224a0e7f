//! What is done now and then while the server runs: numbers into their buckets, ended tokens and old audit rows out.

use std::time::Duration;

use base::Result;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::metrics;
use crate::platform::Platform;

/// How often numbers that wait are put into their buckets, and plans that nobody uses are let go.
const NUMBERS_EVERY: Duration = Duration::from_secs(5);

/// How often what is old is looked for, and how long after the start for the first time.
const FORGET_EVERY: Duration = Duration::from_secs(3600);
const FORGET_FIRST: Duration = Duration::from_secs(60);

/// The lease under which one of several servers does it. Nobody gives it back: it keeps the others away for a while.
const LEASE: &str = "upkeep";
const LEASE_TTL: Duration = Duration::from_secs(600);

/// Starts what every process does for itself; it ends when `stopped` says so.
pub(crate) fn numbers(platform: &Platform, stopped: &watch::Receiver<bool>) -> JoinHandle<()> {
    let (platform, mut stop) = (platform.clone(), stopped.clone());
    tokio::spawn(async move {
        while tokio::time::timeout(NUMBERS_EVERY, stop.wait_for(|stop| *stop)).await.is_err() {
            platform.counting().pass_on(platform.flow().take_counted());
            metrics::recorder().run_upkeep();
            platform.engine().forget_idle_plans();
        }
    })
}

/// Starts what one process does for all; it ends when `stopped` says so.
pub(crate) fn forgetting(platform: &Platform, stopped: &watch::Receiver<bool>) -> JoinHandle<()> {
    let (platform, mut stop) = (platform.clone(), stopped.clone());
    tokio::spawn(async move {
        let mut wait = FORGET_FIRST;
        while tokio::time::timeout(wait, stop.wait_for(|stop| *stop)).await.is_err() {
            wait = FORGET_EVERY;
            let forgotten = tokio::select! {
                forgotten = forget(&platform, Utc::now()) => forgotten,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            if let Err(error) = forgotten {
                tracing::warn!(%error, "what is old could not be forgotten; it is tried again in an hour");
            }
        }
    })
}

/// Forgets what is old at `now`, unless another server has just done so.
pub(crate) async fn forget(platform: &Platform, now: DateTime<Utc>) -> Result<()> {
    let owner = base::ids::fresh();
    if platform.meta().leases().acquire(LEASE, &owner, LEASE_TTL).await?.is_none() {
        return Ok(());
    }
    let tokens = platform.guard().forget_ended_tokens().await?;
    let rows = match platform.settings().audit_days {
        Some(days) => platform.guard().audit().forget_before(now - TimeDelta::days(days.into())).await?.rows,
        None => 0,
    };
    if tokens + rows > 0 {
        tracing::info!(tokens, audit_rows = rows, "ended tokens and old audit rows were deleted");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use guard::{AuditFilter, Event};

    use super::*;
    use crate::settings::Settings;

    async fn written(platform: &Platform) -> usize {
        let filter = AuditFilter { action: Some("sql".to_owned()), limit: 100, ..AuditFilter::default() };
        platform.guard().audit().page(&filter).await.expect("a page").items.len()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_old_goes_and_one_server_at_a_time_sees_to_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = async |name: &str, audit_days| {
            let settings = Settings { audit_days, ..Settings::of_home(folder.path().join(name)) };
            Platform::open(settings).await.expect("opens")
        };
        let (kept, bounded) = (open("kept", None).await, open("bounded", Some(1)).await);
        let now = Utc::now();
        for platform in [&kept, &bounded] {
            for number in 0..5 {
                let event = Event::new("ann", "sql", number.to_string());
                platform.guard().audit().record_now(event).await.expect("written");
            }
            forget(platform, now).await.expect("looks");
            assert_eq!(written(platform).await, 5, "nothing is old yet");
        }
        // Whoever looked has the lease for a while, so another server of the same home leaves it alone.
        let later = now + TimeDelta::days(2);
        forget(&bounded, later).await.expect("leaves it");
        assert_eq!(written(&bounded).await, 5);
        let (kept, bounded) = (open("kept-2", None).await, open("bounded-2", Some(1)).await);
        for platform in [&kept, &bounded] {
            platform.guard().audit().record_now(Event::new("ann", "sql", "old")).await.expect("written");
            forget(platform, later).await.expect("forgets");
            assert!(platform.guard().audit().verify().await.expect("reads").is_sound());
        }
        assert_eq!((written(&kept).await, written(&bounded).await), (1, 0), "only who was told to forget does");
    }
}
