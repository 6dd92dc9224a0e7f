//! What stands behind views, by the names in their queries alone: the tables, and whether a view reads itself.

use std::collections::{BTreeSet, HashMap};

use base::TableName;

use super::DEPTH_MAX;

/// Why views cannot stand on one another as they are declared.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unsound {
    /// A view reads itself; the names on the way, from it and back to it.
    Circle(Vec<TableName>),
    /// More than [`DEPTH_MAX`] views stand on one another.
    Deep,
}

/// The tables behind a name, all views seen through. `names` says what a view's query names; none for a table. Each is visited
/// once, so circles end.
pub(super) fn tables(name: &TableName, names: &impl Fn(&TableName) -> Option<Vec<TableName>>) -> BTreeSet<TableName> {
    let (mut tables, mut seen, mut open) = (BTreeSet::new(), BTreeSet::new(), vec![name.clone()]);
    while let Some(name) = open.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        match names(&name) {
            Some(more) => open.extend(more),
            None => {
                tables.insert(name);
            }
        }
    }
    tables
}

/// Whether the views on the way down from this one end in tables, soon enough.
pub(super) fn sound(view: &TableName, names: &impl Fn(&TableName) -> Option<Vec<TableName>>) -> Result<(), Unsound> {
    // Views that are known to be sound, with how many stand on one another below each.
    let mut done: HashMap<TableName, usize> = HashMap::new();
    height(view, names, &mut Vec::new(), &mut done).map(|_| ())
}

fn height(
    name: &TableName,
    names: &impl Fn(&TableName) -> Option<Vec<TableName>>,
    way: &mut Vec<TableName>,
    done: &mut HashMap<TableName, usize>,
) -> Result<usize, Unsound> {
    let Some(below) = names(name) else { return Ok(0) };
    if let Some(begin) = way.iter().position(|passed| passed == name) {
        return Err(Unsound::Circle(way[begin..].iter().chain([name]).cloned().collect()));
    }
    if let Some(height) = done.get(name) {
        return Ok(*height);
    }
    if way.len() >= DEPTH_MAX {
        return Err(Unsound::Deep);
    }
    way.push(name.clone());
    let mut most = 0;
    for next in below {
        most = most.max(height(&next, names, way, done)?);
    }
    way.pop();
    done.insert(name.clone(), most + 1);
    // What is known to be sound is not gone down again, so its height is what tells.
    if way.len() + most + 1 > DEPTH_MAX { Err(Unsound::Deep) } else { Ok(most + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(table: &str) -> TableName {
        TableName::lake("a", table).expect("a name")
    }

    fn views(declared: &[(&str, &[&str])]) -> impl Fn(&TableName) -> Option<Vec<TableName>> + use<> {
        let all: HashMap<TableName, Vec<TableName>> =
            declared.iter().map(|(view, reads)| (name(view), reads.iter().map(|read| name(read)).collect())).collect();
        move |view| all.get(view).cloned()
    }

    #[test]
    fn sees_through_views() {
        let names = views(&[("v", &["w", "t"]), ("w", &["u", "t"]), ("x", &["x", "s"])]);
        assert_eq!(tables(&name("v"), &names), BTreeSet::from([name("t"), name("u")]));
        assert_eq!(tables(&name("t"), &names), BTreeSet::from([name("t")]));
        assert_eq!(tables(&name("x"), &names), BTreeSet::from([name("s")]), "a circle ends");
    }

    #[test]
    fn finds_circles_and_too_many_storeys() {
        let names = views(&[("a", &["b"]), ("b", &["c", "t"]), ("c", &["b"]), ("d", &["t", "t"]), ("e", &["e"])]);
        assert_eq!(sound(&name("a"), &names), Err(Unsound::Circle(vec![name("b"), name("c"), name("b")])));
        assert_eq!(sound(&name("e"), &names), Err(Unsound::Circle(vec![name("e"), name("e")])));
        assert_eq!(sound(&name("d"), &names), Ok(()));
        let storeys: Vec<(String, String)> = (0..40).map(|n| (format!("v{n}"), format!("v{}", n + 1))).collect();
        let all: Vec<(&str, [&str; 1])> = storeys.iter().map(|(view, below)| (view.as_str(), [below.as_str()])).collect();
        let all: Vec<(&str, &[&str])> = all.iter().map(|(view, below)| (*view, below.as_slice())).collect();
        let names = views(&all);
        assert_eq!(sound(&name("v24"), &names), Ok(()), "16 views");
        assert_eq!(sound(&name("v23"), &names), Err(Unsound::Deep));
        // A tall one behind a low one that was looked at first.
        let mut all = all;
        all.push(("top", &["v25", "beside"]));
        all.push(("beside", &["v25"]));
        assert_eq!(sound(&name("top"), &views(&all)), Err(Unsound::Deep));
    }

    #[test]
    fn a_broad_pile_of_views_is_gone_through_once() {
        let below: Vec<(String, String)> = (0..15).map(|n| (format!("v{n}"), format!("v{}", n + 1))).collect();
        let all: Vec<(&str, [&str; 8])> = below.iter().map(|(view, below)| (view.as_str(), [below.as_str(); 8])).collect();
        let all: Vec<(&str, &[&str])> = all.iter().map(|(view, below)| (*view, below.as_slice())).collect();
        assert_eq!(sound(&name("v0"), &views(&all)), Ok(()));
    }
}
