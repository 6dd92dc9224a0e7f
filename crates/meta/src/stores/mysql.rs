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
    let opened = open(server, options.clone()).await;
    let pool = match opened {
        // Without TLS, MySQL 8 takes a first password only encrypted by RSA, which this build leaves out; TLS carries it better.
        Err(sqlx::Error::Configuration(reason)) if server.tls == Tls::Disable && reason.to_string().contains("RSA") => {
            tracing::warn!("MySQL takes this password only over an encrypted connection; using TLS although useSSL is false");
            open(server, options.ssl_mode(MySqlSslMode::Required)).await
        }
        opened => opened,
    };
    Ok(SqlxMySqlConnector::from_sqlx_mysql_pool(pool.map_err(connection_error)?))
}

async fn open(server: &Server, options: MySqlConnectOptions) -> Result<MySqlPool, sqlx::Error> {
    pool::<MySql>(server.connect_timeout)
        .after_connect(|connection, _| {
            Box::pin(async move {
                // Locks only what it changes, and each statement sees what is committed, as on PostgreSQL.
                connection.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED").await.map(|_| ())
            })
        })
        .connect_with(options)
        .await
}
