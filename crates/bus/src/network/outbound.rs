//! What goes out: the newest hint, and what was edited since the one before it went.

use std::collections::BTreeMap;

use midflight_core::{DocumentName, KindName};

use crate::Hint;
use crate::latest_slot::Coalesce;

/// A hint, with what must be reported of the edits of hints that were merged with it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outbound {
    pub(crate) hint: Hint,
    pub(crate) edited: Edited,
}

/// Which kinds have edited documents.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Edited {
    /// Any may have: a hint without its change does not say.
    Anything,
    /// These, each with the document if it is only one.
    Kinds(BTreeMap<KindName, Option<DocumentName>>),
}

impl Outbound {
    pub(crate) fn new(hint: Hint) -> Self {
        let edited = hint.change.as_deref().map_or(Edited::Anything, |change| {
            let documents = change.documents.iter();
            let kinds = documents.map(|document| {
                Edited::Kinds([(document.id.kind.clone(), Some(document.id.name.clone()))].into())
            });
            kinds.reduce(Edited::and).unwrap_or_else(|| Edited::Kinds(BTreeMap::new()))
        });
        Self { hint, edited }
    }
}

impl Edited {
    fn and(self, later: Self) -> Self {
        let (Self::Kinds(mut kinds), Self::Kinds(later)) = (self, later) else { return Self::Anything };
        for (kind, name) in later {
            let of_kind = kinds.entry(kind).or_insert_with(|| name.clone());
            if *of_kind != name {
                *of_kind = None;
            }
        }
        Self::Kinds(kinds)
    }

    /// Whether documents of a kind may have been edited; if so, which one if it is known to be only one.
    pub(crate) fn of(&self, kind: &KindName) -> Option<Option<&DocumentName>> {
        match self {
            Self::Anything => Some(None),
            Self::Kinds(kinds) => kinds.get(kind).map(Option::as_ref),
        }
    }
}

impl Coalesce for Outbound {
    fn and(self, later: Self) -> Self {
        Self { hint: self.hint.and(later.hint), edited: self.edited.and(later.edited) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(documents: &[(&str, &str)]) -> Edited {
        let one = |(kind, name): &(&str, &str)| {
            Edited::Kinds([(KindName::new(kind).unwrap(), Some(DocumentName::new(name).unwrap()))].into())
        };
        documents.iter().map(one).reduce(Edited::and).unwrap()
    }

    #[test]
    fn edits_that_wait_name_a_document_only_while_it_is_the_only_one() {
        let patterns = KindName::new("patterns").unwrap();
        let name = DocumentName::new("7").unwrap();
        let twice = edited(&[("patterns", "7"), ("rules", "a"), ("patterns", "7")]);
        assert_eq!(twice.of(&patterns), Some(Some(&name)));
        assert_eq!(
            edited(&[("patterns", "7"), ("patterns", "8"), ("patterns", "7")]).of(&patterns),
            Some(None)
        );
        assert_eq!(edited(&[("rules", "a")]).of(&patterns), None);
        assert_eq!(edited(&[("rules", "a")]).and(Edited::Anything).of(&patterns), Some(None));
    }
}
