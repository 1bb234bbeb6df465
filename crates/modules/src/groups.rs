//! In which order the members of a group are drained: callers before those they call.

use std::collections::{BTreeMap, BTreeSet};

/// A member of a group with the members that must be drained before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMember<N> {
    /// Its name.
    pub name: N,
    /// Who is drained before it: its callers, and those its manifest names in `after`.
    pub after: Vec<N>,
}

/// Members that wait for each other, in the order in which they do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the modules wait for each other: {}", .0.join(" -> "))]
pub struct GroupCycle(pub Vec<String>);

/// An order in which each member comes after all it names. Names that are no member are ignored; members that do not
/// depend on each other are in the order of their names.
///
/// # Errors
/// One cycle, when there is any.
pub fn topological_order<N: Ord + Clone + std::fmt::Display>(
    members: &[GroupMember<N>],
) -> Result<Vec<N>, GroupCycle> {
    let known: BTreeSet<&N> = members.iter().map(|member| &member.name).collect();
    let mut waits: BTreeMap<&N, BTreeSet<&N>> = members
        .iter()
        .map(|member| (&member.name, member.after.iter().filter(|name| known.contains(name)).collect()))
        .collect();
    let mut order = Vec::with_capacity(members.len());
    while !waits.is_empty() {
        let Some(next) = waits.iter().find(|(_, before)| before.is_empty()).map(|(name, _)| *name) else {
            return Err(cycle(&waits));
        };
        waits.remove(next);
        waits.values_mut().for_each(|before| {
            before.remove(next);
        });
        order.push(next.clone());
    }
    Ok(order)
}

/// Follows what is waited for until a name comes again.
fn cycle<N: Ord + std::fmt::Display>(waits: &BTreeMap<&N, BTreeSet<&N>>) -> GroupCycle {
    let mut path: Vec<&N> = Vec::new();
    let mut next = waits.keys().next().copied();
    while let Some(name) = next {
        if let Some(begin) = path.iter().position(|seen| *seen == name) {
            let mut names: Vec<String> = path[begin..].iter().map(|name| name.to_string()).collect();
            names.push(name.to_string());
            return GroupCycle(names);
        }
        path.push(name);
        next = waits.get(name).and_then(|before| before.iter().next().copied());
    }
    GroupCycle(path.into_iter().map(|name| name.to_string()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(edges: &[(&'static str, &[&'static str])]) -> Vec<GroupMember<&'static str>> {
        edges.iter().map(|(name, after)| GroupMember { name: *name, after: after.to_vec() }).collect()
    }

    #[test]
    fn callers_come_first() {
        let group = members(&[("storage", &["billing", "api"]), ("billing", &["api"]), ("api", &["absent"])]);
        assert_eq!(topological_order(&group), Ok(vec!["api", "billing", "storage"]));
    }

    #[test]
    fn a_cycle_is_named() {
        let group = members(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"]), ("d", &["a"])]);
        let error = topological_order(&group).unwrap_err();
        assert_eq!(error.to_string(), "the modules wait for each other: a -> b -> c -> a");
        assert_eq!(topological_order::<&str>(&[]), Ok(vec![]));
    }
}
