//! That somebody answers for names inside the cluster.

use super::{Sight, several};
use crate::finding::{Finding, Level};

const NAME: &str = "dns";

pub(super) fn look(sight: &Sight) -> Vec<Finding> {
    vec![match &sight.facts.resolvers {
        Err(error) => Finding::unseen(NAME, Level::Warning, error),
        Ok(0) => Finding::warning(NAME, "no server of the cluster's DNS is ready", "集群 DNS 没有就绪的服务端").fix(
            "pods need it to find database and Redis by name: see CoreDNS in kube-system",
            "Pod 需要它按名称查找数据库和 Redis：请检查 kube-system 中的 CoreDNS",
        ),
        Ok(count) => Finding::good(NAME, format!("{} ready", several(*count, "server")), format!("{count} 个服务端就绪")),
    }]
}
