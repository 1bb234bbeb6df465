//! A tool as a snapshot has it: what its document states, read and compiled.

use std::sync::Arc;

use midflight_core::Digest;
use serde_json::{Map, Value, json};

use crate::expression::Formula;
use crate::status::ToolStatus;

/// A tool. Its texts are in its body, which is in memory once.
#[derive(Debug)]
pub struct Tool {
    pub(crate) id: Arc<str>,
    pub(crate) tool_name: Arc<str>,
    pub(crate) mcp_name: Arc<str>,
    pub(crate) version: Box<str>,
    pub(crate) platform: Option<Arc<str>>,
    pub(crate) category: Option<Arc<str>>,
    pub(crate) status: ToolStatus,
    pub(crate) enabled: bool,
    pub(crate) capabilities: Box<[Capability]>,
    pub(crate) input_schema: Value,
    pub(crate) digest: Digest,
    pub(crate) body: Arc<Value>,
}

/// What a tool can do, and the ways to do it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Capability {
    /// Its name, by which it is wanted.
    pub name: Arc<str>,
    /// Its patterns, by name.
    pub patterns: Box<[ToolPattern]>,
}

/// One way to use a tool, with what it takes and gives.
#[derive(Debug)]
#[non_exhaustive]
pub struct ToolPattern {
    /// Its name, unique in its capability.
    pub name: Box<str>,
    /// How long it takes, in ms.
    pub time_ms: Formula,
    /// What it costs, in the catalogue's unit.
    pub cost: Formula,
    /// How complex it is, 0 to 1.
    pub complexity: f64,
    /// How well it fits a preference, 0 to 1 each.
    pub preference: PreferenceMatch,
    /// When it may be used.
    pub policy: Policy,
    /// What it is given.
    pub inputs: Box<[ToolInput]>,
}

/// How well a pattern fits each preference: 0 not at all, 1 perfectly. What a document does not state is 0.5.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct PreferenceMatch {
    /// How exact its results are.
    pub accuracy: f64,
    /// How much of what exists it finds.
    pub completeness: f64,
}

/// When a pattern may be used.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Policy {
    /// The highest cost at which it may run.
    pub max_cost: Option<f64>,
    /// Whether a person has to agree.
    pub requires_approval: bool,
    /// Whether it may run in production; what is not stated may not.
    pub production_safe: Option<bool>,
    /// How long it may run in the foreground, in ms.
    pub max_execution_time_ms: Option<f64>,
    /// The environments where it may run; empty where it may run in all.
    pub allowed_environments: Box<[Box<str>]>,
    /// What its caller must be permitted.
    pub required_permissions: Box<[Box<str>]>,
    /// The largest `N` for which it may run in the foreground.
    pub max_n_immediate: Option<f64>,
    /// When it has to run in the background.
    pub requires_background_if: Option<Formula>,
}

/// An input of a pattern.
#[derive(Debug)]
#[non_exhaustive]
pub struct ToolInput {
    /// Its name.
    pub name: Box<str>,
    /// Whether it has to be given.
    pub is_required: bool,
    /// Whether it is a number, and so a variable of formulas.
    pub is_number: bool,
}

impl ToolPattern {
    /// The variables that its formulas need, each once, in the order of their first use: those of time, cost and
    /// condition.
    #[must_use]
    pub fn variables(&self) -> Vec<&str> {
        let condition = self.policy.requires_background_if.iter();
        let formulas = [&self.time_ms, &self.cost].into_iter().chain(condition);
        let mut variables = Vec::new();
        for variable in formulas.flat_map(Formula::variables) {
            if !variables.contains(&variable) {
                variables.push(variable);
            }
        }
        variables
    }
}

impl Tool {
    /// The name of its document: its identity, also when it is renamed.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its id, to keep.
    #[must_use]
    pub fn shared_id(&self) -> &Arc<str> {
        &self.id
    }

    /// What people and services call it; unique in a catalogue.
    #[must_use]
    pub fn tool_name(&self) -> &str {
        &self.tool_name
    }

    /// What agents call it, of `A-Z a-z 0-9 _ -`; unique in a catalogue.
    #[must_use]
    pub fn mcp_name(&self) -> &str {
        &self.mcp_name
    }

    /// Its version, as it is written.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What it is, for people and models.
    #[must_use]
    pub fn description(&self) -> &str {
        self.text("description").unwrap_or_default()
    }

    /// A title for people.
    #[must_use]
    pub fn title(&self) -> Option<&str> {
        self.text("title")
    }

    /// Where it runs, as `linux`.
    #[must_use]
    pub fn platform(&self) -> Option<&str> {
        self.platform.as_deref()
    }

    /// What it is about, as `network`.
    #[must_use]
    pub fn category(&self) -> Option<&str> {
        self.category.as_deref()
    }

    /// Where it is in its life.
    #[must_use]
    pub fn status(&self) -> ToolStatus {
        self.status
    }

    /// Whether it is switched on.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Whether it is offered to those who choose: switched on, and active or in testing.
    #[must_use]
    pub fn is_offered(&self) -> bool {
        self.enabled && self.status.is_offered()
    }

    /// What it can do, by name.
    #[must_use]
    pub fn capabilities(&self) -> &[Capability] {
        &self.capabilities
    }

    /// One capability. Cost: a binary search.
    #[must_use]
    pub fn capability(&self, name: &str) -> Option<&Capability> {
        let at = self.capabilities.binary_search_by(|capability| (*capability.name).cmp(name)).ok()?;
        self.capabilities.get(at)
    }

    /// How many patterns it has in all capabilities.
    #[must_use]
    pub fn pattern_count(&self) -> usize {
        self.capabilities.iter().map(|capability| capability.patterns.len()).sum()
    }

    /// Its document, as it was put.
    #[must_use]
    pub fn body(&self) -> &Arc<Value> {
        &self.body
    }

    /// The JSON Schema of its input: the document's, or one derived from the inputs of its patterns.
    #[must_use]
    pub fn input_schema(&self) -> &Value {
        &self.input_schema
    }

    /// The JSON Schema of its result, if its document has one.
    #[must_use]
    pub fn output_schema(&self) -> Option<&Value> {
        self.body.get("output_schema")
    }

    /// Hints on its behaviour, if its document has any.
    #[must_use]
    pub fn annotations(&self) -> Option<&Value> {
        self.body.get("annotations")
    }

    /// Where its calls are forwarded to, if its document states it: data only; nothing here makes a call.
    #[must_use]
    pub fn forward(&self) -> Option<&Value> {
        self.body.get("forward")
    }

    /// The digest of [`Tool::definition`].
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What an agent sees of it, as the Model Context Protocol writes it: name, title, description, inputSchema,
    /// outputSchema, annotations. What it does not have is left out. Cost: copies the schemas.
    #[must_use]
    pub fn definition(&self) -> Value {
        definition(&self.mcp_name, &self.body, &self.input_schema)
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.body.get(key).and_then(Value::as_str)
    }

    /// An estimate of the memory that it takes beside its body, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        let pattern = |pattern: &ToolPattern| {
            let condition = pattern.policy.requires_background_if.as_ref().map_or(0, Formula::bytes);
            512 + pattern.time_ms.bytes()
                + pattern.cost.bytes()
                + condition
                + 64 * pattern.inputs.len() as u64
        };
        let patterns = self.capabilities.iter().flat_map(|capability| &capability.patterns);
        1_024 + patterns.map(pattern).sum::<u64>()
    }
}

pub(crate) fn definition(mcp_name: &str, body: &Value, input_schema: &Value) -> Value {
    let mut definition = Map::new();
    definition.insert("name".to_owned(), json!(mcp_name));
    definition.insert("inputSchema".to_owned(), input_schema.clone());
    for (from, to) in [
        ("title", "title"),
        ("description", "description"),
        ("output_schema", "outputSchema"),
        ("annotations", "annotations"),
    ] {
        if let Some(value) = body.get(from) {
            definition.insert(to.to_owned(), value.clone());
        }
    }
    Value::Object(definition)
}
