//! Which tools have a word: a sorted list while they are few, a persistent map once they are many.
//!
//! Most words are in a handful of tools. A map for each of those would take a kilobyte, and a list is copied at once
//! when it changes.

use std::sync::Arc;

use imbl::OrdMap;

/// The longest list; one more makes it a map.
const FEW_MAX: usize = 32;

/// What is known of a word in a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Posting {
    /// How often the tool has the word, weighted by its place.
    pub(super) frequency: u16,
    /// How many words the tool has, weighted likewise.
    pub(super) length: u32,
}

/// The tools that have a word, by their places.
#[derive(Debug, Clone)]
pub(super) enum Postings {
    Few(Arc<Vec<(u32, Posting)>>),
    Many(OrdMap<u32, Posting>),
}

impl Default for Postings {
    fn default() -> Self {
        Self::Few(Arc::default())
    }
}

impl Postings {
    /// Adds a tool, or replaces what is known of it.
    pub(super) fn insert(&mut self, place: u32, posting: Posting) {
        match self {
            Self::Few(list) => {
                let list = Arc::make_mut(list);
                match list.binary_search_by_key(&place, |(place, _)| *place) {
                    Ok(at) => list[at].1 = posting,
                    Err(at) => list.insert(at, (place, posting)),
                }
                if list.len() > FEW_MAX {
                    *self = Self::Many(list.iter().copied().collect());
                }
            }
            Self::Many(map) => drop(map.insert(place, posting)),
        }
    }

    /// Adds tools that are not there.
    pub(super) fn insert_all(&mut self, mut postings: Vec<(u32, Posting)>) {
        match self {
            Self::Few(list) if list.is_empty() && postings.len() <= FEW_MAX => {
                postings.sort_unstable_by_key(|(place, _)| *place);
                *self = Self::Few(Arc::new(postings));
            }
            Self::Few(list) if list.is_empty() => *self = Self::Many(postings.into_iter().collect()),
            _ => postings.into_iter().for_each(|(place, posting)| self.insert(place, posting)),
        }
    }

    /// Removes a tool, if it is there.
    pub(super) fn remove(&mut self, place: u32) {
        match self {
            Self::Few(list) => {
                if let Ok(at) = list.binary_search_by_key(&place, |(place, _)| *place) {
                    Arc::make_mut(list).remove(at);
                }
            }
            Self::Many(map) => drop(map.remove(&place)),
        }
    }

    /// How many tools have the word.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Few(list) => list.len(),
            Self::Many(map) => map.len(),
        }
    }

    /// Calls `found` with each tool, in the order of places.
    pub(super) fn each(&self, mut found: impl FnMut(u32, Posting)) {
        match self {
            Self::Few(list) => list.iter().for_each(|(place, posting)| found(*place, *posting)),
            Self::Many(map) => map.iter().for_each(|(place, posting)| found(*place, *posting)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_map_however_many_there_are(steps in prop::collection::vec((0..60_u32, any::<bool>(), 0..9_u16), 0..200)) {
            let (mut postings, mut model) = (Postings::default(), BTreeMap::new());
            for (place, is_put, frequency) in steps {
                let before = postings.clone();
                let posting = Posting { frequency, length: place };
                if is_put {
                    postings.insert(place, posting);
                    model.insert(place, posting);
                } else {
                    postings.remove(place);
                    model.remove(&place);
                }
                prop_assert!(before.len().abs_diff(postings.len()) <= 1);
            }
            let mut found = Vec::new();
            postings.each(|place, posting| found.push((place, posting)));
            prop_assert_eq!(found, model.into_iter().collect::<Vec<_>>());
        }
    }
}
