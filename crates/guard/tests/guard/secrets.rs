//! The encrypted store and references to secrets.

use base::{Secret, SecretRef, Secrets};
use guard::codes::{NOT_ALLOWED, SECRET_UNKNOWN};
use guard::{Guard, MasterKey, Privilege};

use crate::Home;

const CANARY: &str = "canary-7f3a";

async fn resolve(guard: &Guard, reference: &str) -> base::Result<Secret> {
    let reference: SecretRef = reference.parse().expect("a reference");
    guard.resolve(&reference).await
}

#[tokio::test]
async fn stored_secrets_come_back_and_are_nowhere_in_plain() {
    let home = Home::new().await;
    let admin = home.guard.local_admin().await.expect("here");
    home.guard.put_secret(&admin, "crm/password", Secret::new("old")).await.expect("puts");
    home.guard.put_secret(&admin, "crm/password", Secret::new(CANARY)).await.expect("replaces");
    assert_eq!(resolve(&home.guard, "secret:crm/password").await.expect("there").expose(), CANARY);
    let (_, beside) = home.beside().await;
    assert_eq!(resolve(&beside, "secret:crm/password").await.expect("the same key file").expose(), CANARY);
    let listed = home.guard.list_secrets(&admin).await.expect("lists");
    assert_eq!((listed.len(), listed[0].name.as_str(), listed[0].updated_by.as_str()), (1, "crm/password", "admin"));
    home.guard.audit().flush().await.expect("written");
    for entry in std::fs::read_dir(home.folder.path()).expect("the home") {
        let bytes = std::fs::read(entry.expect("a file").path()).expect("reads");
        assert!(!bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()), "the secret is in a file");
    }
    let stranger = Guard::open(home.meta.clone(), MasterKey::from_env_text(&"ab".repeat(32)).expect("a key")).expect("opens");
    let error = resolve(&stranger, "secret:crm/password").await.expect_err("another key").to_string();
    assert!(error.contains("key") && !error.contains(CANARY), "{error}");
    // Moved under another name by someone who can write the database.
    let row = home.meta.secrets().get("crm/password").await.expect("reads").expect("there");
    home.meta.secrets().put("mine", &row.ciphertext, &row.nonce, &row.key_id, "eve").await.expect("writes");
    assert!(resolve(&home.guard, "secret:mine").await.is_err(), "a secret was moved to another name");
    home.guard.delete_secret(&admin, "crm/password").await.expect("deletes");
    assert!(home.guard.delete_secret(&admin, "crm/password").await.expect_err("gone").is(&SECRET_UNKNOWN));
    assert!(resolve(&home.guard, "secret:crm/password").await.is_err());
}

#[tokio::test]
async fn references_to_files_and_variables() {
    let home = Home::new().await;
    let file = home.folder.path().join("token");
    std::fs::write(&file, format!("{CANARY}\r\n")).expect("writes");
    assert_eq!(resolve(&home.guard, &format!("file:{}", file.display())).await.expect("reads").expose(), CANARY);
    std::fs::write(&file, "x".repeat(70_000)).expect("writes");
    let key = home.file().with_extension("key");
    let around = home.folder.path().join("./../").join(home.folder.path().file_name().expect("a name")).join("meta.key");
    for bad in [
        format!("file:{}", file.display()),
        format!("file:{}", home.folder.path().display()),
        format!("file:{}", key.display()),
        format!("file:{}", around.display()),
        "file:/nowhere".to_owned(),
        "env:DATAUX_NO_SUCH_VARIABLE".to_owned(),
        "secret:nothing".to_owned(),
    ] {
        let error = resolve(&home.guard, &bad).await.expect_err(&bad);
        assert_eq!(error.code().name, "secret_unresolved");
        assert!(error.to_string().contains(&bad), "{error}");
    }
    // Refused whether they are set or not.
    for own in ["DATAUX_MASTER_KEY", "DATAUX_ADMIN_PASSWORD", "DATABASE_URL", "DATABASE_PASSWORD", "REDIS_URL", "REDIS_PASSWORD"]
    {
        let error = resolve(&home.guard, &format!("env:{own}")).await.expect_err(own);
        assert!(error.to_string().contains("the platform's own"), "{own}: {error}");
    }
    // What the platform's settings refer to is theirs alone, by whatever name.
    let key = home.folder.path().join("lake.key");
    std::fs::write(&key, CANARY).expect("writes");
    let link = home.folder.path().join("link.key");
    std::os::unix::fs::symlink(&key, &link).expect("links");
    let references = [format!("file:{}", key.display()), format!("file:{}", link.display())];
    assert_eq!(resolve(&home.guard, &references[1]).await.expect("not taken yet").expose(), CANARY);
    let own = references[0].parse().expect("a reference");
    assert_eq!(base::Secrets::resolve(&home.guard.own_secrets(), &own).await.expect("reads").expose(), CANARY);
    for reference in &references {
        let error = resolve(&home.guard, reference).await.expect_err(reference);
        assert!(error.to_string().contains("the platform's own"), "{error}");
    }
    // The process's own variables, by another way.
    for file in ["/proc/self/environ", "/proc/self/../self/environ"] {
        let error = resolve(&home.guard, &format!("file:{file}")).await.expect_err(file);
        assert!(error.to_string().contains("files of the system"), "{file}: {error}");
    }
    // Cargo sets it for every test.
    assert_eq!(resolve(&home.guard, "env:CARGO_PKG_NAME").await.expect("set").expose(), "dataux-guard");
}

#[tokio::test]
async fn who_may_not_manage_secrets_sees_none() {
    let home = Home::new().await;
    let admin = home.guard.local_admin().await.expect("here");
    for name in ["crm", "erp"] {
        home.guard.put_secret(&admin, name, Secret::new(CANARY)).await.expect("puts");
    }
    home.user("ann", &[]).await;
    home.user("bob", &[]).await;
    home.grant("bob", "user:bob", &[Privilege::Manage], &["secret:crm"]).await;
    let ann = home.guard.pass_of("ann").await.expect("declared");
    assert!(home.guard.list_secrets(&ann).await.expect("none").is_empty());
    assert!(home.guard.put_secret(&ann, "crm", Secret::new("x")).await.expect_err("no").is(&NOT_ALLOWED));
    assert!(home.guard.delete_secret(&ann, "crm").await.expect_err("no").is(&NOT_ALLOWED));
    let bob = home.guard.pass_of("bob").await.expect("declared");
    assert_eq!(home.guard.list_secrets(&bob).await.expect("one").len(), 1);
    home.guard.put_secret(&bob, "crm", Secret::new("x")).await.expect("granted");
    assert!(home.guard.put_secret(&bob, "erp", Secret::new("x")).await.is_err());
    for bad in ["", "a b", "é", &"x".repeat(300)] {
        assert!(home.guard.put_secret(&admin, bad, Secret::new("x")).await.is_err(), "{bad} was taken");
    }
}
