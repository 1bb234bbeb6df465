//! From texts to the words that are searched for.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use serde_json::Value;

use crate::tool::Tool;

/// How much a word counts by its place.
const NAME_WEIGHT: u16 = 4;
const TITLE_WEIGHT: u16 = 3;
const LABEL_WEIGHT: u16 = 2;
const TEXT_WEIGHT: u16 = 1;
/// The deepest part of a schema whose descriptions are searched.
const SCHEMA_DEPTH_MAX: usize = 8;

/// FNV-1a: quick for short words, and the same on every replica. What an editor can do with words that collide is slow
/// down the compilation of his own edit, which is bounded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fnv(u64);

/// Makes [`Fnv`] hashers.
pub(super) type TermHasher = BuildHasherDefault<Fnv>;

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Calls `found` with each word of a text: runs of letters and digits in lower case, plurals made singular. A word with
/// capitals inside, as `ServiceControl`, is also each of its parts.
pub(crate) fn each_term(text: &str, mut found: impl FnMut(&str)) {
    let mut term = String::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let mut emit = |part: &str| {
            term.clear();
            if part.is_ascii() {
                term.push_str(part);
                term.make_ascii_lowercase();
            } else {
                term.extend(part.chars().flat_map(char::to_lowercase));
            }
            found(singular(&mut term));
        };
        emit(word);
        let mut start = 0;
        let mut was_lower = false;
        for (at, c) in word.char_indices() {
            if c.is_uppercase() && was_lower {
                emit(&word[start..at]);
                start = at;
            }
            was_lower = c.is_lowercase();
        }
        if start > 0 {
            emit(&word[start..]);
        }
    }
}

/// Takes the ending of an English plural off (Harman's S-stemmer), so that `services` finds `service`.
fn singular(term: &mut String) -> &str {
    let is_word = term.len() > 3 && term.is_ascii();
    if is_word && term.ends_with("ies") {
        term.truncate(term.len() - 3);
        term.push('y');
    } else if is_word && term.ends_with("sses") {
        term.truncate(term.len() - 2);
    } else if is_word && term.ends_with('s') && !["ss", "us", "is"].iter().any(|end| term.ends_with(end)) {
        term.truncate(term.len() - 1);
    }
    term
}

/// The words of a tool with how often it has each, by weight.
pub(super) fn counted(tool: &Tool) -> HashMap<String, u16, TermHasher> {
    let mut counts = HashMap::with_capacity_and_hasher(256, TermHasher::default());
    let mut count = |text: &str, weight: u16| {
        each_term(text, |term| match counts.get_mut(term) {
            Some(count) => *count = u16::saturating_add(*count, weight),
            None => drop(counts.insert(term.to_owned(), weight)),
        });
    };
    let body = tool.body();
    count(tool.tool_name(), NAME_WEIGHT);
    count(tool.title().unwrap_or_default(), TITLE_WEIGHT);
    count(tool.description(), TEXT_WEIGHT);
    count(tool.platform().unwrap_or_default(), TEXT_WEIGHT);
    count(tool.category().unwrap_or_default(), TEXT_WEIGHT);
    for (name, capability) in members(body, "capabilities") {
        count(name, LABEL_WEIGHT);
        count(text(capability, "description"), TEXT_WEIGHT);
        for (name, pattern) in members(capability, "patterns") {
            count(name, LABEL_WEIGHT);
            count(text(pattern, "description"), TEXT_WEIGHT);
            for case in items(pattern, "typical_use_cases").filter_map(Value::as_str) {
                count(case, LABEL_WEIGHT);
            }
            for input in items(pattern, "required_inputs").chain(items(pattern, "optional_inputs")) {
                count(text(input, "name"), TEXT_WEIGHT);
                count(text(input, "description"), TEXT_WEIGHT);
            }
        }
    }
    if let Some(schema) = body.get("input_schema") {
        count_schema(schema, SCHEMA_DEPTH_MAX, &mut count);
    }
    counts
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn members<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = (&'v String, &'v Value)> {
    value.get(key).and_then(Value::as_object).into_iter().flatten()
}

fn items<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// Counts the names and descriptions of a schema's properties.
fn count_schema(schema: &Value, depth: usize, count: &mut impl FnMut(&str, u16)) {
    let Some(depth) = depth.checked_sub(1) else { return };
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        count(name, TEXT_WEIGHT);
        if let Some(description) = property.get("description").and_then(Value::as_str) {
            count(description, TEXT_WEIGHT);
        }
        count_schema(property, depth, count);
    }
}

/// How many words that are, by weight.
pub(super) fn length(counts: &HashMap<String, u16, TermHasher>) -> u32 {
    counts.values().map(|count| u32::from(*count)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let mut found = Vec::new();
        each_term(text, |term| found.push(term.to_owned()));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn words_are_cut_lowered_and_made_singular() {
        check("List running Processes, now!", &["list", "running", "process", "now"]);
        check("get_item-x2", &["get", "item", "x2"]);
        check("ServiceControl", &["servicecontrol", "service", "control"]);
        check("queries status bus class ls", &["query", "status", "bus", "class", "ls"]);
        check("Größe GRÖSSE", &["größe", "grösse"]);
        check("  ", &[]);
    }
}
