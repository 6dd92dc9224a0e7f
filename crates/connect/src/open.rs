//! The one door to business systems: no pass, no source.

use std::sync::Arc;

use base::{Error, Result};
use guard::{Object, Pass, Privilege};

use crate::codes::CONNECTION_INVALID;
use crate::connectors;
use crate::source::Source;
use crate::spec::{ConnectionSpec, Context};

/// Opens the connection `name`, if the pass may read it. Sends no request yet, except to resolve secrets.
///
/// The pass must allow `select` on something of the catalog `name`. Which tables it may read, the engine asks for each.
pub async fn open(pass: &Pass, name: &str, spec: &ConnectionSpec, context: &Context) -> Result<Arc<dyn Source>> {
    if !pass.reaches(Privilege::Select, name, None) {
        pass.demand(Privilege::Select, &Object::Catalog(name))?;
    }
    for connector in connectors::ALL {
        if let Some(source) = connector.open(name, spec, context).await? {
            return Ok(source);
        }
    }
    Err(Error::new(&CONNECTION_INVALID).with("connection", name).with("reason", "it names no connector"))
}

/// The place of a connection that holds files, for writing below it. Demands `modify` on the catalog `name`.
pub async fn files_store(pass: &Pass, name: &str, spec: &ConnectionSpec, context: &Context) -> Result<storage::Store> {
    pass.demand(Privilege::Modify, &Object::Catalog(name))?;
    match &spec.files {
        Some(files) => files.store(context).await,
        None => Err(Error::new(&CONNECTION_INVALID)
            .with("connection", name)
            .with("reason", "it holds no files, so nothing can be published to it")),
    }
}
