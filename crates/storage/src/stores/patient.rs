//! Stores whose libraries wait without an end, made to answer within a bound; and those that may ignore the condition of a
//! create, asked to prove that they do not.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};

use super::request::{REQUEST_TIMEOUT, RETRIES_MAX};

/// The wait before the first retry; each further one is twice as long.
const RETRY_WAIT: Duration = Duration::from_millis(200);

/// Longest wait for an answer; tests have less.
const PATIENCE: Duration = if cfg!(test) { Duration::from_millis(50) } else { REQUEST_TIMEOUT };

/// A store with bounds.
#[derive(Debug)]
pub(super) struct Patient {
    inner: Arc<dyn ObjectStore>,
    /// Whether a second create of a key was seen to be refused; `None` for stores that are known to refuse it.
    proof: Option<OnceCell<bool>>,
}

/// Why a create is refused: the store would not refuse a second one.
#[derive(Debug, thiserror::Error)]
#[error("it creates an object anew though there is one, so two writers would overwrite each other")]
struct Unconditional;

#[derive(Debug, thiserror::Error)]
#[error("HTTP error: no answer for {} s", PATIENCE.as_secs())]
struct Late;

impl Patient {
    pub fn new(inner: impl ObjectStore) -> Self {
        Self { inner: Arc::new(inner), proof: None }
    }

    /// For a store that refuses to create an object twice in some buckets and not in others.
    pub fn proving(inner: impl ObjectStore) -> Self {
        Self { inner: Arc::new(inner), proof: Some(OnceCell::new()) }
    }

    /// Fails if a create here is none. Tried once, with a scratch key.
    async fn proved(&self) -> Result<()> {
        let Some(proof) = &self.proof else { return Ok(()) };
        let refuses = proof.get_or_try_init(async || {
            let key = Path::from(format!(".dataux-create-{}", base::ids::fresh()));
            let create = || within(self.inner.put_opts(&key, "dataux".into(), PutMode::Create.into()));
            create().await?;
            let second = create().await;
            within(self.inner.delete(&key)).await?;
            match second {
                Ok(_) => Ok(false),
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(true),
                Err(error) => Err(error),
            }
        });
        match refuses.await? {
            true => Ok(()),
            false => Err(Error::NotSupported { source: Box::new(Unconditional) }),
        }
    }
}

async fn within<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(late()))
}

fn late() -> Error {
    Error::Generic { store: "remote", source: Box::new(Late) }
}

/// Does what can be done twice until it succeeds, fails for a lasting reason, or was tried often enough.
async fn repeated<T, W: Future<Output = Result<T>>>(work: impl Fn() -> W) -> Result<T> {
    let mut wait = RETRY_WAIT;
    for _ in 0..RETRIES_MAX {
        match within(work()).await {
            Err(error) if passes(&error) => sleep(wait).await,
            done => return done,
        }
        wait *= 2;
    }
    within(work()).await
}

fn passes(error: &Error) -> bool {
    let Error::Generic { source, .. } = error else { return false };
    source.downcast_ref::<opendal::Error>().is_some_and(opendal::Error::is_temporary)
}

/// The items of a stream, each within the bound; ends at the first that is not.
fn patient<T: Send + 'static>(items: BoxStream<'static, Result<T>>) -> BoxStream<'static, Result<T>> {
    let step = |items: Option<BoxStream<'static, Result<T>>>| async move {
        let mut items = items?;
        match timeout(PATIENCE, items.next()).await {
            Ok(Some(item)) => Some((item, Some(items))),
            Ok(None) => None,
            Err(_) => Some((Err(late()), None)),
        }
    };
    stream::unfold(Some(items), step).boxed()
}

impl std::fmt::Display for Patient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Patient {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        match options.mode {
            PutMode::Overwrite => repeated(|| self.inner.put_opts(path, payload.clone(), options.clone())).await,
            PutMode::Create => {
                self.proved().await?;
                within(self.inner.put_opts(path, payload, options)).await
            }
            PutMode::Update(_) => within(self.inner.put_opts(path, payload, options)).await,
        }
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(Upload(within(self.inner.put_multipart_opts(path, options)).await?)))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let mut result = repeated(|| self.inner.get_opts(path, options.clone())).await?;
        result.payload = match result.payload {
            GetResultPayload::Stream(items) => GetResultPayload::Stream(patient(items)),
            file @ GetResultPayload::File(..) => file,
        };
        Ok(result)
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        patient(self.inner.delete_stream(paths))
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        patient(self.inner.list(prefix))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        repeated(|| self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        within(self.inner.copy_opts(from, to, options)).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        within(self.inner.rename_opts(from, to, options)).await
    }
}

/// An upload whose parts have bounds.
#[derive(Debug)]
struct Upload(Box<dyn MultipartUpload>);

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        within(self.0.put_part(data)).boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        within(self.0.complete()).await
    }

    async fn abort(&mut self) -> Result<()> {
        within(self.0.abort()).await
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    /// A store that overwrites what it is asked to create, as a bucket with versions does.
    #[derive(Debug)]
    struct Versioned(InMemory);

    impl std::fmt::Display for Versioned {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("versioned")
        }
    }

    #[async_trait]
    impl ObjectStore for Versioned {
        async fn put_opts(&self, path: &Path, payload: PutPayload, _: PutOptions) -> Result<PutResult> {
            self.0.put(path, payload).await
        }

        async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
            self.0.put_multipart_opts(path, options).await
        }

        async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
            self.0.get_opts(path, options).await
        }

        fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
            self.0.delete_stream(paths)
        }

        fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
            self.0.list(prefix)
        }

        async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
            self.0.list_with_delimiter(prefix).await
        }

        async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
            self.0.copy_opts(from, to, options).await
        }
    }

    #[tokio::test]
    async fn a_bucket_that_ignores_conditions_takes_no_creates() {
        let key = Path::from("_delta_log/0.json");
        let create = || PutOptions::from(PutMode::Create);
        let versioned = Patient::proving(Versioned(InMemory::new()));
        let error = versioned.put_opts(&key, "1".into(), create()).await.expect_err("refused");
        let error = crate::explain("oss://bucket", &key, error);
        assert!(error.is(&crate::codes::STORE_CREATES_RACE), "{error:?}");
        versioned.put(&key, "1".into()).await.expect("what may overwrite is written");
        assert_eq!(versioned.list(None).count().await, 1, "the scratch key is gone");

        let plain = Patient::proving(InMemory::new());
        plain.put_opts(&key, "1".into(), create()).await.expect("the first");
        assert!(matches!(plain.put_opts(&key, "2".into(), create()).await, Err(Error::AlreadyExists { .. })));
        assert_eq!(plain.list(None).count().await, 1);
    }

    #[tokio::test]
    async fn silence_has_an_end() {
        let error = within(std::future::pending::<Result<()>>()).await.expect_err("late");
        assert!(crate::explain("oss://bucket", "a", error).is(&crate::codes::STORE_UNREACHABLE));
        let endless = stream::once(async { Ok(1) }).chain(stream::pending()).boxed();
        let items: Vec<Result<i32>> = patient(endless).collect().await;
        assert!(matches!(items.as_slice(), [Ok(1), Err(Error::Generic { .. })]), "{items:?}");
    }
}
