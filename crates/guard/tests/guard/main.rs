//! The guard as other rooms see it, on a real SQLite file.

extern crate dataux_guard as guard;

mod audit;
mod logins;
mod matrix;
mod secrets;
mod tokens;

use std::path::PathBuf;

use base::{ResourceName, Secret};
use guard::{GrantSpec, Guard, MasterKey, Object, Pattern, Privilege, RoleSpec, UserSpec};
use meta::{DatabaseUrl, Meta, ResourceRow};
use serde::Serialize;

/// A home in a folder of its own.
struct Home {
    folder: tempfile::TempDir,
    meta: Meta,
    guard: Guard,
}

impl Home {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (meta, guard) = open(folder.path().join("meta.db")).await;
        Self { folder, meta, guard }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("meta.db")
    }

    /// Another process on the same home.
    async fn beside(&self) -> (Meta, Guard) {
        open(self.file()).await
    }

    async fn declare(&self, kind: &str, name: &str, spec: impl Serialize) {
        let spec = serde_json::to_value(spec).expect("a spec");
        self.meta.resources().put(ResourceRow::new(kind, name, spec, "", "test"), None).await.expect("put");
    }

    async fn user(&self, name: &str, roles: &[&str]) {
        let spec = UserSpec { roles: names(roles), ..UserSpec::default() };
        self.declare("User", name, spec).await;
    }

    async fn role(&self, name: &str, includes: &[&str]) {
        let spec = RoleSpec { includes: names(includes), ..RoleSpec::default() };
        self.declare("Role", name, spec).await;
    }

    /// `to` is `user:NAME` or `role:NAME`.
    async fn grant(&self, name: &str, to: &str, allow: &[Privilege], on: &[&str]) {
        self.declare("Grant", name, grant(to, allow, on)).await;
    }
}

async fn open(file: PathBuf) -> (Meta, Guard) {
    let url = DatabaseUrl::parse(&format!("sqlite:{}", file.display()), None, None).expect("a URL");
    let meta = Meta::open(&url).await.expect("opens");
    let key = MasterKey::from_file_or_create(&file.with_extension("key")).expect("a key");
    (meta.clone(), Guard::open(meta, key).expect("opens"))
}

fn grant(to: &str, allow: &[Privilege], on: &[&str]) -> GrantSpec {
    let (what, name) = to.split_once(':').expect("user: or role:");
    let name: ResourceName = name.parse().expect("a name");
    let to = match what {
        "user" => guard::specs::Grantee { user: Some(name), role: None },
        _ => guard::specs::Grantee { user: None, role: Some(name) },
    };
    GrantSpec { to, allow: allow.to_vec(), on: on.iter().map(|text| pattern(text)).collect() }
}

fn pattern(text: &str) -> Pattern {
    text.parse().expect("a pattern")
}

fn names(texts: &[&str]) -> Vec<ResourceName> {
    texts.iter().map(|text| text.parse().expect("a name")).collect()
}

fn password() -> Secret {
    Secret::new("canary-correct horse")
}

#[tokio::test]
async fn a_user_without_grants_is_refused_everything() {
    let home = Home::new().await;
    home.user("eve", &["nobody"]).await;
    let pass = home.guard.pass_of("eve").await.expect("she exists");
    let table = "lake.dws.daily".parse().expect("a table");
    let objects = [
        Object::Table(&table),
        Object::Schema { catalog: "lake", schema: "dws" },
        Object::Catalog("lake"),
        Object::Service("fares"),
        Object::Pipeline("daily"),
        Object::Kind("Pipeline"),
        Object::Resource { kind: "Schedule", name: "daily" },
        Object::Platform,
    ];
    for object in &objects {
        for privilege in Privilege::ALL {
            let error = pass.demand(privilege, object).expect_err("no grants");
            assert!(error.is(&guard::codes::NOT_ALLOWED) && error.code().http == 403, "{error:?}");
        }
    }
    assert!(!pass.reaches(Privilege::Select, "lake", None) && !pass.is_admin());
    assert_eq!(
        format!("{}", pass.demand(Privilege::Select, &objects[0]).expect_err("no")),
        "user `eve` may not select table lake.dws.daily"
    );
}
