//! The topology: one document that says which sites there are, on which clusters, in which zones, and how they are linked.

mod address;
mod network;
mod placed;
mod rules;

use std::path::{Path, PathBuf};

use base::document::{self, Document};
use base::errors::INVALID_DOCUMENT;
use base::nearest::nearest;
use base::{Error, ResourceName, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use address::Address;
pub use network::Network;
pub use placed::Placed;

use crate::codes::{DEPLOY_FILE, SITE_UNKNOWN};
use crate::providers::{self, Provider};

/// The kind that a topology file says.
pub const KIND: &str = "Topology";

/// Most sites of a topology.
pub const SITES_MAX: usize = 200;

/// Several places under one platform, each a cluster with one release of the chart.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// Name of the Helm release on every site.
    #[serde(default = "release")]
    pub release: ResourceName,
    /// Namespace of the release on every site that names none.
    #[serde(default = "release")]
    pub namespace: ResourceName,
    /// Values of the chart for every site. Keep passwords out of them: name Secrets by `existingSecret`.
    #[serde(default)]
    pub values: Map<String, Value>,
    /// Residency zones: where data is, in the eyes of the law.
    pub zones: Vec<Zone>,
    /// The sites.
    pub sites: Vec<Site>,
    /// How sites reach one another.
    #[serde(default)]
    pub links: Vec<Link>,
}

/// A residency zone.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// Its name, which sites refer to.
    pub name: Placed<ResourceName>,
    /// Whose law holds there, such as `CN` or `EU`.
    pub jurisdiction: String,
    /// Which part of it, such as `cn-hangzhou`.
    #[serde(default)]
    pub region: Option<String>,
}

/// One place: a cluster and the release on it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Its name, unique in the topology.
    pub name: Placed<ResourceName>,
    /// Whose place it is.
    pub kind: SiteKind,
    /// The one site that the others gather around. A topology of one site needs none.
    #[serde(default)]
    pub hub: Option<Placed<bool>>,
    /// Its residency zone.
    #[serde(default)]
    pub zone: Option<Placed<String>>,
    /// What kind of cluster it is: eks, aks, gke, ack, tke, openshift, k3s or kubeadm.
    #[schemars(schema_with = "providers::schema")]
    pub provider: Placed<String>,
    /// The file that says how to reach its cluster, seen from the topology's folder; `~/` is the home folder. Without it kubectl's own.
    #[serde(default)]
    pub kubeconfig: Option<Placed<String>>,
    /// The context in that file; without it the file's current one.
    #[serde(default)]
    pub context: Option<Placed<String>>,
    /// Namespace of the release, if it is another one than elsewhere.
    #[serde(default)]
    pub namespace: Option<ResourceName>,
    /// Networks of its nodes, pods and services. Sites that packets are routed between may not share addresses.
    #[serde(default)]
    pub networks: Vec<Placed<Network>>,
    /// A registry that holds the image there, such as harbor.example/mirror.
    #[serde(default)]
    pub registry: Option<String>,
    /// Storage class of the volume, if it is not the provider's usual one.
    #[serde(default)]
    pub storage_class: Option<String>,
    /// The cloud's identity that pods get: a role's name or ARN, a client id, a service account.
    #[serde(default)]
    pub identity: Option<Placed<String>>,
    /// A load balancer inside the network.
    #[serde(default)]
    pub load_balancer: Option<LoadBalancer>,
    /// What the site has to reach: database, Redis, object store, registry.
    #[serde(default)]
    pub reaches: Vec<Endpoint>,
    /// Files of values of the chart, seen from the topology's folder.
    #[serde(default)]
    pub values_files: Vec<Placed<String>>,
    /// Values of the chart; they beat all others.
    #[serde(default)]
    pub values: Map<String, Value>,
    /// When its turn is, from 1 on. Without it the hub is first, members are second, edges are third.
    #[serde(default)]
    pub wave: Option<Placed<u8>>,
}

/// Whose place a site is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SiteKind {
    /// A data centre of one's own.
    Private,
    /// A public cloud.
    Public,
    /// A small place near where data arises.
    Edge,
}

/// A load balancer inside the network.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadBalancer {
    /// The subnet that its address is of, as the provider names it.
    #[serde(default)]
    pub subnet: Option<Placed<String>>,
}

/// Something that a site has to reach.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// What it is, such as database.
    pub name: String,
    /// Where it listens, as host:port.
    pub address: Address,
}

/// How two sites reach one another.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The one site.
    pub from: Placed<String>,
    /// The other.
    pub to: Placed<String>,
    /// What it runs over.
    pub kind: LinkKind,
    /// Where `to` listens for `from`, as host:port.
    #[serde(default)]
    pub address: Option<Address>,
    /// Whether TLS is spoken there. Over the internet it always is.
    #[serde(default)]
    pub tls: bool,
    /// A file of certificate authorities, in PEM, that vouch for it besides those of the operating system.
    #[serde(default)]
    pub authority: Option<Placed<String>>,
    /// Longest time that opening a connection may take half of the time, in milliseconds.
    #[serde(default)]
    pub latency_ms_max: Option<u32>,
}

/// What a link runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// Peered networks of one cloud.
    Peering,
    /// A VPN gateway.
    Vpn,
    /// A private line.
    Line,
    /// The internet, with mutual TLS.
    Internet,
}

impl LinkKind {
    /// Whether packets are routed between the networks of both ends.
    pub fn routes(self) -> bool {
        self != Self::Internet
    }

    /// The word in the file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Peering => "peering",
            Self::Vpn => "vpn",
            Self::Line => "line",
            Self::Internet => "internet",
        }
    }
}

impl Site {
    /// Its name.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Whether it is the hub.
    pub fn is_hub(&self) -> bool {
        self.hub.as_ref().is_some_and(|hub| hub.value)
    }

    /// Its provider. The topology was checked, so it is known.
    pub fn provider(&self) -> &'static Provider {
        providers::find(&self.provider).unwrap_or(providers::ALL[0])
    }

    /// When its turn is: declared, or by its role.
    pub fn wave(&self) -> u8 {
        match &self.wave {
            Some(wave) => wave.value,
            None if self.is_hub() => 1,
            None if self.kind == SiteKind::Edge => 3,
            None => 2,
        }
    }
}

/// A topology and the file that it is from.
#[derive(Debug, Clone)]
pub struct TopologyFile {
    /// Its path, as it was given.
    pub path: PathBuf,
    /// The document's name.
    pub name: ResourceName,
    /// What it declares.
    pub spec: Topology,
}

impl TopologyFile {
    /// Reads and checks a file.
    pub fn read(path: &Path) -> Result<Self> {
        let failed = |error: std::io::Error| Error::new(&DEPLOY_FILE).with("path", path.display()).because(error);
        let length = std::fs::metadata(path).map_err(failed)?.len();
        if length > document::TEXT_BYTES_MAX as u64 {
            return Err(failed(std::io::Error::other(format!("{length} bytes are too many for a document"))));
        }
        Self::parse(&std::fs::read_to_string(path).map_err(failed)?, path)
    }

    /// Reads and checks a text; `path` is what errors call it, and what other paths are seen from.
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        let documents = document::read(text, &file)?;
        let one: &Document = match documents.as_slice() {
            [one] => one,
            found => {
                let reason = format!("a topology file is one document; here are {}", found.len());
                return Err(Error::new(&INVALID_DOCUMENT).with("place", file).with("reason", reason));
            }
        };
        if one.kind != KIND {
            return Err(one.unknown_kind([KIND]));
        }
        let spec: Topology = one.spec()?;
        rules::check(&spec, &file)?;
        Ok(Self { path: path.to_owned(), name: one.name.as_str().parse()?, spec })
    }

    /// The sites asked for, in the order of the file; all if none is named.
    pub fn select(&self, names: &[String]) -> Result<Vec<&Site>> {
        for name in names {
            if !self.spec.sites.iter().any(|site| site.name() == name) {
                let near = nearest(name, self.spec.sites.iter().map(Site::name)).unwrap_or_default();
                return Err(Error::new(&SITE_UNKNOWN).with("site", name).with("near", near));
            }
        }
        Ok(self.spec.sites.iter().filter(|site| names.is_empty() || names.iter().any(|name| name == site.name())).collect())
    }

    /// The namespace of a site's release.
    pub fn namespace<'a>(&'a self, site: &'a Site) -> &'a str {
        site.namespace.as_ref().unwrap_or(&self.spec.namespace).as_str()
    }

    /// A path of the document, seen from the file's folder.
    pub fn resolve(&self, path: &str) -> PathBuf {
        if let (Some(rest), Some(home)) = (path.strip_prefix("~/"), std::env::home_dir()) {
            return home.join(rest);
        }
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }

    /// That what is needed to reach these sites' clusters is there. Rendering needs none of it.
    pub fn check_reach(&self, sites: &[&Site]) -> Result<()> {
        let file = self.path.display().to_string();
        for site in sites {
            match &site.kubeconfig {
                Some(path) if !self.resolve(path).is_file() => {
                    let reason = format!("site `{}`: there is no kubeconfig at {}", site.name(), self.resolve(path).display());
                    return Err(Error::new(&INVALID_DOCUMENT).with("place", path.place(&file)).with("reason", reason));
                }
                None if site.context.is_none() => {
                    let reason =
                        format!("site `{}` has no kubeconfig: say `kubeconfig`, or the `context` of kubectl's own", site.name());
                    return Err(Error::new(&INVALID_DOCUMENT).with("place", site.name.place(&file)).with("reason", reason));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// That a site's files of values are there.
    pub fn check_values(&self, site: &Site) -> Result<()> {
        for path in &site.values_files {
            if !self.resolve(path).is_file() {
                let reason = format!("site `{}`: there are no values at {}", site.name(), self.resolve(path).display());
                let place = path.place(&self.path.display().to_string());
                return Err(Error::new(&INVALID_DOCUMENT).with("place", place).with("reason", reason));
            }
        }
        Ok(())
    }
}

/// The JSON Schema of a topology's document.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(document::Envelope<Topology>).to_value();
    schema["title"] = KIND.into();
    schema["properties"]["kind"] = serde_json::json!({ "const": KIND });
    schema["properties"]["apiVersion"] = serde_json::json!({ "const": document::API_VERSION });
    schema
}

fn release() -> ResourceName {
    "dataux".parse().unwrap_or_else(|_| unreachable!("a name in small letters"))
}
