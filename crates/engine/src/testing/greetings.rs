//! A kind for tests of what all kinds have.

use std::collections::BTreeMap;
use std::sync::Arc;

use midflight_core::{DocumentName, JsonPointer, KindName, Problem, Problems};
use serde_json::{Value, json};

use crate::{DocumentSchema, Kind, KindChange, Work};

/// Greetings by language: documents `{"text": "Hello"}`, named by language. The smallest kind that has a schema and a
/// figure.
#[derive(Debug, Clone, Copy)]
pub struct Greetings;

impl Kind for Greetings {
    type Document = String;
    type Snapshot = BTreeMap<DocumentName, String>;

    #[expect(clippy::expect_used, reason = "the name is written here")]
    fn name(&self) -> KindName {
        KindName::new("greetings").expect("is the name of a kind")
    }

    fn empty(&self) -> Self::Snapshot {
        BTreeMap::new()
    }

    fn validate(&self, _: &DocumentName, body: &Arc<Value>, _: &Work) -> Result<String, Problems> {
        let text = body.get("text").and_then(Value::as_str);
        let place = JsonPointer::root().key("text");
        text.map(str::to_owned).ok_or_else(|| Problem::new("wrong_type", place, "write a string").into())
    }

    fn compile(
        &self,
        previous: &Self::Snapshot,
        changes: Vec<KindChange<String>>,
        work: &Work,
    ) -> Result<Self::Snapshot, Problems> {
        let mut next = previous.clone();
        for change in changes {
            work.check()?;
            match change.document {
                Some(text) => next.insert(change.name, text),
                None => next.remove(&change.name),
            };
        }
        Ok(next)
    }

    fn answer(&self, snapshot: &Self::Snapshot, input: &Value) -> Result<Value, Problem> {
        let name = input.as_str().and_then(|text| DocumentName::new(text).ok());
        Ok(name.and_then(|name| snapshot.get(&name)).map_or(Value::Null, |text| json!(text)))
    }

    fn schemas(&self) -> Vec<DocumentSchema> {
        let schema =
            json!({"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}});
        vec![DocumentSchema { title: "greeting", names: "{language}", schema }]
    }

    fn figures(&self, snapshot: &Self::Snapshot) -> Vec<(&'static str, u64)> {
        vec![("greetings", snapshot.len() as u64)]
    }
}
