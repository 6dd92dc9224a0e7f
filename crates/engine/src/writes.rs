//! The way into the lake for rooms that may not see it: governed open, create and write, on the compute threads.

use base::{Error, Result, TableName};
use datafusion::execution::SendableRecordBatchStream;
use guard::{Object, Pass, Privilege};
use lake::{Commit, Evolve, Lake, Mode, Origin, Table};

use crate::codes;
use crate::query::Engine;

impl Engine {
    /// A lake table at its newest version. A view is refused as such.
    pub async fn lake_table(&self, pass: &Pass, name: &TableName) -> Result<Table> {
        pass.demand(Privilege::Select, &Object::Table(name))?;
        self.refuse_view(name).await?;
        self.lake().table(pass, name).await
    }

    /// Refuses a name that is read as a view, where a table is needed.
    async fn refuse_view(&self, name: &TableName) -> Result<()> {
        match self.views().await?.contains_key(name) {
            true => Err(Error::new(&codes::VIEW_IS_NO_TABLE).with("view", name)),
            false => Ok(()),
        }
    }

    /// The lake itself, for the corridor and for maintenance; every call on it asks for a pass again.
    pub fn tables_of_the_lake(&self) -> &Lake {
        self.lake()
    }

    /// Writes a stream to a lake table in one commit, which also makes the table if there is none; `evolve` says how far the
    /// columns of one that is there may change.
    ///
    /// A retry with the same `origin.transaction` adds nothing and answers with `duplicate`.
    pub async fn write(
        &self,
        pass: &Pass,
        name: &TableName,
        mode: Mode,
        evolve: Evolve,
        stream: SendableRecordBatchStream,
        origin: Origin,
    ) -> Result<Commit> {
        self.refuse_view(name).await?;
        let (lake, pass, name) = (self.lake().clone(), pass.clone(), name.clone());
        let work = async move { lake.write(&pass, &name, mode, evolve, stream, origin).await };
        self.shared().compute.run(work).await?
    }
}
