//! That the account may do what Helm and this program do.

use super::{Sight, several};
use crate::finding::{Finding, Level};

const NAME: &str = "permissions";

/// Permissions that a line names.
const SHOWN: usize = 5;

pub(super) fn look(sight: &Sight) -> Vec<Finding> {
    vec![match &sight.facts.lacking {
        Err(error) => Finding::unseen(NAME, Level::Failure, error),
        Ok(lacking) if lacking.is_empty() => Finding::good(NAME, "all that is needed", "所需权限齐全"),
        Ok(lacking) => {
            let mut shown = lacking.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
            if lacking.len() > SHOWN {
                shown.push_str(&format!(" (+{})", lacking.len() - SHOWN));
            }
            Finding::failure(
                NAME,
                format!("{} missing: {shown}", several(lacking.len(), "permission")),
                format!("缺少 {} 项权限：{shown}", lacking.len()),
            )
            .fix(
                "let the account have the ClusterRole `admin` in the namespace, or make the namespace for it",
                "请在该命名空间授予该账号 ClusterRole `admin`，或预先建好命名空间",
            )
        }
    }]
}
