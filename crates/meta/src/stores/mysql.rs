//! MySQL from 8.0 and MariaDB from 10.6 (for `SKIP LOCKED`), shared by all replicas.

use sea_orm::sqlx::mysql::{MySql, MySqlConnectOptions, MySqlPool, MySqlSslMode};
use sea_orm::sqlx::{self, ConnectOptions, Executor};
use sea_orm::{DatabaseConnection, DbErr, SqlxMySqlConnector};

use super::{connection_error, pool};
use crate::url::{Server, Tls};

pub(super) async fn connect(server: &Server) -> Result<DatabaseConnection, DbErr> {
    let mut options = MySqlConnectOptions::new()
        .host(&server.host)
        .port(server.port)
        .database(&server.database)
        .ssl_mode(match server.tls {
            Tls::Disable => MySqlSslMode::Disabled,
            Tls::Prefer => MySqlSslMode::Preferred,
            Tls::Require => MySqlSslMode::Required,
            Tls::VerifyCa => MySqlSslMode::VerifyCa,
            Tls::VerifyFull => MySqlSslMode::VerifyIdentity,
        })
        .disable_statement_logging();
    if let Some(user) = &server.user {
        options = options.username(user);
    }
    if let Some(password) = &server.password {
        options = options.password(password.expose());
    }
    if let Some(file) = &server.ca_file {
        options = options.ssl_ca(file);
    }
    let pool = match Box::pin(open(server, options.clone())).await {
        Ok(pool) if server.tls != Tls::Disable || !needs_tls(&pool).await => pool,
        Err(error) if server.tls != Tls::Disable || !is_refused_password(&error) => return Err(connection_error(error)),
        _ => {
            tracing::warn!(
                "MySQL takes this user's password only over an encrypted connection; using TLS although useSSL is false"
            );
            Box::pin(open(server, options.ssl_mode(MySqlSslMode::Required))).await.map_err(connection_error)?
        }
    };
    Ok(SqlxMySqlConnector::from_sqlx_mysql_pool(pool))
}

/// Without TLS, MySQL's usual way to log in wants the password encrypted by RSA, which this build leaves out.
fn is_refused_password(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Configuration(reason) if reason.to_string().contains("RSA"))
}

/// Whether a plain login worked only because the server still remembers an earlier one; after its next start it would not.
async fn needs_tls(pool: &MySqlPool) -> bool {
    let account: Result<String, sqlx::Error> = sqlx::query_scalar("SHOW CREATE USER CURRENT_USER()").fetch_one(pool).await;
    account.is_ok_and(|text| text.contains("caching_sha2_password") || text.contains("sha256_password"))
}

async fn open(server: &Server, options: MySqlConnectOptions) -> Result<MySqlPool, sqlx::Error> {
    let pool = pool::<MySql>(server.connect_timeout).after_connect(|connection, _| {
        Box::pin(async move {
            // Locks only what it changes, and each statement sees what is committed, as on PostgreSQL.
            connection.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED").await.map(|_| ())
        })
    });
    Box::pin(pool.connect_with(options)).await
}
