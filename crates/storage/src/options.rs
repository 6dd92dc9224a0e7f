//! How a location is reached: what a user may declare beside its URL.

use base::SecretRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of a location. A local folder needs none of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreOptions {
    /// Address of an S3-compatible server, such as `https://minio.example:9000`; not set for AWS itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Region of the bucket; `us-east-1` if not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Where the access key's id is: `env:NAME`, `file:PATH` or `secret:NAME`. Without it the machine's own role is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<SecretRef>,
    /// Where the secret part of the access key is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_access_key: Option<SecretRef>,
    /// Where the session token of a temporary key is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_token: Option<SecretRef>,
    /// Read a public bucket without any key.
    #[serde(default, skip_serializing_if = "is_false")]
    pub anonymous: bool,
    /// Allow an `http://` endpoint, whose traffic anyone on the way can read.
    #[serde(default, skip_serializing_if = "is_false")]
    pub allow_http: bool,
    /// Address buckets as `https://endpoint/bucket` (true) or `https://bucket.endpoint` (false); true if `endpoint` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_style: Option<bool>,
}

fn is_false(value: &bool) -> bool {
    !value
}
