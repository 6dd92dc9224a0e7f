//! Principal × privilege × object, with and without tokens, compared with an evaluator that is too simple to be wrong.

use std::collections::HashSet;
use std::time::Instant;

use base::TableName;
use guard::{GrantSpec, Object, Pattern, Privilege, Scope, ScopeRule, TokenRequest};

use crate::{Home, grant, pattern};

use Privilege::{Create, Execute, Manage, Modify, Select};

/// Users with their roles; `*` marks those of role admin by whatever way.
const USERS: &[(&str, &[&str])] = &[
    ("root", &["admin"]),
    ("boss", &["heads"]),
    ("ann", &["analyst"]),
    ("eng", &["engineer"]),
    ("bob", &["ring-a"]),
    ("cat", &["ring-b", "analyst"]),
    ("dan", &[]),
    ("ghost", &["undeclared"]),
];

const ROLES: &[(&str, &[&str])] = &[
    ("analyst", &[]),
    ("engineer", &["analyst"]),
    ("heads", &["engineer", "admin"]),
    ("ring-a", &["ring-b"]),
    ("ring-b", &["ring-c"]),
    ("ring-c", &["ring-a"]),
];

fn grants() -> Vec<GrantSpec> {
    vec![
        grant("role:analyst", &[Select], &["lake.dws", "lake.ads", "service:fares"]),
        grant("role:analyst", &[Execute], &["service:*"]),
        grant("role:engineer", &[Modify, Create], &["lake.ods", "lake.dwd"]),
        grant("role:engineer", &[Select], &["lake", "crm"]),
        grant("role:engineer", &[Manage, Execute], &["pipeline:*", "schedule:nightly", "user:*", "grant:ann"]),
        grant("role:ring-c", &[Select], &["lake.dwd.flights"]),
        grant("user:dan", &[Select, Modify], &["crm.main.orders", "lake.dws.daily"]),
        grant("user:dan", &[Execute], &["pipeline:daily", "service:fares"]),
        grant("user:ann", &[Select], &["*"]),
        grant("user:nobody", &[Manage], &["*"]),
        grant("role:undeclared", &[Create], &["lake.tmp"]),
    ]
}

/// An object, written out.
#[derive(Debug, Clone)]
enum Thing {
    Table(TableName),
    Schema(&'static str, &'static str),
    Catalog(&'static str),
    Service(&'static str),
    Pipeline(&'static str),
    Kind(&'static str),
    Resource(&'static str, &'static str),
    Platform,
}

impl Thing {
    fn object(&self) -> Object<'_> {
        match self {
            Self::Table(name) => Object::Table(name),
            Self::Schema(catalog, schema) => Object::Schema { catalog, schema },
            Self::Catalog(name) => Object::Catalog(name),
            Self::Service(name) => Object::Service(name),
            Self::Pipeline(name) => Object::Pipeline(name),
            Self::Kind(kind) => Object::Kind(kind),
            Self::Resource(kind, name) => Object::Resource { kind, name },
            Self::Platform => Object::Platform,
        }
    }

    /// Every pattern, as text, that reaches it.
    fn reached_by(&self) -> Vec<String> {
        let mut patterns = vec!["*".to_owned()];
        match self {
            Self::Table(name) => patterns.extend([
                name.catalog().to_owned(),
                format!("{}.{}", name.catalog(), name.schema()),
                format!("{}.{}.{}", name.catalog(), name.schema(), name.table()),
            ]),
            // A schema whose name holds a dot is no table of that name.
            Self::Schema(catalog, schema) if schema.contains('.') => patterns.push((*catalog).to_owned()),
            Self::Schema(catalog, schema) => patterns.extend([(*catalog).to_owned(), format!("{catalog}.{schema}")]),
            Self::Catalog(name) if name.contains('.') => {}
            Self::Catalog(name) => patterns.push((*name).to_owned()),
            Self::Service(name) => patterns.extend(["service:*".to_owned(), format!("service:{name}")]),
            Self::Pipeline(name) => patterns.extend(["pipeline:*".to_owned(), format!("pipeline:{name}")]),
            Self::Kind("User" | "Role" | "Grant") | Self::Resource("User" | "Role" | "Grant", _) | Self::Platform => {}
            Self::Kind("DataService") => patterns.push("service:*".to_owned()),
            Self::Kind(kind) => patterns.push(format!("{}:*", kind.to_lowercase())),
            Self::Resource("DataService", name) => patterns.extend(["service:*".to_owned(), format!("service:{name}")]),
            Self::Resource(kind, name) => {
                patterns.extend([format!("{}:*", kind.to_lowercase()), format!("{}:{name}", kind.to_lowercase())]);
            }
        }
        patterns
    }
}

fn things() -> Vec<Thing> {
    let mut things = vec![Thing::Platform];
    for catalog in ["lake", "crm", "erp", "lake.dws"] {
        things.push(Thing::Catalog(catalog));
    }
    for schema in ["ods", "dwd", "dws", "ads", "tmp", "dws.daily"] {
        things.push(Thing::Schema("lake", schema));
    }
    things.push(Thing::Schema("crm", "main"));
    for table in ["ods.raw", "dwd.flights", "dwd.flights__quarantine", "dws.daily", "dws.other", "tmp.x", "ads.top"] {
        things.push(Thing::Table(table.parse().expect("a table")));
    }
    for table in ["crm.main.orders", "crm.main.Orders", "crm.main.customers", "erp.main.orders"] {
        things.push(Thing::Table(table.parse().expect("a table")));
    }
    for name in ["fares", "delays", "daily", "*"] {
        things.extend([Thing::Service(name), Thing::Pipeline(name)]);
    }
    for kind in ["Pipeline", "DataService", "Schedule", "Connection", "User", "Role", "Grant", "Secret"] {
        things.push(Thing::Kind(kind));
        things.extend(["nightly", "fares", "ann"].map(|name| Thing::Resource(kind, name)));
    }
    things
}

fn roles_of(user: &str) -> HashSet<&'static str> {
    let mut roles: HashSet<&str> =
        USERS.iter().filter(|(name, _)| *name == user).flat_map(|(_, roles)| roles.iter().copied()).collect();
    for _ in 0..ROLES.len() {
        let more: Vec<&str> =
            ROLES.iter().filter(|(name, _)| roles.contains(name)).flat_map(|(_, includes)| includes.iter().copied()).collect();
        roles.extend(more);
    }
    roles
}

fn naive(user: &str, privilege: Privilege, thing: &Thing) -> bool {
    let roles = roles_of(user);
    roles.contains("admin")
        || grants().iter().any(|grant| {
            let to_user = grant.to.user.as_ref().is_some_and(|name| name.as_str() == user);
            let to_role = grant.to.role.as_ref().is_some_and(|role| roles.contains(role.as_str()));
            (to_user || to_role) && grant.allow.contains(&privilege) && reached(&grant.on, thing)
        })
}

fn reached(on: &[Pattern], thing: &Thing) -> bool {
    let reaching = thing.reached_by();
    on.iter().any(|pattern| reaching.contains(&pattern.to_string()))
}

fn scopes() -> Vec<Scope> {
    let rule =
        |allow: &[Privilege], on: &[&str]| ScopeRule { allow: allow.to_vec(), on: on.iter().map(|text| pattern(text)).collect() };
    vec![
        Scope::full(),
        Scope::read_only(),
        Scope::services(),
        Scope::only(vec![]),
        Scope::only(vec![rule(&[Select, Manage], &["lake.dws", "crm.main.orders", "pipeline:*"])]),
        Scope::only(vec![rule(&Privilege::ALL, &["*"])]),
        Scope::only(vec![rule(&[Select], &["lake.dws.daily"]), rule(&[Modify], &["lake"]), rule(&[Execute], &["service:fares"])]),
    ]
}

/// What a scope allows, by its JSON, so that this does not lean on the scope's own code.
fn scope_allows(scope: &Scope, privilege: Privilege, thing: &Thing) -> bool {
    let rules: Option<Vec<ScopeRule>> = serde_json::from_value(serde_json::to_value(scope).expect("JSON")).expect("rules");
    rules.is_none_or(|rules| rules.iter().any(|rule| rule.allow.contains(&privilege) && reached(&rule.on, thing)))
}

#[tokio::test]
async fn agrees_with_the_naive_evaluator() {
    let home = Home::new().await;
    for (name, roles) in USERS {
        home.user(name, roles).await;
    }
    for (name, includes) in ROLES {
        home.role(name, includes).await;
    }
    for (number, spec) in grants().into_iter().enumerate() {
        home.declare("Grant", &format!("g-{number}"), spec).await;
    }
    let admin = home.guard.local_admin().await.expect("here");
    let (mut allowed, mut refused) = (0, 0);
    for (user, _) in USERS {
        let plain = home.guard.pass_of(user).await.expect("declared");
        let mut roles: Vec<_> = roles_of(user).into_iter().collect();
        roles.sort_unstable();
        assert_eq!(plain.roles(), roles);
        for scope in scopes() {
            let request = TokenRequest { user: (*user).to_owned(), scope: scope.clone(), ..TokenRequest::default() };
            let (_, secret) = home.guard.create_token(&admin, request).await.expect("made");
            let pass = home.guard.authenticate(secret.expose()).await.expect("good");
            for thing in things() {
                for privilege in Privilege::ALL {
                    let expected = naive(user, privilege, &thing);
                    assert_eq!(plain.allows(privilege, &thing.object()), expected, "{user} {privilege} {thing:?}");
                    let expected = expected && scope_allows(&scope, privilege, &thing);
                    assert_eq!(pass.allows(privilege, &thing.object()), expected, "{user} {privilege} {thing:?} {scope:?}");
                    assert_eq!(pass.demand(privilege, &thing.object()).is_ok(), expected);
                    if expected { allowed += 1 } else { refused += 1 }
                }
            }
            for (catalog, schema) in [("lake", None), ("lake", Some("dws")), ("lake", Some("tmp")), ("crm", None), ("erp", None)]
            {
                let within = |thing: &Thing| match thing {
                    Thing::Table(name) => name.catalog() == catalog && schema.is_none_or(|schema| name.schema() == schema),
                    _ => false,
                };
                // What is seen in a table of the matrix must be reachable; what reaches nothing may hold nothing.
                let seen = things().iter().any(|thing| within(thing) && pass.allows(Select, &thing.object()));
                assert!(!seen || pass.reaches(Select, catalog, schema), "{user} {catalog} {schema:?} {scope:?}");
                let whole = pass.allows(Select, &Object::Catalog(catalog));
                assert!(!whole || pass.reaches(Select, catalog, schema));
            }
            let everything = roles_of(user).contains("admin") && scope_allows(&scope, Manage, &Thing::Platform);
            assert_eq!(pass.is_admin(), everything, "{user} {scope:?}");
        }
    }
    assert!(allowed > 1000 && refused > 1000, "{allowed} {refused}");
}

#[tokio::test]
async fn an_answer_costs_microseconds_however_many_grants_there_are() {
    let home = Home::new().await;
    home.user("ann", &["many"]).await;
    let on: Vec<String> = (0..5000).map(|n| format!("lake.s{}.t{n}", n % 50)).collect();
    home.grant("many", "role:many", &[Select], &on.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let pass = home.guard.pass_of("ann").await.expect("declared");
    let (seen, hidden) = ("lake.s7.t7".parse().expect("a table"), "lake.s7.t8".parse().expect("a table"));
    let start = Instant::now();
    for _ in 0..10_000 {
        assert!(pass.allows(Select, &Object::Table(&seen)) && !pass.allows(Select, &Object::Table(&hidden)));
    }
    // No bound on time is asserted; the number is for whoever runs this with --nocapture.
    let each = start.elapsed() / 20_000;
    assert!(!each.is_zero(), "{each:?}");
}

#[tokio::test]
async fn a_change_is_followed_here_at_once_and_elsewhere_within_a_second() {
    let home = Home::new().await;
    let (_, other) = home.beside().await;
    home.user("ann", &[]).await;
    let table = "lake.dws.daily".parse().expect("a table");
    let may = |pass: &guard::Pass| pass.allows(Select, &Object::Table(&table));
    assert!(!may(&home.guard.pass_of("ann").await.expect("declared")));
    assert!(!may(&other.pass_of("ann").await.expect("declared")));
    home.grant("g", "user:ann", &[Select], &["lake.dws"]).await;
    let here = home.guard.pass_of("ann").await.expect("declared");
    assert!(may(&here), "the own change was not seen at once");
    tokio::time::sleep(guard::policy::RECHECK + std::time::Duration::from_millis(100)).await;
    let there = other.pass_of("ann").await.expect("declared");
    assert!(may(&there), "another's change was not seen");
    assert_eq!(here.policy_version(), there.policy_version());
    home.declare("User", "ann", guard::UserSpec { disabled: true, ..Default::default() }).await;
    assert!(home.guard.pass_of("ann").await.expect_err("disabled").is(&guard::codes::USER_UNKNOWN));
}
