//! Reads a manifest and collects every problem.

use std::sync::Arc;

use midflight_core::{
    Digest, DocumentName, JsonPath, JsonPointer, JsonType, ObjectReader, Problem, Problems, canonical_json,
    clip, hint,
};
use serde_json::Value;

use crate::bounds::ModuleLimits;
use crate::capability::ModuleCapability;
use crate::limits::{CALLS_MAX, CONFIG_BYTES_MAX, PROBE_BYTES_MAX, PROBES_MAX, WORD_BYTES_MAX};
use crate::manifest::{CodeSource, Downgrade, GroupPlace, Manifest, Probe, ProbeReply};
use crate::migration::read_migrations;

const FIELDS: [&str; 13] = [
    "description",
    "component",
    "native",
    "version",
    "schema",
    "capabilities",
    "calls",
    "limits",
    "migrations",
    "probes",
    "group",
    "downgrade",
    "config",
];
/// What a digest begins with.
const SHA256: &str = "sha256:";

pub(crate) fn read(name: &DocumentName, body: &Arc<Value>) -> Result<Manifest, Problems> {
    let (root, mut problems) = (JsonPath::Root, Problems::default());
    if name.segments().count() != 1 {
        let message = format!("invalid name of a module {:?}: write it without a slash", name.as_str());
        problems.add(Problem::new("bad_name", JsonPointer::root(), message));
    }
    let Some(mut reader) = ObjectReader::open("a manifest", body, &root, &mut problems) else {
        return Err(problems);
    };
    reader.only(&FIELDS);
    reader.text("description");
    let code = read_code(&mut reader);
    let version = read_word(&mut reader, "version");
    if reader.get("version").is_none() {
        reader.missing("version", "the version that the code describes itself with, as \"1.0.0\"");
    }
    let schema = read_schema_number(&mut reader);
    let (capabilities, calls) = (read_capabilities(&mut reader), read_calls(&mut reader, name));
    let has_call = capabilities.contains(&ModuleCapability::Call);
    if has_call && calls.is_empty() {
        reader.refuse(
            "capabilities",
            "missing_field",
            "the capability call needs \"calls\": list the modules",
        );
    }
    if !has_call && !calls.is_empty() {
        reader.refuse(
            "calls",
            "missing_capability",
            "calls needs the capability \"call\": add it, or remove calls",
        );
    }
    let downgrade = reader.word("downgrade", &[("allow", Downgrade::Allow), ("refuse", Downgrade::Refuse)]);
    let config = read_config(&mut reader);
    let limits = match reader.get("limits") {
        Some(value) => ModuleLimits::read(value, &root.key("limits"), reader.problems()),
        None => ModuleLimits::default(),
    };
    let migrations = match reader.get("migrations") {
        Some(value) => read_migrations(value, schema, &root.key("migrations"), reader.problems()),
        None => Vec::new(),
    };
    let probes = read_probes(&mut reader, &root);
    let group =
        reader.get("group").and_then(|value| read_group(value, name, &root.key("group"), reader.problems()));
    if schema == Some(0) && group.is_some() {
        reader.refuse("group", "no_state", "a module without state needs no group; remove it, or set schema");
    }
    let (Some(code), Some(version), Some(schema)) = (code, version, schema) else {
        return Err(problems);
    };
    problems.or(Manifest {
        name: name.clone(),
        code,
        version,
        schema,
        capabilities,
        calls,
        limits,
        migrations,
        probes,
        group,
        downgrade: downgrade.unwrap_or_default(),
        config,
        digest: Digest::of_body(body),
        body: Arc::clone(body),
    })
}

fn read_code(reader: &mut ObjectReader<'_, '_>) -> Option<CodeSource> {
    match (reader.get("component").is_some(), reader.get("native").is_some()) {
        (false, false) => {
            reader.missing(
                "component",
                "the digest of a component, as \"sha256:...\", or \"native\": a registered type",
            );
            None
        }
        (true, true) => {
            reader.refuse("native", "conflict", "a manifest has component or native, not both; remove one");
            None
        }
        (true, false) => {
            let text = reader.text("component")?;
            let digest = text.strip_prefix(SHA256).and_then(|digits| digits.parse().ok());
            if digest.is_none() {
                let message = format!(
                    "invalid component {:?}: write \"sha256:\" and the 64 hexadecimal digits of the SHA-256 of its bytes",
                    clip(text)
                );
                reader.refuse("component", "bad_digest", message);
            }
            digest.map(CodeSource::Component)
        }
        (false, true) => read_word(reader, "native").map(|word| CodeSource::Native(word.into())),
    }
}

/// A short text without spaces.
fn read_word(reader: &mut ObjectReader<'_, '_>, key: &str) -> Option<String> {
    let text = reader.text(key)?;
    let is_fit = |text: &str| {
        !text.is_empty() && text.len() <= WORD_BYTES_MAX && text.chars().all(|c| c.is_ascii_graphic())
    };
    if !is_fit(text) {
        let message =
            format!("invalid {key} {:?}: use 1 to {WORD_BYTES_MAX} visible ASCII characters", clip(text));
        reader.refuse(key, "bad_word", message);
        return None;
    }
    Some(text.to_owned())
}

fn read_schema_number(reader: &mut ObjectReader<'_, '_>) -> Option<u32> {
    if reader.get("schema").is_none() {
        reader.missing("schema", "the number of the state's schema, 0 for a module without state");
        return None;
    }
    let number = reader.integer("schema")?;
    let schema = u32::try_from(number).ok();
    if schema.is_none() {
        reader.refuse(
            "schema",
            "out_of_bounds",
            format!("invalid schema {number}: expected 0 to {}", u32::MAX),
        );
    }
    schema
}

fn read_capabilities(reader: &mut ObjectReader<'_, '_>) -> Vec<ModuleCapability> {
    let mut capabilities = Vec::new();
    for (i, word) in reader.texts("capabilities", 64).into_iter().enumerate() {
        match ModuleCapability::of_word(word) {
            Some(capability) if capabilities.contains(&capability) => {
                let message = format!("{word:?} is listed twice; remove one");
                reader.refuse_in("capabilities", &i.to_string(), "duplicate", message);
            }
            Some(capability) => capabilities.push(capability),
            None => {
                let words = ModuleCapability::ALL.map(ModuleCapability::word);
                let near = hint(word, words);
                let message =
                    format!("unknown capability {:?}; write one of {}{near}", clip(word), words.join(", "));
                reader.refuse_in("capabilities", &i.to_string(), "unknown_value", message);
            }
        }
    }
    capabilities.sort_unstable();
    capabilities
}

/// A list of names of modules, none of them `own`.
fn read_modules(reader: &mut ObjectReader<'_, '_>, key: &str, own: &DocumentName) -> Vec<DocumentName> {
    let mut names = Vec::new();
    for (i, text) in reader.texts(key, CALLS_MAX).into_iter().enumerate() {
        let refused = match DocumentName::new(text) {
            Err(error) => Some(("bad_name", format!("invalid name of a module {:?}: {error}", clip(text)))),
            Ok(name) if name == *own => {
                Some(("self_reference", "a module cannot name itself here; remove it".to_owned()))
            }
            Ok(name) if names.contains(&name) => {
                Some(("duplicate", format!("{text:?} is listed twice; remove one")))
            }
            Ok(name) => {
                names.push(name);
                None
            }
        };
        if let Some((code, message)) = refused {
            reader.refuse_in(key, &i.to_string(), code, message);
        }
    }
    names
}

fn read_calls(reader: &mut ObjectReader<'_, '_>, own: &DocumentName) -> Vec<DocumentName> {
    read_modules(reader, "calls", own)
}

fn read_config(reader: &mut ObjectReader<'_, '_>) -> Arc<str> {
    let config = reader.get("config").map_or_else(|| "null".to_owned(), canonical_json);
    if config.len() > CONFIG_BYTES_MAX {
        let message =
            format!("config has {} bytes and may have {CONFIG_BYTES_MAX}; shorten it", config.len());
        reader.refuse("config", "too_long", message);
    }
    config.into()
}

fn read_probes(reader: &mut ObjectReader<'_, '_>, root: &JsonPath<'_>) -> Vec<Probe> {
    let items = match reader.get("probes") {
        None => return Vec::new(),
        Some(Value::Array(items)) if items.len() <= PROBES_MAX => items,
        Some(Value::Array(items)) => {
            let message = format!("{} probes; write at most {PROBES_MAX}", items.len());
            reader.refuse("probes", "too_many", message);
            return Vec::new();
        }
        Some(value) => {
            reader.wrong_type("probes", "an array of probes", value);
            return Vec::new();
        }
    };
    let place = root.key("probes");
    let read = |(i, item)| read_probe(item, &place.index(i), reader.problems());
    items.iter().enumerate().filter_map(read).collect()
}

fn read_probe(value: &Value, place: &JsonPath<'_>, problems: &mut Problems) -> Option<Probe> {
    let mut reader = ObjectReader::open("a probe", value, place, problems)?;
    reader.only(&["operation", "payload", "expect"]);
    let operation = read_word(&mut reader, "operation");
    if reader.get("operation").is_none() {
        reader.missing("operation", "the operation to call");
    }
    let payload = match reader.get("payload") {
        None => Vec::new(),
        Some(value) => bytes_of(value),
    };
    if payload.len() > PROBE_BYTES_MAX {
        let message =
            format!("payload has {} bytes and may have {PROBE_BYTES_MAX}; shorten it", payload.len());
        reader.refuse("payload", "too_long", message);
    }
    let expect = match reader.get("expect") {
        None => ProbeReply::Any,
        Some(value) => read_reply(value, &place.key("expect"), reader.problems())?,
    };
    Some(Probe { operation: operation?, payload, expect })
}

/// What a payload is in bytes: a text as it is, any other value as JSON.
fn bytes_of(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.clone().into_bytes(),
        value => canonical_json(value).into_bytes(),
    }
}

fn read_reply(value: &Value, place: &JsonPath<'_>, problems: &mut Problems) -> Option<ProbeReply> {
    let mut reader = ObjectReader::open("what is expected", value, place, problems)?;
    reader.only(&["result", "failure"]);
    match (reader.get("result"), reader.get("failure")) {
        (Some(result), None) => Some(ProbeReply::Result(bytes_of(result))),
        (None, Some(_)) => reader.text("failure").map(|code| ProbeReply::Failure(code.to_owned())),
        _ => {
            reader.missing(
                "result",
                "write \"result\": what must come back, or \"failure\": its code, not both",
            );
            None
        }
    }
}

fn read_group(
    value: &Value,
    own: &DocumentName,
    place: &JsonPath<'_>,
    problems: &mut Problems,
) -> Option<GroupPlace> {
    if !value.is_object() {
        let message =
            format!("group is an object, not {}; write {{\"name\": ...}}", JsonType::of(value).word());
        problems.add(Problem::new("wrong_type", place.pointer(), message));
        return None;
    }
    let mut reader = ObjectReader::open("a group", value, place, problems)?;
    reader.only(&["name", "after"]);
    if reader.get("name").is_none() {
        reader.missing("name", "the name that its members share");
    }
    let after = read_modules(&mut reader, "after", own);
    read_word(&mut reader, "name").map(|name| GroupPlace { name: name.into(), after })
}
