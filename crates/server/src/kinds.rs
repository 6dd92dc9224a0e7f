//! Every kind of resource there is: one line a kind, from the room whose business it is.

use base::document::Kind;

/// The kinds, in the order in which an empty platform would need them.
pub static KINDS: &[Kind] = &[
    Kind::of::<guard::RoleSpec>(),
    Kind::of::<guard::UserSpec>(),
    Kind::of::<guard::GrantSpec>(),
    Kind::of::<connect::ConnectionSpec>(),
    Kind::of::<engine::ViewSpec>(),
    Kind::of::<flow::PipelineSpec>(),
    Kind::of::<flow::ScheduleSpec>(),
    Kind::of::<gateway::DataServiceSpec>(),
];

#[cfg(test)]
mod tests {
    #[test]
    fn every_kind_has_a_name_of_its_own_and_a_schema() {
        let mut names: Vec<&str> = super::KINDS.iter().map(|kind| kind.name).collect();
        for kind in super::KINDS {
            assert_eq!((kind.schema)()["title"], kind.name);
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), super::KINDS.len());
    }
}
