//! The kind `schedules`: which there are. That one of them is due is nothing it knows, since a kind has no clock.

use std::sync::Arc;

use jiff::Timestamp;
use midflight_core::{
    DOCUMENT_NAME_PATTERN, DocumentName, JsonPointer, KIND_BYTES_MAX, KIND_NAME_PATTERN, KindName,
    NAME_BYTES_MAX, Problem, Problems,
};
use serde_json::{Value, json};

use super::read::read;
use super::when::{LENGTH_MS, LENGTH_MS_DEFAULT};
use super::{CHANGES_MAX, SCHEDULES, SCHEDULES_MAX, Schedule, id_of, kind_name};
use crate::{DocumentSchema, Kind, KindChange, Work};

/// Every schedule, by name.
pub(crate) type Agenda = imbl::OrdMap<DocumentName, Arc<Schedule>>;

/// The kind `schedules`.
pub(crate) struct Schedules;

impl Kind for Schedules {
    type Document = Schedule;
    type Snapshot = Agenda;

    fn name(&self) -> KindName {
        kind_name()
    }

    fn empty(&self) -> Agenda {
        Agenda::new()
    }

    fn validate(&self, _: &DocumentName, body: &Arc<Value>, _: &Work) -> Result<Schedule, Problems> {
        read(body)
    }

    fn compile(
        &self,
        previous: &Agenda,
        changes: Vec<KindChange<Schedule>>,
        work: &Work,
    ) -> Result<Agenda, Problems> {
        let mut next = previous.clone();
        let mut put = None;
        for change in changes {
            work.check()?;
            match change.document {
                Some(schedule) => {
                    next.insert(change.name.clone(), Arc::new(schedule));
                    put = Some(change.name);
                }
                None => drop(next.remove(&change.name)),
            }
        }
        match put.filter(|_| next.len() > SCHEDULES_MAX) {
            None => Ok(next),
            Some(name) => {
                let message = format!("there may be {SCHEDULES_MAX} schedules and this makes {}", next.len());
                Err(Problem::new("too_many", JsonPointer::root(), message).in_document(&id_of(name)).into())
            }
        }
    }

    /// When a schedule is due, for checks: `{schedule, now}` is answered `{next_at}`, null when it is not there.
    fn answer(&self, snapshot: &Agenda, input: &Value) -> Result<Value, Problem> {
        let wrong =
            |key: &str, message: &str| Problem::new("wrong_type", JsonPointer::root().key(key), message);
        let text = |key: &str| input.get(key).and_then(Value::as_str);
        let name = text("schedule").and_then(|text| DocumentName::new(text).ok());
        let name = name.ok_or_else(|| wrong("schedule", "write the name of a schedule"))?;
        let now = text("now").and_then(|text| text.parse::<Timestamp>().ok());
        let now = now.ok_or_else(|| wrong("now", "write a time, as \"2026-01-31T03:00:00Z\""))?;
        let schedule = snapshot.get(&name).filter(|schedule| schedule.refused.is_none());
        let next_at = schedule.and_then(|schedule| schedule.when.next_at(now, None));
        Ok(json!({ "next_at": next_at.map(|next_at| next_at.to_string()) }))
    }

    fn schemas(&self) -> Vec<DocumentSchema> {
        vec![DocumentSchema { title: "schedule", names: "{schedule_id}", schema: schema() }]
    }

    fn figures(&self, snapshot: &Agenda) -> Vec<(&'static str, u64)> {
        let refused = snapshot.values().filter(|schedule| schedule.refused.is_some()).count();
        vec![("waiting", (snapshot.len() - refused) as u64), ("refused", refused as u64)]
    }
}

fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "schedule",
        "description": "An edit or a reload that is run at a given time; it is deleted when it is done.",
        "type": "object",
        "additionalProperties": false,
        "oneOf": [{"required": ["changes"]}, {"required": ["reload"]}],
        "anyOf": [{"required": ["not_before"]}, {"required": ["window"]}],
        "properties": {
            "changes": {
                "description": "The changes of the edit, all or nothing.",
                "type": "array", "minItems": 1, "maxItems": CHANGES_MAX,
                "items": {
                    "type": "object",
                    "required": ["op", "kind", "name"],
                    "additionalProperties": false,
                    "properties": {
                        "op": {"enum": ["put", "delete"]},
                        "kind": {
                            "type": "string", "maxLength": KIND_BYTES_MAX, "pattern": KIND_NAME_PATTERN,
                            "not": {"const": SCHEDULES}
                        },
                        "name": {
                            "type": "string", "maxLength": NAME_BYTES_MAX, "pattern": DOCUMENT_NAME_PATTERN
                        },
                        "body": {"type": "object"},
                        "if_version": {"description": "Its version at that time; 0: it does not exist.", "type": "integer", "minimum": 0, "maximum": u64::MAX},
                        "if_revision": {"description": "Not changed after this revision.", "type": "integer", "minimum": 0, "maximum": u64::MAX},
                        "if_present": {"description": "It exists.", "const": true}
                    },
                    "oneOf": [
                        {"properties": {"op": {"const": "put"}}, "required": ["body"]},
                        {"properties": {"op": {"const": "delete"}}, "not": {"required": ["body"]}}
                    ]
                }
            },
            "take_over": {"description": "Whether documents of other owners are changed too.", "type": "boolean", "default": false},
            "reload": {"description": "Recompile everything.", "const": true},
            "repeat": {"description": "Whether it is repeated at every start of the window.", "type": "boolean", "default": false},
            "not_before": {"description": "It is not run before.", "type": "string", "format": "date-time", "examples": ["2026-01-31T03:00:00Z"]},
            "window": {
                "description": "It is not run outside of it.",
                "type": "object",
                "required": ["cron"],
                "additionalProperties": false,
                "properties": {
                    "cron": {"description": "Start of the window: minute, hour, day, month, weekday.", "type": "string", "examples": ["0 3 * * 1-5"]},
                    "time_zone": {"description": "An IANA name, as Europe/Rome.", "type": "string", "default": "UTC", "examples": ["Europe/Rome"]},
                    "length_ms": {
                        "description": "Length of the window.",
                        "type": "integer",
                        "minimum": LENGTH_MS.0, "maximum": LENGTH_MS.1, "default": LENGTH_MS_DEFAULT
                    }
                }
            },
            "refused": {
                "description": "Result of the run; put the document without it to try again.",
                "type": "object"
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use midflight_testkit::schemas::{SchemaComparison, codes_of};

    use super::*;
    use crate::testing::try_kind;

    fn name(text: &str) -> DocumentName {
        DocumentName::new(text).unwrap()
    }

    #[test]
    fn it_is_a_pure_function() {
        let documents = [
            (name("a"), json!({"reload": true, "not_before": "2026-01-01T00:00:00Z"})),
            (name("b"), json!({"reload": true, "repeat": true, "window": {"cron": "0 3 * * *"}})),
        ];
        let inputs = [json!({"schedule": "a", "now": "2026-01-01T00:00:00Z"}), json!(null)];
        try_kind(&Schedules, &documents, &inputs).unwrap();
    }

    /// What the schema leaves to the reader.
    const READER_ONLY: &[&str] = &[
        // Whether a text is a time, a cron expression or a time zone.
        "wrong_type not_before",
        "invalid_cron cron",
        "unknown_value time_zone",
        // Members that exclude or need each other.
        "contradiction if_version",
        "contradiction repeat",
        "contradiction take_over",
        "missing_field window",
    ];

    #[test]
    fn the_schema_and_the_reader_agree_on_broken_and_generated_documents() {
        let documents = [
            json!({"reload": true, "repeat": true, "not_before": "2026-01-31T03:00:00Z",
                "window": {"cron": "0 3 * * *", "time_zone": "Europe/Rome", "length_ms": 60_000}}),
            json!({"take_over": true, "not_before": "2026-01-31T03:00:00Z", "refused": {"at": "then"}, "changes": [
                {"op": "put", "kind": "rules", "name": "a/b", "body": {"n": 1}, "if_version": 3},
                {"op": "put", "kind": "rules", "name": "c", "body": {}, "if_revision": 42},
                {"op": "delete", "kind": "tools", "name": "e", "if_present": true}]}),
        ];
        let read = |body: &Value| read(body).map(drop).map_err(|problems| codes_of(&problems));
        let schema = &schema();
        let comparison =
            SchemaComparison { schema, documents: &documents, read: &read, reader_only: READER_ONLY };
        let compared = comparison.run();
        assert!(compared.refused * 2 > compared.broken, "{compared:?}");
        assert!(compared.generated > 500 && compared.read > 100, "{compared:?}");
    }

    #[test]
    fn a_check_can_ask_when_one_is_due_and_there_is_a_bound() {
        let body = json!({"reload": true, "window": {"cron": "0 3 * * *", "time_zone": "Europe/Rome"}});
        let put = |name: DocumentName| KindChange { name, document: Some(read(&body).unwrap()) };
        let compile = |changes| Kind::compile(&Schedules, &Agenda::new(), changes, &Work::unbounded());
        let agenda = compile(vec![put(name("night"))]).unwrap();
        let ask = |schedule: &str| {
            let input = json!({"schedule": schedule, "now": "2026-07-01T12:00:00Z"});
            Kind::answer(&Schedules, &agenda, &input).unwrap()
        };
        assert_eq!(ask("night"), json!({"next_at": "2026-07-02T01:00:00Z"}));
        assert_eq!(ask("none"), json!({"next_at": null}));
        let many = (0..=SCHEDULES_MAX).map(|n| put(name(&format!("s{n:04}"))));
        let refused = compile(many.collect()).unwrap_err().to_string();
        assert_eq!(refused, "schedules/s1000 at the root: there may be 1000 schedules and this makes 1001");
    }
}
