//! Links between sites: name, connection, time, and what stands at the end. Seen from this host, which need not be at either end.

use std::time::Duration;

use base::units;
use futures::StreamExt;

use super::encryption;
use crate::finding::Finding;
use crate::reach::{Unreached, connect};
use crate::topology::{Address, Link, LinkKind, Site, TopologyFile};

const NAME: &str = "link";

/// Connections that times are taken of.
const CONNECTIONS: usize = 50;

/// Tries the links between these sites.
pub(super) async fn look(file: &TopologyFile, sites: &[&Site], parallel: usize) -> Vec<Finding> {
    let among = |name: &str| sites.iter().any(|site| site.name() == name);
    let links = file.spec.links.iter().filter(|link| among(&link.from) && among(&link.to));
    futures::stream::iter(links)
        .map(|link| one(file, link))
        .buffered(parallel.max(1))
        .flat_map(futures::stream::iter)
        .collect()
        .await
}

async fn one(file: &TopologyFile, link: &Link) -> Vec<Finding> {
    let place = format!("{} → {}", link.from.value, link.to.value);
    let findings = match &link.address {
        None => vec![
            Finding::warning(
                NAME,
                format!("{}: no address declared, so it was not tried", link.kind.word()),
                format!("{}：未声明地址，因此未尝试", link.kind.word()),
            )
            .fix("say `address`: where the one site listens for the other", "请填写 `address`：一端为另一端监听的地址"),
        ],
        Some(address) => tried(file, link, address).await,
    };
    findings.into_iter().map(|finding| finding.at(&place)).collect()
}

async fn tried(file: &TopologyFile, link: &Link, address: &Address) -> Vec<Finding> {
    let reached = match connect(address, CONNECTIONS).await {
        Ok(reached) => reached,
        Err(unreached) => return vec![missed(link, address, &unreached)],
    };
    let (half, most) = (reached.percentile(50), reached.percentile(99));
    let text = format!("{} to {address}: p50 {}, p99 {}", link.kind.word(), shown(half), shown(most));
    let zh = format!("{} 到 {address}：p50 {}，p99 {}", link.kind.word(), shown(half), shown(most));
    let limit = link.latency_ms_max.map(|limit| Duration::from_millis(limit.into()));
    let mut findings = vec![match limit.filter(|limit| half > *limit) {
        Some(limit) => Finding::warning(
            NAME,
            format!("{text}; {} were declared", units::duration(limit)),
            format!("{zh}；声明为 {}", units::duration(limit)),
        )
        .fix("measure from within the sites before you rely on it", "请先在站点内部测量"),
        None => Finding::good(NAME, text, zh),
    }];
    if link.tls || link.kind == LinkKind::Internet {
        let authority = link.authority.as_ref().map(|path| file.resolve(path));
        findings.extend(encryption::look(address, reached.address, authority.as_deref()).await);
    } else {
        findings.extend(encryption::plain(address, reached.address).await);
    }
    findings
}

/// What is on the internet everybody can reach; what is routed privately this host may well not.
fn missed(link: &Link, address: &Address, unreached: &Unreached) -> Finding {
    let (en, zh) = match unreached {
        Unreached::Name(why) => {
            (format!("this host does not know {}: {why}", address.host), format!("本机无法解析 {}：{why}", address.host))
        }
        Unreached::Connection(why) => {
            (format!("nobody at {address}, seen from this host: {why}"), format!("从本机无法连接 {address}：{why}"))
        }
    };
    if link.kind == LinkKind::Internet {
        return Finding::failure(NAME, en, zh)
            .fix("open the port at the gateway, or correct the address", "请在网关开放端口，或更正地址");
    }
    Finding::warning(NAME, en, zh).fix(
        "try it from within the sites; if it fails there too, see routes and firewalls",
        "请在站点内部尝试；若同样失败，请检查路由与防火墙",
    )
}

/// Milliseconds with a part, since links inside a city take less than one.
fn shown(time: Duration) -> String {
    if time < Duration::from_secs(1) { format!("{:.1} ms", time.as_secs_f64() * 1000.0) } else { units::duration(time) }
}
