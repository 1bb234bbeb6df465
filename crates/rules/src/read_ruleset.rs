//! Reads a ruleset document.

use std::collections::BTreeMap;

use midflight_core::Problems;
use serde_json::Value;

use crate::document::check_metadata;
use crate::limits::{PATTERNS_MAX, TEXT_BYTES_MAX};
use crate::original::Typing;
use crate::status::{RuleStatus, STATUSES};
use midflight_core::JsonPath;
use midflight_core::JsonType;
use midflight_core::ObjectReader;

/// A ruleset's own members.
#[derive(Debug, Default)]
pub(crate) struct RulesetDocument {
    pub(crate) name: Option<Box<str>>,
    pub(crate) status: RuleStatus,
    pub(crate) default: bool,
    /// What to recommend, by pattern result.
    pub(crate) patterns: BTreeMap<Box<str>, Box<str>>,
    pub(crate) drop_missing: bool,
    pub(crate) typing: Typing,
}

impl RulesetDocument {
    pub(crate) fn bytes(&self) -> u64 {
        let texts = self.patterns.iter();
        texts.map(|(key, value)| 64 + key.len() as u64 + value.len() as u64).sum()
    }

    /// Whether rules with an absent attribute are left out of an execution on that input. With `compat: original` an
    /// empty input keeps them all.
    pub(crate) fn drops_missing(&self, data: &Value) -> bool {
        let is_empty = data.as_object().is_some_and(serde_json::Map::is_empty);
        self.drop_missing && !(is_empty && self.typing == Typing::Original)
    }
}

const FIELDS: [&str; 10] = [
    "name",
    "status",
    "default",
    "patterns",
    "drop_missing",
    "compat",
    "description",
    "version",
    "tags",
    "metadata",
];

/// Reads the body of `{ruleset}`.
pub(crate) fn read_ruleset(body: &Value) -> Result<RulesetDocument, Problems> {
    let mut problems = Problems::default();
    let mut ruleset = RulesetDocument::default();
    if let Some(mut reader) = ObjectReader::open("a ruleset", body, &JsonPath::Root, &mut problems) {
        reader.only(&FIELDS);
        reader.text("description");
        reader.text("version");
        reader.check_tags();
        check_metadata(&mut reader);
        ruleset.name = reader.text("name").map(Into::into);
        ruleset.status = reader.word("status", &STATUSES).unwrap_or_default();
        ruleset.default = reader.boolean("default").unwrap_or_default();
        ruleset.drop_missing = reader.boolean("drop_missing").unwrap_or_default();
        ruleset.typing = reader.word("compat", &[("original", Typing::Original)]).unwrap_or_default();
        ruleset.patterns = read_patterns(&mut reader);
    }
    problems.or(ruleset)
}

fn read_patterns(reader: &mut ObjectReader<'_, '_>) -> BTreeMap<Box<str>, Box<str>> {
    let mut patterns = BTreeMap::new();
    let members = match reader.get("patterns") {
        None => return patterns,
        Some(Value::Object(members)) => members,
        Some(other) => {
            let message = format!("patterns is an object of texts, not {}", JsonType::of(other).word());
            reader.refuse("patterns", "wrong_type", message);
            return patterns;
        }
    };
    if members.len() > PATTERNS_MAX {
        reader.refuse("patterns", "too_many", format!("more than {PATTERNS_MAX} patterns; keep fewer"));
        return patterns;
    }
    for (key, value) in members {
        match value {
            Value::String(text) if text.len() <= TEXT_BYTES_MAX => {
                patterns.insert(key.as_str().into(), text.as_str().into());
            }
            _ => {
                let message = format!("a recommendation is a string of at most {TEXT_BYTES_MAX} bytes");
                reader.refuse_in("patterns", key, "wrong_type", message);
            }
        }
    }
    patterns
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn everything_may_be_left_out() {
        let ruleset = read_ruleset(&json!({})).unwrap();
        assert_eq!(
            (ruleset.status, ruleset.typing, ruleset.default),
            (RuleStatus::Active, Typing::Strict, false)
        );
        let body = json!({"name": "n", "status": "draft", "default": true, "patterns": {"Y-": "go"},
            "drop_missing": true, "compat": "original", "description": "d", "version": "1.0", "tags": ["a"]});
        let ruleset = read_ruleset(&body).unwrap();
        assert_eq!(ruleset.patterns.get("Y-").map(|text| &**text), Some("go"));
        assert!(ruleset.default && ruleset.drop_missing && ruleset.typing == Typing::Original);
    }

    #[test]
    fn every_problem_is_reported() {
        let body = json!({"nmae": 1, "name": 1, "status": "activ", "default": "yes", "compat": "python",
            "patterns": {"Y~/": 1}, "tags": ["a", 1], "version": 1});
        let messages = read_ruleset(&body).unwrap_err().to_string();
        for expected in [
            "at /nmae: a ruleset has no field \"nmae\"; did you mean \"name\"?",
            "at /name: name is a string, not a number",
            "at /status: \"activ\" is not a valid status; use one of draft, active, inactive, deprecated, \
             archived; did you mean \"active\"?",
            "at /default: default is true or false, not a string",
            "at /compat: \"python\" is not a valid compat; use one of original",
            "at /patterns/Y~0~1: a recommendation is a string",
            "at /tags/1: a tag is a string",
            "at /version: version is a string, not a number",
        ] {
            assert!(messages.contains(expected), "{expected}\nis not in\n{messages}");
        }
        assert!(read_ruleset(&json!({"patterns": []})).unwrap_err().to_string().contains("not an array"));
    }
}
