//! The ordered families of another classifier: `{rules: [{list_name, match, values, category, ...}]}`.

use std::collections::HashMap;

use midflight_core::DocumentName;
use serde_json::{Map, Value, json};

use super::{ImportError, Imported, Names, parse};
use crate::document::{LEARNING_FOLDER, PROFILES_FOLDER};
use crate::fields::ORDER_DEFAULT;
use crate::profile::{Profile, read_profile};

/// The category that is never learned.
const DANGER: &str = "DANGER";

/// Reads the file of the families into patterns of `profile`, the profile itself, and what is learned of its queries.
///
/// A family is a pattern with several texts. What another family before it matches in any case is left out: it could
/// not answer, and two patterns may not have one text. The place of the learned patterns among the families becomes the
/// order of what is learned.
///
/// # Errors
/// [`ImportError`] when the file is none of families. What is wrong with single ones is in [`Imported::bad`].
pub fn families(text: &str, profile: &str) -> Result<Imported, ImportError> {
    let file = parse(text)?;
    let rules = file.get("rules").and_then(Value::as_array);
    let rules = rules
        .ok_or_else(|| ImportError("it has no rules: a file of families is {rules: [...]}".to_owned()))?;
    let mut imported = Imported::default();
    let mut learned_order = None;
    let mut reader = Families::of(&file, profile);
    let mut rules: Vec<_> = rules.iter().enumerate().collect();
    // Which of two families answers is a matter of their orders, not of their places.
    rules.sort_by_key(|(_, rule)| rule.get("order").and_then(Value::as_i64).unwrap_or(ORDER_DEFAULT.into()));
    for (i, rule) in rules {
        let place = format!("/rules/{i}");
        let how = rule.get("match").and_then(Value::as_str).unwrap_or_default();
        if how.starts_with("hash_lookup") {
            learned_order = rule.get("order").and_then(Value::as_i64);
            continue;
        }
        if let Some(document) = reader.family(&place, rule, how, &mut imported) {
            imported.documents.push(document);
        }
    }
    reader.beside(learned_order, &mut imported)?;
    Ok(imported)
}

struct Families<'a> {
    profile: &'a str,
    file: &'a Value,
    /// As its document will have it, if there is nothing wrong with that.
    folding: Profile,
    /// Which family has a text, by what else it asks.
    seen: HashMap<String, String>,
    names: Names,
}

impl<'a> Families<'a> {
    fn of(file: &'a Value, profile: &'a str) -> Self {
        let folding = read_profile(&profile_body(file)).unwrap_or_default();
        Self { profile, file, folding, seen: HashMap::new(), names: Names::default() }
    }

    fn family(
        &mut self,
        place: &str,
        rule: &Value,
        how: &str,
        imported: &mut Imported,
    ) -> Option<(DocumentName, Value)> {
        let how = match how {
            "exact" | "contains" | "word" | "prefix" | "regex" => how,
            "starts_with" => "prefix",
            "regex_search" => "regex",
            other => {
                imported.refuse(
                    place,
                    format!(
                        "unknown match {other:?}; use exact, contains, starts_with, word or regex_search"
                    ),
                );
                return None;
            }
        };
        let Some(category) = rule.get("category").and_then(Value::as_str) else {
            imported.refuse(place, "category is missing; add it");
            return None;
        };
        let values = rule.get("values").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let label = rule.get("list_name").and_then(Value::as_str).unwrap_or(category).to_owned();
        let exclusion = self.exclusion(rule, &label, imported);
        let max_words = rule.get("max_words").cloned().filter(|it| !it.is_null());
        let asks = format!("{max_words:?}\0{exclusion:?}");
        let texts = self.texts(place, values, how, &asks, &label, imported);
        if texts.is_empty() {
            imported.refuse(place, format!("{label} has no values that could be matched"));
            return None;
        }
        let mut body = Map::new();
        let mut set = |key: &str, value: Option<Value>| {
            if let Some(value) = value.filter(|value| !value.is_null()) {
                body.insert(key.to_owned(), value);
            }
        };
        set("any_of", Some(json!(texts)));
        set("match", Some(json!(how)));
        set("profile", Some(json!(self.profile)));
        set("category", Some(json!(category)));
        for key in ["confidence", "action", "direct_response", "order"] {
            set(key, rule.get(key).cloned());
        }
        set("max_words", max_words);
        set("exclusion", exclusion.map(Value::from));
        let needs = ["needs_rag", "needs_database"];
        let tags: Vec<_> = needs.into_iter().filter(|key| rule.get(key) == Some(&json!(true))).collect();
        set("tags", (!tags.is_empty()).then(|| json!(tags)));
        let name = self.names.of(&label)?;
        Some((name, Value::Object(body)))
    }

    /// The values of a family that no family before it answers.
    fn texts<'v>(
        &mut self,
        place: &str,
        values: &'v [Value],
        how: &str,
        asks: &str,
        label: &str,
        imported: &mut Imported,
    ) -> Vec<&'v str> {
        let mut texts = Vec::new();
        for (i, value) in values.iter().enumerate() {
            let Some(value) = value.as_str() else {
                imported
                    .refuse(format!("{place}/values/{i}"), format!("{label}: a value is a text; write one"));
                continue;
            };
            let key = match how {
                "exact" => self.folding.normalize(value),
                "regex" => value.to_owned(),
                _ => self.folding.text(value),
            };
            let identity = format!("{how}\0{asks}\0{key}");
            let free = format!("{how}\0None\0None\0{key}");
            match self.seen.get(&identity).or_else(|| self.seen.get(&free)) {
                Some(first) => {
                    imported.note(format!("{label}: {value:?} is left out, since {first} answers it before"))
                }
                None => {
                    self.seen.insert(identity, label.to_owned());
                    texts.push(value);
                }
            }
        }
        texts
    }

    /// What a family does not match: its own `exclusion`, or that of a note beside the families about its order.
    fn exclusion(&self, rule: &Value, label: &str, imported: &mut Imported) -> Option<String> {
        if let Some(exclusion) = rule.get("exclusion").and_then(Value::as_str) {
            return Some(exclusion.to_owned());
        }
        let order = rule.get("order").and_then(Value::as_i64)?;
        let note = self.file.get(format!("note_order_{order}"))?.as_str()?;
        let exclusion =
            note.strip_prefix("skipped entirely when regex ").and_then(|it| it.strip_suffix(" matches"));
        match exclusion {
            Some(exclusion) => {
                imported
                    .note(format!("{label}: the note of its order is read as the exclusion {exclusion:?}"));
                Some(exclusion.to_owned())
            }
            None => {
                imported.note(format!("{label}: the note of its order is not understood: {note:?}"));
                None
            }
        }
    }

    /// The profile, and what is learned of its queries.
    fn beside(&self, learned_order: Option<i64>, imported: &mut Imported) -> Result<(), ImportError> {
        let list = |key: &str| list(self.file, key);
        let named = |folder: &str| {
            let name = DocumentName::new(&format!("{folder}/{}", self.profile));
            name.map_err(|error| ImportError(error.to_string()))
        };
        imported.documents.push((named(PROFILES_FOLDER)?, profile_body(self.file)));
        let mut never = list("never_learn_contains");
        never.extend(list("never_learn_ambiguous_contains"));
        let mut learning = json!({"mode": "auto", "threshold": 0.9, "key_chars_min": 3, "never_categories": [DANGER],
            "never_contains": never});
        if let Some(order) = learned_order {
            learning["order"] = json!(order);
        }
        imported.documents.push((named(LEARNING_FOLDER)?, learning));
        Ok(())
    }
}

fn profile_body(file: &Value) -> Value {
    json!({"stop_words": list(file, "temporal_stop_words"), "punctuation": "ascii"})
}

fn list(file: &Value, key: &str) -> Vec<Value> {
    file.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_become_patterns_and_what_cannot_answer_is_left_out() {
        let file = json!({
            "temporal_stop_words": ["oggi"], "never_learn_contains": ["postgres"],
            "note_order_2": "skipped entirely when regex \\bprocess matches",
            "rules": [
                {"list_name": "greetings", "match": "exact", "values": ["ciao"], "category": "GREETING", "order": 1,
                    "direct_response": "Ciao!", "max_words": null},
                {"list_name": "about", "match": "regex_search", "values": ["chi sei"], "category": "ABOUT", "order": 2},
                {"list_name": null, "match": "hash_lookup(normalized)", "values": null, "order": 3},
                {"list_name": "errors", "match": "contains", "values": ["errori"], "category": "METRIC", "order": 4},
                {"list_name": "more", "match": "contains", "values": ["errori", "guasti"], "category": "STATUS", "order": 5,
                    "max_words": 5, "needs_rag": true},
                {"list_name": "odd", "match": "fuzzy", "values": ["x"], "category": "X", "order": 6},
                {"list_name": "none", "match": "contains", "values": ["errori"], "category": "X", "order": 7},
            ]
        });
        let imported = families(&file.to_string(), "it").unwrap();
        let names: Vec<_> = imported.documents.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["greetings", "about", "errors", "more", "profiles/it", "learning/it"]);
        assert_eq!(imported.documents[1].1["exclusion"], "\\bprocess");
        let more = json!({"any_of": ["guasti"], "match": "contains", "profile": "it", "category": "STATUS", "order": 5,
            "max_words": 5, "tags": ["needs_rag"]});
        assert_eq!(imported.documents[3].1, more);
        assert_eq!(imported.documents[5].1["order"], 3);
        assert_eq!(imported.notes.len(), 3, "{:?}", imported.notes);
        let bad: Vec<_> = imported.bad.iter().map(|bad| bad.place.as_str()).collect();
        assert_eq!(bad, ["/rules/5", "/rules/6"]);
    }

    #[test]
    fn the_order_decides_between_families_and_the_profile_what_is_one_text() {
        let file = json!({"rules": [
            {"list_name": "late", "match": "contains", "values": ["ERRORI", 7], "category": "A", "order": 9},
            {"list_name": "early", "match": "contains", "values": ["errori"], "category": "B", "order": 1},
            {"list_name": "exact", "match": "exact", "values": ["ciao", "Ciao!"], "category": "C", "order": 2},
        ]});
        let imported = families(&file.to_string(), "it").unwrap();
        let names: Vec<_> = imported.documents.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["early", "exact", "profiles/it", "learning/it"]);
        assert_eq!(imported.documents[1].1["any_of"], json!(["ciao"]));
        let bad: Vec<_> = imported.bad.iter().map(|bad| bad.place.as_str()).collect();
        assert_eq!(bad, ["/rules/0/values/1", "/rules/0"]);
    }

    #[test]
    fn another_file_is_refused() {
        assert!(families("[]", "it").unwrap_err().to_string().contains("no rules"));
        assert!(families("{", "it").unwrap_err().to_string().contains("not JSON"));
    }
}
