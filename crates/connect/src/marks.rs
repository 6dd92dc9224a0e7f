//! Versions of files: how one is known again, and how just that one is read.

use base::{Error, Result};
use object_store::path::Path;
use object_store::{GetOptions, GetResult, ObjectMeta};
use storage::Store;
use storage::codes::STORE_CHANGED;

use crate::source::FileMark;

/// The mark of the version that was listed.
///
/// A folder's own mark names the file's place on its disk too, and would make every file of a restored or moved folder a new
/// one; there the time of the last change stands for it.
pub(crate) fn of(store: &Store, object: &ObjectMeta) -> FileMark {
    let etag = match store.url.scheme() {
        "file" => Some(object.last_modified.timestamp_micros().to_string()),
        // Azure lists marks without the quotes that it gives and wants elsewhere.
        "az" | "abfss" => object.e_tag.as_deref().map(|etag| format!("\"{}\"", etag.trim_matches('"'))),
        _ => object.e_tag.clone(),
    };
    FileMark { path: object.location.to_string(), etag, size: object.size }
}

fn is_folder(store: &Store) -> bool {
    store.url.scheme() == "file"
}

/// Reads a file if it is still the version of the mark.
pub(crate) async fn get(store: &Store, mark: &FileMark, options: GetOptions) -> Result<GetResult> {
    let explain = |error| store.explain(&mark.path, error);
    let path = Path::parse(&mark.path).map_err(|error| explain(error.into()))?;
    let etag = if is_folder(store) { None } else { mark.etag.clone() };
    let result = store.object_store.get_opts(&path, options.with_if_match(etag)).await.map_err(explain)?;
    let found = of(store, &result.meta);
    // A mark without an etag is of a store that has none.
    if found.size == mark.size && (mark.etag.is_none() || found.etag == mark.etag) {
        return Ok(result);
    }
    Err(Error::new(&STORE_CHANGED).with("location", store.location()).with("path", &mark.path))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_mark_is_the_same_however_a_store_spells_it() {
        let mark = |url: &str, etag: &str| {
            let store = Store { url: url.parse().expect("a URL"), object_store: Arc::new(object_store::memory::InMemory::new()) };
            let location = Path::from("a.csv");
            let object = ObjectMeta {
                location,
                last_modified: chrono::DateTime::UNIX_EPOCH,
                size: 1,
                e_tag: Some(etag.to_owned()),
                version: None,
            };
            of(&store, &object).etag
        };
        assert_eq!(mark("az://landing/", "0x8D"), mark("az://landing/", "\"0x8D\""));
        assert_eq!(mark("s3://landing/", "\"1\"").as_deref(), Some("\"1\""));
        assert_eq!(mark("file:///landing/", "inode").as_deref(), Some("0"));
    }
}
