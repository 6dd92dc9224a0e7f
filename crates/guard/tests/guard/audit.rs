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
