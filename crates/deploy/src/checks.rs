//! The checks of preflight: one file each, one line each in the list. They look at facts; none asks the cluster itself.

mod admission;
mod capacity;
mod clock;
mod dns;
mod kinds;
mod kubernetes;
mod networks;
mod nodes;
mod permissions;
mod provider;
mod runtime;
mod secrets;
mod storage;
mod systems;

use crate::facts::Facts;
use crate::finding::Finding;
use crate::topology::Site;

pub(crate) use systems::across;

/// A check of one site.
type Check = fn(&Sight) -> Vec<Finding>;

/// Every check, in the order of the table.
const ALL: &[Check] = &[
    kubernetes::look,
    provider::look,
    nodes::look,
    systems::look,
    runtime::look,
    networks::look,
    dns::look,
    clock::look,
    permissions::look,
    storage::look,
    capacity::look,
    kinds::look,
    admission::look,
    secrets::look,
];

/// What a check looks at.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    /// The site, as declared.
    pub site: &'a Site,
    /// What its cluster shows.
    pub facts: &'a Facts,
    /// Whether every server must be the same and run Docker.
    pub strict: bool,
}

/// All that the checks say of a site.
pub(crate) fn look(sight: &Sight) -> Vec<Finding> {
    ALL.iter().flat_map(|check| check(sight)).map(|finding| finding.at(sight.site.name())).collect()
}

/// A count and its noun, in English.
fn several(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

#[cfg(test)]
mod tests;
