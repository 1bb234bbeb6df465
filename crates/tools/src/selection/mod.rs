//! Which pattern of which tool to use: candidates from the indexes, judged by their policies, compared by their features.
//!
//! Features, each from 0 (worst) to 1 (best): time `1 - (ln t - ln 50) / (ln 60000 - ln 50)` with `t` in ms, cost `1 - c / 10`,
//! complexity `1 - complexity_score`, and accuracy and completeness as the pattern states them. The score is their sum by the
//! weights of the mode ([`SelectionSettings`](crate::SelectionSettings)). Equal scores go by tool name, then pattern, then
//! capability, so an answer is the same each time.

mod answer;
mod mode;
mod policy;
mod request;

use std::cmp::Ordering;
use std::sync::Arc;

use imbl::OrdMap;
use midflight_core::{Pointer, Problem, clip, hint};

use crate::expression::EvaluationError;
use crate::limits::{CANDIDATES_MAX, SEARCHED_TOOLS_MAX};
use crate::settings::{FeatureVector, PreferenceMode, SelectionSettings};
use crate::snapshot::{ToolsByName, ToolsSnapshot};
use crate::tool::{Capability, Tool, ToolPattern};

pub use answer::Ambiguity;
pub use mode::{ChosenMode, ModeSource};
pub use policy::{PolicyRule, Verdict, Verdicts};
pub use request::SelectionRequest;

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
    /// What its policy says.
    pub verdicts: Verdicts,
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
    /// The request says nothing by which candidates could be found.
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
}

impl SelectionError {
    /// The same as a problem of the request.
    #[must_use]
    pub fn to_problem(&self) -> Problem {
        let (code, path) = match self {
            Self::Empty => ("missing_field", Pointer::root()),
            Self::UnknownTool { .. } => ("unknown_tool", Pointer::root().key("tool_name")),
        };
        Problem::new(code, path, self.to_string())
    }
}

/// Of the tools that a search finds, those with at least this share of the best score are candidates.
const RELEVANCE_MIN: f32 = 0.5;

impl ToolsSnapshot {
    /// Selects among the patterns that a request asks for. A tool that is not offered is a candidate only where the request
    /// names it, and is then excluded with the reason. Cost: some 0.3 us for each candidate; nothing is copied.
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
        if !request.is_narrowed() {
            return Err(SelectionError::Empty);
        }
        let mode = mode::choose(request.mode, request.query.as_deref());
        let mut selector = Selector::new(self, request, mode.mode);
        selector.gather()?;
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

/// A selection under way.
struct Selector<'s> {
    snapshot: &'s ToolsSnapshot,
    request: &'s SelectionRequest,
    scale: Scale<'s>,
    candidates: Vec<SelectionCandidate<'s>>,
    excluded: Vec<SelectionCandidate<'s>>,
    not_evaluated: Vec<NotEvaluated<'s>>,
    notes: Vec<String>,
    is_truncated: bool,
}

/// How estimates become features, with what does not change computed once.
struct Scale<'s> {
    weights: &'s FeatureVector,
    best_ms: f64,
    worst_ms: f64,
    best_ln: f64,
    span_ln: f64,
    cost_max: f64,
}

impl<'s> Scale<'s> {
    fn new(settings: &'s SelectionSettings, mode: PreferenceMode) -> Self {
        let (best_ms, worst_ms) = settings.time_ms;
        let best_ln = best_ms.ln();
        let weights = settings.weights(mode);
        Self {
            weights,
            best_ms,
            worst_ms,
            best_ln,
            span_ln: worst_ms.ln() - best_ln,
            cost_max: settings.cost_max,
        }
    }

    fn features(&self, pattern: &ToolPattern, time_ms: f64, cost: f64) -> FeatureVector {
        let time = time_ms.clamp(self.best_ms, self.worst_ms);
        [
            1.0 - (time.ln() - self.best_ln) / self.span_ln,
            (1.0 - cost / self.cost_max).clamp(0.0, 1.0),
            1.0 - pattern.complexity,
            pattern.preference.accuracy,
            pattern.preference.completeness,
        ]
    }

    fn score(&self, features: &FeatureVector) -> f64 {
        self.weights.iter().zip(features).map(|(weight, feature)| weight * feature).sum()
    }
}

impl<'s> Selector<'s> {
    fn new(snapshot: &'s ToolsSnapshot, request: &'s SelectionRequest, mode: PreferenceMode) -> Self {
        Self {
            snapshot,
            request,
            scale: Scale::new(&snapshot.settings, mode),
            candidates: Vec::new(),
            excluded: Vec::new(),
            not_evaluated: Vec::new(),
            notes: Vec::new(),
            is_truncated: false,
        }
    }

    /// Finds the candidates by the narrowest index that the request names.
    fn gather(&mut self) -> Result<(), SelectionError> {
        let (snapshot, request) = (self.snapshot, self.request);
        if let Some(tool_name) = &request.tool_name {
            let tool = snapshot.by_tool_name.get(tool_name.as_str()).ok_or_else(|| {
                let hint = snapshot.near_tool(tool_name);
                SelectionError::UnknownTool { tool_name: clip(tool_name), hint }
            })?;
            self.add_tool(tool, true);
        } else if !request.capabilities.is_empty() {
            for (at, capability) in request.capabilities.iter().enumerate() {
                if request.capabilities[..at].contains(capability) {
                    continue;
                }
                self.note_unknown("capability", capability, &snapshot.by_capability);
                for tool in snapshot.with_capability(capability).filter(|tool| tool.is_offered()) {
                    if self.fits(tool)
                        && let Some(capability) = tool.capability(capability)
                    {
                        self.add_capability(tool, capability);
                    }
                }
            }
        } else if let Some(tools) = self.narrowest() {
            for tool in tools.values() {
                self.add_tool(tool, false);
            }
        } else if let Some(query) = &request.query
            && request.platform.is_none()
            && request.category.is_none()
        {
            let hits = snapshot.search(query, SEARCHED_TOOLS_MAX);
            let least = hits.first().map_or(0.0, |best| best.score * RELEVANCE_MIN);
            for hit in hits.iter().take_while(|hit| hit.score >= least) {
                self.add_tool(hit.tool, false);
            }
        }
        if let Some(platform) = &request.platform {
            self.note_unknown("platform", platform, &snapshot.by_platform);
        }
        if let Some(category) = &request.category {
            self.note_unknown("category", category, &snapshot.by_category);
        }
        Ok(())
    }

    /// The smaller one of the platform's and the category's tools.
    fn narrowest(&self) -> Option<&'s ToolsByName> {
        let snapshot = self.snapshot;
        let platform = self.request.platform.as_ref().and_then(|it| snapshot.by_platform.get(it.as_str()));
        let category = self.request.category.as_ref().and_then(|it| snapshot.by_category.get(it.as_str()));
        match (platform, category) {
            (Some(platform), Some(category)) => {
                Some(if platform.len() < category.len() { platform } else { category })
            }
            (Some(only), None) | (None, Some(only)) => Some(only),
            (None, None) => None,
        }
    }

    fn note_unknown(&mut self, what: &str, name: &str, index: &OrdMap<Arc<str>, ToolsByName>) {
        if !index.contains_key(name) {
            let near = hint(name, index.keys().map(|known| &**known));
            self.notes.push(format!("no tool has the {what} {:?}{near}", clip(name)));
        }
    }

    fn fits(&self, tool: &Tool) -> bool {
        let is = |wanted: &Option<String>, has: Option<&str>| wanted.is_none() || wanted.as_deref() == has;
        is(&self.request.platform, tool.platform()) && is(&self.request.category, tool.category())
    }

    fn add_tool(&mut self, tool: &'s Tool, is_named: bool) {
        if !self.fits(tool) || !(is_named || tool.is_offered()) {
            return;
        }
        let wanted = &self.request.capabilities;
        let is_wanted =
            |capability: &&Capability| wanted.is_empty() || wanted.iter().any(|it| **it == *capability.name);
        for capability in tool.capabilities.iter().filter(is_wanted) {
            self.add_capability(tool, capability);
        }
    }

    fn add_capability(&mut self, tool: &'s Tool, capability: &'s Capability) {
        for pattern in &capability.patterns {
            let seen = self.candidates.len() + self.excluded.len() + self.not_evaluated.len();
            if seen >= CANDIDATES_MAX {
                self.is_truncated = true;
                return;
            }
            match self.evaluate(tool, capability, pattern) {
                Ok(candidate) if candidate.verdicts.has(Verdict::Excluded) => self.excluded.push(candidate),
                Ok(candidate) => self.candidates.push(candidate),
                Err(because) => {
                    self.not_evaluated.push(NotEvaluated { tool, capability, pattern, because });
                }
            }
        }
    }

    fn evaluate(
        &self,
        tool: &'s Tool,
        capability: &'s Capability,
        pattern: &'s ToolPattern,
    ) -> Result<SelectionCandidate<'s>, EvaluationError> {
        let value_of = |name: &str| self.request.variable(name);
        let mut time_ms = pattern.time_ms.evaluate(value_of)?.as_f64();
        let mut cost = pattern.cost.evaluate(value_of)?.as_f64();
        if !self.snapshot.corrections.is_empty() {
            let correction = self.snapshot.correction(&tool.id, &capability.name, &pattern.name);
            time_ms = (time_ms * correction.time_factor).clamp(f64::MIN, f64::MAX);
            cost = (cost * correction.cost_factor).clamp(f64::MIN, f64::MAX);
        }
        let verdicts = policy::judge(tool, pattern, self.request, (time_ms, cost))?;
        let features = self.scale.features(pattern, time_ms, cost);
        let score = self.scale.score(&features);
        Ok(SelectionCandidate { tool, capability, pattern, time_ms, cost, features, score, verdicts })
    }
}

#[cfg(test)]
mod tests;
