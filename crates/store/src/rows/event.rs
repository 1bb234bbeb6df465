//! Reload events: kept as JSON of a versioned shape of their own, so that an old one can still be read.

use std::time::Duration;

use midflight_core::{
    ComponentTime, DocumentId, PhaseTime, Pointer, Problem, Problems, ReloadEvent, ReloadId, RevisionNumber,
};
use serde_json::{Value, json};

use super::{Columns, corrupt};
use crate::StoreError;

/// The version of the shape below.
const SHAPE: u64 = 1;

/// A row with the column `event`.
pub(crate) fn event(row: &impl Columns) -> Result<ReloadEvent, StoreError> {
    let event = serde_json::from_str(&row.text("event")?).ok().and_then(|event| from_json(&event));
    event.ok_or_else(|| corrupt("a reload event cannot be read"))
}

pub(crate) fn to_json(event: &ReloadEvent) -> Value {
    let phase = |time: &PhaseTime| json!([time.phase.as_str(), nanos(time.took)]);
    let component = |time: &ComponentTime| json!([time.name, time.state.as_str(), nanos(time.took)]);
    let problem = |problem: &Problem| {
        let document = problem.document.as_ref().map(DocumentId::to_string);
        json!([document, problem.path.as_str(), problem.code, problem.message])
    };
    json!({
        "shape": SHAPE,
        "id": event.id.0,
        "trigger": event.trigger.as_str(),
        "by": event.triggered_by,
        "started_at": event.started_at.to_string(),
        "took_ns": nanos(event.took),
        "phases": event.phases.iter().map(phase).collect::<Vec<_>>(),
        "outcome": event.outcome.as_str(),
        "from": event.from.get(),
        "to": event.to.get(),
        "kinds": event.kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>(),
        "documents": event.documents_changed,
        "components": event.components.iter().map(component).collect::<Vec<_>>(),
        "problems": event.problems.iter().map(problem).collect::<Vec<_>>(),
        "unlisted": event.problems.unlisted(),
    })
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// None for what is not of this shape.
fn from_json(event: &Value) -> Option<ReloadEvent> {
    if event["shape"].as_u64()? != SHAPE {
        return None;
    }
    let phase = |time: &Value| {
        let took = Duration::from_nanos(time[1].as_u64()?);
        Some(PhaseTime { phase: time[0].as_str()?.parse().ok()?, took })
    };
    let component = |time: &Value| {
        let took = Duration::from_nanos(time[2].as_u64()?);
        Some(ComponentTime {
            name: time[0].as_str()?.to_owned(),
            state: time[1].as_str()?.parse().ok()?,
            took,
        })
    };
    // Events of before there were any do not say.
    let components = event["components"].as_array().map_or(&[][..], Vec::as_slice);
    let problem = |problem: &Value| {
        let document = problem[0].as_str().and_then(|id| id.parse().ok());
        let code = problem[2].as_str()?.to_owned();
        let path = Pointer::parse(problem[1].as_str()?);
        let message = problem[3].as_str()?.to_owned();
        Some(Problem { document, path, code: code.into(), message, because_of: None })
    };
    let listed = event["problems"].as_array()?.iter().map(problem).collect::<Option<Problems>>()?;
    let unlisted = usize::try_from(event["unlisted"].as_u64()?).ok()?;
    Some(ReloadEvent {
        id: ReloadId(event["id"].as_u64()?),
        trigger: event["trigger"].as_str()?.parse().ok()?,
        triggered_by: event["by"].as_str()?.to_owned(),
        started_at: event["started_at"].as_str()?.parse().ok()?,
        took: Duration::from_nanos(event["took_ns"].as_u64()?),
        phases: event["phases"].as_array()?.iter().map(phase).collect::<Option<_>>()?,
        outcome: event["outcome"].as_str()?.parse().ok()?,
        from: RevisionNumber::new(event["from"].as_u64()?),
        to: RevisionNumber::new(event["to"].as_u64()?),
        kinds: event["kinds"]
            .as_array()?
            .iter()
            .map(|kind| kind.as_str()?.parse().ok())
            .collect::<Option<_>>()?,
        documents_changed: usize::try_from(event["documents"].as_u64()?).ok()?,
        components: components.iter().map(component).collect::<Option<_>>()?,
        problems: listed.with_unlisted(unlisted),
    })
}
