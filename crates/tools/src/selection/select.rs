//! The selection itself: finds the candidates, evaluates and compares them.

use std::sync::Arc;

use imbl::OrdMap;
use midflight_core::{clip, hint};
use midflight_engine::{Interrupted, Work};

use super::policy::{self, PolicyVerdict};
use super::{NotEvaluated, SelectionCandidate, SelectionError, SelectionRequest};
use crate::expression::{EvaluationError, FormulaVariables};
use crate::limits::{CANDIDATES_MAX, SEARCHED_TOOLS_MAX};
use crate::settings::{FeatureVector, PreferenceMode, SelectionSettings};
use crate::snapshot::{ToolsByName, ToolsSnapshot};
use crate::tool::{Capability, Tool, ToolPattern};

/// Of the tools that a search finds, those with at least this share of the best score are candidates.
const RELEVANCE_MIN: f32 = 0.5;

/// A selection under way.
pub(super) struct Selector<'s> {
    snapshot: &'s ToolsSnapshot,
    request: &'s SelectionRequest,
    variables: FormulaVariables,
    scale: Scale<'s>,
    pub(super) candidates: Vec<SelectionCandidate<'s>>,
    pub(super) excluded: Vec<SelectionCandidate<'s>>,
    pub(super) not_evaluated: Vec<NotEvaluated<'s>>,
    pub(super) notes: Vec<String>,
    pub(super) is_truncated: bool,
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
    pub(super) fn new(
        snapshot: &'s ToolsSnapshot,
        request: &'s SelectionRequest,
        mode: PreferenceMode,
    ) -> Self {
        Self {
            snapshot,
            request,
            variables: request.formula_variables(),
            scale: Scale::new(&snapshot.settings, mode),
            candidates: Vec::new(),
            excluded: Vec::new(),
            not_evaluated: Vec::new(),
            notes: Vec::new(),
            is_truncated: false,
        }
    }

    /// Finds the candidates by the narrowest index that the request names.
    pub(super) fn gather(&mut self, work: &Work) -> Result<(), SelectionError> {
        let (snapshot, request) = (self.snapshot, self.request);
        if let Some(tool_name) = &request.tool_name {
            let Some(tool) = snapshot.by_tool_name.get(tool_name.as_str()) else {
                let hint = snapshot.near_tool_within(tool_name, work)?;
                return Err(SelectionError::UnknownTool { tool_name: clip(tool_name), hint });
            };
            self.add_tool(tool, true);
        } else if !request.capabilities.is_empty() {
            for (at, capability) in request.capabilities.iter().enumerate() {
                if request.capabilities[..at].contains(capability) {
                    continue;
                }
                self.note_unknown(("capability", capability), &snapshot.by_capability, work)?;
                for tool in snapshot.with_capability(capability) {
                    work.check()?;
                    if tool.is_offered()
                        && fits(self.request, tool)
                        && let Some(capability) = tool.capability(capability)
                    {
                        self.add_capability(tool, capability);
                    }
                }
            }
        } else if !self.add_searched(work)?
            && let Some(tools) = self.narrowest()
        {
            for tool in tools.values() {
                work.check()?;
                self.add_tool(tool, false);
            }
        }
        if let Some(platform) = &request.platform {
            self.note_unknown(("platform", platform), &snapshot.by_platform, work)?;
        }
        if let Some(category) = &request.category {
            self.note_unknown(("category", category), &snapshot.by_category, work)?;
        }
        Ok(())
    }

    /// Adds the tools that a search for the query finds; false where it finds none.
    fn add_searched(&mut self, work: &Work) -> Result<bool, Interrupted> {
        let (snapshot, request) = (self.snapshot, self.request);
        let Some(query) = &request.query else { return Ok(false) };
        let is_wanted = |tool: &Tool| tool.is_offered() && fits(request, tool);
        let hits = snapshot.search_within(query, SEARCHED_TOOLS_MAX, is_wanted, work)?;
        let least = hits.first().map_or(0.0, |best| best.score * RELEVANCE_MIN);
        for hit in hits.iter().take_while(|hit| hit.score >= least) {
            self.add_tool(hit.tool, false);
        }
        Ok(!hits.is_empty())
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

    fn note_unknown(
        &mut self,
        (what, name): (&str, &str),
        index: &OrdMap<Arc<str>, ToolsByName>,
        work: &Work,
    ) -> Result<(), Interrupted> {
        if !index.contains_key(name) {
            let known = index.keys().take_while(|_| work.check().is_ok());
            let near = hint(name, known.map(|known| &**known));
            work.check()?;
            self.notes.push(format!("no tool has the {what} {:?}{near}", clip(name)));
        }
        Ok(())
    }

    fn add_tool(&mut self, tool: &'s Tool, is_named: bool) {
        if !fits(self.request, tool) || !(is_named || tool.is_offered()) {
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
                Ok(candidate) if candidate.verdicts.has(PolicyVerdict::Excluded) => {
                    self.excluded.push(candidate)
                }
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
        let mut time_ms = pattern.time_ms.evaluate_with(&self.variables)?;
        let mut cost = pattern.cost.evaluate_with(&self.variables)?;
        if !self.snapshot.corrections.is_empty() {
            let correction = self.snapshot.correction(&tool.id, &capability.name, &pattern.name);
            time_ms = (time_ms * correction.time_factor).clamp(f64::MIN, f64::MAX);
            cost = (cost * correction.cost_factor).clamp(f64::MIN, f64::MAX);
        }
        let verdicts = policy::judge(tool, pattern, self.request, &self.variables, (time_ms, cost))?;
        let features = self.scale.features(pattern, time_ms, cost);
        let score = self.scale.score(&features);
        Ok(SelectionCandidate { tool, capability, pattern, time_ms, cost, features, score, verdicts })
    }
}

/// Whether a tool is of the platform and the category that are wanted.
fn fits(request: &SelectionRequest, tool: &Tool) -> bool {
    let is = |wanted: &Option<String>, has: Option<&str>| wanted.is_none() || wanted.as_deref() == has;
    is(&request.platform, tool.platform()) && is(&request.category, tool.category())
}
