//! Which documents a caller may see and change: patterns of `kind/name`.

use std::sync::Arc;

use midflight_core::{Change, DocumentId, matches_wildcard};
use midflight_engine::SCHEDULES;
use serde_json::Value;

/// How many patterns the scopes of a caller may have. 100: a person reads them, and each document of an edit is
/// compared with all.
pub const PATTERNS_MAX: usize = 100;
/// The longest pattern, in bytes: a kind's and a document's longest name, and what is between them.
pub const PATTERN_BYTES_MAX: usize = 512;

/// The documents that a caller may see and change. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes(Arc<[String]>);

impl Scopes {
    /// Those of these patterns: `KIND` for all of a kind, or `KIND/NAME`, in both of which `*` stands for any text. No
    /// pattern allows nothing.
    ///
    /// # Errors
    /// What is wrong with the first pattern that is none, and how to write it.
    pub fn new(patterns: Vec<String>) -> Result<Self, String> {
        if patterns.len() > PATTERNS_MAX {
            return Err(format!(
                "{} patterns; use at most {PATTERNS_MAX}, and * for what they have in common",
                patterns.len()
            ));
        }
        let shows = |pattern: &String| pattern.chars().all(|letter| !letter.is_control());
        let wrong = |pattern: &&String| {
            !(1..=PATTERN_BYTES_MAX).contains(&pattern.len())
                || pattern.starts_with('/')
                || pattern.ends_with('/')
                || !shows(pattern)
        };
        match patterns.iter().find(wrong) {
            Some(pattern) => Err(format!(
                "invalid pattern {pattern:?}: write KIND or KIND/NAME, as rules or rules/pricing/*, in 1 to {PATTERN_BYTES_MAX} bytes"
            )),
            None => Ok(Self(patterns.into())),
        }
    }

    /// Those of patterns that were checked before. One that is none matches no document.
    #[must_use]
    pub fn kept(patterns: Vec<String>) -> Self {
        Self(patterns.into())
    }

    /// The patterns.
    #[must_use]
    pub fn patterns(&self) -> &[String] {
        &self.0
    }

    /// Whether a document is in them.
    #[must_use]
    pub fn allow(&self, id: &DocumentId) -> bool {
        self.allow_name(id.kind.as_str(), id.name.as_str())
    }

    /// The same of a document by its kind and name.
    #[must_use]
    pub fn allow_name(&self, kind: &str, name: &str) -> bool {
        let whole = format!("{kind}/{name}");
        self.0.iter().any(|pattern| match pattern.contains('/') {
            true => matches_wildcard(pattern, &whole),
            // A kind, or a pattern of everything.
            false => matches_wildcard(pattern, kind),
        })
    }

    /// Whether every document is in them whose `kind/name` begins so; `kind` and an empty beginning are all of a kind.
    #[must_use]
    pub fn allow_all(&self, kind: &str, beginning: &str) -> bool {
        let whole = format!("{kind}/{beginning}");
        self.0.iter().any(|pattern| match pattern.contains('/') {
            true => pattern
                .strip_suffix('*')
                .is_some_and(|start| !start.contains('*') && whole.starts_with(start)),
            false => matches_wildcard(pattern, kind),
        })
    }

    /// Where in the documents of a kind, whose names begin so, those in the scopes are: in the order of names, and none
    /// in two of them.
    pub(crate) fn ranges(&self, kind: &str, beginning: &str) -> Vec<NameRange> {
        let of_kind = format!("{kind}/");
        let mut ranges: Vec<_> = self.0.iter().filter_map(|pattern| range(pattern, kind, &of_kind)).collect();
        ranges.retain_mut(|(start, is_one)| {
            if !*is_one && beginning.starts_with(start.as_str()) {
                beginning.clone_into(start);
            }
            start.starts_with(beginning)
        });
        // Of equal ones that of several documents first, which has that of one.
        ranges.sort();
        ranges.dedup_by(|later, earlier| later == earlier || !earlier.1 && later.0.starts_with(&earlier.0));
        let with_reach = |(beginning, is_one): (String, bool)| {
            let reach = match is_one {
                true => RangeReach::One,
                false if self.allow_all(kind, &beginning) => RangeReach::All,
                false => RangeReach::Some,
            };
            NameRange { beginning, reach }
        };
        ranges.into_iter().map(with_reach).collect()
    }

    /// Whether every document is in them that a pattern means, written as one of them.
    #[must_use]
    pub fn allow_pattern(&self, wanted: &str) -> bool {
        // A star of the pattern is met by a star here only, which then takes whatever the other stands for.
        self.0.iter().any(|pattern| match (pattern.contains('/'), wanted.split_once('/')) {
            (true, Some(_)) => matches_wildcard(pattern, wanted),
            (true, None) => matches_wildcard(pattern, &format!("{wanted}/*")),
            (false, None) => matches_wildcard(pattern, wanted),
            // In such a kind a star may go on behind the `/`, so that only a kind of everything is sure to have it.
            (false, Some((kind, _))) if kind.contains('*') => pattern == "*",
            (false, Some((kind, _))) => matches_wildcard(pattern, kind),
        })
    }

    /// Whether a document of a kind may be in them. One is not found whose pattern has a star for the end of the kind
    /// and the beginning of the name together.
    #[must_use]
    pub fn allow_some(&self, kind: &str) -> bool {
        let of = |pattern: &str| matches_wildcard(pattern.split('/').next().unwrap_or_default(), kind);
        self.0.iter().any(|pattern| of(pattern))
    }

    /// The documents of changes that are not in them, those too that a schedule among them changes later.
    #[must_use]
    pub fn outside(&self, changes: &[Change]) -> Vec<DocumentId> {
        let mut outside = Vec::new();
        for change in changes {
            let later = match (&change.body, change.id.kind.as_str()) {
                (Some(body), SCHEDULES) => later(body),
                _ => Vec::new(),
            };
            outside.extend([change.id.clone()].into_iter().chain(later).filter(|id| !self.allow(id)));
        }
        outside
    }
}

/// Documents of a kind whose names begin the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NameRange {
    /// How their names begin.
    pub(crate) beginning: String,
    /// Which of them are in scope.
    pub(crate) reach: RangeReach,
}

/// Which documents of a range are in scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RangeReach {
    /// The one whose name is the beginning.
    One,
    /// All.
    All,
    /// Some: each is to be compared.
    Some,
}

impl NameRange {
    /// Whether no name of it comes after that one.
    pub(crate) fn is_before(&self, name: &str) -> bool {
        let is_in = self.reach != RangeReach::One && name.starts_with(&self.beginning);
        self.beginning.as_str() <= name && !is_in
    }
}

/// How the names of documents of a kind begin that a pattern allows, and whether that is the name of one; none when it
/// allows none of the kind.
fn range(pattern: &str, kind: &str, of_kind: &str) -> Option<(String, bool)> {
    if !pattern.contains('/') {
        return matches_wildcard(pattern, kind).then(|| (String::new(), false));
    }
    let (start, is_one) = match pattern.split_once('*') {
        Some((start, _)) => (start, false),
        None => (pattern, true),
    };
    match start.strip_prefix(of_kind) {
        Some(name) => Some((name.to_owned(), is_one)),
        // The `*` begins before the name does.
        None => (!is_one && of_kind.starts_with(start)).then(|| (String::new(), false)),
    }
}

/// What a schedule changes at its time. Of what is no change nothing is asked: it is refused as a schedule.
fn later(body: &Value) -> Vec<DocumentId> {
    let items = body.get("changes").and_then(Value::as_array).into_iter().flatten();
    let text = |item: &Value, key: &str| item.get(key).and_then(Value::as_str).map(str::to_owned);
    items.filter_map(|item| DocumentId::new(&text(item, "kind")?, &text(item, "name")?).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scopes(patterns: &[&str]) -> Scopes {
        Scopes::new(patterns.iter().map(|&pattern| pattern.to_owned()).collect()).unwrap()
    }

    #[test]
    fn a_pattern_is_of_a_kind_or_of_documents() {
        for (patterns, kind, name, expected) in [
            (&["rules"][..], "rules", "a/b", true),
            (&["rules"], "rulesets", "a", false),
            (&["*"], "config", "midflight", true),
            (&["rules/pricing/*"], "rules", "pricing/R1", true),
            (&["rules/pricing/*"], "rules", "pricing", false),
            (&["rules/pricing/*"], "rules", "pricing2/R1", false),
            (&["config/a", "tools"], "tools", "b", true),
            (&[], "rules", "a", false),
        ] {
            assert_eq!(scopes(patterns).allow_name(kind, name), expected, "{patterns:?} {kind}/{name}");
        }
    }

    #[test]
    fn all_of_a_beginning_is_allowed_by_a_pattern_of_all_of_it() {
        for (pattern, beginning, expected) in [
            ("rules", "", true),
            ("*", "", true),
            ("rules/*", "", true),
            ("rules/*", "pricing/", true),
            ("rules/pricing/*", "pricing/", true),
            ("rules/pricing/*", "", false),
            ("rules/*/R1", "pricing/", false),
            ("rules/pricing/R1", "pricing/R1", false),
            ("rules/pricing", "pricing/", false),
            ("tools", "", false),
        ] {
            assert_eq!(scopes(&[pattern]).allow_all("rules", beginning), expected, "{pattern} {beginning}");
        }
    }

    #[test]
    fn documents_in_scope_are_found_by_how_their_names_begin() {
        use RangeReach::{All, One, Some};
        for (patterns, beginning, expected) in [
            (&["rules"][..], "", &[("", All)][..]),
            (&["rules", "rules/a", "rules/b/*"], "", &[("", All)]),
            (&["r*"], "x", &[("x", All)]),
            (&["rules/b/*", "rules/a", "config/c"], "", &[("a", One), ("b/", All)]),
            (&["rules/a", "rules/a*"], "", &[("a", All)]),
            (&["rules/a", "rules/b"], "secret", &[]),
            (&["rules/ab/*"], "a", &[("ab/", All)]),
            (&["rules/ab/*"], "ab/c", &[("ab/c", All)]),
            (&["rules/a/*/R1", "rules/a/b/*"], "", &[("a/", Some)]),
            (&["rules/a/*/R1"], "a/b/", &[("a/b/", Some)]),
            (&["*/a"], "", &[("", Some)]),
            (&["ruleset*/a", "tools/*"], "", &[]),
            (&[], "", &[]),
        ] {
            let ranges = scopes(patterns).ranges("rules", beginning);
            let found: Vec<_> = ranges.iter().map(|it| (it.beginning.as_str(), it.reach)).collect();
            assert_eq!(found, expected, "{patterns:?} {beginning}");
        }
        let is_before = |beginning: &str, reach, name: &str| {
            NameRange { beginning: beginning.to_owned(), reach }.is_before(name)
        };
        assert!(is_before("a", One, "a") && is_before("a", One, "a/b") && is_before("a", All, "b"));
        assert!(!is_before("a", All, "a/b") && !is_before("b", One, "a") && !is_before("b", Some, "a"));
    }

    #[test]
    fn a_pattern_is_allowed_when_all_that_it_means_is() {
        for (scope, pattern, expected) in [
            ("rules", "rules", true),
            ("rules", "rules/a/*", true),
            ("rules", "rules/*", true),
            ("rules", "rule*", false),
            ("rules", "rule*/a", false),
            ("rules", "*", false),
            ("r*s", "r*s", true),
            ("r*s", "r*s/a", false),
            ("*", "r*s/a", true),
            ("*", "*", true),
            ("rules/*", "rules", true),
            ("rules/*", "rules/a*b", true),
            ("rules/pricing/*", "rules/pricing/*", true),
            ("rules/pricing/*", "rules/pricing/R*", true),
            ("rules/pricing/*", "rules/pricing/R1", true),
            ("rules/pricing/*", "rules/*", false),
            ("rules/pricing/*", "rules/pric*", false),
            ("rules/pricing/*", "rules", false),
            ("rules/pricing/*", "*/pricing/R1", false),
            ("rules/pricing/*", "*", false),
            ("*/pricing", "rules/*/pricing", true),
            ("rules/*/a", "rules/b/*", false),
        ] {
            assert_eq!(scopes(&[scope]).allow_pattern(pattern), expected, "{pattern} in {scope}");
        }
        assert!(!scopes(&[]).allow_pattern("rules"));
    }

    #[test]
    fn scopes_have_documents_of_a_kind_or_none() {
        for (pattern, expected) in [
            ("modules", true),
            ("modules/a", true),
            ("*", true),
            ("m*/a", true),
            ("rules/modules", false),
            ("modules2", false),
        ] {
            assert_eq!(scopes(&["rules/x", pattern]).allow_some("modules"), expected, "{pattern}");
        }
    }

    #[test]
    fn what_a_schedule_changes_later_is_in_scope_too() {
        let later = |name: &str| {
            let changes = json!([{"op": "put", "kind": "config", "name": name, "body": {}}]);
            [Change::put("schedules/s".parse().unwrap(), json!({ "changes": changes }))]
        };
        let narrow = scopes(&["schedules", "config/shop"]);
        assert!(narrow.outside(&later("shop")).is_empty());
        assert_eq!(narrow.outside(&later("other"))[0].to_string(), "config/other");
        assert_eq!(scopes(&["config"]).outside(&later("shop"))[0].to_string(), "schedules/s");
    }

    #[test]
    fn patterns_are_bounded_and_wrong_ones_are_named() {
        let refused = |patterns: Vec<String>| Scopes::new(patterns).unwrap_err();
        for wrong in ["", "/rules", "rules/", "rules\n", &"x".repeat(513)] {
            assert!(refused(vec![wrong.to_owned()]).contains("KIND/NAME"), "{wrong}");
        }
        assert!(refused(vec!["rules".to_owned(); 101]).contains("at most 100"));
    }
}
