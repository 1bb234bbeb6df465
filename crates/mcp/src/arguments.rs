//! Arguments and results against their schemas, in words that a model can act on.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::{PatternOptions, Validator};
use midflight_core::Digest;
use serde_json::Value;

/// The most schemas that are kept compiled. 1,000: one takes some 10 to 100 KiB.
const COMPILED_MAX: usize = 1_000;
/// The largest regular expression of a schema, compiled, in bytes. 1 MiB.
const REGEX_BYTES_MAX: usize = 1 << 20;
/// The most problems that are named.
const NAMED_MAX: usize = 10;
/// The longest text of a problem, in characters.
const PROBLEM_CHARS_MAX: usize = 300;
/// A value with more members and items than this is compared off the async threads.
const INLINE_NODES_MAX: usize = 1_000;

/// Which schema of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SchemaSide {
    Input,
    Output,
}

/// Compiled schemas by the digest of their tool. A schema that cannot be compiled accepts everything: who is called
/// decides.
#[derive(Default)]
pub(crate) struct SchemaCache(Mutex<Compiled>);

#[derive(Default)]
struct Compiled {
    by_key: HashMap<(Digest, SchemaSide), Option<Arc<Validator>>>,
    order: VecDeque<(Digest, SchemaSide)>,
}

impl SchemaCache {
    /// The problems of a value, each with its place; none when it fits. The value comes back.
    pub(crate) async fn problems(
        &self,
        tool: Digest,
        side: SchemaSide,
        schema: &Value,
        value: Value,
    ) -> (Value, Vec<String>) {
        let Some(validator) = self.validator(tool, side, schema) else { return (value, Vec::new()) };
        if nodes(&value, INLINE_NODES_MAX) < INLINE_NODES_MAX {
            let found = problems(&validator, &value);
            return (value, found);
        }
        let compared = tokio::task::spawn_blocking(move || {
            let found = problems(&validator, &value);
            (value, found)
        });
        match compared.await {
            Ok(compared) => compared,
            Err(_) => (Value::Null, vec!["the value could not be compared with its schema".to_owned()]),
        }
    }

    fn validator(&self, tool: Digest, side: SchemaSide, schema: &Value) -> Option<Arc<Validator>> {
        let key = (tool, side);
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).by_key.get(&key).cloned();
        if let Some(known) = known {
            return known;
        }
        let patterns = PatternOptions::regex().size_limit(REGEX_BYTES_MAX).dfa_size_limit(REGEX_BYTES_MAX);
        let options = jsonschema::options().with_pattern_options(patterns).offline();
        let compiled = match options.build(schema) {
            Ok(validator) => Some(Arc::new(validator)),
            Err(error) => {
                tracing::warn!(%error, "schema of a tool cannot be compiled; its values are not validated");
                None
            }
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.by_key.insert(key, compiled.clone()).is_none() {
            kept.order.push_back(key);
        }
        while kept.order.len() > COMPILED_MAX {
            if let Some(oldest) = kept.order.pop_front() {
                kept.by_key.remove(&oldest);
            }
        }
        compiled
    }
}

fn problems(validator: &Validator, value: &Value) -> Vec<String> {
    if validator.is_valid(value) {
        return Vec::new();
    }
    let named = validator.iter_errors(value).take(NAMED_MAX).map(|error| {
        let place = error.instance_path().to_string();
        let text: String = error.to_string().chars().take(PROBLEM_CHARS_MAX).collect();
        if place.is_empty() { text } else { format!("at {place}: {text}") }
    });
    named.collect()
}

/// How many members and items a value has, counted up to a bound.
fn nodes(value: &Value, max: usize) -> usize {
    let mut count = 0;
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        count += 1;
        if count >= max {
            break;
        }
        match value {
            Value::Array(items) => open.extend(items.iter().take(max)),
            Value::Object(members) => open.extend(members.values().take(max)),
            Value::String(text) => count += text.len() / 1_024,
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    async fn check(schema: Value, value: Value) -> Vec<String> {
        let digest = Digest::of_body(&schema);
        SchemaCache::default().problems(digest, SchemaSide::Input, &schema, value).await.1
    }

    #[tokio::test]
    async fn problems_name_their_place() {
        let schema = json!({"type": "object", "required": ["host"], "properties": {
            "host": {"type": "string"}, "ports": {"type": "array", "items": {"type": "integer"}}}});
        assert_eq!(check(schema.clone(), json!({"host": "a", "ports": [1]})).await, Vec::<String>::new());
        let found = check(schema.clone(), json!({"ports": [1, "x"]})).await.join("\n");
        assert!(found.contains("\"host\" is a required property"), "{found}");
        assert!(found.contains("at /ports/1: \"x\" is not of type \"integer\""), "{found}");
        // Off the async threads too, and at most as many as can be read.
        let many: Vec<Value> = (0..5_000).map(|_| json!("x")).collect();
        assert_eq!(check(schema, json!({"host": "a", "ports": many})).await.len(), NAMED_MAX);
    }

    #[tokio::test]
    async fn a_schema_that_is_none_and_one_that_refers_elsewhere_accept_everything() {
        for schema in [json!({"type": "objct"}), json!({"$ref": "https://example.com/schema.json"})] {
            assert_eq!(check(schema, json!({"x": 1})).await, Vec::<String>::new());
        }
    }
}
