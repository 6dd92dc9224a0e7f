//! What the types of a topology cannot say: names that refer, one hub, networks apart. Each error says line and column.

use std::collections::BTreeMap;

use base::errors::INVALID_DOCUMENT;
use base::nearest::nearest;
use base::{Error, Result};

use super::{Placed, SITES_MAX, Site, Topology};
use crate::providers;

/// Last wave that can be declared.
const WAVES_MAX: u8 = 50;

/// Checks a topology that was read.
pub(super) fn check(topology: &Topology, file: &str) -> Result<()> {
    let rules = Rules { topology, file };
    rules.names()?;
    rules.providers()?;
    rules.hub()?;
    rules.zones()?;
    rules.clusters()?;
    rules.links()?;
    rules.networks()
}

struct Rules<'a> {
    topology: &'a Topology,
    file: &'a str,
}

impl Rules<'_> {
    fn wrong<T>(&self, at: &Placed<T>, reason: impl std::fmt::Display) -> Result<()> {
        Err(Error::new(&INVALID_DOCUMENT).with("place", at.place(self.file)).with("reason", reason))
    }

    fn names(&self) -> Result<()> {
        let sites = &self.topology.sites;
        if sites.is_empty() || sites.len() > SITES_MAX {
            let reason = format!("a topology has 1 to {SITES_MAX} sites; here are {}", sites.len());
            return Err(Error::new(&INVALID_DOCUMENT).with("place", self.file).with("reason", reason));
        }
        for (index, site) in sites.iter().enumerate() {
            if sites[..index].iter().any(|other| other.name() == site.name()) {
                return self.wrong(&site.name, format!("site `{}` is declared twice", site.name()));
            }
            if let Some(wave) = site.wave.as_ref().filter(|wave| !(1..=WAVES_MAX).contains(&wave.value)) {
                return self.wrong(wave, format!("waves are 1 to {WAVES_MAX}"));
            }
        }
        for (index, zone) in self.topology.zones.iter().enumerate() {
            if self.topology.zones[..index].iter().any(|other| other.name.as_str() == zone.name.as_str()) {
                return self.wrong(&zone.name, format!("zone `{}` is declared twice", zone.name.value));
            }
        }
        Ok(())
    }

    fn providers(&self) -> Result<()> {
        for site in &self.topology.sites {
            let Some(provider) = providers::find(&site.provider) else {
                let known = providers::ALL.iter().map(|provider| provider.name);
                let advice = match nearest(&site.provider, known.clone()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known are {}", known.collect::<Vec<_>>().join(", ")),
                };
                return self.wrong(&site.provider, format!("provider `{}` is not known; {advice}", site.provider.value));
            };
            if let Some(identity) = site.identity.as_ref().filter(|_| provider.identity.is_none()) {
                let reason = format!("{} gives pods no identity: put keys into a Secret and name it in `values`", provider.title);
                return self.wrong(identity, reason);
            }
            let subnet = site.load_balancer.as_ref().and_then(|balancer| balancer.subnet.as_ref());
            match (subnet, provider.subnet_annotation) {
                (Some(subnet), None) => {
                    return self.wrong(subnet, format!("{} has no annotation for the subnet of a load balancer", provider.title));
                }
                (None, Some(_)) if provider.subnet_needed && site.load_balancer.is_some() => {
                    let reason = format!(
                        "site `{}`: on {} a load balancer is inside the network only with a `subnet`",
                        site.name(),
                        provider.title
                    );
                    return self.wrong(&site.name, reason);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn hub(&self) -> Result<()> {
        let sites = &self.topology.sites;
        let mut hubs = sites.iter().filter(|site| site.is_hub());
        match (hubs.next(), hubs.next()) {
            (Some(first), Some(second)) => {
                let at = second.hub.as_ref().map_or_else(|| second.name.place(self.file), |hub| hub.place(self.file));
                let reason = format!("`{}` is the hub already; a topology has one", first.name());
                Err(Error::new(&INVALID_DOCUMENT).with("place", at).with("reason", format!("site `{}`: {reason}", second.name())))
            }
            (None, _) if sites.len() > 1 => {
                self.wrong(&sites[0].name, "none of the sites is the hub: give one `hub: true`, usually the private data centre")
            }
            _ => Ok(()),
        }
    }

    fn zones(&self) -> Result<()> {
        let known: Vec<&str> = self.topology.zones.iter().map(|zone| zone.name.as_str()).collect();
        for site in &self.topology.sites {
            let Some(zone) = &site.zone else {
                let reason =
                    format!("site `{}` is in no zone; data of a place without a law cannot be governed: say `zone`", site.name());
                return self.wrong(&site.name, reason);
            };
            if !known.contains(&zone.as_str()) {
                let advice = match nearest(zone, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "declare it under `zones`".to_owned(),
                };
                return self.wrong(zone, format!("zone `{}` is not declared; {advice}", zone.value));
            }
        }
        Ok(())
    }

    /// Two sites in one namespace of one cluster would overwrite one another.
    fn clusters(&self) -> Result<()> {
        let mut taken: BTreeMap<(String, String, String), &str> = BTreeMap::new();
        for site in self.topology.sites.iter().filter(|site| site.kubeconfig.is_some() || site.context.is_some()) {
            let text = |value: &Option<Placed<String>>| value.as_ref().map(|value| value.value.clone()).unwrap_or_default();
            let namespace = site.namespace.as_ref().unwrap_or(&self.topology.namespace).to_string();
            if let Some(other) = taken.insert((text(&site.kubeconfig), text(&site.context), namespace), site.name()) {
                let reason = format!(
                    "site `{}` is on the same cluster and namespace as `{other}`; give one another `namespace`",
                    site.name()
                );
                return self.wrong(&site.name, reason);
            }
        }
        Ok(())
    }

    fn links(&self) -> Result<()> {
        let mut seen: Vec<(&str, &str)> = Vec::new();
        for link in &self.topology.links {
            for end in [&link.from, &link.to] {
                if !self.topology.sites.iter().any(|site| site.name() == end.as_str()) {
                    let advice = nearest(end, self.topology.sites.iter().map(Site::name));
                    let advice = advice.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                    return self.wrong(end, format!("a link leads to `{}`, which is no site{advice}", end.value));
                }
            }
            if link.from.value == link.to.value {
                return self.wrong(&link.to, format!("a link of `{}` with itself", link.to.value));
            }
            let pair = (link.from.as_str(), link.to.as_str());
            if seen.contains(&pair) {
                return self.wrong(&link.from, format!("the link from `{}` to `{}` is declared twice", pair.0, pair.1));
            }
            seen.push(pair);
        }
        Ok(())
    }

    /// Within a site, and between sites that packets are routed between, also by way of a third one.
    fn networks(&self) -> Result<()> {
        let groups = self.routed();
        let mut seen: Vec<(usize, &Site, &super::Network)> = Vec::new();
        for (site, group) in self.topology.sites.iter().zip(&groups) {
            for network in &site.networks {
                for (other_group, other, known) in &seen {
                    if other_group == group && network.overlaps(known) {
                        let where_else =
                            if other.name() == site.name() { "the same site".to_owned() } else { format!("`{}`", other.name()) };
                        let reason = format!(
                            "site `{}`: network {} overlaps {known} of {where_else}: packets between them would go astray",
                            site.name(),
                            network.value
                        );
                        return self.wrong(network, reason);
                    }
                }
                seen.push((*group, site, &network.value));
            }
        }
        Ok(())
    }

    /// For each site the number of the group of sites that it is routed with.
    fn routed(&self) -> Vec<usize> {
        let sites = &self.topology.sites;
        let mut groups: Vec<usize> = (0..sites.len()).collect();
        let at = |name: &str| sites.iter().position(|site| site.name() == name);
        for link in self.topology.links.iter().filter(|link| link.kind.routes()) {
            let (Some(from), Some(to)) = (at(&link.from), at(&link.to)) else { continue };
            let (one, other) = (groups[from], groups[to]);
            groups.iter_mut().filter(|group| **group == other).for_each(|group| *group = one);
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::topology::TopologyFile;

    const HEAD: &str = "apiVersion: dataux/v1\nkind: Topology\nname: hybrid\nspec:\n  zones: [{name: cn, jurisdiction: CN}]\n";
    const SITES: &str = "  sites:\n  - {name: idc, kind: private, hub: true, zone: cn, provider: kubeadm, networks: [10.10.0.0/16]}\n  \
                         - name: cloud\n    kind: public\n    zone: cn\n    provider: ack\n    networks: [10.20.0.0/16]\n";

    fn read(rest: &str) -> base::Result<TopologyFile> {
        TopologyFile::parse(&format!("{HEAD}{rest}"), Path::new("t.yaml"))
    }

    fn wrong(rest: &str) -> String {
        read(rest).expect_err(rest).to_string()
    }

    #[test]
    fn a_right_one_is_read() {
        let file =
            read(&format!("{SITES}  links: [{{from: idc, to: cloud, kind: vpn, address: 'gw.example:443'}}]\n")).expect("right");
        assert_eq!(file.spec.sites.iter().map(|site| site.wave()).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(file.namespace(&file.spec.sites[0]), "dataux");
        assert_eq!(file.select(&["clud".to_owned()]).expect_err("no such site").arguments()["near"], "cloud");
        assert_eq!(file.select(&[]).expect("all").len(), 2);
    }

    #[test]
    fn each_mistake_is_named_with_its_line_and_column() {
        let sites = |from: &str, to: &str| SITES.replace(from, to);
        for (rest, expected) in [
            (sites("provider: ack", "provider: akz"), "t.yaml:11:15: provider `akz` is not known; did you mean `aks`?"),
            (sites("provider: ack", "provider: nimbus"), "t.yaml:11:15: provider `nimbus` is not known; known are eks"),
            (sites("    zone: cn\n", ""), "t.yaml:8:11: site `cloud` is in no zone"),
            (sites("    zone: cn\n", "    zone: c\n"), "t.yaml:10:11: zone `c` is not declared; did you mean `cn`?"),
            (sites("    zone: cn\n", "    zone: cn\n    hub: true\n"), "t.yaml:11:10: site `cloud`: `idc` is the hub already"),
            (sites("hub: true, ", ""), "t.yaml:7:12: none of the sites is the hub"),
            (sites("name: cloud", "name: idc"), "t.yaml:8:11: site `idc` is declared twice"),
            (
                sites("10.20.0.0/16", "10.20.0.0/16, 10.20.9.0/24"),
                "t.yaml:12:30: site `cloud`: network 10.20.9.0/24 overlaps 10.20.0.0/16 of the same site",
            ),
            (sites("10.20.0.0/16", "10.20.0.1/16"), "t.yaml:12:16: `10.20.0.1/16` is no network: bits after the prefix"),
            (sites("name: cloud", "nme: cloud"), "t.yaml:8:5: unknown field `nme`; did you mean `name`?"),
            (
                sites("provider: ack", "provider: ack\n    identty: x"),
                "t.yaml:12:5: unknown field `identty`; did you mean `identity`?",
            ),
            (sites("provider: ack", "provider: k3s\n    identity: x"), "t.yaml:12:15: k3s gives pods no identity"),
            (
                sites("provider: ack", "provider: tke\n    load_balancer: {}"),
                "t.yaml:8:11: site `cloud`: on Tencent Kubernetes Engine",
            ),
            (sites("provider: ack", "provider: ack\n    wave: 0"), "t.yaml:12:11: waves are 1 to 50"),
            (
                format!("{SITES}  links: [{{from: idc, to: clout, kind: vpn}}]\n"),
                "t.yaml:13:27: a link leads to `clout`, which is no site; did you mean `cloud`?",
            ),
            (format!("{SITES}  links: [{{from: idc, to: idc, kind: vpn}}]\n"), "t.yaml:13:27: a link of `idc` with itself"),
        ] {
            let error = wrong(&rest);
            assert!(error.starts_with(expected), "expected {expected}\n   found {error}\n{rest}");
        }
    }

    #[test]
    fn networks_may_only_be_the_same_where_nothing_is_routed() {
        let same = SITES.replace("10.20.", "10.10.");
        read(&same).expect("no link");
        let linked = |kind: &str| format!("{same}  links: [{{from: cloud, to: idc, kind: {kind}}}]\n");
        read(&linked("internet")).expect("not routed");
        assert!(
            wrong(&linked("peering"))
                .starts_with("t.yaml:12:16: site `cloud`: network 10.10.0.0/16 overlaps 10.10.0.0/16 of `idc`")
        );
        let third = "  - {name: edge, kind: edge, zone: cn, provider: k3s, networks: [10.10.0.0/16]}\n";
        let chain =
            format!("{SITES}{third}  links: [{{from: idc, to: cloud, kind: vpn}}, {{from: cloud, to: edge, kind: line}}]\n");
        assert!(wrong(&chain).contains("site `edge`: network 10.10.0.0/16 overlaps 10.10.0.0/16 of `idc`"));
    }

    #[test]
    fn a_missing_kubeconfig_is_an_error_of_those_who_need_it() {
        let file = read(&SITES.replace("provider: ack", "provider: ack\n    kubeconfig: nowhere/config")).expect("right");
        let sites = file.select(&["cloud".to_owned()]).expect("there");
        let error = file.check_reach(&sites).expect_err("missing").to_string();
        assert!(error.starts_with("t.yaml:12:17: site `cloud`: there is no kubeconfig at nowhere/config"), "{error}");
        let error = file.check_reach(&file.select(&["idc".to_owned()]).expect("there")).expect_err("none").to_string();
        assert!(error.starts_with("t.yaml:7:12: site `idc` has no kubeconfig"), "{error}");
    }
}
