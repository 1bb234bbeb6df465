//! Arguments and results against their schemas, in words that a model can act on.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use midflight_core::Digest;
use midflight_engine::{Interrupted, Work};
use midflight_schemas::{BoundedSchema, MeasuredSchema, SchemaStop, Verdict};
use serde_json::Value;

use crate::compute::computed;
use crate::{McpCaller, ToolCaller, ToolFailure};

/// The most schemas that are kept compiled. 1,000: one takes some 10 to 100 KiB.
const COMPILED_MAX: usize = 1_000;
/// The most problems that are named.
const NAMED_MAX: usize = 10;
/// The longest text of a problem, in characters.
const PROBLEM_CHARS_MAX: usize = 300;
/// A value with more members and items than this is not tried on an async thread.
const INLINE_NODES_MAX: usize = 1_000;

/// Which schema of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SchemaSide {
    Input,
    Output,
}

/// Compiled schemas by the digest of their tool. A schema that cannot be compiled accepts everything: the tool itself
/// decides. Cheap to clone.
#[derive(Default, Clone)]
pub(crate) struct SchemaCache(Arc<Mutex<Compiled>>);

type CompiledSchema = Option<Arc<BoundedSchema>>;

#[derive(Default)]
struct Compiled {
    by_key: HashMap<(Digest, SchemaSide), CompiledSchema>,
    order: VecDeque<(Digest, SchemaSide)>,
}

impl SchemaCache {
    /// The problems of a value, each with its place; none when it fits. The value comes back.
    ///
    /// # Errors
    /// What the caller gets when it may not be computed.
    pub(crate) async fn problems(
        &self,
        (host, caller): (&dyn ToolCaller, &McpCaller),
        tool: Digest,
        side: SchemaSide,
        schema: &Arc<Value>,
        value: Value,
    ) -> Result<(Value, Vec<String>), ToolFailure> {
        let key = (tool, side);
        let known = self.known(key);
        if let Some(None) = known {
            return Ok((value, Vec::new()));
        }
        let is_brief = known.is_some() && nodes(&value, INLINE_NODES_MAX) < INLINE_NODES_MAX;
        let value = Arc::new(value);
        let job = {
            let (cache, schema, value) = (self.clone(), Arc::clone(schema), Arc::clone(&value));
            move |work: &Work| match cache.compiled(key, &schema, work)? {
                Some(schema) => problems(&schema, &value, work),
                None => Ok(Vec::new()),
            }
        };
        let found = computed(host, caller, is_brief, job).await?;
        Ok((Arc::unwrap_or_clone(value), found))
    }

    fn known(&self, key: (Digest, SchemaSide)) -> Option<CompiledSchema> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).by_key.get(&key).cloned()
    }

    fn compiled(
        &self,
        key: (Digest, SchemaSide),
        schema: &Value,
        work: &Work,
    ) -> Result<CompiledSchema, Interrupted> {
        if let Some(known) = self.known(key) {
            return Ok(known);
        }
        let compiled = MeasuredSchema::read(schema, work)
            .and_then(|measured| measured.compile(schema).map_err(SchemaStop::Refused));
        let compiled = match compiled {
            Ok(compiled) => Some(Arc::new(compiled)),
            Err(SchemaStop::Interrupted(interrupted)) => return Err(interrupted),
            Err(SchemaStop::Refused(problem)) => {
                tracing::warn!(%problem, "schema of a tool cannot be compiled; its values are not validated");
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
        Ok(compiled)
    }
}

fn problems(schema: &BoundedSchema, value: &Value, work: &Work) -> Result<Vec<String>, Interrupted> {
    let errors = match schema.validate(value, work) {
        Ok(Verdict::Valid) => return Ok(Vec::new()),
        Ok(Verdict::Invalid(errors)) => errors,
        Ok(Verdict::TooManyErrors) => {
            let message =
                "the value does not match its schema, and is too large to list each error; send less";
            return Ok(vec![message.to_owned()]);
        }
        Err(SchemaStop::Refused(problem)) => return Ok(vec![problem.message]),
        Err(SchemaStop::Interrupted(interrupted)) => return Err(interrupted),
    };
    let named = errors.take(NAMED_MAX).map(|error| {
        let place = error.instance_path().to_string();
        let text: String = error.to_string().chars().take(PROBLEM_CHARS_MAX).collect();
        if place.is_empty() { text } else { format!("at {place}: {text}") }
    });
    Ok(named.collect())
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
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use serde_json::json;

    use super::*;
    use crate::{Computation, ToolCall, ToolOutcome};

    /// A host that runs what it is given, and counts what it was asked to run elsewhere than on an async thread.
    #[derive(Default)]
    struct CountingHost(AtomicUsize);

    #[async_trait]
    impl ToolCaller for CountingHost {
        async fn call(&self, call: ToolCall) -> ToolOutcome {
            ToolOutcome::text(call.target.name())
        }

        async fn compute(&self, _: &McpCaller, computation: Computation) -> Result<(), ToolFailure> {
            self.0.fetch_add(usize::from(!computation.is_brief()), Ordering::Relaxed);
            computation
                .run(&Work::unbounded())
                .map_err(|why| ToolFailure::new("too_expensive", why.to_string()))
        }
    }

    async fn check(schema: Value, value: Value) -> Vec<String> {
        let digest = Digest::of_body(&schema);
        let host = (&CountingHost::default() as &dyn ToolCaller, &McpCaller::anonymous());
        let found =
            SchemaCache::default().problems(host, digest, SchemaSide::Input, &Arc::new(schema), value).await;
        found.unwrap().1
    }

    #[tokio::test]
    async fn a_schema_is_compiled_off_the_async_threads_and_one_that_could_take_long_is_not() {
        let (cache, host, caller) = (SchemaCache::default(), CountingHost::default(), McpCaller::anonymous());
        let fits = async |schema: &Value, value: Value| {
            let digest = Digest::of_body(schema);
            let schema = Arc::new(schema.clone());
            let found = cache.problems((&host, &caller), digest, SchemaSide::Input, &schema, value).await;
            (found.unwrap().1.len(), host.0.load(Ordering::Relaxed))
        };
        let schema = json!({"items": {"type": "integer"}});
        assert_eq!(fits(&schema, json!(["a"])).await, (1, 1), "it is compiled first");
        assert_eq!(fits(&schema, json!(["a"])).await, (1, 1));
        assert_eq!(fits(&schema, json!(vec![1; INLINE_NODES_MAX])).await, (0, 2));
        // 2^40 evaluations: it is not used, so every value fits.
        let mut definitions = serde_json::Map::new();
        for n in 0..40 {
            let next = json!({"$ref": format!("#/$defs/a{}", n + 1)});
            definitions.insert(format!("a{n}"), json!({"allOf": [next, next]}));
        }
        definitions.insert("a40".to_owned(), json!({"type": "object"}));
        let doubled = json!({"$ref": "#/$defs/a0", "$defs": definitions});
        for value in [json!({"x": 1}), json!([1])] {
            assert_eq!(fits(&doubled, value).await, (0, 3));
        }
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
