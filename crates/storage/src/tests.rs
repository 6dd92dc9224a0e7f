//! Locations of this machine, and an S3 server if one is there.

use std::fs;
use std::pin::Pin;

use base::{Error, Result, Secret, SecretRef, Secrets};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode};

use crate::codes::*;
use crate::{Store, StoreOptions, open, open_or_create};

struct Environment;

impl Secrets for Environment {
    fn resolve<'a>(&'a self, reference: &'a SecretRef) -> Pin<Box<dyn Future<Output = Result<Secret>> + Send + 'a>> {
        Box::pin(async move {
            match reference {
                SecretRef::Environment(name) => std::env::var(name).map(Secret::new).ok(),
                SecretRef::Store(value) => Some(Secret::new(value.clone())),
                SecretRef::File(_) => None,
            }
            .ok_or_else(|| Error::new(&base::errors::SECRET_UNRESOLVED).with("reference", reference).with("reason", "not set"))
        })
    }
}

async fn local(folder: &std::path::Path) -> Store {
    open(folder.to_str().expect("UTF-8"), &StoreOptions::default(), &Environment).await.expect("a folder")
}

#[tokio::test]
async fn a_folder_holds_what_a_lake_needs() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let location = scratch.path().join("new lake");
    let location = location.to_str().expect("UTF-8");
    let missing = open(location, &StoreOptions::default(), &Environment).await.expect_err("not there yet");
    assert!(missing.is(&STORE_LOCATION_MISSING) && missing.to_string().contains("new lake"), "{missing}");
    let store = open_or_create(location, &StoreOptions::default(), &Environment).await.expect("made");
    let probe = store.probe().await.expect("listable");
    assert!(probe.fits_lake() && probe.failures.is_empty(), "{probe:?}");
    assert_eq!(store.object_store.list(None).try_collect::<Vec<_>>().await.expect("listable"), []);
    assert_eq!(open(store.url.as_str(), &StoreOptions::default(), &Environment).await.expect("as a URL").url, store.url);
    let error =
        store.object_store.get(&Path::from("none")).await.map_err(|error| store.explain("none", error)).expect_err("none");
    assert!(error.is(&STORE_OBJECT_MISSING), "{error}");
}

#[tokio::test]
async fn nothing_outside_a_folder_is_reached() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let (inside, outside) = (scratch.path().join("in"), scratch.path().join("out"));
    fs::create_dir_all(&inside).expect("writable");
    fs::create_dir_all(&outside).expect("writable");
    fs::write(outside.join("secret.csv"), "id\n1\n").expect("writable");
    fs::write(inside.join("own.csv"), "id\n1\n").expect("writable");
    std::os::unix::fs::symlink(&outside, inside.join("folder")).expect("writable");
    std::os::unix::fs::symlink(outside.join("secret.csv"), inside.join("file.csv")).expect("writable");
    std::os::unix::fs::symlink(outside.join("new.csv"), inside.join("dangling.csv")).expect("writable");
    std::os::unix::fs::symlink("own.csv", inside.join("alias.csv")).expect("writable");
    let store = local(&inside).await;

    let mut names: Vec<String> =
        store.object_store.list(None).map_ok(|object| object.location.to_string()).try_collect().await.expect("listable");
    names.sort();
    assert_eq!(names, ["alias.csv", "own.csv"]);
    for path in ["folder/secret.csv", "file.csv", "dangling.csv", "folder/new.csv"] {
        let path = Path::from(path);
        let refused = |error| store.explain(&path, error);
        let read = store.object_store.get(&path).await.map_err(refused).expect_err("outside");
        assert!(read.is(&STORE_OUTSIDE), "{read:?}");
        let write = store.object_store.put(&path, "x".into()).await.map_err(refused).expect_err("outside");
        assert!(write.is(&STORE_OUTSIDE), "{write:?}");
        assert!(store.object_store.delete(&path).await.is_err());
        assert!(store.object_store.copy(&Path::from("own.csv"), &path).await.is_err());
    }
    assert!(Path::parse("../out/secret.csv").is_err());
    assert!(outside.join("secret.csv").exists() && !outside.join("new.csv").exists());
    assert!(store.object_store.get(&Path::from("alias.csv")).await.is_ok());
}

#[tokio::test]
async fn a_wrong_declaration_says_what_is_right() {
    let refused = async |location: &str, options: StoreOptions, code: &'static base::Code| {
        let error = open(location, &options, &Environment).await.err().unwrap_or_else(|| panic!("{location} was opened"));
        assert!(error.is(code), "{location}: {error:?}");
    };
    let keys = |id: &str| StoreOptions {
        access_key_id: Some(SecretRef::Store(id.to_owned())),
        secret_access_key: Some(SecretRef::Environment("DATAUX_TEST_UNSET".to_owned())),
        ..StoreOptions::default()
    };
    let endpoint = |endpoint: &str| StoreOptions { endpoint: Some(endpoint.to_owned()), ..StoreOptions::default() };
    refused("", StoreOptions::default(), &STORE_LOCATION_INVALID).await;
    refused("/etc/hostname", StoreOptions::default(), &STORE_LOCATION_INVALID).await;
    refused("/tmp", endpoint("http://localhost"), &STORE_SETTING_INVALID).await;
    refused("s3://bucket", endpoint("http://localhost:1"), &STORE_SETTING_INVALID).await;
    refused("s3://bucket", StoreOptions { secret_access_key: None, ..keys("a") }, &STORE_SETTING_INVALID).await;
    refused("s3://bucket", StoreOptions { anonymous: true, ..keys("a") }, &STORE_SETTING_INVALID).await;
    refused("s3://bucket", keys("a"), &base::errors::SECRET_UNRESOLVED).await;

    let region = |region: &str| StoreOptions { region: Some(region.to_owned()), ..StoreOptions::default() };
    for scheme in ["oss", "cos", "cosn", "obs"] {
        refused(&format!("{scheme}://bucket/a"), StoreOptions::default(), &STORE_SETTING_INVALID).await;
        refused(&format!("{scheme}://bucket/a"), endpoint("http://localhost:1"), &STORE_SETTING_INVALID).await;
        refused(&format!("{scheme}://bucket/a"), endpoint("localhost"), &STORE_SETTING_INVALID).await;
        refused(&format!("{scheme}://bucket/a"), region("cn.evil.example/"), &STORE_SETTING_INVALID).await;
        refused(&format!("{scheme}://key@bucket/a"), region("cn-north-1"), &STORE_LOCATION_INVALID).await;
        let half = StoreOptions { secret_access_key: None, ..StoreOptions { region: region("cn").region, ..keys("a") } };
        refused(&format!("{scheme}://bucket"), half, &STORE_SETTING_INVALID).await;
    }
    let token = StoreOptions { session_token: Some(SecretRef::Store("t".to_owned())), ..region("cn-north-1") };
    refused("cos://bucket", token.clone(), &STORE_SETTING_INVALID).await;
    refused("obs://bucket", token, &STORE_SETTING_INVALID).await;

    let account = |account: &str| StoreOptions { account: Some(account.to_owned()), ..StoreOptions::default() };
    refused("az://container/a", StoreOptions::default(), &STORE_SETTING_INVALID).await;
    refused("abfss://container@account.example.com/a", StoreOptions::default(), &STORE_LOCATION_INVALID).await;
    refused("abfss://@account.dfs.core.windows.net/a", StoreOptions::default(), &STORE_LOCATION_INVALID).await;
    refused("abfss://container@one.dfs.core.windows.net/a", account("other"), &STORE_SETTING_INVALID).await;
    let key = Some(SecretRef::Store("a2V5".to_owned()));
    let two = StoreOptions { account_key: key.clone(), sas_token: key.clone(), ..account("a") };
    refused("az://container", two, &STORE_SETTING_INVALID).await;
    refused("az://container", StoreOptions { client_id: Some("a".to_owned()), ..account("a") }, &STORE_SETTING_INVALID).await;
    refused(
        "az://container",
        StoreOptions { account_key: Some(SecretRef::Store("no base64!".to_owned())), ..account("a") },
        &STORE_SETTING_INVALID,
    )
    .await;
    refused("s3://bucket", account("a"), &STORE_SETTING_INVALID).await;

    let secret = "{\"private_key\": \"not-a-real-key\"}";
    let service = StoreOptions { service_account: Some(SecretRef::Store(secret.to_owned())), ..StoreOptions::default() };
    let error = open("gs://bucket", &service, &Environment).await.expect_err("half a key");
    assert!(error.is(&STORE_SETTING_INVALID) && !format!("{error:?}").contains("not-a-real-key"), "{error:?}");
    refused("gs://bucket", StoreOptions { anonymous: true, ..service }, &STORE_SETTING_INVALID).await;
    refused("gs://", StoreOptions::default(), &STORE_LOCATION_INVALID).await;
    refused("hdfs:///a", StoreOptions::default(), &STORE_LOCATION_INVALID).await;
    refused(
        "hdfs://nameservice/a",
        StoreOptions { region: Some("a".to_owned()), ..StoreOptions::default() },
        &STORE_SETTING_INVALID,
    )
    .await;
}

#[tokio::test]
async fn every_store_opens_without_asking_it() {
    let key = |text: &str| Some(SecretRef::Store(text.to_owned()));
    let keys = StoreOptions { access_key_id: key("id"), secret_access_key: key("key"), ..StoreOptions::default() };
    let regional = StoreOptions { region: Some("cn-north-1".to_owned()), ..keys.clone() };
    let azure = StoreOptions { account: Some("account".to_owned()), account_key: key("a2V5"), ..StoreOptions::default() };
    let signed = StoreOptions { account_key: None, sas_token: key("?sv=2024&sig=abc"), ..azure.clone() };
    let application = StoreOptions {
        tenant_id: Some("tenant".to_owned()),
        client_id: Some("client".to_owned()),
        client_secret: key("secret"),
        ..StoreOptions::default()
    };
    let open_bucket = StoreOptions { anonymous: true, ..StoreOptions::default() };
    let hadoop = [
        ("dfs.ha.namenodes.ns", "a,b"),
        ("dfs.namenode.rpc-address.ns.a", "a:8020"),
        ("dfs.namenode.rpc-address.ns.b", "b:8020"),
    ];
    let hadoop = hadoop.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let hadoop = StoreOptions { hadoop: hadoop.into(), ..StoreOptions::default() };
    for (location, options, url) in [
        ("s3a://bucket/a", &keys, "s3://bucket/a/"),
        ("az://container/a/b", &azure, "az://container/a/b/"),
        ("az://container", &signed, "az://container/"),
        ("abfss://c@account.dfs.core.windows.net/a", &application, "abfss://c@account.dfs.core.windows.net/a/"),
        ("gs://bucket/a/", &open_bucket, "gs://bucket/a/"),
        ("oss://bucket/a", &regional, "oss://bucket/a/"),
        ("cosn://bucket-1250000000/a", &regional, "cos://bucket-1250000000/a/"),
        ("obs://bucket", &regional, "obs://bucket/"),
        ("hdfs://127.0.0.1:8020/user/a", &StoreOptions::default(), "hdfs://127.0.0.1:8020/user/a/"),
        ("hdfs://ns/user/a", &hadoop, "hdfs://ns/user/a/"),
    ] {
        let store = open(location, options, &Environment).await.unwrap_or_else(|error| panic!("{location}: {error:?}"));
        assert_eq!(store.url.as_str(), url);
    }
}

/// Each library's own way of saying that nobody answers ends in the same error, within its bound.
#[tokio::test]
async fn stores_that_are_down_are_said_to_be() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    drop(listener);
    let key = || Some(SecretRef::Store("a2V5".to_owned()));
    let reached =
        StoreOptions { endpoint: Some(format!("http://127.0.0.1:{port}")), allow_http: true, ..StoreOptions::default() };
    let keys = StoreOptions { access_key_id: key(), secret_access_key: key(), ..reached.clone() };
    let azure = StoreOptions { account: Some("account".to_owned()), account_key: key(), ..reached.clone() };
    let hdfs = format!("hdfs://127.0.0.1:{port}/a");
    for (location, options) in [
        ("az://container", azure),
        ("gs://bucket", StoreOptions { anonymous: true, ..reached }),
        ("oss://bucket", StoreOptions { path_style: Some(true), ..keys.clone() }),
        ("obs://bucket", keys),
        (&hdfs, StoreOptions::default()),
    ] {
        let store = open(location, &options, &Environment).await.expect("nothing is asked yet");
        let error = store.probe().await.expect_err("nobody listens");
        assert!(error.is(&STORE_UNREACHABLE) && error.code().retry, "{location}: {error:?}");
    }
}

/// `DATAUX_TEST_S3_ENDPOINT`, `…_BUCKET`, `…_ACCESS_KEY_ID` and `…_SECRET_ACCESS_KEY` name the server.
fn s3() -> (String, StoreOptions) {
    let set = |name: &str| {
        let name = format!("DATAUX_TEST_S3_{name}");
        std::env::var(&name).unwrap_or_else(|_| panic!("{name} is not set: run this by scripts/servers"))
    };
    let reference = |name: &str| Some(SecretRef::Environment(format!("DATAUX_TEST_S3_{name}")));
    let options = StoreOptions {
        endpoint: Some(set("ENDPOINT")),
        access_key_id: reference("ACCESS_KEY_ID"),
        secret_access_key: reference("SECRET_ACCESS_KEY"),
        allow_http: true,
        ..StoreOptions::default()
    };
    (set("BUCKET"), options)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the MinIO of make test (DATAUX_TEST_S3_ENDPOINT)"]
async fn one_of_many_writers_of_a_key_wins() {
    let (bucket, options) = s3();
    let location = format!("s3://{bucket}/{}", base::ids::fresh());
    let store = open(&location, &options, &Environment).await.expect("opened");
    for key in 0..8 {
        let race = (0..16).map(|writer| {
            let (store, path) = (store.clone(), Path::from(format!("_delta_log/{key}.json")));
            tokio::spawn(async move {
                let written = store.object_store.put_opts(&path, writer.to_string().into(), PutMode::Create.into()).await;
                written.map(|_| writer)
            })
        });
        let mut winners = Vec::new();
        for ended in futures::future::join_all(race).await {
            match ended.expect("no panic") {
                Ok(writer) => winners.push(writer),
                Err(error) => assert!(store.explain("a", error).is(&STORE_EXISTS)),
            }
        }
        let kept = store.object_store.get(&Path::from(format!("_delta_log/{key}.json"))).await.expect("there");
        assert_eq!(winners.len(), 1, "{winners:?}");
        assert_eq!(kept.bytes().await.expect("readable"), winners[0].to_string().as_bytes());
    }
}

#[tokio::test]
#[ignore = "needs the MinIO of make test (DATAUX_TEST_S3_ENDPOINT)"]
async fn s3_does_what_a_lake_needs_and_explains_what_it_refuses() {
    let (bucket, options) = s3();
    let location = format!("s3://{bucket}/{}", base::ids::fresh());
    let store = open(&location, &options, &Environment).await.expect("opened");
    let probe = store.probe().await.expect("listable");
    assert!(probe.fits_lake(), "{probe:?}");

    let missing = open("s3://no-such-bucket-here", &options, &Environment).await.expect("nothing is asked yet");
    let error = missing.probe().await.expect_err("no bucket");
    assert!(error.is(&STORE_LOCATION_MISSING), "{error:?}");
    for (id, key) in [("nobody", "wrong-secret-key"), ("", "wrong-secret-key")] {
        let mut wrong = options.clone();
        if !id.is_empty() {
            wrong.access_key_id = Some(SecretRef::Store(id.to_owned()));
        }
        wrong.secret_access_key = Some(SecretRef::Store(key.to_owned()));
        let store = open(&location, &wrong, &Environment).await.expect("nothing is asked yet");
        let error = store.probe().await.expect_err("a wrong key");
        assert!(error.is(&STORE_KEY_REFUSED) && !error.to_string().contains(key), "{error:?}");
    }
}

#[tokio::test]
async fn an_s3_server_that_is_down_is_said_to_be() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    drop(listener);
    let options = StoreOptions {
        endpoint: Some(format!("http://127.0.0.1:{port}")),
        allow_http: true,
        anonymous: true,
        ..StoreOptions::default()
    };
    let store = open("s3://bucket", &options, &Environment).await.expect("nothing is asked yet");
    let error = store.probe().await.expect_err("nobody listens");
    assert!(error.is(&STORE_UNREACHABLE) && error.code().retry, "{error:?}");
}
