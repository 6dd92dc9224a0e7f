//! Locations of this machine, and an S3 server if one is there.

use std::fs;
use std::pin::Pin;

use base::{Error, Result, Secret, SecretRef, Secrets};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

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
    refused("obs://bucket/a", StoreOptions::default(), &STORE_SCHEME_UNAVAILABLE).await;
    refused("/etc/hostname", StoreOptions::default(), &STORE_LOCATION_INVALID).await;
    refused("/tmp", endpoint("http://localhost"), &STORE_SETTING_INVALID).await;
    refused("s3://bucket", endpoint("http://localhost:1"), &STORE_SETTING_INVALID).await;
    refused("s3://bucket", StoreOptions { secret_access_key: None, ..keys("a") }, &STORE_SETTING_INVALID).await;
    refused("s3://bucket", StoreOptions { anonymous: true, ..keys("a") }, &STORE_SETTING_INVALID).await;
    refused("s3://bucket", keys("a"), &base::errors::SECRET_UNRESOLVED).await;
}

#[cfg(feature = "s3-tests")]
/// `DATAUX_TEST_S3_ENDPOINT`, `…_BUCKET`, `…_ACCESS_KEY_ID` and `…_SECRET_ACCESS_KEY` name the server.
fn s3() -> (String, StoreOptions) {
    let set = |name: &str| {
        let name = format!("DATAUX_TEST_S3_{name}");
        std::env::var(&name).unwrap_or_else(|_| panic!("{name} is not set; start MinIO and name it"))
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

#[cfg(feature = "s3-tests")]
#[tokio::test]
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
