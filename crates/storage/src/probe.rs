//! What a location can really do, found out by doing it.

use base::{Result, ids};
use futures::StreamExt;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode, PutOptions};
use serde::Serialize;

use crate::store::Store;

/// What was tried and whether it worked. A lake needs all four; a source that is only read needs the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// Objects can be listed.
    pub list: bool,
    /// A second create of the same key is refused: what keeps two writers of one table apart.
    pub put_if_absent: bool,
    /// A part of an object can be read.
    pub range_read: bool,
    /// What was written can be deleted.
    pub delete: bool,
    /// Why what failed did, one sentence each.
    pub failures: Vec<String>,
}

impl Probe {
    /// Whether a lake can live here.
    pub fn fits_lake(&self) -> bool {
        self.list && self.put_if_absent && self.range_read && self.delete
    }
}

const SCRATCH: &[u8] = b"dataux probe";

impl Store {
    /// Lists, creates a scratch key twice, reads a range of it and deletes it. Fails if the location cannot even be listed.
    pub async fn probe(&self) -> Result<Probe> {
        if let Some(Err(error)) = self.object_store.list(None).next().await {
            return Err(self.explain("", error));
        }
        let mut probe = Probe { list: true, put_if_absent: false, range_read: false, delete: false, failures: Vec::new() };
        let key = Path::from(format!(".dataux-probe-{}", ids::fresh()));
        let create = || PutOptions::from(PutMode::Create);

        if let Err(error) = self.object_store.put_opts(&key, SCRATCH.into(), create()).await {
            probe.failures.push(self.explain(&key, error).to_string());
            return Ok(probe);
        }
        match self.object_store.put_opts(&key, b"second writer".as_slice().into(), create()).await {
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                probe.put_if_absent = true
            }
            Ok(_) => probe.failures.push("a second create of the same key was not refused".to_owned()),
            Err(error) => probe.failures.push(self.explain(&key, error).to_string()),
        }
        match self.object_store.get_range(&key, 2..6).await {
            Ok(bytes) if bytes.as_ref() == &SCRATCH[2..6] => probe.range_read = true,
            Ok(_) => probe.failures.push("a range read answered with other bytes than were asked for".to_owned()),
            Err(error) => probe.failures.push(self.explain(&key, error).to_string()),
        }
        match self.object_store.delete(&key).await {
            Ok(()) => probe.delete = true,
            Err(error) => probe.failures.push(self.explain(&key, error).to_string()),
        }
        Ok(probe)
    }
}
