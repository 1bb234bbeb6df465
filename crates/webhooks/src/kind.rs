//! The kind `webhooks`.

use std::sync::Arc;

use imbl::OrdMap;
use jiff::Timestamp;
use midflight_core::{DocumentId, DocumentName, JsonPointer, KindName, Problem, Problems};
use midflight_engine::{DocumentSchema, EnvironmentInput, Kind, KindChange, Work};
use midflight_outbound::OutboundPolicy;
use serde_json::{Value, json};

use crate::read::{ReadContext, read, read_key, wrong_input};
use crate::schema::schema;
use crate::{WEBHOOKS, WEBHOOKS_MAX, Webhook, WebhookEvent, WebhookEventType};

/// The kind `webhooks`, with what the operator allows.
#[derive(Debug, Clone, Default)]
pub struct Webhooks {
    /// Where events may be sent.
    pub policy: OutboundPolicy,
    /// Whether entries of the audit may be sent. Editors write webhooks, and the audit is for admins.
    pub may_audit: bool,
}

/// Every webhook, by name. A clone shares everything.
#[derive(Debug, Clone, Default)]
pub struct WebhookSet(OrdMap<DocumentName, Arc<Webhook>>);

impl WebhookSet {
    /// A webhook.
    #[must_use]
    pub fn get(&self, name: &DocumentName) -> Option<&Arc<Webhook>> {
        self.0.get(name)
    }

    /// Those that are active, by name.
    pub fn active(&self) -> impl Iterator<Item = (&DocumentName, &Arc<Webhook>)> {
        self.0.iter().filter(|(_, webhook)| webhook.is_active)
    }

    /// Those that want an event, by name.
    #[must_use]
    pub fn wanting(&self, event: &WebhookEvent) -> Vec<(&DocumentName, &Arc<Webhook>)> {
        self.0.iter().filter(|(_, webhook)| webhook.wants(event)).collect()
    }
}

impl Kind for Webhooks {
    type Document = Webhook;
    type Snapshot = WebhookSet;

    fn name(&self) -> KindName {
        kind_name()
    }

    fn empty(&self) -> WebhookSet {
        WebhookSet::default()
    }

    fn validate(&self, _: &DocumentName, body: &Arc<Value>, work: &Work) -> Result<Webhook, Problems> {
        let context =
            ReadContext { policy: &self.policy, may_audit: self.may_audit, environment: work.inputs() };
        read(body, &context)
    }

    fn compile(
        &self,
        previous: &WebhookSet,
        changes: Vec<KindChange<Webhook>>,
        work: &Work,
    ) -> Result<WebhookSet, Problems> {
        let mut next = previous.clone();
        let mut put = None;
        for change in changes {
            work.check()?;
            match change.document {
                Some(webhook) => {
                    next.0.insert(change.name.clone(), Arc::new(webhook));
                    put = Some(change.name);
                }
                None => drop(next.0.remove(&change.name)),
            }
        }
        match put.filter(|_| next.0.len() > WEBHOOKS_MAX) {
            None => reread(next, work),
            Some(name) => {
                let message = format!("there may be {WEBHOOKS_MAX} webhooks and this makes {}", next.0.len());
                let id = DocumentId { kind: kind_name(), name };
                Err(Problem::new("too_many", JsonPointer::root(), message).in_document(&id).into())
            }
        }
    }

    fn inputs(&self, snapshot: &WebhookSet) -> Vec<EnvironmentInput> {
        snapshot.0.values().map(|webhook| webhook.input.clone()).collect()
    }

    /// Which webhooks want an event, for checks: `{event, documents?, outcome?}` is answered by their names.
    fn answer(&self, snapshot: &WebhookSet, input: &Value) -> Result<Value, Problem> {
        let word = input.get("event").and_then(Value::as_str).ok_or_else(wrong_input)?;
        let event = WebhookEventType::ALL.into_iter().find(|event| event.as_str() == word);
        let ids = input.get("documents").and_then(Value::as_array).into_iter().flatten();
        let documents: Option<Vec<DocumentId>> = ids.map(|id| id.as_str()?.parse().ok()).collect();
        let (Some(event), Some(documents)) = (event, documents) else { return Err(wrong_input()) };
        let wanted = WebhookEvent {
            id: String::new(),
            event,
            at: Timestamp::UNIX_EPOCH,
            kinds: documents.iter().map(|id| id.kind.clone()).collect(),
            documents,
            has_more: false,
            outcome: input.get("outcome").and_then(Value::as_str).map(str::to_owned),
            data: Value::Null,
        };
        Ok(json!(snapshot.wanting(&wanted).iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>()))
    }

    fn schemas(&self) -> Vec<DocumentSchema> {
        vec![DocumentSchema { title: "webhook", names: "{webhook_id}", schema: schema() }]
    }

    fn figures(&self, snapshot: &WebhookSet) -> Vec<(&'static str, u64)> {
        vec![("active", snapshot.active().count() as u64)]
    }
}

#[expect(clippy::expect_used, reason = "the name is valid")]
fn kind_name() -> KindName {
    KindName::new(WEBHOOKS).expect("a valid name of a kind")
}

/// Reads the secrets again that are other ones now: they are exchanged without a revision.
fn reread(mut set: WebhookSet, work: &Work) -> Result<WebhookSet, Problems> {
    let mut problems = Problems::default();
    let stale = set.0.iter().filter(|(_, webhook)| webhook.input.is_stale(work.inputs()));
    let stale: Vec<_> = stale.map(|(name, webhook)| (name.clone(), Arc::clone(webhook))).collect();
    for (name, webhook) in stale {
        match read_key(webhook.input.name.clone(), work.inputs()) {
            Ok((key, input)) => {
                drop(set.0.insert(name, Arc::new(Webhook { key, input, ..(*webhook).clone() })))
            }
            Err(why) => {
                let id = DocumentId { kind: kind_name(), name };
                let place = JsonPointer::root().key("secret");
                problems.add(Problem::new("invalid_secret", place, why).in_document(&id));
            }
        }
    }
    problems.or(set)
}

#[cfg(test)]
mod tests {
    use super::*;
    use midflight_core::RevisionNumber;
    use midflight_engine::{DocumentWriter, Environment, EnvironmentInputs};
    use std::sync::Mutex;

    /// The variables `GOOD` and `SHORT`, of which the first changes.
    #[derive(Clone)]
    struct Variables(Arc<Mutex<String>>);

    impl Environment for Variables {
        fn variable(&self, name: &str, by: DocumentWriter) -> Result<Option<String>, String> {
            assert_eq!(by, DocumentWriter::Log, "an editor's document");
            match name {
                "GOOD" => Ok(Some(self.0.lock().unwrap().clone())),
                "SHORT" => Ok(Some("hunter2".to_owned())),
                "FORBIDDEN" => Err("documents may not refer to it".to_owned()),
                _ => Ok(None),
            }
        }

        fn file(&self, _: &str, _: DocumentWriter) -> Result<String, String> {
            Err("no such file".to_owned())
        }
    }

    fn variables() -> Variables {
        Variables(Arc::new(Mutex::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned())))
    }

    fn work(variables: &Variables) -> Work {
        Work::unbounded().with_inputs(Arc::new(EnvironmentInputs::new(Arc::new(variables.clone()))))
    }

    fn body(more: Value) -> Arc<Value> {
        let mut body = json!({"url": "https://a.example/x", "secret": "${env:GOOD}"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Arc::new(body)
    }

    fn name(name: &str) -> DocumentName {
        DocumentName::new(name).unwrap()
    }

    #[track_caller]
    fn set(bodies: &[(&str, Value)]) -> WebhookSet {
        let (kind, variables) = (Webhooks { may_audit: true, ..Webhooks::default() }, variables());
        let change = |(id, more): &(&str, Value)| KindChange {
            name: name(id),
            document: Some(kind.validate(&name(id), &body(more.clone()), &work(&variables)).unwrap()),
        };
        kind.compile(&kind.empty(), bodies.iter().map(change).collect(), &work(&variables)).unwrap()
    }

    #[track_caller]
    fn refused(kind: &Webhooks, more: Value, expected: &[&str]) {
        let problems = kind.validate(&name("a"), &body(more), &work(&variables())).unwrap_err();
        let found: Vec<_> = problems.iter().map(|it| format!("{} {}", it.code, it.path)).collect();
        assert_eq!(found, expected);
        assert!(problems.iter().all(|it| !it.message.contains("hunter2")), "{problems}");
    }

    #[test]
    fn what_cannot_be_sent_is_refused_with_its_place() {
        let kind = Webhooks::default();
        refused(&kind, json!({"url": "http://169.254.169.254/x"}), &["not_allowed /url"]);
        refused(&kind, json!({"url": "https://u:hunter2@a.example/"}), &["not_allowed /url"]);
        refused(&kind, json!({"url": "file:///etc/passwd"}), &["not_allowed /url"]);
        refused(&kind, json!({"url": "nonsense"}), &["invalid_url /url"]);
        refused(&kind, json!({"secret": "hunter2"}), &["not_a_reference /secret"]);
        for secret in ["${env:SHORT}", "${env:FORBIDDEN}", "${env:UNSET}", "${file:/x}"] {
            refused(&kind, json!({ "secret": secret }), &["invalid_secret /secret"]);
        }
        refused(
            &kind,
            json!({"documents": ["rules/*", "/x", "a//b", "a b"]}),
            &["invalid_pattern /documents/1", "invalid_pattern /documents/2", "invalid_pattern /documents/3"],
        );
        refused(&kind, json!({"events": ["revision.live", "revision.dead"]}), &["unknown_value /events/1"]);
        refused(&kind, json!({"events": ["audit.recorded"]}), &["not_allowed /events/0"]);
        refused(&kind, json!({"outcomes": ["well"]}), &["unknown_value /outcomes/0"]);
        refused(
            &kind,
            json!({"timeout_ms": 30_001, "attempts_max": 0, "retry_ms": -1}),
            &["out_of_range /timeout_ms", "out_of_range /attempts_max", "out_of_range /retry_ms"],
        );
        refused(&kind, json!({"author": "eve"}), &["unknown_field /author"]);
        let elsewhere =
            Webhooks { policy: OutboundPolicy::only(["b.example".parse().unwrap()]), ..Webhooks::default() };
        refused(&elsewhere, json!({}), &["not_allowed /url"]);
        let empty = kind.validate(&name("a"), &Arc::new(json!({})), &work(&variables())).unwrap_err();
        assert_eq!(empty.count(), 2);
    }

    #[test]
    fn a_filter_has_events_documents_and_outcomes() {
        let set = set(&[
            ("all", json!({})),
            ("audit", json!({"events": ["audit.recorded"], "outcomes": ["refused"]})),
            ("off", json!({"active": false})),
            ("pricing", json!({"documents": ["rules/pricing/*", "tools"]})),
            ("worse", json!({"events": ["reload.failed"], "outcomes": ["rejected"]})),
        ]);
        let kind = Webhooks::default();
        for (input, expected) in [
            (json!({"event": "revision.live", "documents": ["rules/pricing/R1"]}), &["all", "pricing"][..]),
            (json!({"event": "revision.live", "documents": ["rules/loans/R1"]}), &["all"]),
            (json!({"event": "revision.live", "documents": ["rules/a", "tools/b"]}), &["all", "pricing"]),
            (json!({"event": "log.diverged"}), &["all", "pricing"]),
            (json!({"event": "audit.recorded", "outcome": "refused"}), &["audit"]),
            (json!({"event": "audit.recorded", "outcome": "success"}), &[]),
            (json!({"event": "reload.failed", "outcome": "rejected"}), &["all", "pricing", "worse"]),
            (json!({"event": "reload.failed", "outcome": "load_failed"}), &["all", "pricing"]),
        ] {
            assert_eq!(kind.answer(&set, &input).unwrap(), json!(expected), "{input}");
        }
        assert!(kind.answer(&set, &json!({"event": "x"})).is_err());
    }

    #[test]
    fn an_event_whose_documents_are_not_all_known_is_matched_by_its_kinds() {
        let set = set(&[("pricing", json!({"documents": ["rules/pricing/*"]}))]);
        let event = |kinds: &[&str], has_more| WebhookEvent {
            id: String::new(),
            event: WebhookEventType::RevisionLive,
            at: Timestamp::UNIX_EPOCH,
            kinds: kinds.iter().map(|kind| KindName::new(kind).unwrap()).collect(),
            documents: vec!["tools/a".parse().unwrap()],
            has_more,
            outcome: None,
            data: json!({"revision": RevisionNumber::new(1).get()}),
        };
        assert_eq!(set.wanting(&event(&["rules", "tools"], true)).len(), 1);
        assert_eq!(set.wanting(&event(&["rules", "tools"], false)).len(), 0);
        assert_eq!(set.wanting(&event(&["tools"], true)).len(), 0);
        let webhook = set.get(&name("pricing")).unwrap();
        let payload: Value = serde_json::from_str(&webhook.payload(&event(&["tools"], true))).unwrap();
        assert_eq!((&payload["type"], &payload["data"]["revision"]), (&json!("revision.live"), &json!(1)));
    }

    #[test]
    fn an_event_has_nothing_of_documents_that_the_webhook_is_not_for() {
        let set = set(&[("all", json!({})), ("pricing", json!({"documents": ["rules/pricing/*", "tools"]}))]);
        let event = WebhookEvent {
            id: String::new(),
            event: WebhookEventType::ReloadFailed,
            at: Timestamp::UNIX_EPOCH,
            kinds: Vec::new(),
            documents: Vec::new(),
            has_more: false,
            outcome: None,
            data: json!({
                "changes": [{"kind": "rules", "name": "pricing/R1", "op": "put"}, {"kind": "rules", "name": "loans/R1", "op": "put"}],
                "documents": ["rules/pricing/R1", "rules/loans/R1", "tools/a"],
                "errors": [{"document": "tools/a", "message": "a"}, {"document": "rules/loans/R1", "message": "b"}, {"message": "c"}],
                "changes_count": 2,
            }),
        };
        let data = |webhook: &str| {
            let payload = set.get(&name(webhook)).unwrap().payload(&event);
            serde_json::from_str::<Value>(&payload).unwrap()["data"].clone()
        };
        assert_eq!(data("all"), event.data);
        let expected = json!({
            "changes": [{"kind": "rules", "name": "pricing/R1", "op": "put"}],
            "documents": ["rules/pricing/R1", "tools/a"],
            "errors": [{"document": "tools/a", "message": "a"}],
            "changes_count": 2,
        });
        assert_eq!(data("pricing"), expected);
    }

    #[test]
    fn an_exchanged_secret_is_in_use_without_a_revision() {
        let (kind, variables) = (Webhooks::default(), variables());
        let document = kind.validate(&name("a"), &body(json!({})), &work(&variables)).unwrap();
        let change = KindChange { name: name("a"), document: Some(document) };
        let first = kind.compile(&kind.empty(), vec![change], &work(&variables)).unwrap();
        assert!(!kind.is_stale(&first, &variables));
        *variables.0.lock().unwrap() = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD".to_owned();
        assert!(kind.is_stale(&first, &variables));
        let second = kind.compile(&first, Vec::new(), &work(&variables)).unwrap();
        assert!(!kind.is_stale(&second, &variables));
        let key = |set: &WebhookSet| set.get(&name("a")).unwrap().key.signature("a", "1", b"");
        assert_ne!(key(&first), key(&second));
    }

    #[test]
    fn pauses_grow_up_to_a_bound() {
        let set = set(&[("a", json!({"retry_ms": 1_000}))]);
        let webhook = set.get(&name("a")).unwrap();
        let pauses: Vec<_> = [1, 2, 3, 100].map(|attempts| webhook.pause_ms(attempts)).to_vec();
        assert_eq!(pauses, [1_000, 4_000, 16_000, crate::PAUSE_MS_MAX]);
    }

    #[test]
    fn the_schema_accepts_what_the_kind_accepts() {
        let schema = jsonschema::validator_for(&schema()).unwrap();
        assert!(schema.is_valid(&body(json!({"events": ["log.diverged"], "documents": ["rules"]}))));
        assert!(!schema.is_valid(&json!({"url": "https://a.example", "secret": "hunter2"})));
    }
}
