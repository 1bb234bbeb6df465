//! Calls that this server forwarded, counted as uses that are reported to it.

use std::time::Duration;

use midflight_tools::Tool;
use midflight_tools::expression::Numeric;
use midflight_tools::limits::REQUEST_ITEMS_MAX;
use midflight_tools::telemetry::Observation;
use serde_json::{Map, Value};

use super::Telemetry;
use super::counting::counted_as;
use super::routes::estimates;

impl Telemetry {
    /// Counts a call as a use of its tool, where the settings of selections have `observe_forwarded_calls`, and answers
    /// whether it did. The numbers among the arguments are the context that it is compared with its estimate in. A call
    /// does not name its pattern, so calls of tools with several patterns are not counted.
    pub(in super::super) fn forwarded(
        &self,
        tool: &Tool,
        arguments: &Map<String, Value>,
        took: Duration,
        is_success: bool,
    ) -> bool {
        if !self.0.tools.load().settings().observes_forwarded_calls() {
            return false;
        }
        let mut patterns = tool
            .capabilities()
            .iter()
            .flat_map(|capability| capability.patterns.iter().map(move |pattern| (capability, pattern)));
        let (Some((capability, pattern)), None) = (patterns.next(), patterns.next()) else { return false };
        let Some(name) = counted_as(tool.id(), &capability.name, &pattern.name) else { return false };
        let numbers = arguments.iter().filter_map(|(name, value)| Some((name, value.as_f64()?)));
        let given: Vec<_> = numbers
            .take(REQUEST_ITEMS_MAX)
            .map(|(name, value)| (name.clone(), Numeric::Float(value)))
            .collect();
        let (estimated_time_ms, estimated_cost) = estimates(pattern, &given);
        let observation = Observation {
            time_ms: took.as_secs_f64() * 1_000.0,
            estimated_time_ms,
            cost: None,
            estimated_cost,
            is_success,
        };
        self.0.counting.count(&[(name, observation)]);
        self.0.learner.used(tool.shared_id());
        true
    }
}
