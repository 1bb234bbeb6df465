//! Reads a schedule's body, and reports all that is wrong with it.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use midflight_core::{
    Change, DocumentId, JsonPointer, NameError, Op, Precondition, Problem, Problems, RevisionNumber,
};
use serde_json::{Map, Value};

use super::cron::Cron;
use super::when::{LENGTH_MS, LENGTH_MS_DEFAULT};
use super::{CHANGES_MAX, SCHEDULES, Schedule, ScheduledAction, When, Window};

const FIELDS: &[&str] = &["changes", "take_over", "reload", "repeat", "not_before", "window", "refused"];
const CHANGE_FIELDS: &[&str] = &["op", "kind", "name", "body", "if_version", "if_revision", "if_present"];
const WINDOW_FIELDS: &[&str] = &["cron", "time_zone", "length_ms"];
const CHANGES_TYPE: &str = "write a list of changes";

/// Reads a body.
pub(super) fn read(body: &Value) -> Result<Schedule, Problems> {
    let mut problems = Problems::default();
    let schedule = body.as_object().and_then(|members| {
        let mut fields = ObjectFields::new(members, JsonPointer::root(), FIELDS, &mut problems);
        let what = fields.what();
        let when = fields.when();
        let refused = fields.members.get("refused").cloned().map(Arc::new);
        if refused.as_ref().is_some_and(|refused| !refused.is_object()) {
            fields.wrong(
                "wrong_type",
                "refused",
                "the result of a run is an object; leave it out to try again",
            );
        }
        Some(Schedule { what: what?, when: when?, refused })
    });
    match schedule {
        Some(schedule) => problems.or(schedule),
        None if problems.is_empty() => {
            Err(Problem::new("wrong_type", JsonPointer::root(), "a schedule is an object").into())
        }
        None => Err(problems),
    }
}

/// The members of an object, and where to report what is wrong with them.
struct ObjectFields<'a> {
    members: &'a Map<String, Value>,
    place: JsonPointer,
    problems: &'a mut Problems,
}

impl<'a> ObjectFields<'a> {
    fn new(
        members: &'a Map<String, Value>,
        place: JsonPointer,
        known: &[&str],
        problems: &'a mut Problems,
    ) -> Self {
        let mut fields = Self { members, place, problems };
        for key in members.keys().filter(|key| !known.contains(&key.as_str())) {
            fields.wrong(
                "unknown_field",
                key,
                &format!("unknown field; expected one of: {}", known.join(", ")),
            );
        }
        fields
    }

    fn wrong(&mut self, code: &'static str, key: &str, message: &str) {
        self.problems.add(Problem::new(code, self.place.key(key), message));
    }

    /// A member as a type reads it; none when it is absent, or is wrong, which is then reported.
    fn get<T>(&mut self, key: &str, message: &str, read: impl Fn(&'a Value) -> Option<T>) -> Option<T> {
        let value = self.members.get(key)?;
        let read = read(value);
        if read.is_none() {
            self.wrong("wrong_type", key, message);
        }
        read
    }

    fn text(&mut self, key: &str, message: &str) -> Option<&'a str> {
        self.get(key, message, Value::as_str)
    }

    fn required(&mut self, key: &str, message: &str) -> Option<&'a str> {
        if !self.members.contains_key(key) {
            self.wrong("missing_field", key, message);
        }
        self.text(key, message)
    }

    fn flag(&mut self, key: &str) -> bool {
        self.get(key, "write true or false", Value::as_bool).unwrap_or(false)
    }

    /// A member that is `true` or left out: `false` would say nothing that its absence does not say.
    fn mark(&mut self, key: &str) -> bool {
        let mark = self.get(key, "write true, or leave it out", Value::as_bool);
        if mark == Some(false) {
            self.wrong("unknown_value", key, "expected true; to have none, leave it out");
        }
        mark == Some(true)
    }

    fn what(&mut self) -> Option<ScheduledAction> {
        let before = self.problems.count();
        let (is_reload, repeat, take_over) =
            (self.mark("reload"), self.flag("repeat"), self.flag("take_over"));
        if self.problems.count() > before {
            // Which action it is cannot be known; the changes are read for their own problems.
            if let Some(items) = self.get("changes", CHANGES_TYPE, Value::as_array) {
                self.changes(items);
            }
            return None;
        }
        match (self.members.get("changes"), is_reload) {
            (None, false) => self.wrong("missing_field", "changes", "write changes, or \"reload\": true"),
            (Some(_), true) => self.wrong("contradiction", "reload", "write changes or reload, not both"),
            (None, true) if repeat && !self.members.contains_key("window") => {
                self.wrong("missing_field", "window", "a repeated schedule needs a window: add one");
            }
            (None, true) if take_over => {
                self.wrong("contradiction", "take_over", "take_over has no meaning for a reload; remove it");
            }
            (None, true) => return Some(ScheduledAction::Reload { repeat }),
            (Some(_), false) if repeat => {
                self.wrong("contradiction", "repeat", "an edit is run once; only a reload can be repeated");
            }
            (Some(_), false) => {
                let items = self.get("changes", CHANGES_TYPE, Value::as_array)?;
                let changes = self.changes(items);
                return Some(ScheduledAction::Edit { changes, take_over });
            }
        }
        None
    }

    fn changes(&mut self, items: &[Value]) -> Vec<Change> {
        if items.is_empty() || items.len() > CHANGES_MAX {
            let message = format!("there are {} changes; there may be 1 to {CHANGES_MAX}", items.len());
            self.wrong("out_of_range", "changes", &message);
            return Vec::new();
        }
        let mut seen = BTreeSet::new();
        let mut changes = Vec::with_capacity(items.len());
        for (n, item) in items.iter().enumerate() {
            let place = self.place.key("changes").index(n);
            let Some(members) = item.as_object() else {
                let message = "a change is an object with op, kind, name and body";
                self.problems.add(Problem::new("wrong_type", place, message));
                continue;
            };
            let mut fields = ObjectFields::new(members, place, CHANGE_FIELDS, self.problems);
            let Some(change) = fields.change() else { continue };
            match seen.insert(change.id.clone()) {
                true => changes.push(change),
                false => fields.wrong("duplicate_document", "name", "is changed twice; change it once"),
            }
        }
        changes
    }

    fn change(&mut self) -> Option<Change> {
        let op = self.required("op", "write put or delete");
        let op = op.and_then(|word| match word.parse::<Op>() {
            Ok(op) => Some(op),
            Err(error) => {
                self.wrong("unknown_value", "op", &error.to_string());
                None
            }
        });
        let kind = self.required("kind", "write the document's kind");
        let name = self.required("name", "write the document's name");
        let precondition = self.precondition();
        let id = DocumentId::new(kind?, name?);
        let id = match id {
            Ok(id) if id.kind.as_str() == SCHEDULES => {
                // A schedule that makes schedules could continue for ever.
                self.wrong("unknown_value", "kind", "a schedule does not change schedules");
                return None;
            }
            Ok(id) => id,
            Err(error) => {
                let key = if matches!(error, NameError::Kind(_)) { "kind" } else { "name" };
                self.wrong("invalid_name", key, &error.to_string());
                return None;
            }
        };
        let body = match (op?, self.members.get("body")) {
            (Op::Put, None) => {
                self.wrong("missing_field", "body", "add the body of the document");
                return None;
            }
            (Op::Delete, Some(_)) => {
                self.wrong("contradiction", "body", "a delete has no body; leave body out");
                return None;
            }
            (Op::Put, Some(body)) if !body.is_object() => {
                self.wrong("wrong_type", "body", "a body is an object; write {...}");
                return None;
            }
            (_, body) => body.cloned().map(Arc::new),
        };
        Some(Change { id, body, precondition })
    }

    fn precondition(&mut self) -> Precondition {
        let number = "write a number from 0 up";
        let version = self.get("if_version", number, Value::as_u64).map(Precondition::Version);
        let revision = self.get("if_revision", number, Value::as_u64);
        let revision = revision.map(|number| Precondition::UnchangedSince(RevisionNumber::new(number)));
        let present = self.mark("if_present").then_some(Precondition::Present);
        let mut stated = [version, revision, present].into_iter().flatten();
        let first = stated.next().unwrap_or_default();
        if stated.next().is_some() {
            self.wrong("contradiction", "if_version", "write one of if_version, if_revision and if_present");
        }
        first
    }

    fn when(&mut self) -> Option<When> {
        let before = self.problems.count();
        let example = "write a time with its offset, as \"2026-01-31T03:00:00Z\"";
        let not_before = self.get("not_before", example, |value| value.as_str()?.parse::<Timestamp>().ok());
        let members = self.get("window", "a window is an object with cron and time_zone", Value::as_object);
        let window = members.and_then(|members| {
            ObjectFields::new(members, self.place.key("window"), WINDOW_FIELDS, self.problems).window()
        });
        let is_said = ["not_before", "window"].iter().any(|key| self.members.contains_key(*key));
        if !is_said {
            self.wrong("missing_field", "not_before", "add not_before, window or both");
        }
        (self.problems.count() == before).then_some(When { not_before, window })
    }

    fn window(&mut self) -> Option<Window> {
        let cron = self.required("cron", "add the start of the window, as \"0 3 * * *\"")?;
        let cron = match Cron::parse(cron) {
            Ok(cron) => Some(cron),
            Err(why) => {
                self.wrong("invalid_cron", "cron", &why);
                None
            }
        };
        let zone = self.text("time_zone", "write an IANA name, as \"Europe/Rome\"").unwrap_or("UTC");
        // The zones are part of the program or of the system it runs on: the same for every caller, like a Unicode
        // table.
        let time_zone = TimeZone::get(zone).ok();
        if time_zone.is_none() {
            let shown: String = zone.chars().take(40).collect();
            self.wrong(
                "unknown_value",
                "time_zone",
                &format!("unknown IANA time zone {shown:?}; use one as \"Europe/Rome\""),
            );
        }
        let length_ms = match self.get("length_ms", "write a number of milliseconds", Value::as_u64) {
            None => LENGTH_MS_DEFAULT,
            Some(length_ms) if (LENGTH_MS.0..=LENGTH_MS.1).contains(&length_ms) => length_ms,
            Some(length_ms) => {
                let (min, max) = LENGTH_MS;
                self.wrong("out_of_range", "length_ms", &format!("is {length_ms}; expected {min} to {max}"));
                return None;
            }
        };
        let length = SignedDuration::from_millis(i64::try_from(length_ms).ok()?);
        Some(Window { cron: cron?, time_zone: time_zone?, time_zone_name: zone.to_owned(), length })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(body: Value) -> Vec<String> {
        read(&body).unwrap_err().iter().map(|it| format!("{} {}", it.code, it.path)).collect()
    }

    #[test]
    fn what_was_written_is_read_back() {
        for body in [
            json!({"reload": true, "not_before": "2026-01-31T03:00:00.5Z"}),
            json!({"reload": true, "repeat": true, "window": {
                "cron": "0 3 * * 1-5", "time_zone": "Europe/Rome", "length_ms": 60_000}}),
            json!({"take_over": true, "not_before": "2026-01-31T03:00:00Z", "refused": {"at": "then"}, "changes": [
                {"op": "put", "kind": "rules", "name": "a/b", "body": {"n": 1}, "if_version": 3},
                {"op": "put", "kind": "rules", "name": "c", "body": {}, "if_version": 0},
                {"op": "delete", "kind": "tools", "name": "d", "if_revision": 42},
                {"op": "delete", "kind": "tools", "name": "e", "if_present": true}]}),
        ] {
            assert_eq!(read(&body).unwrap().to_body(), body);
        }
        let short = read(&json!({"reload": true, "window": {"cron": "0 3 * * *"}})).unwrap();
        let window = short.when.window().unwrap();
        assert_eq!((window.time_zone(), window.length_ms()), ("UTC", 3_600_000));
    }

    #[test]
    fn all_problems_are_reported_with_their_places() {
        assert_eq!(refused(json!([])), ["wrong_type "]);
        assert_eq!(refused(json!({})), ["missing_field /changes", "missing_field /not_before"]);
        assert_eq!(
            refused(json!({"author": "eve", "reload": "yes", "changes": {}, "not_before": "tomorrow"})),
            ["unknown_field /author", "wrong_type /reload", "wrong_type /changes", "wrong_type /not_before"]
        );
        let changes = json!([
            {"op": "put", "kind": "rules", "name": "a"},
            {"op": "move", "kind": "rules", "name": "a//b"},
            {"op": "delete", "kind": "rules", "name": "c", "body": {}},
            {"op": "delete", "kind": "rules", "name": "d", "if_version": 1, "if_present": true},
            {"op": "delete", "kind": "rules", "name": "d"},
            {"op": "delete", "kind": "schedules", "name": "e"},
            7,
            {"op": "delete", "kind": "Rules", "name": "f"},
        ]);
        assert_eq!(
            refused(json!({"changes": changes, "repeat": false, "not_before": "2026-01-31T03:00:00Z"})),
            [
                "missing_field /changes/0/body",
                "unknown_value /changes/1/op",
                "invalid_name /changes/1/name",
                "contradiction /changes/2/body",
                "contradiction /changes/3/if_version",
                "duplicate_document /changes/4/name",
                "unknown_value /changes/5/kind",
                "wrong_type /changes/6",
                "invalid_name /changes/7/kind",
            ]
        );
        let changes = json!([
            {"op": "put", "kind": "rules", "name": "a", "body": [1]},
            {"op": "delete", "kind": "rules", "name": "b", "if_present": false},
        ]);
        assert_eq!(
            refused(json!({"changes": changes, "reload": false, "not_before": "2026-01-31T03:00:00Z"})),
            ["unknown_value /reload", "wrong_type /changes/0/body", "unknown_value /changes/1/if_present"]
        );
        let window = json!({"cron": "0 0 31 2 *", "time_zone": "Europe/Roma", "length_ms": 59_999});
        assert_eq!(
            refused(json!({"reload": true, "repeat": true, "window": window})),
            [
                "invalid_cron /window/cron",
                "unknown_value /window/time_zone",
                "out_of_range /window/length_ms"
            ]
        );
        let soon = "2026-01-31T03:00:00Z";
        assert_eq!(
            refused(json!({"reload": true, "repeat": true, "not_before": soon})),
            ["missing_field /window"]
        );
        assert_eq!(refused(json!({"changes": [], "not_before": soon})), ["out_of_range /changes"]);
        let delete = json!([{"op": "delete", "kind": "rules", "name": "a"}]);
        for key in ["reload", "repeat"] {
            let both = json!({"changes": delete, key: true, "not_before": soon});
            assert_eq!(refused(both), [format!("contradiction /{key}")]);
        }
    }
}
