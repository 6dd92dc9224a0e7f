//! Folders of this machine. Nothing outside the folder is reached, neither by `..` nor through a symbolic link.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use base::{Error, Result};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions,
    PutPayload, PutResult, RenameOptions,
};
use url::Url;

use crate::codes::{STORE_DENIED, STORE_LOCATION_INVALID, STORE_LOCATION_MISSING};
use crate::store::Store;
use crate::stores::{Opener, Request};

/// Folders of this machine.
pub(crate) struct Local;

#[async_trait]
impl Opener for Local {
    fn schemes(&self) -> &'static [&'static str] {
        &["file"]
    }

    fn settings(&self) -> &'static [&'static str] {
        &[]
    }

    async fn open(&self, request: &Request<'_>) -> Result<Store> {
        let path = folder_of(request.location)?;
        if request.create {
            tokio::fs::create_dir_all(&path).await.map_err(|error| explain(&path, error))?;
        }
        let root = tokio::fs::canonicalize(&path).await.map_err(|error| explain(&path, error))?;
        let kind = tokio::fs::metadata(&root).await.map_err(|error| explain(&path, error))?;
        if !kind.is_dir() {
            return Err(Error::new(&STORE_LOCATION_INVALID)
                .with("location", path.display())
                .with("reason", "it is a file; name the folder that holds it"));
        }
        let url = Url::from_directory_path(&root).map_err(|()| {
            Error::new(&STORE_LOCATION_INVALID).with("location", root.display()).with("reason", "its path is not absolute")
        })?;
        let inner =
            LocalFileSystem::new_with_prefix(&root).map_err(|error| crate::explain(&path.display().to_string(), "", error))?;
        Ok(Store { url, object_store: Arc::new(Confined { inner, root }) })
    }
}

fn folder_of(location: &str) -> Result<PathBuf> {
    if !location.contains("://") {
        return Ok(PathBuf::from(location));
    }
    let wrong = || Error::new(&STORE_LOCATION_INVALID).with("location", location);
    let url = Url::parse(location).map_err(|error| wrong().because(error))?;
    url.to_file_path().map_err(|()| wrong().with("reason", "write file:///folder, with three slashes"))
}

fn explain(path: &FilePath, error: std::io::Error) -> Error {
    let code = match error.kind() {
        std::io::ErrorKind::NotFound => &STORE_LOCATION_MISSING,
        std::io::ErrorKind::PermissionDenied => &STORE_DENIED,
        _ => &STORE_LOCATION_INVALID,
    };
    Error::new(code).with("location", path.display()).with("path", path.display()).because(error)
}

/// A local file system that does not follow links out of its root, which [`LocalFileSystem`] does.
#[derive(Debug)]
struct Confined {
    inner: LocalFileSystem,
    /// Canonical.
    root: PathBuf,
}

/// What a refused path fails with inside [`object_store::Error::Generic`]; `explain` recognises it.
#[derive(Debug, thiserror::Error)]
#[error("`{path}` leads outside the location")]
pub(crate) struct Outside {
    path: String,
}

impl Confined {
    /// Fails if the nearest part of the path that exists is not inside the root. A path that is made between this check
    /// and its use is made by someone who can write in the folder already.
    fn confine(&self, path: &Path) -> object_store::Result<()> {
        let mut file = self.root.clone();
        file.extend(path.as_ref().split('/').filter(|part| !part.is_empty()));
        let mut at: &FilePath = &file;
        loop {
            match at.canonicalize() {
                Ok(real) if real.starts_with(&self.root) => return Ok(()),
                Ok(_) => break,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    // A dangling link would be followed by whoever creates what it names.
                    if at.symlink_metadata().is_ok() {
                        break;
                    }
                    match at.parent() {
                        Some(parent) if parent.starts_with(&self.root) => at = parent,
                        _ => break,
                    }
                }
                // Reported by the operation itself, which names the cause.
                Err(_) => return Ok(()),
            }
        }
        Err(object_store::Error::Generic { store: "local", source: Box::new(Outside { path: path.to_string() }) })
    }

    fn inside(&self, listed: &ObjectMeta) -> bool {
        self.confine(&listed.location).is_ok()
    }
}

impl std::fmt::Display for Confined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.root.display())
    }
}

#[async_trait]
impl ObjectStore for Confined {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> object_store::Result<PutResult> {
        self.confine(path)?;
        self.inner.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.confine(path)?;
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        self.confine(path)?;
        self.inner.get_opts(path, options).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        let guard = Self { inner: self.inner.clone(), root: self.root.clone() };
        self.inner.delete_stream(paths.and_then(move |path| std::future::ready(guard.confine(&path).map(|()| path))).boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        let guard = Self { inner: self.inner.clone(), root: self.root.clone() };
        self.inner.list(prefix).try_filter(move |listed| std::future::ready(guard.inside(listed))).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        if let Some(prefix) = prefix {
            self.confine(prefix)?;
        }
        let mut result = self.inner.list_with_delimiter(prefix).await?;
        result.objects.retain(|listed| self.inside(listed));
        result.common_prefixes.retain(|prefix| self.confine(prefix).is_ok());
        Ok(result)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.confine(from)?;
        self.confine(to)?;
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> object_store::Result<()> {
        self.confine(from)?;
        self.confine(to)?;
        self.inner.rename_opts(from, to, options).await
    }
}
