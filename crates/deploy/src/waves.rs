//! Waves: sites of one wave at the same time, waves one after the other, and none after one that failed.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use base::{Error, Result};
use futures::StreamExt;

use crate::codes::WAVE_FAILED;
use crate::topology::Site;

/// What was done on a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// It is at this revision now.
    Changed(u64),
    /// There was nothing to do.
    Kept,
}

/// How a site ended.
#[derive(Debug)]
pub struct Ended {
    /// The site.
    pub site: String,
    /// Its wave.
    pub wave: u8,
    /// What was done, or why not; nothing for a site whose turn did not come.
    pub how: Option<Result<Done>>,
}

/// Something that is told while work goes on.
pub type Tell<'a> = &'a (dyn Fn(&str, &str) + Sync);

/// Does work on sites by their waves, so many at a time; `halt` lets no further site begin.
pub async fn run<'a, T, F, R>(
    waves: BTreeMap<u8, Vec<(&'a Site, T)>>,
    is_reversed: bool,
    parallel: usize,
    halt: &AtomicBool,
    work: F,
) -> Vec<Ended>
where
    F: Fn(&'a Site, T) -> R,
    R: Future<Output = Result<Done>>,
{
    let mut order: Vec<(u8, Vec<(&'a Site, T)>)> = waves.into_iter().collect();
    if is_reversed {
        order.reverse();
    }
    let mut ended = Vec::new();
    let mut is_stopped = false;
    for (wave, sites) in order {
        let work = &work;
        let one = |(site, what): (&'a Site, T)| async move {
            let how = if is_stopped || halt.load(Ordering::SeqCst) { None } else { Some(work(site, what).await) };
            Ended { site: site.name().to_owned(), wave, how }
        };
        let done: Vec<Ended> =
            futures::stream::iter(sites.into_iter().map(one)).buffer_unordered(parallel.max(1)).collect().await;
        is_stopped = is_stopped || done.iter().any(|ended| !matches!(ended.how, Some(Ok(_))));
        ended.extend(done);
    }
    ended
}

/// The error of work that did not end well everywhere: where it stopped, and how to go on.
pub fn failure(ended: &[Ended], file: &Path) -> Option<Error> {
    let failed: Vec<&Ended> = ended.iter().filter(|one| matches!(one.how, Some(Err(_)))).collect();
    let left: Vec<&str> = ended.iter().filter(|one| one.how.is_none()).map(|one| one.site.as_str()).collect();
    if failed.is_empty() && left.is_empty() {
        return None;
    }
    let wave = ended.iter().find(|one| !matches!(one.how, Some(Ok(_)))).map_or(0, |one| one.wave);
    let begun = ended.iter().filter(|one| matches!(one.how, Some(Ok(Done::Changed(_)) | Err(_))));
    let back = begun.map(|one| format!("--site {}", one.site)).collect::<Vec<_>>().join(" ");
    let names = failed.iter().map(|one| one.site.as_str()).collect::<Vec<_>>().join(", ");
    let none = |text: String| if text.is_empty() { "–".to_owned() } else { text };
    let error = Error::new(&WAVE_FAILED).with("wave", wave).with("failed", none(names)).with("left", none(left.join(", ")));
    Some(error.with("file", file.display()).with("back", back))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::RELEASE_FAILED;
    use crate::topology::TopologyFile;

    const TEXT: &str = "apiVersion: dataux/v1\nkind: Topology\nname: t\nspec:\n  zones: [{name: cn, jurisdiction: CN}]\n  sites:\n  \
                        - {name: idc, kind: private, hub: true, zone: cn, provider: kubeadm}\n  - {name: ack, kind: public, zone: cn, provider: ack}\n  \
                        - {name: eks, kind: public, zone: cn, provider: eks}\n  - {name: edge, kind: edge, zone: cn, provider: k3s}\n";

    async fn all(failing: &str, is_reversed: bool, halt: bool) -> (Vec<String>, Option<Error>) {
        let file = TopologyFile::parse(TEXT, Path::new("t.yaml")).expect("right");
        let mut waves: BTreeMap<u8, Vec<(&Site, ())>> = BTreeMap::new();
        for site in &file.spec.sites {
            waves.entry(site.wave()).or_default().push((site, ()));
        }
        let order = std::sync::Mutex::new(Vec::new());
        let seen = &order;
        let ended = run(waves, is_reversed, 4, &AtomicBool::new(halt), |site, ()| async move {
            seen.lock().expect("not poisoned").push(site.name().to_owned());
            if site.name() == failing {
                return Err(Error::new(&RELEASE_FAILED).with("site", failing).with("reason", "no"));
            }
            Ok(Done::Changed(2))
        })
        .await;
        let error = failure(&ended, &file.path);
        (order.into_inner().expect("not poisoned"), error)
    }

    #[tokio::test]
    async fn the_hub_goes_first_and_edges_last() {
        let (order, error) = all("", false, false).await;
        assert_eq!((order[0].as_str(), order[3].as_str(), order.len()), ("idc", "edge", 4));
        assert!(error.is_none());
        assert_eq!(all("", true, false).await.0[0], "edge", "going back begins at the end");
    }

    #[tokio::test]
    async fn nothing_begins_after_a_wave_that_failed() {
        let (order, error) = all("ack", false, false).await;
        assert!(!order.contains(&"edge".to_owned()) && order.contains(&"eks".to_owned()), "its own wave is ended: {order:?}");
        let error = error.expect("failed");
        assert_eq!(error.to_string(), "wave 2 failed at ack; not begun: edge");
        let advice = error.advice(base::Language::En).expect("how to go on");
        assert!(advice.contains("rollback -f t.yaml --site idc") && advice.contains("--site ack"), "{advice}");
    }

    #[tokio::test]
    async fn a_halt_lets_nothing_begin() {
        let (order, error) = all("", false, true).await;
        assert!(order.is_empty());
        assert!(error.expect("not done").to_string().contains("not begun: idc, ack, eks, edge"));
    }
}
