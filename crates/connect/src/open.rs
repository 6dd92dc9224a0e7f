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
/// The pass must allow `select` on the catalog `name`; who may read only some of its tables opens it through the engine,
/// which asks for each table.
pub async fn open(pass: &Pass, name: &str, spec: &ConnectionSpec, context: &Context) -> Result<Arc<dyn Source>> {
    pass.demand(Privilege::Select, &Object::Catalog(name))?;
    for connector in connectors::ALL {
        if let Some(source) = connector.open(name, spec, context).await? {
            return Ok(source);
        }
    }
    Err(Error::new(&CONNECTION_INVALID).with("connection", name).with("reason", "it names no connector"))
}
