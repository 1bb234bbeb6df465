//! The sorts of documents and the ids in their names, by the schemas of their kinds.

use std::borrow::Cow;

use midflight_core::DocumentId;
use midflight_engine::DocumentSchema;

/// The sorts of the documents of every kind.
#[derive(Debug)]
pub struct DocumentSorts(Vec<(String, DocumentSchema)>);

/// What a document is.
#[derive(Debug, PartialEq, Eq)]
pub struct DocumentSort<'d> {
    /// A word for it, as `rule`.
    pub word: Cow<'d, str>,
    /// The ids in its name, as `("ruleset_id", "loans")`; none that is the whole name.
    pub ids: Vec<(Cow<'static, str>, &'d str)>,
}

impl DocumentSorts {
    /// The sorts that these schemas describe, each with its kind.
    pub fn new(schemas: Vec<(String, DocumentSchema)>) -> Self {
        Self(schemas)
    }

    /// The sort of a document: of the schemas for its name, the one with the most literal segments. A name without a
    /// sort of its own is of the sort whose last variable may take the rest of it, as a config's name with slashes. A
    /// document of a kind without schemas is called as its kind, without the final `s`.
    pub fn of<'d>(&'d self, id: &'d DocumentId) -> DocumentSort<'d> {
        let of_kind = self.0.iter().filter(|(kind, _)| kind == id.kind.as_str());
        let matching = of_kind.filter_map(|(_, schema)| {
            let (is_exact, ids) = match schema.ids(&id.name) {
                Some(ids) => (true, ids),
                None => (false, ids_with_rest(schema.names, id.name.as_str())?),
            };
            let segments = schema.names.split('/').count();
            Some(((is_exact, segments - ids.len(), segments), schema.title, ids))
        });
        match matching.max_by_key(|(rank, ..)| *rank) {
            Some((_, title, ids)) => DocumentSort {
                word: Cow::Borrowed(title),
                ids: ids.into_iter().filter_map(|(variable, id)| Some((key(variable)?, id))).collect(),
            },
            None => {
                let kind = id.kind.as_str();
                DocumentSort { word: Cow::Borrowed(kind.strip_suffix('s').unwrap_or(kind)), ids: Vec::new() }
            }
        }
    }
}

/// The variables of `names` with their values in a name that has more segments: the last variable takes the rest.
fn ids_with_rest<'d>(names: &'static str, name: &'d str) -> Option<Vec<(&'static str, &'d str)>> {
    let parts = name.splitn(names.split('/').count(), '/');
    let mut ids = Vec::new();
    let mut taken = 0;
    for (expected, part) in names.split('/').zip(parts) {
        taken += 1;
        match expected.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(variable) => ids.push((variable, part)),
            None if expected == part => {}
            None => return None,
        }
    }
    (taken == names.split('/').count()).then_some(ids)
}

/// The key of a variable in the data of an event: none for `name`, which the event has in full.
fn key(variable: &'static str) -> Option<Cow<'static, str>> {
    match variable {
        "name" => None,
        id if id.ends_with("_id") => Some(Cow::Borrowed(id)),
        other => Some(Cow::Owned(format!("{other}_id"))),
    }
}
