//! PostgreSQL, shared by all replicas.

use sea_orm::sqlx::ConnectOptions;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgSslMode};
use sea_orm::{DatabaseConnection, DbErr, SqlxPostgresConnector};

use super::{connection_error, pool};
use crate::url::{Server, Tls};

pub(super) async fn connect(server: &Server) -> Result<DatabaseConnection, DbErr> {
    let mut options = PgConnectOptions::new()
        .host(&server.host)
        .port(server.port)
        .database(&server.database)
        .application_name("dataux")
        .ssl_mode(match server.tls {
            Tls::Disable => PgSslMode::Disable,
            Tls::Prefer => PgSslMode::Prefer,
            Tls::Require => PgSslMode::Require,
            Tls::VerifyCa => PgSslMode::VerifyCa,
            Tls::VerifyFull => PgSslMode::VerifyFull,
        })
        .disable_statement_logging();
    if let Some(user) = &server.user {
        options = options.username(user);
    }
    if let Some(password) = &server.password {
        options = options.password(password.expose());
    }
    if let Some(file) = &server.ca_file {
        options = options.ssl_root_cert(file);
    }
    let pool = pool(server.connect_timeout).connect_with(options).await.map_err(connection_error)?;
    Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(pool))
}
