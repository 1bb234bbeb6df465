//! The diff between two sets of documents, as data: computed once, shown, stored, executed and turned round.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::digest::is_same;
use crate::outcome::words;
use crate::{Change, DocumentId, Precondition};

words! {
    /// What a diff does to one document.
    Effect {
        /// It was not there.
        Add => "add",
        /// It existed and has another body now.
        Change => "change",
        /// It no longer exists.
        Remove => "remove",
    }
}

/// One document before and after. Never both absent, never both equal.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentDiff {
    /// The document.
    pub id: DocumentId,
    /// Its old body; none when it did not exist.
    pub old: Option<Arc<Value>>,
    /// Its body; none when it no longer exists.
    pub new: Option<Arc<Value>>,
}

impl DocumentDiff {
    /// Added, changed or removed.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match (&self.old, &self.new) {
            (None, _) => Effect::Add,
            (Some(_), Some(_)) => Effect::Change,
            (Some(_), None) => Effect::Remove,
        }
    }
}

/// What differs between two sets of documents, ordered by document.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Diff {
    documents: Vec<DocumentDiff>,
}

impl Diff {
    /// Makes the diff of documents given as (id, before, after); those whose bodies are equal by value are left out.
    /// Of a document that is given twice the last counts. Cost: a digest of each body that is there both times.
    #[must_use]
    pub fn new<I>(documents: I) -> Self
    where
        I: IntoIterator<Item = (DocumentId, Option<Arc<Value>>, Option<Arc<Value>>)>,
    {
        let mut by_id = BTreeMap::new();
        for (id, old, new) in documents {
            by_id.insert(id, (old, new));
        }
        let differing = by_id.into_iter().filter(|(_, (old, new))| !same(old.as_ref(), new.as_ref()));
        let documents = differing.map(|(id, (old, new))| DocumentDiff { id, old, new }).collect();
        Self { documents }
    }

    /// Whether anything differs.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        !self.documents.is_empty()
    }

    /// The documents that differ, ordered by id.
    #[must_use]
    pub fn documents(&self) -> &[DocumentDiff] {
        &self.documents
    }

    /// The diff of one document.
    #[must_use]
    pub fn get(&self, id: &DocumentId) -> Option<&DocumentDiff> {
        let place = self.documents.binary_search_by(|diff| diff.id.cmp(id)).ok()?;
        self.documents.get(place)
    }

    /// Removes the documents for which `keep` is false.
    pub fn retain(&mut self, keep: impl Fn(&DocumentId) -> bool) {
        self.documents.retain(|diff| keep(&diff.id));
    }

    /// The way back: what was added is removed, what was removed is added.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let turn = |diff: &DocumentDiff| DocumentDiff {
            id: diff.id.clone(),
            old: diff.new.clone(),
            new: diff.old.clone(),
        };
        Self { documents: self.documents.iter().map(turn).collect() }
    }

    /// The changes that make this diff.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        let change = |diff: &DocumentDiff| Change {
            id: diff.id.clone(),
            body: diff.new.clone(),
            precondition: Precondition::None,
        };
        self.documents.iter().map(change).collect()
    }
}

fn same(old: Option<&Arc<Value>>, new: Option<&Arc<Value>>) -> bool {
    match (old, new) {
        (None, None) => true,
        (Some(old), Some(new)) => Arc::ptr_eq(old, new) || is_same(old, new),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    type State = BTreeMap<DocumentId, Arc<Value>>;

    fn between(a: &State, b: &State) -> Diff {
        let ids = a.keys().chain(b.keys());
        Diff::new(ids.map(|id| (id.clone(), a.get(id).cloned(), b.get(id).cloned())))
    }

    fn applied(state: &State, diff: &Diff) -> State {
        let mut state = state.clone();
        for document in diff.documents() {
            match &document.new {
                Some(body) => state.insert(document.id.clone(), body.clone()),
                None => state.remove(&document.id),
            };
        }
        state
    }

    fn any_state() -> impl Strategy<Value = State> {
        prop::collection::btree_map(0..8_u8, 0..3_u8, 0..8).prop_map(|state| {
            let entry = |(name, body): (u8, u8)| {
                let id = DocumentId::new("rules", &format!("d{name}")).unwrap();
                (id, Arc::new(json!({ "n": body })))
            };
            state.into_iter().map(entry).collect()
        })
    }

    #[test]
    fn a_different_spelling_of_the_same_value_is_no_change() {
        let id = DocumentId::new("rules", "a").unwrap();
        let diff = Diff::new([(id, Some(Arc::new(json!({"n": 1.0}))), Some(Arc::new(json!({"n": 1}))))]);
        assert!(!diff.has_changes());
    }

    proptest! {
        #[test]
        fn a_diff_leads_from_one_state_to_the_other_and_its_inverse_back(a in any_state(), b in any_state()) {
            let diff = between(&a, &b);
            prop_assert_eq!(&applied(&a, &diff), &b);
            prop_assert_eq!(&applied(&b, &diff.inverse()), &a);
            prop_assert_eq!(diff.inverse().inverse(), diff.clone());
            prop_assert_eq!(diff.has_changes(), a != b);
            for document in diff.documents() {
                prop_assert_eq!(diff.get(&document.id), Some(document));
            }
        }
    }
}
