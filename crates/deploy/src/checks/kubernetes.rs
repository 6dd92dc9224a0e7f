//! That the cluster answers, and is not older than the chart allows.

use base::units;

use super::Sight;
use crate::finding::Finding;
use crate::programs::numbers;

const NAME: &str = "kubernetes";

/// The oldest version that the chart takes.
const OLDEST: (u32, u32) = (1, 28);

pub(super) fn look(sight: &Sight) -> Vec<Finding> {
    let version = &sight.facts.version;
    let took = units::duration(sight.facts.first_answer);
    vec![match numbers(version) {
        Some(found) if found < OLDEST => Finding::failure(
            NAME,
            format!("{version} is older than {}.{}", OLDEST.0, OLDEST.1),
            format!("{version} 低于 {}.{}", OLDEST.0, OLDEST.1),
        )
        .fix("upgrade the cluster", "请升级集群"),
        Some(_) => Finding::good(NAME, format!("{version}, answered within {took}"), format!("{version}，{took} 内应答")),
        None => {
            Finding::warning(NAME, format!("the cluster calls its version `{version}`"), format!("集群的版本号为 `{version}`"))
                .fix("the chart needs 1.28 or later: see for yourself", "chart 需要 1.28 或更新：请自行确认")
        }
    }]
}
