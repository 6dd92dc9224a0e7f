//! "Did you mean": the known name nearest to a wrong one.

/// The candidate nearest to `wrong`, if it is near enough that a person may have meant it.
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&wrong, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count().max(wrong.chars().count()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_slips_and_not_strangers() {
        assert_eq!(nearest("shcedule", ["steps", "schedule"]), Some("schedule"));
        assert_eq!(nearest("frm", ["from", "into"]), Some("from"));
        assert_eq!(nearest("banana", ["from", "into"]), None);
    }
}
