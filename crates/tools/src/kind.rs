//! The kind `tools`, as the engine knows it.

use std::sync::Arc;

use midflight_core::{DocumentName, JsonPointer, KindName, Problem, Problems};
use midflight_engine::{DocumentSchema, Kind, KindChange, Work};
use serde_json::Value;

use crate::compile::{compile, kind_name};
use crate::document::{ToolDocumentName, ToolsDocument, named, read};
use crate::schema::schemas;
use crate::selection::SelectionRequest;
use crate::snapshot::ToolsSnapshot;

/// The kind `tools`: documents `{tool}`, `settings/selection` and `corrections/{tool}`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tools;

impl Kind for Tools {
    type Document = ToolsDocument;
    type Snapshot = ToolsSnapshot;

    fn name(&self) -> KindName {
        kind_name()
    }

    fn empty(&self) -> ToolsSnapshot {
        ToolsSnapshot::default()
    }

    fn validate(
        &self,
        name: &DocumentName,
        body: &Arc<Value>,
        work: &Work,
    ) -> Result<ToolsDocument, Problems> {
        work.check()?;
        let document = read(name, body, work)?;
        work.charge(document.bytes())?;
        Ok(document)
    }

    fn compile(
        &self,
        previous: &ToolsSnapshot,
        changes: Vec<KindChange<ToolsDocument>>,
        work: &Work,
    ) -> Result<ToolsSnapshot, Problems> {
        compile(previous, changes, work)
    }

    fn body<'a>(&self, snapshot: &'a ToolsSnapshot, name: &DocumentName) -> Option<&'a Arc<Value>> {
        match named(name) {
            Ok(ToolDocumentName::Tool(id)) => snapshot.tool(id).map(|tool| tool.body()),
            _ => None,
        }
    }

    /// Takes a [`SelectionRequest`] as JSON and gives the [`crate::selection::Selection`] as JSON.
    fn answer(&self, snapshot: &ToolsSnapshot, input: &Value) -> Result<Value, Problem> {
        let request = SelectionRequest::read(input).map_err(|problems| {
            let first = problems.iter().next().cloned();
            first.unwrap_or_else(|| {
                Problem::new("invalid_input", JsonPointer::root(), "invalid input: expected a selection")
            })
        })?;
        let selection = snapshot.select(&request).map_err(|error| error.to_problem())?;
        Ok(selection.to_json())
    }

    fn schemas(&self) -> Vec<DocumentSchema> {
        schemas()
    }

    fn figures(&self, snapshot: &ToolsSnapshot) -> Vec<(&'static str, u64)> {
        vec![
            ("tools", snapshot.tool_count() as u64),
            ("offered", snapshot.offered_count() as u64),
            ("patterns", snapshot.pattern_count() as u64),
            ("capabilities", snapshot.by_capability.len() as u64),
        ]
    }
}
