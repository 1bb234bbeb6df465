//! The sorts of documents and the ids in their names, as the schemas of their kinds say them.

use std::borrow::Cow;

use midflight_core::DocumentId;
use midflight_engine::DocumentSchema;

/// The sorts of the documents of every kind.
#[derive(Debug)]
pub(crate) struct DocumentSorts(Vec<(String, DocumentSchema)>);

/// What a document is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sort<'d> {
    /// A word for it, as `rule`.
    pub(crate) word: Cow<'d, str>,
    /// The ids in its name, as `("ruleset_id", "loans")`; none that is the whole name.
    pub(crate) ids: Vec<(Cow<'static, str>, &'d str)>,
}

impl DocumentSorts {
    /// The sorts that these schemas describe, each with its kind.
    pub(crate) fn new(schemas: Vec<(String, DocumentSchema)>) -> Self {
        Self(schemas)
    }

    /// The sort of a document: of the schemas for its name, the one with the most literal segments. A name that none is for
    /// is of the sort whose last variable can stand for the rest of it, as a config's name with slashes. A document of a
    /// kind without schemas is called as its kind, without the final `s`.
    pub(crate) fn of<'d>(&'d self, id: &'d DocumentId) -> Sort<'d> {
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
            Some((_, title, ids)) => Sort {
                word: Cow::Borrowed(title),
                ids: ids.into_iter().filter_map(|(variable, id)| Some((key(variable)?, id))).collect(),
            },
            None => {
                let kind = id.kind.as_str();
                Sort { word: Cow::Borrowed(kind.strip_suffix('s').unwrap_or(kind)), ids: Vec::new() }
            }
        }
    }
}

/// The variables of `names` with their values in a name that has more segments: the last variable stands for all that is
/// left.
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

#[cfg(test)]
mod tests {
    use midflight_config::Config;
    use midflight_engine::Kind;
    use midflight_patterns::Patterns;
    use midflight_rules::Rules;
    use serde_json::Value;

    use super::*;

    /// The sorts of this server's kinds, and of one whose documents have no schemas.
    fn sorts() -> DocumentSorts {
        fn of(kind: &impl Kind) -> Vec<(String, DocumentSchema)> {
            kind.schemas().into_iter().map(|schema| (kind.name().to_string(), schema)).collect()
        }
        let mut schemas = of(&Rules);
        schemas.extend(of(&Patterns));
        schemas.extend(of(&Config::new(())));
        let check = |kind: &str| {
            let schema = DocumentSchema { title: "check", names: "checks/{check_id}", schema: Value::Null };
            (kind.to_owned(), schema)
        };
        schemas.extend(["rules", "patterns", "config", "greetings"].map(check));
        DocumentSorts::new(schemas)
    }

    #[test]
    fn the_sort_and_the_ids_of_a_document_come_from_its_name() {
        let sorts = sorts();
        type Ids = &'static [(&'static str, &'static str)];
        let table: [(&str, &str, Ids); 22] = [
            ("rules/loans", "ruleset", &[("ruleset_id", "loans")]),
            ("rules/loans/R1", "rule", &[("ruleset_id", "loans"), ("rule_id", "R1")]),
            ("rules/conditions/c1", "condition", &[("condition_id", "c1")]),
            ("rules/checks/young", "check", &[("check_id", "young")]),
            ("rules/loans/conditions", "rule", &[("ruleset_id", "loans"), ("rule_id", "conditions")]),
            ("rules/loans/R1/x", "rule", &[("ruleset_id", "loans"), ("rule_id", "R1/x")]),
            ("patterns/p1", "pattern", &[("pattern_id", "p1")]),
            ("patterns/profiles", "pattern", &[("pattern_id", "profiles")]),
            ("patterns/profiles/it", "profile", &[("profile_id", "it")]),
            ("patterns/learning/it", "learning", &[("profile_id", "it")]),
            ("patterns/prompts/it", "prompt", &[("profile_id", "it")]),
            ("patterns/checks/x", "check", &[("check_id", "x")]),
            ("patterns/checks/x/y", "check", &[("check_id", "x/y")]),
            ("config/main", "config", &[]),
            ("config/a/b", "config", &[]),
            ("config/schemas", "config", &[]),
            ("config/schemas/main", "schema", &[]),
            ("config/schemas/a/b", "schema", &[]),
            ("config/checks/x", "check", &[("check_id", "x")]),
            ("greetings/it", "greeting", &[]),
            ("greetings/checks/it", "check", &[("check_id", "it")]),
            ("tool/hammer", "tool", &[]),
        ];
        for (document, word, ids) in table {
            let id = document.parse().unwrap();
            let sort = sorts.of(&id);
            let found: Vec<_> = sort.ids.iter().map(|(key, id)| (key.as_ref(), *id)).collect();
            assert_eq!((sort.word.as_ref(), found.as_slice()), (word, ids), "{document}");
        }
    }
}
