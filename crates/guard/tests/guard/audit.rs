//! The audit: complete, in order, whole, and noticed when it is not.

use std::time::{Duration, Instant};

use guard::codes::AUDIT_UNAVAILABLE;
use guard::{AuditFilter, Event};
use serde_json::json;

use crate::{Home, password};

fn run(home: &Home, sql: &str) {
    let connection = rusqlite::Connection::open(home.file()).expect("opens");
    connection.busy_timeout(Duration::from_secs(10)).expect("sets");
    connection.execute(sql, []).expect(sql);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_one_chain_without_gaps() {
    let home = Home::new().await;
    let writers = (0..16).map(|writer| {
        let audit = home.guard.audit().clone();
        tokio::spawn(async move {
            for n in 0..100 {
                let mut event = Event::new("ann", "sql", format!("{writer}/{n}"));
                event.detail = json!({ "b": 1, "a": "'\u{0}é数据" });
                audit.record(event).await.expect("a place");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("no panic");
    }
    let found = home.guard.audit().verify().await.expect("reads");
    assert!(found.is_sound(), "{found:?}");
    assert_eq!(found.chains.len(), 1);
    assert_eq!(found.chains[0].rows, 1601, "1600 and the start");
    let mut seen = 0;
    let mut filter = AuditFilter { principal: Some("ann".to_owned()), limit: 500, ..AuditFilter::default() };
    loop {
        let page = home.guard.audit().page(&filter).await.expect("reads");
        seen += page.items.len();
        assert!(page.items.iter().all(|entry| entry.event["action"] == "sql"));
        filter.before = page.next;
        if filter.before.is_none() {
            break;
        }
    }
    assert_eq!(seen, 1600);
}

#[tokio::test]
async fn every_way_of_tampering_is_found() {
    let tampering: &[(&str, &str)] = &[
        ("UPDATE audit SET body = replace(body, 'thing-5', 'thing-6') WHERE object = 'thing-5'", "row 6 was changed"),
        ("UPDATE audit SET principal = 'bob' WHERE object = 'thing-5'", "row 6 says something else"),
        ("UPDATE audit SET allowed = 0 WHERE object = 'thing-5'", "row 6 says something else"),
        ("UPDATE audit SET at = at + 1 WHERE object = 'thing-5'", "row 6 says something else"),
        ("UPDATE audit SET hash = replace(hash, substr(hash, 1, 4), '0000') WHERE object = 'thing-5'", "row 6 was changed"),
        ("DELETE FROM audit WHERE object = 'thing-5'", "row 6 is missing"),
        ("DELETE FROM audit WHERE object = 'thing-9'", "it ends at row 9, but its head is row 10"),
        ("DELETE FROM audit WHERE seq = 1", "row 1 is missing"),
        ("DELETE FROM audit", "all its rows are gone"),
        ("DELETE FROM audit_heads", "its head is gone"),
        ("UPDATE audit SET seq = 100 + seq WHERE object IN ('thing-5', 'thing-6')", "row 6 is missing"),
    ];
    for (sql, problem) in tampering {
        let home = Home::new().await;
        for n in 1..=9 {
            home.guard.audit().record(Event::new("ann", "sql", format!("thing-{n}"))).await.expect("a place");
        }
        assert!(home.guard.audit().verify().await.expect("reads").is_sound());
        run(&home, sql);
        let (_, beside) = home.beside().await;
        let found = beside.audit().verify().await.expect("reads");
        let problems: Vec<_> = found.chains.iter().filter_map(|chain| chain.problem.as_deref()).collect();
        assert!(problems.len() == 1 && problems[0].starts_with(problem), "{sql}: {problems:?}");
    }
}

#[tokio::test]
async fn a_chain_that_vanished_is_missed_by_the_next() {
    let home = Home::new().await;
    home.guard.audit().record_now(Event::new("eve", "sql", "what she did")).await.expect("written");
    let (_, beside) = home.beside().await;
    beside.audit().record_now(Event::new("ann", "sql", "later")).await.expect("written");
    assert!(beside.audit().verify().await.expect("reads").is_sound());
    run(&home, "DELETE FROM audit_heads WHERE chain = (SELECT chain FROM audit WHERE principal = 'eve')");
    run(&home, "DELETE FROM audit WHERE chain = (SELECT chain FROM audit WHERE principal = 'eve')");
    let found = beside.audit().verify().await.expect("reads");
    let problems: Vec<_> = found.chains.iter().filter_map(|chain| chain.problem.as_deref()).collect();
    assert_eq!(problems, ["all its rows are gone"]);
}

#[tokio::test]
async fn a_chain_cut_and_sealed_again_is_missed_by_the_next() {
    let home = Home::new().await;
    for n in 1..=3 {
        home.guard.audit().record_now(Event::new("eve", "sql", format!("thing-{n}"))).await.expect("written");
    }
    let (_, beside) = home.beside().await;
    beside.audit().record_now(Event::new("ann", "sql", "later")).await.expect("written");
    // The last row goes, and the head is set back as if it had never been.
    run(&home, "DELETE FROM audit WHERE object = 'thing-3'");
    run(
        &home,
        "UPDATE audit_heads SET seq = 3, hash = (SELECT hash FROM audit WHERE object = 'thing-2')
         WHERE chain = (SELECT chain FROM audit WHERE object = 'thing-2')",
    );
    let found = beside.audit().verify().await.expect("reads");
    let problems: Vec<_> = found.chains.iter().filter_map(|chain| chain.problem.as_deref()).collect();
    assert_eq!(problems, ["row 4 is not the one that a later chain noted"]);
}

#[tokio::test]
async fn long_and_strange_events_fit() {
    let home = Home::new().await;
    let mut event = Event::new("x\0".repeat(1000), "sql", "o".repeat(10_000));
    event.detail = json!({ "sql": "s".repeat(1 << 20) });
    event.tables = vec!["lake.a.b".repeat(20); 1000];
    home.guard.audit().record_now(event).await.expect("written");
    let page = home.guard.audit().page(&AuditFilter { limit: 1, ..AuditFilter::default() }).await.expect("reads");
    assert_eq!(page.items[0].event["detail"]["cut"], true);
    assert!(page.items[0].event.to_string().len() < 100_000);
    assert!(home.guard.audit().verify().await.expect("reads").is_sound());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_down_is_refused() {
    let home = Home::new().await;
    home.guard.ensure_admin(Some(password())).await.expect("made");
    let admin = home.guard.local_admin().await.expect("here");
    home.guard.audit().flush().await.expect("written");
    // The audit's tables take no writes, though the rest of the database does.
    run(&home, "CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END");
    let start = Instant::now();
    let error = home.guard.put_secret(&admin, "s", password()).await.expect_err("refused");
    assert!(error.is(&AUDIT_UNAVAILABLE) && error.code().http == 503 && error.code().retry, "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert!(home.meta.secrets().get("s").await.expect("reads").is_none(), "done although it could not be written down");
    // Small events are taken until the queue is full, then refused too, within a bound.
    let start = Instant::now();
    let mut taken = 0;
    let error = loop {
        match home.guard.audit().record(Event::new("ann", "sql", "x")).await {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken < 100_000, "the queue has no bound");
    };
    assert!(error.is(&AUDIT_UNAVAILABLE), "{error:?}");
    assert!(!home.guard.audit().try_record(Event::new("ann", "sql", "x")));
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    run(&home, "DROP TRIGGER full");
    // All that was taken is written once the database takes it, and the chain is whole.
    let deadline = Instant::now() + Duration::from_secs(60);
    while home.guard.audit().flush().await.is_err() {
        assert!(Instant::now() < deadline, "the audit did not recover");
    }
    let found = home.guard.audit().verify().await.expect("reads");
    assert!(found.is_sound(), "{found:?}");
    assert!(found.chains[0].rows > taken, "{found:?} {taken}");
    home.guard.put_secret(&admin, "s", password()).await.expect("goes again");
}

/// Events with these objects, written, and then the moment behind them.
async fn recorded(home: &Home, objects: &[&str]) -> chrono::DateTime<chrono::Utc> {
    for object in objects {
        home.guard.audit().record_now(Event::new("ann", "sql", *object)).await.expect("written");
    }
    tokio::time::sleep(Duration::from_millis(2)).await;
    chrono::Utc::now()
}

async fn problems(guard: &guard::Guard) -> Vec<String> {
    let found = guard.audit().verify().await.expect("reads");
    found.chains.into_iter().filter_map(|chain| chain.problem).collect()
}

#[tokio::test]
async fn old_rows_are_forgotten_and_the_rest_is_still_proven() {
    let home = Home::new().await;
    recorded(&home, &["a", "b", "c"]).await;
    // A chain of another process that has ended, which the next one notes.
    {
        let (_, other) = home.beside().await;
        other.audit().record_now(Event::new("bob", "sql", "other")).await.expect("written");
    }
    let (_, third) = home.beside().await;
    third.audit().record_now(Event::new("cyd", "sql", "third")).await.expect("written");
    let cut = recorded(&home, &["d"]).await;
    third.audit().record_now(Event::new("cyd", "sql", "young")).await.expect("written");
    recorded(&home, &["e"]).await;
    let audit = home.guard.audit();
    assert_eq!(problems(&home.guard).await, Vec::<String>::new());
    let done = audit.forget_before(cut).await.expect("forgets");
    // A start and a, b, c, d; a start and one; a start and one.
    assert_eq!((done.rows, done.refused.len()), (9, 0));
    assert_eq!(problems(&home.guard).await, Vec::<String>::new());
    let objects = |action: &str| AuditFilter { action: Some(action.to_owned()), limit: 10, ..AuditFilter::default() };
    let left: Vec<_> = audit.page(&objects("sql")).await.expect("reads").items;
    assert_eq!(left.iter().map(|entry| entry.event["object"].as_str().expect("text")).collect::<Vec<_>>(), ["e", "young"]);
    assert_eq!(audit.page(&objects("audit.checkpoint")).await.expect("reads").items.len(), 1);
    // Again: nothing is old. Later: the checkpoint itself is old, and the next one speaks for it.
    assert_eq!(audit.forget_before(cut).await.expect("nothing to do").rows, 0);
    let cut = recorded(&home, &["f"]).await;
    assert!(audit.forget_before(cut).await.expect("forgets").rows >= 3);
    assert_eq!(problems(&home.guard).await, Vec::<String>::new());
    let (_, later) = home.beside().await;
    later.audit().record_now(Event::new("dan", "sql", "later")).await.expect("written");
    assert_eq!(problems(&later).await, Vec::<String>::new());
}

#[tokio::test]
async fn what_was_not_forgotten_in_order_is_found() {
    let tampering: &[(&str, &str)] = &[
        ("DELETE FROM audit WHERE object = 'c'", "row 4 is missing"),
        ("DELETE FROM audit_checkpoints", "row 1 is missing"),
        ("UPDATE audit_checkpoints SET seq = 4, hash = (SELECT hash FROM audit WHERE object = 'c')", "what was forgotten is not"),
        ("DELETE FROM audit", "what was forgotten is not"),
        (
            "UPDATE audit SET body = replace(body, 'audit.checkpoint', 'audit.checkpoynt') WHERE action = 'audit.checkpoint'",
            "row 5",
        ),
    ];
    for (sql, problem) in tampering {
        let home = Home::new().await;
        let cut = recorded(&home, &["a", "b"]).await;
        recorded(&home, &["c"]).await;
        assert_eq!(home.guard.audit().forget_before(cut).await.expect("forgets").rows, 3);
        assert_eq!(problems(&home.guard).await, Vec::<String>::new());
        run(&home, sql);
        let (_, beside) = home.beside().await;
        let found = problems(&beside).await;
        assert!(found.iter().any(|found| found.starts_with(problem)), "{sql}: {found:?}");
    }
}

#[tokio::test]
async fn what_is_not_whole_is_evidence_and_stays() {
    let home = Home::new().await;
    let cut = recorded(&home, &["a", "b", "c"]).await;
    run(&home, "UPDATE audit SET principal = 'bob' WHERE object = 'b'");
    let done = home.guard.audit().forget_before(cut).await.expect("looks");
    assert_eq!((done.rows, done.refused.len()), (0, 1));
    assert_eq!(problems(&home.guard).await.len(), 1);
}

#[tokio::test]
async fn a_forgetting_that_was_cut_short_is_finished_by_the_next() {
    let home = Home::new().await;
    let cut = recorded(&home, &["a", "b"]).await;
    // The rows could not be deleted: a trigger stands for a process that ended before.
    run(&home, "CREATE TRIGGER keep BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'no'); END");
    assert!(home.guard.audit().forget_before(cut).await.is_err());
    assert_eq!(problems(&home.guard).await, Vec::<String>::new());
    run(&home, "DROP TRIGGER keep");
    assert_eq!(home.guard.audit().forget_before(cut).await.expect("forgets").rows, 3);
    // The event was written, the list was not.
    let cut = recorded(&home, &["c"]).await;
    run(&home, "CREATE TRIGGER keep BEFORE UPDATE ON facts BEGIN SELECT RAISE(ABORT, 'no'); END");
    assert!(home.guard.audit().forget_before(cut).await.is_err());
    assert_eq!(problems(&home.guard).await, Vec::<String>::new());
    run(&home, "DROP TRIGGER keep");
    assert!(home.guard.audit().forget_before(cut).await.expect("forgets").rows > 0);
    assert_eq!(problems(&home.guard).await, Vec::<String>::new());
}
