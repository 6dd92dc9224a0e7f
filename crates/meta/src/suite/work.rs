//! The suite's second half: leases, jobs, runs and logs.

use std::collections::HashSet;
use std::time::Duration;

use base::RunId;
use chrono::Utc;
use serde_json::json;

use crate::*;

const TTL: Duration = Duration::from_secs(30);

pub(super) async fn leases(meta: &Meta, other: &Meta, own: &str) {
    let (here, there) = (meta.leases(), other.leases());
    let (one, two) = tokio::join!(here.acquire(own, "a", TTL), there.acquire(own, "b", TTL));
    let (one, two) = (one.expect("asks"), two.expect("asks"));
    assert!(one.is_some() != two.is_some(), "{one:?} {two:?}");
    let held = one.or(two).expect("one has it");
    assert_eq!(held.fence, 1);
    assert!((held.expires_at - Utc::now()).num_seconds() <= 31);
    assert_eq!(here.acquire(own, &held.owner, TTL).await.expect("asks"), None, "taken twice by one owner");
    assert!(here.renew(&held).await.expect("renews"));
    assert!(!here.renew(&Lease { fence: 0, ..held.clone() }).await.expect("asks"), "a stale fence renewed");
    assert!(there.release(&held).await.expect("releases"));
    assert!(!here.renew(&held).await.expect("asks"), "renewed after its release");
    let short = here.acquire(own, "a", Duration::from_millis(300)).await.expect("asks").expect("free");
    assert_eq!(short.fence, 2);
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(!here.renew(&short).await.expect("asks"), "renewed after its end");
    let next = there.acquire(own, "b", TTL).await.expect("asks").expect("expired");
    assert_eq!((next.fence, next.owner.as_str()), (3, "b"));
    assert!(!here.release(&short).await.expect("asks"), "released another's");
    assert!(there.renew(&next).await.expect("renews"));
}

pub(super) async fn jobs(meta: &Meta, other: &Meta, own: &str) {
    let kind = &own[..36];
    let job = |key: &str, priority| Job {
        kind: kind.to_owned(),
        key: key.to_owned(),
        payload: json!({ "key": key }),
        run_after: Duration::ZERO,
        priority,
    };
    let (here, there) = (meta.jobs(), other.jobs());
    assert_eq!(here.take(&[kind], "a", TTL).await.expect("asks"), None);
    for n in 0..30 {
        assert!(here.push(&job(&format!("k{n}"), n % 3)).await.expect("pushes"));
    }
    assert!(!there.push(&job("k1", 0)).await.expect("pushes"), "one key twice");
    // Two hosts with three workers each take all, each once, with fences that grow.
    let workers = (0..6).map(|n| {
        let jobs = if n % 2 == 0 { here.clone() } else { there.clone() };
        let kind = kind.to_owned();
        tokio::spawn(async move {
            let mut taken = Vec::new();
            while let Some(job) = jobs.take(&[&kind], &format!("w{n}"), TTL).await.expect("asks") {
                assert!(taken.last().is_none_or(|last: &TakenJob| last.fence < job.fence));
                taken.push(job);
            }
            taken
        })
    });
    let mut all = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        all.extend(worker.await.expect("no panic"));
    }
    assert_eq!(all.len(), 30);
    assert_eq!(all.iter().map(|job| &job.key).collect::<HashSet<_>>().len(), 30);
    assert_eq!(all.iter().map(|job| job.fence).collect::<HashSet<_>>().len(), 30);
    for job in &all[2..] {
        assert!(here.finish(job).await.expect("finishes"));
        assert!(!here.finish(job).await.expect("gone"));
    }
    assert!(here.fail(&all[0], Duration::from_secs(3600)).await.expect("gives back"));
    assert_eq!(here.take(&[kind], "a", TTL).await.expect("asks"), None, "taken before its time");
    // A worker that stops renewing loses its job, and cannot finish it.
    assert!(here.renew(&all[1], Duration::from_millis(300)).await.expect("renews"));
    tokio::time::sleep(Duration::from_millis(600)).await;
    let again = there.take(&[kind], "b", TTL).await.expect("asks").expect("expired");
    assert_eq!((&again.id, again.attempt), (&all[1].id, 2));
    assert!(again.fence > all[1].fence);
    assert!(!here.finish(&all[1]).await.expect("asks") && !here.renew(&all[1], TTL).await.expect("asks"));
    assert!(there.finish(&again).await.expect("finishes"));
    // The same key anew has a fence of its own, larger than all before.
    assert!(here.push(&job(&again.key, 5)).await.expect("pushes"));
    let anew = here.take(&["other", kind], "a", TTL).await.expect("asks").expect("there");
    assert!(anew.fence > again.fence && anew.attempt == 1);
    here.finish(&anew).await.expect("finishes");
    assert_eq!(here.count(kind).await.expect("counts"), 1);
    let late = Job { run_after: Duration::from_secs(60), ..job("late", 9) };
    here.push(&late).await.expect("pushes");
    assert_eq!(here.take(&[kind], "a", TTL).await.expect("asks"), None);
    // What is not due yet does not wait, nor does what somebody holds.
    assert_eq!(there.waiting(kind).await.expect("counts"), (0, Duration::ZERO));
    here.push(&job("waits", 0)).await.expect("pushes");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (count, oldest) = there.waiting(kind).await.expect("counts");
    assert!(count == 1 && (Duration::from_millis(250)..Duration::from_secs(60)).contains(&oldest), "{count} {oldest:?}");
    let held = here.take(&[kind], "a", TTL).await.expect("asks").expect("there");
    assert_eq!(there.waiting(kind).await.expect("counts").0, 0);
    here.finish(&held).await.expect("finishes");
}

pub(super) async fn runs(meta: &Meta, own: &str) {
    let runs = meta.runs();
    let pipeline = format!("p-{}", &own[24..]);
    let mut run = RunRow::new(RunId::new(), pipeline.clone(), "queued", "me");
    run.instance = Some(crate::clock::now());
    run.dedup_key = Some(format!("{pipeline}@1"));
    let steps = [StepRow::new(run.id, "load", "waiting"), StepRow::new(run.id, "check", "waiting")];
    let kind = format!("r{}", &own[..30]);
    let job = Job { kind: kind.clone(), key: run.id.to_string(), payload: json!({}), run_after: Duration::ZERO, priority: 0 };
    assert!(runs.insert_queued(&run, &steps, &job).await.expect("stores"));
    let twin = RunRow { id: RunId::new(), ..run.clone() };
    assert!(!runs.insert(&twin, &[]).await.expect("asks"), "one instance twice");
    assert!(!runs.insert(&run, &[]).await.expect("asks"), "one id twice");
    let (stored, stored_steps) = runs.get(run.id).await.expect("reads").expect("there");
    assert_eq!(stored, run);
    assert_eq!(stored_steps, [steps[1].clone(), steps[0].clone()]);

    let old = meta.jobs().take(&[&kind], "a", TTL).await.expect("asks").expect("queued with its run");
    let start = RunChange { started_at: Some(crate::clock::now()), ..RunChange::default() };
    assert!(runs.set_run_state(run.id, &["queued"], "running", Some(old.fence), start.clone()).await.expect("moves"));
    assert!(!runs.set_run_state(run.id, &["queued"], "running", Some(old.fence), start).await.expect("asks"), "moved twice");
    let mut step = StepRow { state: "running".to_owned(), rows: 10, total_rows: Some(20), ..steps[0].clone() };
    assert!(runs.update_step(&step, Some(old.fence)).await.expect("writes"));
    // A new owner with a higher fence: from its claim on the old one writes nothing more.
    meta.jobs().fail(&old, Duration::ZERO).await.expect("gives back");
    let new = meta.jobs().take(&[&kind], "b", TTL).await.expect("asks").expect("there");
    assert!(runs.claim(run.id, new.fence).await.expect("claims"));
    step.rows = 11;
    assert!(!runs.update_step(&step, Some(old.fence)).await.expect("asks"), "a stale fence wrote a step");
    let end = RunChange {
        finished_at: Some(Some(crate::clock::now())),
        error: Some(Some(json!({ "code": "x" }))),
        ..RunChange::default()
    };
    assert!(!runs.set_run_state(run.id, &["running"], "failed", Some(old.fence), end.clone()).await.expect("asks"));
    assert!(runs.request_cancel(run.id).await.expect("asks") && runs.cancel_requested(run.id).await.expect("reads"));
    step.output = json!({ "version": 7 });
    assert!(runs.update_step(&step, Some(new.fence)).await.expect("writes"));
    assert!(runs.set_run_state(run.id, &["running"], "failed", Some(new.fence), end).await.expect("ends"));
    assert!(!runs.request_cancel(run.id).await.expect("asks"), "cancelled after its end");
    let (stored, stored_steps) = runs.get(run.id).await.expect("reads").expect("there");
    assert_eq!((stored.state.as_str(), stored.fence, stored.error), ("failed", new.fence, Some(json!({ "code": "x" }))));
    assert_eq!(stored_steps[1], step);
    meta.jobs().finish(&new).await.expect("finishes");

    let later = RunRow::new(RunId::new(), pipeline.clone(), "queued", "me");
    assert!(runs.insert(&later, &[]).await.expect("stores"), "a run without a key was taken for another");
    let filter = RunFilter { pipeline: Some(pipeline.clone()), limit: 1, ..RunFilter::default() };
    let page = runs.list(&filter).await.expect("lists");
    assert_eq!(page.iter().map(|run| run.id).collect::<Vec<_>>(), [later.id]);
    let page = runs.list(&RunFilter { before: Some(later.id), ..filter }).await.expect("lists");
    assert_eq!(page.iter().map(|run| run.id).collect::<Vec<_>>(), [run.id]);
    let failed = RunFilter { pipeline: Some(pipeline), state: Some("failed".to_owned()), ..RunFilter::default() };
    assert_eq!(runs.list(&failed).await.expect("lists").len(), 1);
    logs(meta, run.id).await;
    assert!(runs.delete(run.id).await.expect("deletes"));
    assert_eq!(runs.get(run.id).await.expect("reads"), None);
    assert!(runs.logs(run.id, 0, 10).await.expect("reads").is_empty());
}

async fn logs(meta: &Meta, id: RunId) {
    let line =
        |text: &str| LogRow { run_id: id, seq: 0, at: Utc::now(), level: "info".to_owned(), step: None, text: text.to_owned() };
    let writers = (0..4).map(|_| {
        let (runs, lines) = (meta.runs(), vec![line("one\0"), line(&"é".repeat(5000))]);
        tokio::spawn(async move { runs.append_logs(id, &lines).await })
    });
    for writer in writers.collect::<Vec<_>>() {
        assert_eq!(writer.await.expect("no panic").expect("writes"), 2);
    }
    let lines = meta.runs().logs(id, 0, 100).await.expect("reads");
    assert_eq!(lines.iter().map(|line| line.seq).collect::<Vec<_>>(), (1..=8).collect::<Vec<_>>());
    assert_eq!((lines[0].text.as_str(), lines[1].text.len()), ("one\u{fffd}", crate::logs::LINE_BYTES_MAX));
    assert_eq!(meta.runs().logs(id, 6, 1).await.expect("reads")[0].seq, 7);
    let many = vec![line("x"); 9_990];
    assert_eq!(meta.runs().append_logs(id, &many).await.expect("writes"), 9_990);
    assert_eq!(meta.runs().append_logs(id, &many).await.expect("writes"), 2, "no limit on a run's log");
    assert_eq!(meta.runs().append_logs(id, &many).await.expect("writes"), 0);
    assert_eq!(meta.runs().append_logs(RunId::new(), &many).await.expect("writes"), 0);
}
