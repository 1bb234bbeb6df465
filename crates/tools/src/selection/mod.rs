//! Which pattern of which tool to use: candidates from the indexes, judged by their policies, compared by their
//! features.
//!
//! Features, each from 0 (worst) to 1 (best): time `1 - (ln t - ln 50) / (ln 60000 - ln 50)` with `t` in ms, cost `1 -
//! c / 10`, complexity `1 - complexity_score`, and accuracy and completeness as the pattern states them. The score is
//! their sum by the weights of the mode ([`SelectionSettings`](crate::SelectionSettings)). Equal scores go by tool
//! name, then pattern, then capability, so an answer is the same each time.

mod answer;
mod mode;
mod policy;
mod request;
mod select;

use std::cmp::Ordering;

use midflight_core::{JsonPointer, Problem};
use midflight_engine::{Interrupted, Work};

use crate::expression::EvaluationError;
use crate::settings::FeatureVector;
use crate::snapshot::ToolsSnapshot;
use crate::tool::{Capability, Tool, ToolPattern};

pub use answer::Ambiguity;
pub use mode::{ChosenMode, ModeSource};
pub use policy::{PolicyRule, PolicyVerdict, PolicyVerdicts};
pub use request::{SelectionRequest, context_variables};
use select::Selector;

/// A pattern that could be used.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct SelectionCandidate<'s> {
    /// Its tool.
    pub tool: &'s Tool,
    /// Its capability.
    pub capability: &'s Capability,
    /// The pattern.
    pub pattern: &'s ToolPattern,
    /// How long it takes, in ms, corrected by what was observed.
    pub time_ms: f64,
    /// What it costs, corrected likewise.
    pub cost: f64,
    /// How good it is, by [`FEATURES`](crate::FEATURES).
    pub features: FeatureVector,
    /// The sum of the features by the weights of the mode.
    pub score: f64,
    /// The verdict of its policy.
    pub verdicts: PolicyVerdicts,
}

/// A pattern that could not be compared, and why.
#[derive(Debug)]
#[non_exhaustive]
pub struct NotEvaluated<'s> {
    /// Its tool.
    pub tool: &'s Tool,
    /// Its capability.
    pub capability: &'s Capability,
    /// The pattern.
    pub pattern: &'s ToolPattern,
    /// Why: a variable that was not given, or an operation without a result.
    pub because: EvaluationError,
}

/// What a selection gives.
#[derive(Debug)]
#[non_exhaustive]
pub struct Selection<'s> {
    /// What matters, and how that was found.
    pub mode: ChosenMode,
    /// What can be used, best first.
    pub candidates: Vec<SelectionCandidate<'s>>,
    /// What a policy excludes, best first.
    pub excluded: Vec<SelectionCandidate<'s>>,
    /// What could not be compared.
    pub not_evaluated: Vec<NotEvaluated<'s>>,
    /// The best candidates, where they are too close to call.
    pub ambiguity: Option<Ambiguity>,
    /// What the request names that the catalogue does not have, with suggestions.
    pub notes: Vec<String>,
    /// Whether there are more candidates than one selection compares.
    pub is_truncated: bool,
    request: &'s SelectionRequest,
}

/// Why nothing can be selected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectionError {
    /// The request has nothing by which candidates could be found.
    #[error("a selection needs a query, capabilities, a tool_name, a platform or a category")]
    Empty,
    /// There is no such tool.
    #[error("unknown tool {tool_name:?}{hint}")]
    UnknownTool {
        /// What was asked for.
        tool_name: String,
        /// What may have been meant, as a clause; or nothing.
        hint: String,
    },
    /// The budget ended first.
    #[error("the selection did not end within its budget; name a tool, a platform or a category")]
    Interrupted(#[from] Interrupted),
}

impl SelectionError {
    /// The same as a problem of the request.
    #[must_use]
    pub fn to_problem(&self) -> Problem {
        let (code, path) = match self {
            Self::Empty => ("missing_field", JsonPointer::root()),
            Self::UnknownTool { .. } => ("unknown_tool", JsonPointer::root().key("tool_name")),
            Self::Interrupted(_) => ("interrupted", JsonPointer::root()),
        };
        Problem::new(code, path, self.to_string())
    }
}

impl ToolsSnapshot {
    /// Selects among the patterns that a request asks for. A tool that is not offered is a candidate only where the
    /// request names it, and is then excluded with the reason. Cost: some 0.3 us for each candidate; nothing is copied.
    ///
    /// ```
    /// use midflight_core::DocumentName;
    /// use midflight_engine::{Kind as _, KindChange, Work};
    /// use midflight_tools::Tools;
    /// use midflight_tools::selection::SelectionRequest;
    /// use serde_json::json;
    /// use std::sync::Arc;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let work = Work::unbounded();
    /// let body = Arc::new(json!({"description": "Finds lines.", "capabilities": {"text_search": {"patterns": {
    ///     "one_file": {"time_estimate_ms": "20 + 0.1 * N", "cost_estimate": 1},
    /// }}}}));
    /// let name = DocumentName::new("grep")?;
    /// let document = Some(Tools.validate(&name, &body, &work)?);
    /// let tools = Tools.compile(&Tools.empty(), vec![KindChange { name, document }], &work)?;
    /// let request = SelectionRequest::read(&json!({"capabilities": ["text_search"]}))?;
    /// let selection = tools.select(&request)?;
    /// let best = selection.candidates.first().ok_or("there is none")?;
    /// assert_eq!((best.tool.tool_name(), &*best.pattern.name, best.time_ms), ("grep", "one_file", 30.0));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`SelectionError`] for a request without anything to find candidates by, or a tool that does not exist.
    pub fn select<'s>(&'s self, request: &'s SelectionRequest) -> Result<Selection<'s>, SelectionError> {
        self.select_within(request, &Work::unbounded())
    }

    /// As [`ToolsSnapshot::select`], within a budget of time.
    ///
    /// # Errors
    /// As [`ToolsSnapshot::select`], and [`SelectionError::Interrupted`] when `work` is interrupted: it is asked for
    /// each tool.
    pub fn select_within<'s>(
        &'s self,
        request: &'s SelectionRequest,
        work: &Work,
    ) -> Result<Selection<'s>, SelectionError> {
        if !request.is_narrowed() {
            return Err(SelectionError::Empty);
        }
        let mode = mode::choose(request.mode, request.query.as_deref());
        let mut selector = Selector::new(self, request, mode.mode);
        selector.gather(work)?;
        let Selector { mut candidates, mut excluded, not_evaluated, notes, is_truncated, .. } = selector;
        candidates.sort_unstable_by(best_first);
        excluded.sort_unstable_by(best_first);
        let ambiguity = Ambiguity::of(&candidates, self.settings.ambiguity_gap);
        Ok(Selection { mode, candidates, excluded, not_evaluated, ambiguity, notes, is_truncated, request })
    }
}

fn best_first(a: &SelectionCandidate<'_>, b: &SelectionCandidate<'_>) -> Ordering {
    let by_score = b.score.total_cmp(&a.score);
    let by_tool = by_score.then_with(|| a.tool.tool_name.cmp(&b.tool.tool_name));
    by_tool
        .then_with(|| a.pattern.name.cmp(&b.pattern.name))
        .then_with(|| a.capability.name.cmp(&b.capability.name))
}

#[cfg(test)]
mod tests;
