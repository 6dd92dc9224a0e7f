//! A location that is open: its URL and the object store rooted at it.

use std::sync::Arc;

use base::{Error, Result, Secrets};
use object_store::ObjectStore;
use url::Url;

use crate::codes::STORE_LOCATION_INVALID;
use crate::options::StoreOptions;
use crate::stores;

/// An open location. Cheap to clone; paths given to `object_store` are relative to `url`.
#[derive(Debug, Clone)]
pub struct Store {
    /// Where it is, without secrets; it ends with a slash.
    pub url: Url,
    /// Its bytes. Never answers with anything that lies outside `url`.
    pub object_store: Arc<dyn ObjectStore>,
}

impl Store {
    /// The location as messages name it: a path for a local folder, else the URL.
    pub fn location(&self) -> String {
        match self.url.to_file_path() {
            Ok(path) => path.display().to_string(),
            Err(()) => self.url.as_str().trim_end_matches('/').to_owned(),
        }
    }

    /// Turns an error of `object_store` at `path` into one that names this location.
    pub fn explain(&self, path: impl std::fmt::Display, error: object_store::Error) -> Error {
        crate::explain(&self.location(), path, error)
    }
}

/// Opens a location that exists: a folder's path, `file:///folder`, `s3://bucket/prefix` or that of another store.
///
/// No request is sent to a remote store; [`Store::probe`] tells whether it answers.
pub async fn open(location: &str, options: &StoreOptions, secrets: &dyn Secrets) -> Result<Store> {
    open_as(location, options, secrets, false).await
}

/// As [`open`], and makes a local folder that is not there yet.
pub async fn open_or_create(location: &str, options: &StoreOptions, secrets: &dyn Secrets) -> Result<Store> {
    open_as(location, options, secrets, true).await
}

async fn open_as(location: &str, options: &StoreOptions, secrets: &dyn Secrets, create: bool) -> Result<Store> {
    let scheme = match location.split_once("://") {
        Some((scheme, _)) => scheme.to_ascii_lowercase(),
        None => "file".to_owned(),
    };
    if location.trim().is_empty() {
        return Err(Error::new(&STORE_LOCATION_INVALID).with("location", location).with("reason", "it is empty"));
    }
    let opener = stores::of(&scheme, location)?;
    let request = stores::Request { location, options, secrets, create };
    if let Some(setting) = options.stranger(opener.settings()) {
        return Err(request.wrong(format!("`{setting}` means nothing for {scheme}://")));
    }
    opener.open(&request).await
}
