//! That the cluster's clock and this host's agree: certificates, tokens and leases go by them.

use chrono::TimeDelta;

use super::Sight;
use crate::facts::Clock;
use crate::finding::Finding;

const NAME: &str = "clock";

/// A difference that somebody should look at, in seconds.
const SKEW_SECONDS_WARN: i64 = 5;
/// A difference that breaks tokens and certificates, in seconds.
const SKEW_SECONDS_MAX: i64 = 60;

pub(super) fn look(sight: &Sight) -> Vec<Finding> {
    let Some(clock) = sight.facts.tried.as_ref().ok().and_then(|tried| tried.clock) else { return Vec::new() };
    let seconds = skew(&clock).num_seconds();
    vec![match seconds {
        0..=SKEW_SECONDS_WARN => Finding::good(NAME, "agrees with this host's", "与本机一致"),
        _ => {
            let (en, zh) = (format!("differs from this host's by at least {seconds} s"), format!("与本机至少相差 {seconds} 秒"));
            let finding =
                if seconds > SKEW_SECONDS_MAX { Finding::failure(NAME, en, zh) } else { Finding::warning(NAME, en, zh) };
            finding.fix("set both by NTP", "请两端都用 NTP 校时")
        }
    }]
}

/// By how much the clocks differ at least: the other one is in whole seconds, and was read between two looks at ours.
pub(super) fn skew(clock: &Clock) -> TimeDelta {
    let (earliest, latest) = (clock.there, clock.there + TimeDelta::seconds(1));
    if latest < clock.before {
        clock.before - latest
    } else if earliest > clock.after {
        earliest - clock.after
    } else {
        TimeDelta::zero()
    }
}
