//! What a site needs: database, Redis, object store, registry. Seen from this host, which need not be where the pods are.

use futures::StreamExt;

use crate::finding::Finding;
use crate::reach::{Unreached, connect};
use crate::render::Rendered;
use crate::topology::{Address, Site};

const NAME: &str = "reach";

/// Endpoints that are tried at a time.
const PARALLEL: usize = 8;
/// Where images of Docker's hub come from.
const HUB: &str = "registry-1.docker.io";

/// Tries what the site declares, and the registry of its image.
pub(super) async fn look(site: &Site, rendered: Option<&Rendered>) -> Vec<Finding> {
    let mut wanted: Vec<(String, Address)> = site.reaches.iter().map(|one| (one.name.clone(), one.address.clone())).collect();
    wanted.extend(rendered.and_then(registry).map(|address| ("registry".to_owned(), address)));
    let tried = futures::stream::iter(wanted).map(|(name, address)| async move { one(&name, &address).await });
    tried.buffered(PARALLEL).map(|finding| finding.at(site.name())).collect().await
}

async fn one(name: &str, address: &Address) -> Finding {
    match connect(address, 1).await {
        Ok(reached) => {
            let took = base::units::duration(reached.percentile(50));
            let text = format!("{name} at {address}, {took}");
            Finding::good(NAME, text.clone(), text)
        }
        Err(Unreached::Name(why)) => Finding::warning(
            NAME,
            format!("{name}: this host does not know {}: {why}", address.host),
            format!("{name}：本机无法解析 {}：{why}", address.host),
        )
        .fix("if the pods' DNS knows it, all is well; else correct the name", "若 Pod 的 DNS 能解析则无妨，否则请更正名称"),
        Err(Unreached::Connection(why)) => Finding::warning(
            NAME,
            format!("{name}: nobody at {address}, seen from this host: {why}"),
            format!("{name}：从本机无法连接 {address}：{why}"),
        )
        .fix(
            "if the pods can reach it, all is well; else see firewalls and routes",
            "若 Pod 能连接则无妨，否则请检查防火墙与路由",
        ),
    }
}

/// Where the first image comes from.
fn registry(rendered: &Rendered) -> Option<Address> {
    let pod = rendered.objects.iter().find_map(|object| object.0.pointer("/spec/template/spec/containers/0/image"))?;
    let host = registry_of(pod.as_str()?);
    host.parse().ok().or_else(|| format!("{host}:443").parse().ok())
}

/// The first part of an image's name, if it is a host.
fn registry_of(image: &str) -> &str {
    match image.split_once('/') {
        Some(("docker.io", _)) => HUB,
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => HUB,
    }
}

#[cfg(test)]
mod tests {
    use super::registry_of;

    #[test]
    fn images_say_where_they_come_from() {
        for (image, expected) in [
            ("dataux/dataux:0.1.0", "registry-1.docker.io"),
            ("docker.io/dataux/dataux:0.1.0", "registry-1.docker.io"),
            ("harbor.example/mirror/dataux/dataux:0.1.0", "harbor.example"),
            ("localhost:5000/dataux", "localhost:5000"),
        ] {
            assert_eq!(registry_of(image), expected);
        }
    }
}
