//! The shapes of catalogues: which are read, how they are made canonical, and what the others lack.

use midflight_core::{JsonPointer, JsonType, Problem, Problems, clip};
use serde_json::{Map, Value, json};

/// The first text that is a placeholder, as `<TOOL_NAME>`, with its place. Keys count too.
pub(super) fn placeholder(value: &Value) -> Option<(String, &str)> {
    fn search<'v>(value: &'v Value, path: &JsonPointer) -> Option<(String, &'v str)> {
        match value {
            Value::String(text) => is_placeholder(text).then(|| (path.to_string(), text.as_str())),
            Value::Array(items) => {
                items.iter().enumerate().find_map(|(at, item)| search(item, &path.index(at)))
            }
            Value::Object(members) => members.iter().find_map(|(key, member)| {
                let path = path.key(key);
                if is_placeholder(key) {
                    Some((path.to_string(), key.as_str()))
                } else {
                    search(member, &path)
                }
            }),
            _ => None,
        }
    }
    // The placeholders of a template are where a tool has its name, its words and its capabilities; a text in an
    // example may well be <html>.
    let read = ["tool_name", "platform", "category", "description", "capabilities"];
    read.iter().find_map(|key| search(value.get(key)?, &JsonPointer::root().key(key)))
}

fn is_placeholder(text: &str) -> bool {
    let inner = text.trim().strip_prefix('<').and_then(|text| text.strip_suffix('>'));
    inner.is_some_and(|inner| {
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ' | '.' | '|');
        !inner.is_empty() && inner.chars().all(is_word)
    })
}

/// What an item calls itself, and what it lacks to be a tool; none for a tool.
pub(super) fn unknown_shape<'v>(value: &'v Value, named: Option<&str>) -> Option<(Option<&'v str>, String)> {
    let Value::Object(members) = value else {
        let message = format!(
            "it is {}, not a tool; write an object with tool_name and capabilities",
            JsonType::of(value).word()
        );
        return Some((None, message));
    };
    let name_in = |key: &str| members.get(key)?.get("name")?.as_str();
    if let Some(tool) = members.get("tool").filter(|tool| tool.is_object()) {
        let message = "the tool is under \"tool\" with one capability and one pattern; write tool_name and \
                       capabilities at the top, each pattern with time_estimate_ms and cost_estimate";
        return Some((tool.get("name").and_then(Value::as_str), message.to_owned()));
    }
    let has_capabilities = members.get("capabilities").is_some_and(|it| !it.is_null());
    let has_name = named.is_some() || members.get("tool_name").is_some_and(Value::is_string);
    match (has_name, has_capabilities) {
        (true, true) => None,
        (true, false) => {
            let message = "it has no capabilities; write capabilities, each with its patterns";
            Some((members.get("tool_name").and_then(Value::as_str), message.to_owned()))
        }
        (false, true) => {
            let name = name_in("metadata").or_else(|| members.get("name")?.as_str());
            let cure = name.map_or_else(
                || "write tool_name".to_owned(),
                |name| format!("write tool_name: {:?}", clip(name)),
            );
            Some((name, format!("it has capabilities and no tool_name; {cure} at the top")))
        }
        (false, false) => {
            let name = members.get("name").and_then(Value::as_str).or_else(|| name_in("metadata"));
            let keys: Vec<_> = members.keys().take(6).map(|key| clip(key)).collect();
            let found = if keys.is_empty() { "nothing".to_owned() } else { keys.join(", ") };
            let message = format!(
                "it has {found}, but no tool_name and no capabilities; write tool_name and capabilities, each pattern with \
                 time_estimate_ms and cost_estimate"
            );
            Some((name, message))
        }
    }
}

/// The document of a tool: capabilities and patterns by name, the version a text, and nothing that is null.
pub(super) fn canonical(value: &Value, tool_name: &str, problems: &mut Problems) -> Value {
    let root = JsonPointer::root();
    let mut tool = without_nulls(value);
    tool.insert("tool_name".to_owned(), json!(tool_name));
    if let Some(Value::Number(version)) = tool.get("version") {
        let version = json!(version.to_string());
        tool.insert("version".to_owned(), version);
    }
    if let Some(Value::Array(dependencies)) = tool.get_mut("dependencies") {
        dependencies
            .iter_mut()
            .filter(|it| it.is_object())
            .for_each(|it| *it = Value::Object(without_nulls(it)));
    }
    if let Some(capabilities) = tool.remove("capabilities") {
        let path = root.key("capabilities");
        let mut capabilities = by_name(capabilities, "capability_name", &path, problems);
        for (name, capability) in members(&mut capabilities) {
            let path = path.key(name).key("patterns");
            let mut members_of = without_nulls(capability);
            members_of.remove("capability_name");
            if let Some(patterns) = members_of.remove("patterns") {
                let mut patterns = by_name(patterns, "pattern_name", &path, problems);
                members(&mut patterns).for_each(|(_, pattern)| *pattern = canonical_pattern(pattern));
                members_of.insert("patterns".to_owned(), patterns);
            }
            *capability = Value::Object(members_of);
        }
        tool.insert("capabilities".to_owned(), capabilities);
    }
    Value::Object(tool)
}

fn canonical_pattern(pattern: &Value) -> Value {
    if !pattern.is_object() {
        return pattern.clone();
    }
    let mut members = without_nulls(pattern);
    members.remove("pattern_name");
    for key in ["policy", "preference_match"] {
        if let Some(part) = members.get_mut(key).filter(|part| part.is_object()) {
            *part = Value::Object(without_nulls(part));
        }
    }
    Value::Object(members)
}

/// The members that are objects themselves, to change.
fn members(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flatten().filter(|(_, member)| member.is_object())
}

fn without_nulls(value: &Value) -> Map<String, Value> {
    let members = value.as_object().into_iter().flatten().filter(|(_, member)| !member.is_null());
    members.map(|(key, member)| (key.clone(), member.clone())).collect()
}

/// A list of objects as an object by the name that each states; anything else as it is.
fn by_name(value: Value, name_key: &str, path: &JsonPointer, problems: &mut Problems) -> Value {
    let Value::Array(items) = value else { return value };
    let mut named = Map::new();
    for (at, item) in items.into_iter().enumerate() {
        let path = path.index(at);
        match item.get(name_key).and_then(Value::as_str).map(str::to_owned) {
            None => {
                let message = format!("an item of the list has no {name_key}; write one");
                problems.add(Problem::new("missing_field", path, message));
            }
            Some(name) if named.contains_key(&name) => {
                let message =
                    format!("{name_key} {:?} is in the list twice; rename or remove one", clip(&name));
                problems.add(Problem::new("duplicate_name", path, message));
            }
            Some(name) => drop(named.insert(name, item)),
        }
    }
    Value::Object(named)
}
