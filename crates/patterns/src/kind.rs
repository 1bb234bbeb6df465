//! The kind `patterns`, as the engine knows it.

use std::sync::Arc;

use midflight_core::{DocumentName, JsonPath, JsonPointer, KindName, ObjectReader, Problem, Problems};
use midflight_engine::{DocumentSchema, Kind, KindChange, Work};
use serde_json::{Value, json};

use crate::compile::{compile, kind_name};
use crate::document::{PatternsDocument, read};
use crate::schema::schemas;
use crate::snapshot::PatternsSnapshot;
use crate::{ClassifyError, CreatedBy, PatternStatus};

/// The kind `patterns`: documents `{pattern}`, `profiles/{profile}`, `learning/{profile}` and `prompts/{profile}`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Patterns;

impl Kind for Patterns {
    type Document = PatternsDocument;
    type Snapshot = PatternsSnapshot;

    fn name(&self) -> KindName {
        kind_name()
    }

    fn empty(&self) -> PatternsSnapshot {
        PatternsSnapshot::default()
    }

    fn validate(
        &self,
        name: &DocumentName,
        body: &Arc<Value>,
        work: &Work,
    ) -> Result<PatternsDocument, Problems> {
        work.check()?;
        let document = read(name, body, work)?;
        work.charge(document.bytes())?;
        Ok(document)
    }

    fn compile(
        &self,
        previous: &PatternsSnapshot,
        changes: Vec<KindChange<PatternsDocument>>,
        work: &Work,
    ) -> Result<PatternsSnapshot, Problems> {
        compile(previous, changes, work)
    }

    /// Takes `{query, profile?}`. What nothing matches is answered with `source: none`: no LLM is asked here.
    fn answer(&self, snapshot: &PatternsSnapshot, input: &Value) -> Result<Value, Problem> {
        let (query, profile) = question(input)?;
        let refused = |error: ClassifyError| {
            let place = match error {
                ClassifyError::UnknownProfile { .. } => "profile",
                ClassifyError::TooLong { .. } | ClassifyError::TooExpensive { .. } => "query",
            };
            Problem::new("invalid_input", JsonPointer::root().key(place), error.to_string())
        };
        let classified = snapshot.classify(query, profile).map_err(refused)?;
        let normalized = &classified.key;
        let Some(found) = classified.found else {
            return Ok(
                json!({"category": null, "matched": null, "source": "none", "normalized": normalized}),
            );
        };
        let pattern = found.pattern;
        Ok(json!({
            "category": pattern.category(),
            "confidence": pattern.confidence(),
            "action": pattern.action().as_str(),
            "direct_response": pattern.direct_response(),
            "matched": {"id": pattern.id(), "match": pattern.match_kind().as_str(), "key": &**found.key},
            "source": if pattern.created_by() == CreatedBy::Llm { "learned" } else { "pattern" },
            "normalized": normalized,
        }))
    }

    fn schemas(&self) -> Vec<DocumentSchema> {
        schemas()
    }

    fn figures(&self, snapshot: &PatternsSnapshot) -> Vec<(&'static str, u64)> {
        vec![
            ("patterns", snapshot.pattern_count() as u64),
            ("profiles", snapshot.indexes.len() as u64),
            ("categories", snapshot.categories.len() as u64),
        ]
    }
}

/// What an input asks.
fn question(input: &Value) -> Result<(&str, Option<&str>), Problem> {
    let mut problems = Problems::default();
    let place = JsonPath::Root;
    let mut asked = None;
    if let Some(mut reader) = ObjectReader::open("an input", input, &place, &mut problems) {
        reader.only(&["query", "profile"]);
        if reader.get("query").is_none() {
            reader.missing("query", "the text to classify");
        }
        let profile = match reader.get("profile") {
            Some(Value::Null) => None,
            _ => reader.text("profile"),
        };
        asked = reader.text("query").map(|query| (query, profile));
    }
    match problems.or(asked) {
        Ok(asked) => Ok(asked.unwrap_or_default()),
        Err(problems) => {
            Err(problems.iter().next().cloned().unwrap_or_else(|| {
                Problem::new("invalid_input", JsonPointer::root(), "an input has a query")
            }))
        }
    }
}

impl PatternStatus {
    /// Whether a pattern of this status answers.
    #[must_use]
    pub fn answers(self) -> bool {
        self == Self::Approved
    }
}
