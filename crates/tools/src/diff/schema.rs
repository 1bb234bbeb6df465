//! What a change of a JSON Schema means: for what a caller gives, and for what it gets.

use midflight_core::{JsonPointer, canonical_json};
use serde_json::{Map, Value};

use super::Impact;

/// How deep schemas are compared; below, any change is breaking.
const DEPTH_MAX: usize = 16;

/// Which way values go. What narrows an input breaks its givers; what widens an output breaks its readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Input,
    Output,
}

impl Direction {
    fn impact(self, is_narrower: bool) -> Impact {
        if is_narrower == (self == Self::Input) { Impact::Breaking } else { Impact::Compatible }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Input => "parameter",
            Self::Output => "output field",
        }
    }
}

type Note<'n> = dyn FnMut(Impact, &JsonPointer, String) + 'n;

/// Compares the schemas of what is given.
pub(super) fn diff_input(before: &Value, after: &Value, path: &JsonPointer, note: &mut Note<'_>) {
    SchemaComparison { direction: Direction::Input, note }.schemas(before, after, path, "", DEPTH_MAX);
}

/// Compares the schemas of what comes back.
pub(super) fn diff_output(
    before: Option<&Value>,
    after: Option<&Value>,
    path: &JsonPointer,
    note: &mut Note<'_>,
) {
    match (before, after) {
        (None, None) => {}
        (Some(_), None) => note(Impact::Breaking, path, "the output schema was removed".to_owned()),
        (None, Some(_)) => note(Impact::Compatible, path, "an output schema was added".to_owned()),
        (Some(before), Some(after)) => {
            SchemaComparison { direction: Direction::Output, note }
                .schemas(before, after, path, "", DEPTH_MAX);
        }
    }
}

struct SchemaComparison<'n, 'f> {
    direction: Direction,
    note: &'n mut Note<'f>,
}

/// A lower bound grows narrower when it rises, an upper one when it falls.
const LOWER: [&str; 5] = ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"];
const UPPER: [&str; 5] = ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"];

impl SchemaComparison<'_, '_> {
    /// `name` is the path of names to here, as `filter.size`; empty at the top.
    fn schemas(&mut self, before: &Value, after: &Value, path: &JsonPointer, name: &str, depth: usize) {
        if before == after {
            return;
        }
        let what = if name.is_empty() {
            "the schema".to_owned()
        } else {
            format!("the {} {name:?}", self.direction.noun())
        };
        let (Some(old), Some(new), Some(depth)) =
            (before.as_object(), after.as_object(), depth.checked_sub(1))
        else {
            return (self.note)(Impact::Breaking, path, format!("{what} changed and cannot be compared"));
        };
        self.properties(old, new, path, name, depth);
        self.types(old, new, path, &what);
        self.values(old, new, path, &what);
        self.bounds(old, new, path, &what);
        if let (Some(before), Some(after)) = (old.get("items"), new.get("items")) {
            let item = format!("{name}[]");
            self.schemas(before, after, &path.key("items"), &item, depth);
        } else {
            self.appeared("items", old, new, path, &what);
        }
        for key in ["title", "description", "examples", "$comment"] {
            if old.get(key) != new.get(key) {
                (self.note)(Impact::Wording, &path.key(key), format!("the {key} of {what} changed"));
            }
        }
        if old.get("default") != new.get("default") {
            let shown =
                |schema: &Map<String, Value>| schema.get("default").map_or("nothing".to_owned(), shown);
            let message = format!("the default of {what} changed from {} to {}", shown(old), shown(new));
            (self.note)(Impact::Compatible, &path.key("default"), message);
        }
        self.rest(old, new, path, &what);
    }

    fn properties(
        &mut self,
        old: &Map<String, Value>,
        new: &Map<String, Value>,
        path: &JsonPointer,
        name: &str,
        depth: usize,
    ) {
        let empty = Map::new();
        let of =
            |schema: &'_ Map<String, Value>| schema.get("properties").and_then(Value::as_object).cloned();
        let (before, after) = (of(old).unwrap_or_else(|| empty.clone()), of(new).unwrap_or(empty));
        let is_required = |schema: &Map<String, Value>, property: &str| {
            let required = schema.get("required").and_then(Value::as_array);
            required.is_some_and(|names| names.iter().any(|name| name.as_str() == Some(property)))
        };
        let noun = self.direction.noun();
        let is_input = self.direction == Direction::Input;
        let path = path.key("properties");
        for property in before.keys().chain(after.keys().filter(|property| !before.contains_key(*property))) {
            let path = path.key(property);
            let full = if name.is_empty() { property.clone() } else { format!("{name}.{property}") };
            let (was, is) = (is_required(old, property), is_required(new, property));
            match (before.get(property), after.get(property)) {
                (Some(before), Some(after)) => {
                    match (was, is) {
                        (false, true) => {
                            let message = format!("the {noun} {full:?} became required");
                            (self.note)(self.direction.impact(true), &path, message);
                        }
                        (true, false) => {
                            let message = format!("the {noun} {full:?} became optional");
                            (self.note)(self.direction.impact(false), &path, message);
                        }
                        _ => {}
                    }
                    self.schemas(before, after, &path, &full, depth);
                }
                (Some(_), None) => {
                    (self.note)(Impact::Breaking, &path, format!("the {noun} {full:?} was removed"))
                }
                (None, _) if is_input && is => {
                    (self.note)(Impact::Breaking, &path, format!("the required {noun} {full:?} was added"));
                }
                (None, _) => {
                    (self.note)(Impact::Compatible, &path, format!("the optional {noun} {full:?} was added"))
                }
            }
        }
    }

    fn types(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, path: &JsonPointer, what: &str) {
        if old.get("type") == new.get("type") {
            return;
        }
        let (before, after) = (types(old), types(new));
        let is_in = |word: &&str, types: &[&str]| {
            types.contains(word) || (*word == "integer" && types.contains(&"number"))
        };
        let is_wider =
            after.is_empty() || (!before.is_empty() && before.iter().all(|word| is_in(word, &after)));
        let is_narrower =
            before.is_empty() || (!after.is_empty() && after.iter().all(|word| is_in(word, &before)));
        let impact = match (is_wider, is_narrower) {
            (true, true) => return,
            (true, false) => self.direction.impact(false),
            (false, true) => self.direction.impact(true),
            (false, false) => Impact::Breaking,
        };
        let shown = |types: &[&str]| if types.is_empty() { "any".to_owned() } else { types.join(" or ") };
        let message = format!("the type of {what} changed from {} to {}", shown(&before), shown(&after));
        (self.note)(impact, &path.key("type"), message);
    }

    /// Compares the lists of allowed values.
    fn values(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, path: &JsonPointer, what: &str) {
        let values = |schema: &Map<String, Value>| schema.get("enum").and_then(Value::as_array).cloned();
        let path = path.key("enum");
        match (values(old), values(new)) {
            (Some(before), Some(after)) => {
                for removed in before.iter().filter(|value| !after.contains(value)) {
                    let message = format!("{what} no longer takes the value {}", shown(removed));
                    (self.note)(self.direction.impact(true), &path, message);
                }
                for added in after.iter().filter(|value| !before.contains(value)) {
                    let message = format!("{what} also takes the value {}", shown(added));
                    (self.note)(self.direction.impact(false), &path, message);
                }
            }
            (None, Some(_)) => {
                (self.note)(
                    self.direction.impact(true),
                    &path,
                    format!("{what} is limited to listed values"),
                );
            }
            (Some(_), None) => {
                (self.note)(
                    self.direction.impact(false),
                    &path,
                    format!("{what} is not limited to listed values any more"),
                );
            }
            (None, None) => {}
        }
    }

    fn bounds(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, path: &JsonPointer, what: &str) {
        for (keys, rises) in [(LOWER, true), (UPPER, false)] {
            for key in keys {
                let number = |schema: &Map<String, Value>| schema.get(key).and_then(Value::as_f64);
                let (before, after) = (number(old), number(new));
                if before == after {
                    continue;
                }
                let is_narrower = match (before, after) {
                    (Some(before), Some(after)) => (after > before) == rises,
                    (None, _) => true,
                    (_, None) => false,
                };
                let shown =
                    |bound: Option<f64>| bound.map_or("nothing".to_owned(), |bound| bound.to_string());
                let message = format!("{key} of {what} changed from {} to {}", shown(before), shown(after));
                (self.note)(self.direction.impact(is_narrower), &path.key(key), message);
            }
        }
    }

    /// A keyword that only narrows came or went.
    fn appeared(
        &mut self,
        key: &str,
        old: &Map<String, Value>,
        new: &Map<String, Value>,
        path: &JsonPointer,
        what: &str,
    ) {
        match (old.contains_key(key), new.contains_key(key)) {
            (false, true) => {
                (self.note)(self.direction.impact(true), &path.key(key), format!("{what} has {key} now"))
            }
            (true, false) => {
                (self.note)(
                    self.direction.impact(false),
                    &path.key(key),
                    format!("{what} has no {key} any more"),
                );
            }
            _ => {}
        }
    }

    /// Every other keyword: one that came narrows, one that went widens, and one that changed cannot be compared.
    fn rest(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, path: &JsonPointer, what: &str) {
        const COMPARED: [&str; 9] = [
            "properties",
            "required",
            "type",
            "enum",
            "items",
            "title",
            "description",
            "examples",
            "default",
        ];
        let is_compared = |key: &str| {
            COMPARED.contains(&key)
                || LOWER.contains(&key)
                || UPPER.contains(&key)
                || matches!(key, "$comment" | "$schema" | "$id")
        };
        let keys = old.keys().chain(new.keys().filter(|key| !old.contains_key(*key)));
        for key in keys.filter(|key| !is_compared(key)) {
            let (before, after) = (old.get(key), new.get(key));
            let is_open = |value: Option<&Value>| value.is_none_or(|value| *value == Value::Bool(true));
            match (before, after) {
                _ if before == after => {}
                _ if key == "additionalProperties" && is_open(before) && is_open(after) => {}
                _ if key == "additionalProperties" && is_open(before) => {
                    let message = format!("{what} takes no other members any more");
                    (self.note)(self.direction.impact(true), &path.key(key), message);
                }
                _ if key == "additionalProperties" && is_open(after) => {
                    (self.note)(
                        self.direction.impact(false),
                        &path.key(key),
                        format!("{what} takes other members"),
                    );
                }
                (Some(_), Some(_)) => {
                    let message = format!("{key} of {what} changed and cannot be compared");
                    (self.note)(Impact::Breaking, &path.key(key), message);
                }
                _ => self.appeared(key, old, new, path, what),
            }
        }
    }
}

fn types(schema: &Map<String, Value>) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(word)) => vec![word],
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn shown(value: &Value) -> String {
    midflight_core::clip(&canonical_json(value))
}
