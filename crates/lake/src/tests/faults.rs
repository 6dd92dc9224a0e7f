//! A store that fails where it hurts most: at the commit.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions,
    PutPayload, PutResult, RenameOptions, Result,
};

use super::{Home, batch, ids, schema, store, stream, table};
use crate::{Lake, Mode, Origin, Settings, TableOptions, codes};

const WORKS: u8 = 0;
/// The entry is put, but the answer is lost.
const LOSES_THE_ANSWER: u8 = 1;
/// Nothing is put.
const LOSES_THE_ENTRY: u8 = 2;
/// Data files cannot be put.
const IS_FULL: u8 = 3;

#[derive(Debug)]
struct Faulty(Arc<dyn ObjectStore>, Arc<AtomicU8>);

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

fn failure() -> object_store::Error {
    object_store::Error::Generic { store: "faulty", source: "the connection was reset".into() }
}

#[async_trait::async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let entry = location.as_ref().contains("_delta_log") && location.extension() == Some("json");
        match self.1.load(Ordering::SeqCst) {
            LOSES_THE_ANSWER if entry => self.0.put_opts(location, payload, options).await.and(Err(failure())),
            LOSES_THE_ENTRY if entry => Err(failure()),
            IS_FULL if !entry => Err(failure()),
            _ => self.0.put_opts(location, payload, options).await,
        }
    }

    async fn put_multipart_opts(&self, location: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.0.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.0.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.0.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.0.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.0.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.0.rename_opts(from, to, options).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unclear_commit_is_neither_lost_nor_doubled() {
    let home = Home::new().await;
    let fault = Arc::new(AtomicU8::new(WORKS));
    let faulty: Arc<dyn ObjectStore> = Arc::new(Faulty(store(&home.folder), fault.clone()));
    let lake = Lake::with_settings(faulty, Settings::default()).expect("a lake");
    let made = lake.create(&home.pass, &table("t"), schema(), TableOptions::default()).await.expect("a table");
    let write = |id: i64, origin: Origin| made.write(&home.pass, Mode::Append, stream(vec![batch(&[(id, "a", None)])]), origin);
    let data_files = || std::fs::read_dir(home.path("t")).expect("a folder").count() - 1;

    // The answer is lost: looking shows that the commit is there, even without a transaction to know it by.
    fault.store(LOSES_THE_ANSWER, Ordering::SeqCst);
    let commit = write(1, Origin::of("x")).await.expect("it is there");
    assert_eq!((commit.version, commit.duplicate), (1, false));
    assert_eq!(ids(&home.table("t").await, "true").await, [1]);

    // The entry is lost: that is not known for sure, so its files stay, and a replay writes once.
    fault.store(LOSES_THE_ENTRY, Ordering::SeqCst);
    let origin = Origin::of("x").with_transaction("app", 1);
    let error = write(2, origin.clone()).await.expect_err("unclear");
    assert!(error.is(&codes::LAKE_COMMIT_UNCLEAR) && error.code().retry, "{error}");
    assert_eq!(data_files(), 2);
    fault.store(WORKS, Ordering::SeqCst);
    assert!(!write(2, origin.clone()).await.expect("written").duplicate);
    assert!(write(2, origin).await.expect("known").duplicate);
    assert_eq!(ids(&home.table("t").await, "true").await, [1, 2]);

    // No room for data: an error, no commit, nothing left behind.
    let before = data_files();
    fault.store(IS_FULL, Ordering::SeqCst);
    let error = write(3, Origin::of("x")).await.expect_err("full");
    assert!(error.is(&codes::LAKE_STORE_FAILED), "{error}");
    assert_eq!((home.table("t").await.version(), data_files()), (2, before));
}
