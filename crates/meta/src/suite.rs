//! What every database must do: one suite, run on SQLite always and on the servers that `make test` starts.

mod work;

use base::Secret;
use chrono::{TimeDelta, Utc};
use serde_json::json;

use crate::codes::{AUDIT_CHAIN_MOVED, VERSION_CONFLICT};
use crate::*;

async fn suite(url: &DatabaseUrl) {
    // Three replicas that start at once on an empty database.
    let (first, second, third) = tokio::join!(Meta::open(url), Meta::open(url), Meta::open(url));
    let (meta, other) = (first.expect("opens"), second.expect("opens"));
    third.expect("opens").close().await.expect("closes");
    meta.ping().await.expect("answers");
    // Names of their own, so that a database can be used again.
    let own = base::ids::fresh();
    Box::pin(resources(&meta, &other, &own[24..])).await;
    Box::pin(accounts_tokens_secrets(&meta, &other, &own[24..])).await;
    Box::pin(work::leases(&meta, &other, &own)).await;
    Box::pin(work::jobs(&meta, &other, &own)).await;
    Box::pin(work::runs(&meta, &own)).await;
    Box::pin(audit(&meta, &other, &own)).await;
    Box::pin(positions(&meta, &own)).await;
    // A release that knows fewer steps than the database has records of opens it too.
    let again = Meta::open(url).await.expect("opens again");
    again.close().await.expect("closes");
    meta.close().await.expect("closes");
    assert!(meta.ping().await.is_err());
}

async fn resources(meta: &Meta, other: &Meta, own: &str) {
    let resources = meta.resources();
    let row = |name: &str, n: i64| ResourceRow::new("Pipeline", name, json!({ "n": n, "é": "数据" }), "text: \u{1F600}\n", "me");
    let name = format!("p-{own}");
    assert_eq!(resources.get("Pipeline", &name).await.expect("reads"), None);
    let first = resources.put(row(&name, 1), Some(0)).await.expect("new");
    assert_eq!(first.version, 1);
    assert_eq!(resources.get("Pipeline", &name).await.expect("reads"), Some(first.clone()));
    let conflict = resources.put(row(&name, 2), Some(0)).await.expect_err("exists");
    assert!(conflict.is(&VERSION_CONFLICT), "{conflict:?}");
    let second = resources.put(row(&name, 2), Some(1)).await.expect("version 1");
    assert_eq!((second.version, second.created_at), (2, first.created_at));
    assert!(resources.put(row(&name, 3), Some(1)).await.is_err(), "an old version was taken");
    assert_eq!(resources.put(row(&name, 2), None).await.expect("any").version, 3);
    // Many writers, none of whom may be lost.
    let writers = (0..12).map(|n| {
        let resources = if n % 2 == 0 { meta.resources() } else { other.resources() };
        let row = row(&name, n);
        tokio::spawn(async move { resources.put(row, None).await })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.expect("no panic").expect("put");
    }
    assert_eq!(resources.get("Pipeline", &name).await.expect("reads").expect("there").version, 15);
    // Of many who expect the same version, one wins.
    let racers = (0..8).map(|n| {
        let resources = if n % 2 == 0 { meta.resources() } else { other.resources() };
        let row = row(&name, n);
        tokio::spawn(async move { resources.put(row, Some(15)).await })
    });
    let mut won = 0;
    for racer in racers.collect::<Vec<_>>() {
        match racer.await.expect("no panic") {
            Ok(_) => won += 1,
            Err(error) => assert!(error.is(&VERSION_CONFLICT), "{error:?}"),
        }
    }
    assert_eq!(won, 1);
    // Names differ by case, and texts may be long.
    resources.put(ResourceRow::new("Case", "a", json!(null), "x".repeat(200_000), "me"), None).await.expect("long");
    resources.put(ResourceRow::new("Case", "A", json!(null), "", "me"), None).await.expect("another");
    let cases = resources.list(Some("Case")).await.expect("lists");
    assert_eq!(cases.iter().map(|row| (row.name.as_str(), row.text.len())).collect::<Vec<_>>(), [("A", 0), ("a", 200_000)]);

    let before = meta.policy_version().await.expect("reads");
    let writes = meta.policy_writes();
    resources.put(row(&name, 9), None).await.expect("put");
    assert_eq!(meta.policy_version().await.expect("reads"), before);
    resources.put(ResourceRow::new("Grant", name.clone(), json!({}), "", "me"), None).await.expect("put");
    assert_eq!(other.policy_version().await.expect("reads"), before + 1);
    assert!(meta.policy_writes() > writes);
    assert!(resources.delete("Grant", &name).await.expect("deletes"));
    assert!(!resources.delete("Grant", &name).await.expect("deletes"));
    assert!(meta.policy_version().await.expect("reads") > before + 1);
    let before = meta.policy_version().await.expect("reads");
    resources.put(ResourceRow::new("View", "lake.ads.v", json!({}), "", "me"), None).await.expect("put");
    assert_eq!(other.policy_version().await.expect("reads"), before + 1, "a view is read with somebody's rights");
}

async fn accounts_tokens_secrets(meta: &Meta, other: &Meta, own: &str) {
    let accounts = meta.accounts();
    let user = format!("u-{own}");
    assert_eq!(accounts.record_failure(&user).await.expect("counts"), 0);
    let there = other.accounts();
    let (one, two) = tokio::join!(accounts.set_first_password(&user, "h1"), there.set_first_password(&user, "h2"));
    assert_eq!(usize::from(one.expect("sets")) + usize::from(two.expect("sets")), 1);
    let failures = (0..6).map(|n| {
        let accounts = if n % 2 == 0 { meta.accounts() } else { other.accounts() };
        let user = user.clone();
        tokio::spawn(async move { accounts.record_failure(&user).await })
    });
    for failure in failures.collect::<Vec<_>>() {
        failure.await.expect("no panic").expect("counts");
    }
    accounts.lock(&user, Utc::now() + TimeDelta::hours(1)).await.expect("locks");
    let account = accounts.get(&user).await.expect("reads").expect("there");
    assert_eq!(account.failures, 6);
    assert!(account.locked_until.is_some() && !format!("{account:?}").contains("h1"));
    accounts.set_password(&user, "h3").await.expect("sets");
    let account = accounts.get(&user).await.expect("reads").expect("there");
    assert_eq!((account.password_hash.as_deref(), account.failures, account.locked_until), (Some("h3"), 0, None));

    let tokens = meta.tokens();
    let token = |kind, hash: &str| TokenRow {
        id: base::ids::fresh(),
        hash: format!("{hash}-{own}"),
        kind,
        user: user.clone(),
        name: "n".to_owned(),
        scope: json!(null),
        created_by: user.clone(),
        created_at: crate::clock::now(),
        expires_at: Some(crate::clock::now() + TimeDelta::hours(1)),
        last_used_at: None,
        revoked_at: None,
    };
    let (api, session) = (token(TokenKind::Api, "a"), token(TokenKind::Session, "s"));
    tokens.insert(&api).await.expect("stores");
    tokens.insert(&session).await.expect("stores");
    assert!(tokens.insert(&TokenRow { id: base::ids::fresh(), ..api.clone() }).await.is_err(), "a hash twice");
    assert_eq!(tokens.find_by_hash(&api.hash).await.expect("reads"), Some(api.clone()));
    assert_eq!(tokens.list(Some(&user)).await.expect("lists"), std::slice::from_ref(&api));
    tokens.touch(&api.id, Utc::now()).await.expect("touches");
    let before = meta.policy_version().await.expect("reads");
    assert!(tokens.revoke(&api.id).await.expect("revokes"));
    assert!(!tokens.revoke(&api.id).await.expect("revoked before"));
    assert!(other.policy_version().await.expect("reads") > before);
    assert_eq!(tokens.revoke_sessions(&user).await.expect("revokes"), 1);
    assert!(tokens.get(&session.id).await.expect("reads").expect("there").revoked_at.is_some());
    assert!(tokens.delete_ended(Utc::now() + TimeDelta::seconds(5)).await.expect("deletes") >= 2);

    let secrets = meta.secrets();
    let name = format!("S/{own}");
    secrets.put(&name, &[0, 255, 10], &[1; 12], "k1", &user).await.expect("puts");
    secrets.put(&name, &[9; 70_000], &[2; 12], "k2", &user).await.expect("replaces");
    let secret = secrets.get(&name).await.expect("reads").expect("there");
    assert_eq!((secret.ciphertext.len(), secret.nonce, secret.key_id.as_str()), (70_000, vec![2; 12], "k2"));
    assert!(secrets.list().await.expect("lists").iter().any(|row| row.name == name));
    assert!(secrets.delete(&name).await.expect("deletes") && !secrets.delete(&name).await.expect("gone"));
}

async fn audit(meta: &Meta, other: &Meta, own: &str) {
    let audit = meta.audit();
    let row = |chain: &str, seq: i64| AuditRow {
        id: base::ids::fresh(),
        chain: chain.to_owned(),
        seq,
        at: crate::clock::now(),
        principal: format!("u-{own}"),
        action: "sql".to_owned(),
        object: "o".to_owned(),
        allowed: seq % 2 == 0,
        body: "{}".to_owned(),
        prev: format!("h{}", seq - 1),
        hash: format!("h{seq}"),
    };
    let rows: Vec<_> = (1..=1200).map(|seq| row(own, seq)).collect();
    audit.append(rows[..3].to_vec()).await.expect("begins");
    audit.append(rows[..3].to_vec()).await.expect("the same again, after a lost answer");
    audit.append(rows[3..].to_vec()).await.expect("goes on");
    let gap = audit.append(vec![row(own, 1202)]).await.expect_err("a gap");
    assert!(gap.is(&AUDIT_CHAIN_MOVED), "{gap:?}");
    assert!(audit.append(vec![AuditRow { prev: "h0".to_owned(), ..row(own, 1201) }]).await.is_err(), "a wrong hash before");
    // Two processes with one chain: one goes on, the other is refused.
    let here = audit.append(vec![row(own, 1201)]);
    let there = other.audit();
    let there = there.append(vec![AuditRow { hash: "other".to_owned(), ..row(own, 1201) }]);
    let (here, there) = tokio::join!(here, there);
    assert!(here.is_ok() != there.is_ok());
    let heads = audit.heads(None).await.expect("reads");
    assert_eq!(heads.iter().find(|head| head.chain == own).expect("a head").seq, 1201);
    assert!(audit.chains().await.expect("reads").contains(&own.to_owned()));
    let page = audit.chain(own, 1199, 10).await.expect("reads");
    assert_eq!(page.iter().map(|row| row.seq).collect::<Vec<_>>(), [1200, 1201]);
    assert_eq!(page[0], rows[1199]);
    let filter = AuditFilter { principal: Some(format!("u-{own}")), allowed: Some(true), limit: 2, ..AuditFilter::default() };
    let page = audit.page(&filter).await.expect("reads");
    assert_eq!(page.iter().map(|row| row.seq).collect::<Vec<_>>(), [1200, 1198]);
    let next = audit.page(&AuditFilter { before: Some(page[1].id.clone()), ..filter }).await.expect("reads");
    assert_eq!(next[0].seq, 1196);
    // Forgetting goes forward, by whoever knows what was forgotten before.
    let (old, tomorrow) = (Utc::now() - TimeDelta::days(1), Utc::now() + TimeDelta::days(1));
    assert!(!audit.chains_before(old).await.expect("reads").contains(&own.to_owned()));
    assert!(audit.chains_before(tomorrow).await.expect("reads").contains(&own.to_owned()));
    let checkpoint = |seq: i64| AuditHead { chain: own.to_owned(), seq, hash: format!("h{seq}") };
    let from = crate::facts::value(meta.database(), "audit_checkpoints").await.expect("reads");
    let (first, second) = (format!("{own} 1"), format!("{own} 2"));
    audit.move_checkpoints(&[checkpoint(3)], from.as_deref(), &first).await.expect("the first");
    audit.move_checkpoints(&[checkpoint(3)], from.as_deref(), &first).await.expect("the same again");
    let wrong = audit.move_checkpoints(&[checkpoint(9)], Some("other"), &second).await.expect_err("moved by others");
    assert!(wrong.is(&AUDIT_CHAIN_MOVED), "{wrong:?}");
    other.audit().move_checkpoints(&[checkpoint(1100)], Some(&first), &second).await.expect("forward");
    assert!(audit.checkpoints().await.expect("reads").contains(&checkpoint(1100)));
    assert_eq!(audit.delete_forgotten(&checkpoint(1100)).await.expect("deletes"), 1100);
    assert_eq!(audit.delete_forgotten(&checkpoint(1100)).await.expect("nothing is left"), 0);
    assert_eq!(audit.chain(own, 0, 1).await.expect("reads")[0].seq, 1101);
    let (id, same) = (meta.platform_id().await.expect("made"), other.platform_id().await.expect("read"));
    assert!(id == same && id.len() == 36, "{id} {same}");
}

async fn positions(meta: &Meta, own: &str) {
    let positions = meta.positions();
    let (upper, lower) = (format!("App-{own}"), format!("app-{own}"));
    positions.put(&upper, 1, &json!({ "a": 1 })).await.expect("puts");
    positions.put(&upper, 2, &json!({ "a": 2 })).await.expect("puts");
    positions.put(&upper, 2, &json!({ "a": 3 })).await.expect("replaces");
    positions.put(&lower, 1, &json!(null)).await.expect("another");
    assert_eq!(positions.get(&upper, 2).await.expect("reads"), Some(json!({ "a": 3 })));
    assert_eq!(positions.get(&upper, 3).await.expect("reads"), None);
    assert_eq!(positions.latest(&upper).await.expect("reads"), Some((2, json!({ "a": 3 }))));
    let entry = |n: i64| LedgerEntry { path: format!("{}/{n}.csv", "d".repeat(1000)), etag: "e".to_owned(), size: n };
    positions.ledger_put(&upper, 1, (0..2500).map(entry).collect()).await.expect("puts");
    positions.ledger_put(&upper, 2, vec![entry(9)]).await.expect("puts");
    positions.ledger_put(&upper, 2, vec![entry(7), entry(8)]).await.expect("replaces");
    let taken = positions.ledger(&upper, 1).await.expect("reads");
    assert_eq!((taken.len(), &taken[2499]), (2500, &entry(2499)));
    assert_eq!(positions.ledger(&upper, 9).await.expect("reads")[2500..], [entry(7), entry(8)]);
    positions.forget(&upper).await.expect("forgets");
    assert!(positions.ledger(&upper, 9).await.expect("reads").is_empty());
    assert_eq!(positions.latest(&lower).await.expect("reads"), Some((1, json!(null))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = DatabaseUrl::parse(&format!("sqlite:{}", folder.path().join("deep/meta.db").display()), None, None).expect("a URL");
    Box::pin(suite(&url)).await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let path = folder.path().join("deep/meta.db");
        assert_eq!(std::fs::metadata(path).expect("there").permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs the PostgreSQL of make test (DATAUX_TEST_POSTGRES_URL)"]
async fn postgres() {
    Box::pin(suite(&server("DATAUX_TEST_POSTGRES_URL"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs the MariaDB of make test (DATAUX_TEST_MYSQL_URL)"]
async fn mysql() {
    Box::pin(suite(&server("DATAUX_TEST_MYSQL_URL"))).await;
}

fn server(variable: &str) -> DatabaseUrl {
    let Ok(text) = std::env::var(variable) else {
        panic!("{variable} is not set; `make test` starts the database and sets it, or set it to an empty database's URL");
    };
    DatabaseUrl::parse(&text, None, None).expect("a database URL")
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named_without_its_password() {
    let url = DatabaseUrl::parse(
        "jdbc:postgresql://127.0.0.1:1/d?user=u&connectTimeout=2",
        None,
        Some(&Secret::new("canary-password")),
    );
    let error = Meta::open(&url.expect("a URL")).await.expect_err("nobody listens there");
    assert!(error.is(&crate::codes::DATABASE_UNAVAILABLE), "{error:?}");
    assert!(error.to_string().contains("postgres://u@127.0.0.1:1/d") && !error.to_string().contains("canary"), "{error}");
}
