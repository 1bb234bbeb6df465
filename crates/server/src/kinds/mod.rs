//! The kinds of this server: the one list.

pub(crate) mod config;
pub(crate) mod context;
#[cfg(feature = "modules")]
pub(crate) mod modules;
pub(crate) mod patterns;
pub(crate) mod rules;
#[cfg(feature = "tools")]
pub(crate) mod tools;
pub(crate) mod webhooks;

use std::sync::Arc;

use context::KindContext;
use midflight_http::setup::KindSetup;

use crate::ServeOptions;

/// Every kind of a server, in the order of its status, and those that the program adds.
pub(crate) fn kinds(options: &ServeOptions, context: &Arc<KindContext>) -> Vec<KindSetup> {
    let own = [
        rules::setup(context.rules),
        patterns::setup(context),
        #[cfg(feature = "tools")]
        tools::setup(context),
        #[cfg(feature = "modules")]
        modules::setup(context),
        webhooks::setup(context),
        config::setup(context),
    ];
    own.into_iter().chain(options.kinds.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use midflight_config::Config;
    use midflight_engine::{DocumentSchema, Kind};
    use midflight_patterns::Patterns;
    use midflight_rules::Rules;
    use serde_json::Value;

    use midflight_http::sorts::DocumentSorts;

    /// The sorts of this server's kinds, and of one whose documents have no schemas.
    fn sorts() -> DocumentSorts {
        fn of(kind: &impl Kind) -> Vec<(String, DocumentSchema)> {
            kind.schemas().into_iter().map(|schema| (kind.name().to_string(), schema)).collect()
        }
        let mut schemas = of(&Rules);
        schemas.extend(of(&Patterns));
        #[cfg(feature = "tools")]
        schemas.extend(of(&midflight_tools::Tools));
        schemas.extend(of(&Config::new()));
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
            ("hammer/one", "hammer", &[]),
        ];
        for (document, word, ids) in table {
            let id = document.parse().unwrap();
            let sort = sorts.of(&id);
            let found: Vec<_> = sort.ids.iter().map(|(key, id)| (key.as_ref(), *id)).collect();
            assert_eq!((sort.word.as_ref(), found.as_slice()), (word, ids), "{document}");
        }
    }
}
