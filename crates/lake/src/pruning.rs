//! Leaves out what its bounds show to hold no wanted row.

use arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::DFSchema;
use datafusion::common::pruning::PruningStatistics;
use datafusion::error::Result;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::utils::conjunction;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;

/// The places of the containers (files, batches) of rows of this schema that may hold rows that pass all filters. What cannot
/// be judged is kept.
pub fn kept<S: PruningStatistics>(session: &dyn Session, schema: &SchemaRef, filters: &[Expr], containers: &S) -> Vec<usize> {
    let all = || (0..containers.num_containers()).collect();
    let Some(filter) = conjunction(filters.to_vec()) else { return all() };
    let pruned = || -> Result<Vec<bool>> {
        let filter = session.create_physical_expr(filter, &DFSchema::try_from(SchemaRef::clone(schema))?)?;
        PruningPredicateBuilder::new().with_file_schema(SchemaRef::clone(schema)).try_build(filter)?.prune(containers)
    };
    match pruned() {
        Ok(kept) => kept.iter().enumerate().filter_map(|(place, kept)| kept.then_some(place)).collect(),
        Err(error) => {
            tracing::debug!(%error, "a filter cannot prune");
            all()
        }
    }
}
