//! Azure Blob Storage and Data Lake Storage.

use async_trait::async_trait;
use base::Result;
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};

use super::request::{Bucket, retries};
use super::{Opener, Request};
use crate::store::Store;

/// Azure.
pub(crate) struct Azure;

/// Where clusters tell a process who it is, and what the library calls that.
const IDENTITY: [(&str, AzureConfigKey); 5] = [
    ("AZURE_CLIENT_ID", AzureConfigKey::ClientId),
    ("AZURE_TENANT_ID", AzureConfigKey::AuthorityId),
    ("AZURE_FEDERATED_TOKEN_FILE", AzureConfigKey::FederatedTokenFile),
    ("AZURE_AUTHORITY_HOST", AzureConfigKey::AuthorityHost),
    ("IDENTITY_ENDPOINT", AzureConfigKey::MsiEndpoint),
];

#[async_trait]
impl Opener for Azure {
    fn schemes(&self) -> &'static [&'static str] {
        &["az", "abfs", "abfss"]
    }

    fn settings(&self) -> &'static [&'static str] {
        &["endpoint", "anonymous", "allow_http", "account", "account_key", "sas_token", "tenant_id", "client_id", "client_secret"]
    }

    async fn open(&self, request: &Request<'_>) -> Result<Store> {
        let options = request.options;
        let (container, account) = place(request)?;
        let mut builder = MicrosoftAzureBuilder::new()
            .with_account(account)
            .with_container_name(&container.name)
            .with_retry(retries())
            .with_client_options(request.client());
        if let Some(endpoint) = request.endpoint()? {
            builder = builder.with_endpoint(endpoint);
        }
        let application = (&options.tenant_id, &options.client_id, &options.client_secret);
        let ways =
            [options.anonymous, options.account_key.is_some(), options.sas_token.is_some(), application != (&None, &None, &None)];
        if ways.iter().filter(|set| **set).count() > 1 {
            return Err(request.wrong("set one of `account_key`, `sas_token`, `client_id` with its secret, and `anonymous`"));
        }
        builder = match application {
            (Some(tenant), Some(client), Some(secret)) => {
                let secret = request.secrets.resolve(secret).await?;
                builder.with_client_secret_authorization(client, secret.expose(), tenant)
            }
            (None, None, None) => builder,
            _ => return Err(request.wrong("`tenant_id`, `client_id` and `client_secret` belong together")),
        };
        if let Some(key) = request.secret(options.account_key.as_ref()).await? {
            builder = builder.with_access_key(key.expose());
        } else if let Some(signature) = request.secret(options.sas_token.as_ref()).await? {
            builder = builder.with_config(AzureConfigKey::SasKey, signature.expose().trim_start_matches('?'));
        } else if options.anonymous {
            builder = builder.with_skip_signature(true);
        } else if options.client_id.is_none() {
            for (variable, key) in IDENTITY {
                if let Ok(value) = std::env::var(variable) {
                    builder = builder.with_config(key, value);
                }
            }
        }
        // The library's own message names the setting and never the secret.
        Ok(container.store(builder.build().map_err(|error| request.wrong(&error))?))
    }
}

/// The container and the account of `az://container/prefix` or `abfss://container@account.dfs.core.windows.net/prefix`.
fn place(request: &Request<'_>) -> Result<(Bucket, String)> {
    let wrong = || {
        request.misplaced("write az://container/prefix with `account`, or abfss://container@account.dfs.core.windows.net/prefix")
    };
    let (_, rest) = request.location.split_once("://").ok_or_else(wrong)?;
    let (authority, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let Some((container, host)) = authority.split_once('@') else {
        let account =
            request.options.account.clone().ok_or_else(|| request.wrong("set `account`: the storage account's name"))?;
        return Ok((request.bucket("az")?, account));
    };
    let account = host.split_once('.').map_or("", |(account, _)| account);
    let known = host.ends_with(".dfs.core.windows.net") || host.ends_with(".blob.core.windows.net");
    if container.is_empty() || account.is_empty() || !known {
        return Err(wrong());
    }
    if request.options.account.as_ref().is_some_and(|declared| declared != account) {
        return Err(request.wrong("`account` is another than the URL names"));
    }
    let prefix = request.prefix(prefix)?;
    let url = request.url("abfss", authority, &prefix)?;
    Ok((Bucket { url, name: container.to_owned(), prefix }, account.to_owned()))
}
