//! The first administrator, logins, lockouts, sessions and passwords.

use std::time::Duration;

use base::Secret;
use chrono::{TimeDelta, Utc};
use guard::codes::{LOGIN_REFUSED, NOT_ALLOWED, NOT_AUTHENTICATED, PASSWORD_WEAK, USER_UNKNOWN};
use guard::{Object, Privilege, UserSpec};

use crate::{Home, password};

#[tokio::test(flavor = "multi_thread")]
async fn one_replica_makes_the_administrator() {
    let home = Home::new().await;
    let (_, second) = home.beside().await;
    let (_, third) = home.beside().await;
    let (one, two, three) = tokio::join!(home.guard.ensure_admin(None), second.ensure_admin(None), third.ensure_admin(None));
    let mut made: Vec<Secret> = [one, two, three].into_iter().filter_map(|made| made.expect("no error")).collect();
    assert_eq!(made.len(), 1, "one replica, and only one, knows the password");
    let made = made.remove(0);
    assert!(made.expose().len() >= 20);
    let (session, principal) = home.guard.login("admin", &made, None).await.expect("the password that was made up");
    assert_eq!((principal.user.as_str(), principal.roles.as_slice()), ("admin", ["admin".to_owned()].as_slice()));
    let pass = home.guard.authenticate(session.expose()).await.expect("a session");
    assert!(pass.is_admin() && pass.allows(Privilege::Manage, &Object::Platform));
    assert_eq!(home.guard.ensure_admin(Some(password())).await.expect("no error"), None);
    assert!(home.guard.login("admin", &password(), None).await.is_err(), "the password of an existing administrator was changed");
}

#[tokio::test]
async fn a_given_password_is_not_repeated_and_must_be_long() {
    let home = Home::new().await;
    assert!(home.guard.ensure_admin(Some(Secret::new("short"))).await.expect_err("short").is(&PASSWORD_WEAK));
    assert_eq!(home.guard.ensure_admin(Some(password())).await.expect("made"), None);
    home.guard.login("admin", &password(), Some("10.0.0.1")).await.expect("the password given");
}

#[tokio::test]
async fn wrong_user_wrong_password_disabled_and_locked_are_one_answer() {
    let home = Home::new().await;
    home.guard.ensure_admin(Some(password())).await.expect("made");
    let admin = home.guard.local_admin().await.expect("here");
    home.user("ann", &[]).await;
    home.guard.set_password(&admin, "ann", password()).await.expect("set");
    home.user("off", &[]).await;
    home.guard.set_password(&admin, "off", password()).await.expect("set");
    home.declare("User", "off", UserSpec { disabled: true, ..UserSpec::default() }).await;
    home.user("none", &[]).await;
    let mut answers = Vec::new();
    for (user, password) in [
        ("nobody", password()),
        ("ann", Secret::new("wrong password")),
        ("off", password()),
        ("none", password()),
        ("", password()),
        (&"x".repeat(10_000), password()),
        ("ann", Secret::new("x".repeat(100_000))),
    ] {
        let error = home.guard.login(user, &password, None).await.expect_err("refused");
        assert!(error.is(&LOGIN_REFUSED) && !format!("{error:?}").contains("canary"), "{error:?}");
        answers.push(error.to_string());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
}

#[tokio::test]
async fn a_lock_survives_a_restart_and_ends() {
    let home = Home::new().await;
    let admin = home.guard.local_admin().await.expect("here");
    home.user("ann", &[]).await;
    home.guard.set_password(&admin, "ann", password()).await.expect("set");
    for _ in 0..4 {
        home.guard.login("ann", &Secret::new("wrong password"), None).await.expect_err("wrong");
    }
    home.guard.login("ann", &password(), None).await.expect("not locked yet");
    assert_eq!(home.meta.accounts().get("ann").await.expect("reads").expect("there").failures, 0);
    for _ in 0..5 {
        home.guard.login("ann", &Secret::new("wrong password"), None).await.expect_err("wrong");
    }
    home.guard.login("ann", &password(), None).await.expect_err("locked");
    let (meta, restarted) = home.beside().await;
    restarted.login("ann", &password(), None).await.expect_err("locked after a restart too");
    let account = meta.accounts().get("ann").await.expect("reads").expect("there");
    assert_eq!(account.failures, 5, "a try during the lock must not make it longer");
    let left = account.locked_until.expect("locked") - Utc::now();
    assert!(left > TimeDelta::seconds(20) && left <= TimeDelta::seconds(30), "{left}");
    meta.accounts().lock("ann", Utc::now() - TimeDelta::seconds(1)).await.expect("time passes");
    restarted.login("ann", &Secret::new("wrong password"), None).await.expect_err("wrong");
    let left = meta.accounts().get("ann").await.expect("reads").expect("there").locked_until.expect("locked") - Utc::now();
    assert!(left > TimeDelta::seconds(40), "the lock did not double: {left}");
    restarted.set_password(&admin, "ann", Secret::new("another password")).await.expect("an administrator can");
    restarted.login("ann", &Secret::new("another password"), None).await.expect("the lock is lifted");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_guesses_at_once_do_not_outrun_the_lock() {
    let home = Home::new().await;
    let admin = home.guard.local_admin().await.expect("here");
    home.user("ann", &[]).await;
    home.guard.set_password(&admin, "ann", password()).await.expect("set");
    let guesses = (0..24).map(|n| {
        let guard = home.guard.clone();
        tokio::spawn(async move { guard.login("ann", &Secret::new(format!("guess number {n}")), None).await.is_ok() })
    });
    for guess in guesses.collect::<Vec<_>>() {
        assert!(!guess.await.expect("no panic"));
    }
    let failures = home.meta.accounts().get("ann").await.expect("reads").expect("there").failures;
    assert!((5..=6).contains(&failures), "{failures} guesses were looked at");
}

#[tokio::test]
async fn sessions_are_new_at_each_login_and_end() {
    let home = Home::new().await;
    home.guard.ensure_admin(Some(password())).await.expect("made");
    let (first, principal) = home.guard.login("admin", &password(), None).await.expect("good");
    let (second, _) = home.guard.login("admin", &password(), None).await.expect("good");
    assert_ne!(first.expose(), second.expose());
    assert!(principal.expires_at > Utc::now() && principal.expires_at < Utc::now() + TimeDelta::hours(13));
    assert_eq!(format!("{first:?}"), "••••");
    home.guard.logout(first.expose()).await.expect("ends");
    assert!(home.guard.authenticate(first.expose()).await.expect_err("ended").is(&NOT_AUTHENTICATED));
    home.guard.authenticate(second.expose()).await.expect("the other goes on");
    home.guard.logout("unknown").await.expect("nothing happens");
    let pass = home.guard.authenticate(second.expose()).await.expect("good");
    home.guard.set_password(&pass, "admin", Secret::new("another password")).await.expect("one's own");
    assert!(home.guard.authenticate(second.expose()).await.is_err(), "a session outlived its password");
    let stored = std::fs::read(home.file()).expect("the file");
    let wal = std::fs::read(home.file().with_extension("db-wal")).unwrap_or_default();
    for secret in [first.expose(), second.expose(), password().expose()] {
        for bytes in [&stored, &wal] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "a secret is in the database");
        }
    }
}

#[tokio::test]
async fn passwords_are_set_by_oneself_or_an_administrator() {
    let home = Home::new().await;
    home.user("ann", &[]).await;
    home.user("bob", &[]).await;
    let ann = home.guard.pass_of("ann").await.expect("declared");
    home.guard.set_password(&ann, "ann", password()).await.expect("her own");
    assert!(home.guard.set_password(&ann, "bob", password()).await.expect_err("not his").is(&NOT_ALLOWED));
    let admin = home.guard.local_admin().await.expect("here");
    assert!(home.guard.set_password(&admin, "nobody", password()).await.expect_err("unknown").is(&USER_UNKNOWN));
    assert!(home.guard.set_password(&admin, "bob", Secret::new("short")).await.expect_err("short").is(&PASSWORD_WEAK));
    tokio::time::timeout(Duration::from_secs(60), home.guard.set_password(&admin, "bob", password()))
        .await
        .expect("in time")
        .expect("an administrator can");
}
