//! The endpoints: one file a resource, and its line here.

mod audit;
mod connections;
mod graph;
mod health;
mod pipelines;
mod push;
mod quarantine;
mod resources;
mod runs;
mod secrets;
mod services;
mod sessions;
mod sql;
mod tables;
mod tokens;
mod users;

use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use crate::platform::Platform;

/// What machines ask of every process, whatever its role.
pub(crate) fn machines() -> OpenApiRouter<Platform> {
    health::routes()
}

/// Every endpoint with its description; an endpoint that is not in here cannot be reached.
pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new()
        .merge(machines())
        .merge(sessions::routes())
        .merge(sql::routes())
        .merge(services::routes())
        .merge(resources::routes())
        .merge(tables::routes())
        .merge(connections::routes())
        .merge(pipelines::routes())
        .merge(graph::routes())
        .merge(runs::routes())
        .merge(quarantine::routes())
        .merge(push::routes())
        .merge(users::routes())
        .merge(tokens::routes())
        .merge(secrets::routes())
        .merge(audit::routes())
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// What to send as `after` for the next page; null if this is the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A list that comes whole.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

/// An error, as every endpoint answers it.
#[derive(Debug, Serialize, ToSchema)]
#[allow(dead_code)]
pub(crate) struct ErrorBody {
    /// Stable name, such as `table_not_found`.
    code: String,
    /// What happened, in the language of `Accept-Language`.
    message: String,
    /// What filled the places of the message.
    arguments: std::collections::BTreeMap<String, String>,
    /// Who has to act: `user`, `source` or `platform`.
    blame: String,
    /// Whether the same request may succeed later, unchanged.
    retry: bool,
    /// What to do.
    hint: Option<String>,
    /// The id by which the server's log and audit know this request.
    trace_id: Option<String>,
    /// Of a run or a step: the error beneath this one.
    #[schema(no_recursion)]
    cause: Option<Box<ErrorBody>>,
}
