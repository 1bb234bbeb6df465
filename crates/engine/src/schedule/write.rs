//! Writes a schedule as its body, the way it is read.

use jiff::Timestamp;
use midflight_core::{Change, Op, Precondition, Problems};
use serde_json::{Map, Value, json};

use super::read::read;
use super::{Schedule, ScheduledAction, WindowText};

impl Schedule {
    /// Makes a schedule of its action and of the texts of its time, which are read as in a body.
    ///
    /// # Errors
    /// Every problem, each with its place in the body that it would be.
    pub fn new(
        what: ScheduledAction,
        not_before: Option<&str>,
        window: Option<WindowText<'_>>,
    ) -> Result<Self, Problems> {
        let mut body = what.to_members();
        body.extend(not_before.map(|time| ("not_before".to_owned(), json!(time))));
        body.extend(window.map(|text| {
            let mut window = Map::from_iter([("cron".to_owned(), json!(text.cron))]);
            window.extend(text.time_zone.map(|name| ("time_zone".to_owned(), json!(name))));
            window.extend(text.length_ms.map(|length_ms| ("length_ms".to_owned(), json!(length_ms))));
            ("window".to_owned(), Value::Object(window))
        }));
        read(&Value::Object(body))
    }

    /// The body of its document.
    #[must_use]
    pub fn to_body(&self) -> Value {
        let mut body = self.what.to_members();
        let not_before = self.when.not_before();
        body.extend(not_before.map(|time| ("not_before".to_owned(), json!(time.to_string()))));
        body.extend(self.when.window().map(|window| {
            let output = json!({
                "cron": window.cron(), "time_zone": window.time_zone(), "length_ms": window.length_ms()
            });
            ("window".to_owned(), output)
        }));
        body.extend(self.refused.as_ref().map(|refused| ("refused".to_owned(), (**refused).clone())));
        Value::Object(body)
    }
}

impl ScheduledAction {
    fn to_members(&self) -> Map<String, Value> {
        let mut members = Map::new();
        match self {
            Self::Reload { repeat } => {
                members.insert("reload".to_owned(), json!(true));
                members.extend(repeat.then(|| ("repeat".to_owned(), json!(true))));
            }
            Self::Edit { changes, take_over } => {
                members.insert("changes".to_owned(), changes.iter().map(change).collect());
                members.extend(take_over.then(|| ("take_over".to_owned(), json!(true))));
            }
        }
        members
    }
}

fn change(change: &Change) -> Value {
    let Change { id, body, precondition } = change;
    let op = if body.is_some() { Op::Put } else { Op::Delete };
    let mut members = Map::new();
    members.insert("op".to_owned(), json!(op.as_str()));
    members.insert("kind".to_owned(), json!(id.kind.as_str()));
    members.insert("name".to_owned(), json!(id.name.as_str()));
    members.extend(body.as_ref().map(|body| ("body".to_owned(), (**body).clone())));
    let condition = match precondition {
        Precondition::None => None,
        Precondition::Absent => Some(("if_version", json!(0))),
        Precondition::Present => Some(("if_present", json!(true))),
        Precondition::Version(version) => Some(("if_version", json!(version))),
        Precondition::UnchangedSince(revision) => Some(("if_revision", json!(revision.get()))),
    };
    members.extend(condition.map(|(key, value)| (key.to_owned(), value)));
    Value::Object(members)
}

/// The longest text of a problem that is kept with a schedule, in characters, and how many problems are.
const REFUSED_CHARS_MAX: usize = 500;
const REFUSED_PROBLEMS_MAX: usize = 10;

/// What is kept of a run that was refused.
pub(super) fn refused(at: Timestamp, outcome: &str, problems: &Problems) -> Value {
    let listed = problems.iter().take(REFUSED_PROBLEMS_MAX).map(|problem| {
        let document = problem.document.as_ref().map(ToString::to_string);
        let message: String = problem.message.chars().take(REFUSED_CHARS_MAX).collect();
        json!({"document": document, "path": problem.path.as_str(), "message": message})
    });
    let at = at.round(jiff::Unit::Millisecond).unwrap_or(at).to_string();
    json!({"at": at, "outcome": outcome, "problems": listed.collect::<Value>()})
}
