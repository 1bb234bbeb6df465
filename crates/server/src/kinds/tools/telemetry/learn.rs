//! What is learned of observations: corrections of the estimates of a tool, as a revision by the author `telemetry`. It
//! is off unless the settings of selections have `learn_corrections`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use midflight_core::{Change, DocumentId, Edit, Precondition, Trigger};
use midflight_engine::Engine;
use midflight_live::Live;
use midflight_tools::{CORRECTIONS_FOLDER, Tool, ToolsSnapshot};
use serde_json::{Map, Value};

use super::read::{patterns, read};
use crate::kinds::tools::names::KIND;

/// The author of what is learned.
const AUTHOR: &str = "telemetry";
/// How many tools are looked at after each time that counts were written.
const TOOLS_MAX: usize = 20;
/// By how much a factor must differ from the one in effect to become a revision: noise makes none.
const DIFFERENCE_MIN: f64 = 0.1;

/// The tools that were used since they were looked at, by id.
#[derive(Default)]
pub(super) struct CorrectionLearner(Mutex<BTreeSet<Arc<str>>>);

impl CorrectionLearner {
    /// Notes that a tool was used.
    pub(super) fn used(&self, tool: &Arc<str>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(Arc::clone(tool));
    }

    /// Looks at the tools that were used, if anything is to be learned. What cannot be read or written now is looked at
    /// when the tool is used again.
    pub(super) async fn learn(&self, engine: &Engine, tools: &Live<ToolsSnapshot>) {
        let snapshot = tools.snapshot();
        let is_on = snapshot.settings().learns_corrections();
        for _ in 0..TOOLS_MAX {
            let Some(id) = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_first() else { return };
            let Some(tool) = snapshot.tool(&id).filter(|_| is_on) else { continue };
            if let Err(error) = correct(engine, &snapshot, tool).await {
                tracing::warn!(%error, tool = &*id, "cannot learn corrections of a tool; they are kept as they are");
            }
        }
    }
}

/// Puts the corrections of a tool that its observations justify, if they differ from those in effect.
async fn correct(engine: &Engine, tools: &ToolsSnapshot, tool: &Tool) -> Result<(), String> {
    let names: Vec<_> = patterns(tool).collect();
    let counted = read(&**engine.store(), names.iter().map(|(name, ..)| name.clone()).collect()).await;
    let counted = counted.map_err(|error| error.to_string())?;
    let mut fitted = Map::new();
    let mut is_new = false;
    for (name, capability, pattern) in &names {
        let Some(telemetry) = counted.get(name) else { continue };
        let (Some(correction), Some(member)) = (telemetry.correction(), telemetry.correction_json()) else {
            continue;
        };
        let now = tools.correction(tool.id(), capability, pattern);
        is_new |= differs(correction.time_factor, now.time_factor)
            || differs(correction.cost_factor, now.cost_factor);
        fitted.insert(format!("{capability}/{pattern}"), member);
    }
    if !is_new {
        return Ok(());
    }
    let id = DocumentId::new(KIND, &format!("{CORRECTIONS_FOLDER}/{}", tool.id()));
    let id = id.map_err(|error| error.to_string())?;
    let (_, heads) =
        engine.store().heads(std::slice::from_ref(&id)).await.map_err(|error| error.to_string())?;
    let head = heads.into_iter().flatten().next().filter(|head| head.body.is_some());
    let version = head.as_ref().map_or(0, |head| head.version);
    let mut body =
        head.and_then(|head| head.body).map_or_else(|| Value::Object(Map::new()), |body| Value::clone(&body));
    if let Some(members) = body.as_object_mut() {
        // What is not observed enough stays as it was written.
        members.extend(fitted);
    }
    let change = Change::put(id, body).when(Precondition::Version(version));
    let reason = format!("corrections of {} fitted to observed uses", tool.tool_name());
    let reason = midflight_core::cut_reason(reason);
    let edit = Edit { reason, ..Edit::new(AUTHOR, Trigger::Learned, [change]) };
    engine.apply(edit).await.map(|_| ()).map_err(|refused| refused.to_string())
}

fn differs(fitted: f64, now: f64) -> bool {
    (fitted / now - 1.0).abs() >= DIFFERENCE_MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_no_difference() {
        assert!(!differs(1.05, 1.0) && !differs(0.95, 1.0) && !differs(3.0, 3.0));
        assert!(differs(1.2, 1.0) && differs(0.8, 1.0) && differs(2.0, 3.0));
    }
}
