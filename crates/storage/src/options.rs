//! How a location is reached: what a user may declare beside its URL.

use std::collections::BTreeMap;

use base::SecretRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of a location. A local folder needs none of them; of the others each kind of store knows some and refuses the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreOptions {
    /// Address of the server, such as `https://minio.example:9000` for what speaks S3's protocol; not set for AWS, Azure and
    /// Google themselves. OSS, COS and OBS need it or `region`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Region of the bucket: S3's, `us-east-1` if not set, or that of OSS, COS and OBS, such as `cn-hangzhou`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// S3, OSS, COS, OBS: where the access key's id is: `env:NAME`, `file:PATH` or `secret:NAME`. Without it the machine's or the
    /// pod's own role is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<SecretRef>,
    /// Where the secret part of the access key is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_access_key: Option<SecretRef>,
    /// S3 and OSS: where the session token of a temporary key is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_token: Option<SecretRef>,
    /// S3, Azure, Google and OSS: read a public bucket without any key.
    #[serde(default, skip_serializing_if = "is_false")]
    pub anonymous: bool,
    /// Allow an `http://` endpoint, whose traffic anyone on the way can read.
    #[serde(default, skip_serializing_if = "is_false")]
    pub allow_http: bool,
    /// S3 and OSS: address buckets as `https://endpoint/bucket` (true) or `https://bucket.endpoint` (false). If not set: true for
    /// S3 with an `endpoint`, else false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_style: Option<bool>,
    /// Azure: the storage account, if the URL does not name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Azure: where the account's key is. Without any key the machine's or the pod's own identity is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_key: Option<SecretRef>,
    /// Azure: where a shared access signature is, instead of the account's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sas_token: Option<SecretRef>,
    /// Azure: the tenant of an application that logs in by `client_id` and `client_secret`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// Azure: the application that logs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Azure: where that application's secret is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretRef>,
    /// Google: where the JSON key of a service account is. Without it the machine's or the pod's own identity is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account: Option<SecretRef>,
    /// HDFS: properties as in `hdfs-site.xml`, which are read from `HADOOP_CONF_DIR` first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hadoop: BTreeMap<String, String>,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl StoreOptions {
    /// The first setting that is given and is none of `known`.
    pub(crate) fn stranger(&self, known: &[&str]) -> Option<&'static str> {
        let given = [
            ("endpoint", self.endpoint.is_some()),
            ("region", self.region.is_some()),
            ("access_key_id", self.access_key_id.is_some()),
            ("secret_access_key", self.secret_access_key.is_some()),
            ("session_token", self.session_token.is_some()),
            ("anonymous", self.anonymous),
            ("allow_http", self.allow_http),
            ("path_style", self.path_style.is_some()),
            ("account", self.account.is_some()),
            ("account_key", self.account_key.is_some()),
            ("sas_token", self.sas_token.is_some()),
            ("tenant_id", self.tenant_id.is_some()),
            ("client_id", self.client_id.is_some()),
            ("client_secret", self.client_secret.is_some()),
            ("service_account", self.service_account.is_some()),
            ("hadoop", !self.hadoop.is_empty()),
        ];
        given.into_iter().find(|(name, given)| *given && !known.contains(name)).map(|(name, _)| name)
    }
}
