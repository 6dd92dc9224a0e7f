//! API tokens: made, narrowed, expired, revoked.

use std::time::Duration;

use guard::codes::{NOT_ALLOWED, NOT_AUTHENTICATED, TOKEN_UNKNOWN, USER_UNKNOWN};
use guard::{Object, Privilege, Scope, TokenRequest, UserSpec};

use crate::{Home, password};

fn request(user: &str) -> TokenRequest {
    TokenRequest { user: user.to_owned(), name: "ci".to_owned(), ..TokenRequest::default() }
}

#[tokio::test]
async fn a_token_is_its_user() {
    let home = Home::new().await;
    home.user("ann", &["analyst"]).await;
    let ann = home.guard.pass_of("ann").await.expect("declared");
    let (info, secret) = home.guard.create_token(&ann, request("ann")).await.expect("her own");
    assert!(secret.expose().starts_with("dtx_") && secret.expose().len() == 4 + 43);
    assert_eq!(format!("{secret:?}"), "••••");
    assert!(!format!("{info:?}").contains(secret.expose()));
    let pass = home.guard.authenticate(secret.expose()).await.expect("good");
    assert_eq!((pass.user(), pass.token_id(), pass.is_scoped()), ("ann", Some(info.id.as_str()), false));
    let listed = home.guard.list_tokens(&ann, Some("ann")).await.expect("her own");
    assert_eq!(listed.len(), 1);
    assert!(listed[0].last_used_at.is_some());
    for wrong in ["", "dtx_", "canary", &secret.expose()[..46], &secret.expose().to_uppercase(), &"x".repeat(100_000)] {
        assert!(home.guard.authenticate(wrong).await.expect_err("wrong").is(&NOT_AUTHENTICATED), "{wrong}");
    }
    assert!(home.guard.authenticate(&info.id).await.is_err(), "the id alone was taken");
}

#[tokio::test]
async fn expired_and_revoked_tokens_are_refused() {
    let home = Home::new().await;
    let (_, other) = home.beside().await;
    home.user("ann", &[]).await;
    let ann = home.guard.pass_of("ann").await.expect("declared");
    let short = TokenRequest { expires_in: Some(Duration::from_millis(400)), ..request("ann") };
    let (_, short) = home.guard.create_token(&ann, short).await.expect("made");
    let (info, long) = home.guard.create_token(&ann, request("ann")).await.expect("made");
    home.guard.authenticate(short.expose()).await.expect("not over yet");
    for guard in [&home.guard, &other] {
        guard.authenticate(long.expose()).await.expect("good");
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(home.guard.authenticate(short.expose()).await.expect_err("over").is(&NOT_AUTHENTICATED), "remembered beyond its end");
    home.guard.revoke_token(&ann, &info.id).await.expect("revokes");
    assert!(home.guard.authenticate(long.expose()).await.is_err(), "not at once in the own process");
    tokio::time::sleep(guard::policy::RECHECK + Duration::from_millis(100)).await;
    assert!(other.authenticate(long.expose()).await.is_err(), "not within the bound in another process");
    assert!(home.guard.revoke_token(&ann, &info.id).await.expect_err("revoked before").is(&TOKEN_UNKNOWN));
    assert!(home.guard.list_tokens(&ann, Some("ann")).await.expect("hers").iter().all(|token| token.id != info.id));
}

#[tokio::test]
async fn a_disabled_users_tokens_stop() {
    let home = Home::new().await;
    home.user("ann", &["admin"]).await;
    let ann = home.guard.pass_of("ann").await.expect("declared");
    let (_, secret) = home.guard.create_token(&ann, request("ann")).await.expect("made");
    home.guard.authenticate(secret.expose()).await.expect("good");
    home.declare("User", "ann", UserSpec { disabled: true, ..UserSpec::default() }).await;
    assert!(home.guard.authenticate(secret.expose()).await.expect_err("disabled").is(&NOT_AUTHENTICATED));
    home.user("ann", &[]).await;
    let pass = home.guard.authenticate(secret.expose()).await.expect("enabled again");
    assert!(!pass.is_admin(), "a token kept what its user lost");
    home.meta.resources().delete("User", "ann").await.expect("deletes");
    assert!(home.guard.authenticate(secret.expose()).await.is_err());
}

#[tokio::test]
async fn a_narrowed_token_cannot_widen_itself() {
    let home = Home::new().await;
    home.guard.ensure_admin(Some(password())).await.expect("made");
    let admin = home.guard.pass_of("admin").await.expect("there");
    let narrow = TokenRequest { scope: Scope::read_only(), ..request("admin") };
    let (_, secret) = home.guard.create_token(&admin, narrow).await.expect("made");
    let pass = home.guard.authenticate(secret.expose()).await.expect("good");
    assert!(pass.is_scoped() && !pass.is_admin());
    assert!(
        pass.allows(Privilege::Select, &Object::Catalog("lake")) && pass.allows(Privilege::Execute, &Object::Service("fares"))
    );
    assert!(!pass.allows(Privilege::Modify, &Object::Catalog("lake")) && !pass.allows(Privilege::Manage, &Object::Platform));
    assert!(home.guard.create_token(&pass, request("admin")).await.expect_err("wider").is(&NOT_ALLOWED));
    assert!(home.guard.set_password(&pass, "admin", password()).await.expect_err("wider").is(&NOT_ALLOWED));
    assert!(home.guard.put_secret(&pass, "s", password()).await.expect_err("wider").is(&NOT_ALLOWED));
    assert!(home.guard.list_tokens(&pass, None).await.expect_err("wider").is(&NOT_ALLOWED));
}

#[tokio::test]
async fn others_tokens_are_for_administrators() {
    let home = Home::new().await;
    home.user("ann", &[]).await;
    home.user("bob", &[]).await;
    let (ann, bob) = (home.guard.pass_of("ann").await.expect("declared"), home.guard.pass_of("bob").await.expect("declared"));
    assert!(home.guard.create_token(&bob, request("ann")).await.expect_err("not his").is(&NOT_ALLOWED));
    let (info, _) = home.guard.create_token(&ann, request("ann")).await.expect("hers");
    assert!(home.guard.list_tokens(&bob, Some("ann")).await.is_err() && home.guard.list_tokens(&bob, None).await.is_err());
    assert!(home.guard.revoke_token(&bob, &info.id).await.expect_err("not his").is(&TOKEN_UNKNOWN));
    let admin = home.guard.local_admin().await.expect("here");
    assert!(home.guard.create_token(&admin, request("nobody")).await.expect_err("unknown").is(&USER_UNKNOWN));
    home.guard.revoke_token(&admin, &info.id).await.expect("an administrator can");
    home.guard.audit().flush().await.expect("written");
    let filter = guard::AuditFilter { action: Some("token.create".to_owned()), ..Default::default() };
    let events = home.guard.audit().page(&filter).await.expect("reads").items;
    assert!(events.iter().any(|entry| entry.event["principal"] == "bob" && entry.event["allowed"] == false));
}
