//! The way into the lake for rooms that may not see it: governed open, create and write, on the compute threads.

use base::{Result, TableName};
use datafusion::execution::SendableRecordBatchStream;
use guard::Pass;
use lake::{Commit, Evolve, Lake, Mode, Origin, Table};

use crate::query::Engine;

impl Engine {
    /// A lake table at its newest version.
    pub async fn lake_table(&self, pass: &Pass, name: &TableName) -> Result<Table> {
        self.lake().table(pass, name).await
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
        let (lake, pass, name) = (self.lake().clone(), pass.clone(), name.clone());
        let work = async move { lake.write(&pass, &name, mode, evolve, stream, origin).await };
        self.shared().compute.run(work).await?
    }
}
