//! Reload events: kept as JSON of a versioned shape of their own, so that an old one can still be read.

use std::time::Duration;

use midflight_core::{
    ComponentTime, DocumentId, JsonPointer, PhaseTime, Problem, Problems, ReloadEvent, ReloadId,
    RevisionNumber,
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

/// None for what is no event. Newer shapes keep these members and add others, and words and items of a newer version
/// are kept or passed over one by one, so that a version that was rolled back still shows what the one after it did.
fn from_json(event: &Value) -> Option<ReloadEvent> {
    event["shape"].as_u64().filter(|shape| *shape >= SHAPE)?;
    let listed = problems(&event["problems"]);
    let unread = event["problems"].as_array()?.len().saturating_sub(listed.count());
    let unlisted = usize::try_from(event["unlisted"].as_u64()?).ok()?.saturating_add(unread);
    Some(ReloadEvent {
        id: ReloadId(event["id"].as_u64()?),
        trigger: event["trigger"].as_str()?.parse().ok()?,
        triggered_by: event["by"].as_str()?.to_owned(),
        started_at: event["started_at"].as_str()?.parse().ok()?,
        took: Duration::from_nanos(event["took_ns"].as_u64()?),
        phases: items(&event["phases"]).filter_map(phase).collect(),
        outcome: event["outcome"].as_str()?.parse().ok()?,
        from: RevisionNumber::new(event["from"].as_u64()?),
        to: RevisionNumber::new(event["to"].as_u64()?),
        kinds: items(&event["kinds"]).filter_map(|kind| kind.as_str()?.parse().ok()).collect(),
        documents_changed: usize::try_from(event["documents"].as_u64()?).ok()?,
        // Events of earlier versions do not have them.
        components: items(&event["components"]).filter_map(component).collect(),
        problems: listed.with_unlisted(unlisted),
    })
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn phase(time: &Value) -> Option<PhaseTime> {
    let took = Duration::from_nanos(time[1].as_u64()?);
    Some(PhaseTime { phase: time[0].as_str()?.parse().ok()?, took })
}

fn component(time: &Value) -> Option<ComponentTime> {
    let (name, state) = (time[0].as_str()?.to_owned(), time[1].as_str()?.parse().ok()?);
    Some(ComponentTime { name, state, took: Duration::from_nanos(time[2].as_u64()?) })
}

fn problems(list: &Value) -> Problems {
    let problem = |problem: &Value| {
        let document = problem[0].as_str().and_then(|id| id.parse().ok());
        let code = problem[2].as_str()?.to_owned();
        let path = JsonPointer::parse(problem[1].as_str()?);
        Some(Problem {
            document,
            path,
            code: code.into(),
            message: problem[3].as_str()?.to_owned(),
            because_of: None,
        })
    };
    items(list).filter_map(problem).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a newer version wrote: words, members and items that this one does not know.
    fn newer() -> Value {
        json!({
            "shape": 2, "id": 7, "trigger": "canary", "by": "anna", "started_at": "2026-01-31T12:00:00Z",
            "took_ns": 5, "phases": [["load", 1], ["shadow", 2], {"phase": "load"}], "outcome": "half_live",
            "from": 1, "to": 2, "kinds": ["rules", {"name": "tools"}], "documents": 3, "cohort": [1, 2],
            "components": [["pool", "warmed", 9], {"name": "logger"}, ["cache", "replaced", 4]],
            "problems": [["rules/a", "/x", "odd", "is odd"], {"severity": "low"}], "unlisted": 4,
        })
    }

    #[test]
    fn an_event_of_a_newer_version_is_read_as_far_as_it_is_known() {
        let event = from_json(&newer()).unwrap();
        let words = [event.trigger.as_str(), event.outcome.as_str()];
        assert_eq!(words, ["canary", "half_live"]);
        let phases: Vec<_> = event.phases.iter().map(|time| time.phase.as_str()).collect();
        let components: Vec<_> =
            event.components.iter().map(|it| (it.name.as_str(), it.state.as_str())).collect();
        assert_eq!(phases, ["load", "shadow"]);
        assert_eq!(components, [("pool", "warmed"), ("cache", "replaced")]);
        assert_eq!((event.kinds.len(), event.problems.count(), event.problems.unlisted()), (1, 6, 5));
        assert_eq!(from_json(&to_json(&event)), Some(event), "and it is kept as it was read");
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for (member, value) in [("shape", json!(0)), ("trigger", json!("Canary!")), ("outcome", Value::Null)]
        {
            let mut event = newer();
            event[member] = value;
            assert_eq!(from_json(&event), None, "{member}");
        }
    }
}
