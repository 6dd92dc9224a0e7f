//! Upkeep of lake tables on the threads that compute, so that it never delays those that talk to the network.

use std::future::Future;

use base::Result;

use crate::query::Engine;

impl Engine {
    /// Runs work that computes, such as putting files together, away from the caller's threads; dropping the answer ends it.
    pub async fn compute<T: Send + 'static>(&self, work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
        self.shared().compute.run(work).await?
    }
}
