//! What this server answers is what clients read: each answer is read as its type of `midflight-wire` and written again,
//! and nothing is lost or different.

use midflight_wire::audit::AuditList;
use midflight_wire::config::{ConfigDiff, ConfigList, EffectiveAnswer};
use midflight_wire::documents::{DocumentAnswer, DocumentList, SchemaList, VersionList};
use midflight_wire::edits::{
    ApplyRequest, ChangeRequest, OpWord, ValidateRequest, ValidatedAnswer, WriteAnswer,
};
use midflight_wire::health::{HotReloadHealth, LiveAnswer, MonitoringStatus, ReadyAnswer};
use midflight_wire::log::{
    CompactAnswer, CompactRequest, RestoreRequest, RevisionDetail, RevisionDiff, RevisionList,
};
use midflight_wire::patterns::{
    ClassificationAnswer, ClassifyBody, FeedbackBody, FeedbackDone, FeedbackWord, HotReloadMetrics,
    NormalizeBody, NormalizedAnswer, PatternList, PerformanceAnswer, ReloadedPatterns,
};
use midflight_wire::problem::ProblemBody;
use midflight_wire::reload::{ReloadList, ReloadRequest, ReloadedAnswer, StatisticsAnswer};
use midflight_wire::replicas::ReplicaList;
use midflight_wire::rules::{
    BatchAnswer, BatchBody, ConditionList, ExecuteBody, ExecutionAnswer, RuleList, RulesReloadHistory,
    RulesetList, ValidationAnswer,
};
use midflight_wire::schedules::{ScheduleAnswer, ScheduleList};
use midflight_wire::status::StatusAnswer;
use midflight_wire::tokens::{CreatedToken, RotateBody, TokenBody, TokenList, Whoami};
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::support::{Answer, Server, answer, server};

/// Reads an answer as `T`, and asserts that it is written as it was.
#[track_caller]
pub(crate) fn read<T: DeserializeOwned + Serialize>(answer: &Answer) -> T {
    assert!(answer.status.is_success(), "{:#}", answer.json);
    let read: T = serde_json::from_str(&answer.json.to_string()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), answer.json);
    read
}

/// The same of an answer that kinds add members to: every member that `T` has is written as it was.
#[track_caller]
fn read_members<T: DeserializeOwned + Serialize>(answer: &Answer) -> T {
    let read: T = serde_json::from_str(&answer.json.to_string()).unwrap();
    let Value::Object(members) = serde_json::to_value(&read).unwrap() else { panic!("an object") };
    for (name, value) in members {
        match (value, &answer.json[&name]) {
            (Value::Object(members), of_answer) => {
                members
                    .iter()
                    .for_each(|(member, value)| assert_eq!(*value, of_answer[member], "{name}/{member}"));
            }
            (value, of_answer) => assert_eq!(value, *of_answer, "{name}"),
        }
    }
    read
}

impl Server {
    pub(crate) async fn read<T: DeserializeOwned + Serialize>(&self, path: &str) -> T {
        read(&answer(self.request(Method::GET, path)).await)
    }

    /// Sends a request of a wire type, and reads the answer.
    pub(crate) async fn send<T: DeserializeOwned + Serialize>(&self, path: &str, body: &impl Serialize) -> T {
        read(&answer(self.request(Method::POST, path).json(body)).await)
    }
}

fn put(kind: &str, name: &str, body: Value) -> ChangeRequest {
    let (kind, name) = (kind.to_owned(), name.to_owned());
    ChangeRequest { op: OpWord::Put, kind, name, body: Some(body), if_version: None }
}

#[tokio::test]
async fn clients_read_what_the_log_answers() {
    let server = server().await.with_loans().await;
    let changes = vec![put("rules", "other", json!({"name": "Other"}))];
    let request = ApplyRequest { changes, reason: "more".to_owned() };
    let tried: WriteAnswer = server.send("/api/v1/apply?dry_run=true&text=true", &request).await;
    assert!(tried.dry_run && tried.revision.is_none() && tried.diff[0].effect == "add");
    let made: WriteAnswer = server.send("/api/v1/apply?wait=all", &request).await;
    assert_eq!((&*made.outcome, made.documents[0].version), ("success", 1));
    let change = ChangeRequest { op: OpWord::Delete, body: None, ..put("rules", "other", Value::Null) };
    let request = ApplyRequest { changes: vec![change], reason: String::new() };
    let _: WriteAnswer =
        server.send("/api/v1/apply?not_before=2999-01-01T00:00:00Z&schedule_id=s", &request).await;
    let scheduled: ScheduleAnswer = server.read("/api/v1/schedules/s").await;
    assert_eq!(scheduled.changes[0].op, "delete");
    let _: ScheduleList = server.read("/api/v1/schedules").await;
    let document: DocumentAnswer = server.read("/api/v1/documents/rules/other").await;
    assert_eq!(document.body.get(), "{\"name\":\"Other\"}");
    let documents: DocumentList = server.read("/api/v1/documents/rules").await;
    assert_eq!(documents.items.len(), 3);
    let _: VersionList = server.read("/api/v1/documents/rules/other/versions").await;
    let _: SchemaList = server.read("/api/v1/schemas").await;
    let revisions: RevisionList = server.read("/api/v1/revisions").await;
    assert_eq!(revisions.items[0].changes[0].kind, "schedules");
    let _: RevisionDetail = server.read("/api/v1/revisions/1").await;
    let _: RevisionDiff = server.read("/api/v1/revisions/2/diff?against=0&text=true").await;
    let request = RestoreRequest { name: Some("other".to_owned()), ..RestoreRequest::default() };
    let restored: WriteAnswer = server.send("/api/v1/revisions/2/restore", &request).await;
    assert!(restored.documents[0].deleted);
    let request = ValidateRequest { changes: Some(vec![put("rules", "loans", json!({"unknown": 1}))]) };
    let validated: ValidatedAnswer = server.send("/api/v1/validate", &request).await;
    assert!(!validated.valid && validated.problems[0].document.as_deref() == Some("rules/loans"));
    let _: CompactAnswer = server.send("/api/v1/compact", &CompactRequest { keep_from: 2 }).await;
}

#[tokio::test]
async fn clients_read_the_state_of_a_server() {
    let server = server().await.with_loans().await;
    let status: StatusAnswer = server.read("/api/v1/status").await;
    assert_eq!(status.served_revision, 2);
    let replicas: ReplicaList = server.read("/api/v1/replicas").await;
    assert_eq!(replicas.items[0].id, status.replica_id);
    let request = ReloadRequest { kind: Some("rules".to_owned()), ..ReloadRequest::default() };
    let reloaded: ReloadedAnswer = server.send("/api/v1/reload", &request).await;
    assert_eq!((&*reloaded.status, &*reloaded.replicas[0].done), ("success", "reloaded"));
    let reloads: ReloadList = server.read("/api/v1/reloads").await;
    assert_eq!(reloads.items[0].id, reloaded.reload.id);
    let _: StatisticsAnswer = server.read("/api/v1/reloads/statistics").await;
    let _: LiveAnswer = server.read("/health/live").await;
    let _: ReadyAnswer = server.read("/health/ready").await;
    let health: HotReloadHealth = read_members(&server.get("/health/hot-reload").await);
    assert!(health.checks.monitoring_active && health.bus.name == "memory");
    let _: MonitoringStatus = read_members(&server.get("/api/v1/rules/hot-reload/status").await);
    let refused = server.get("/api/v1/documents/rules/none").await;
    let problem: ProblemBody = serde_json::from_str(&refused.json.to_string()).unwrap();
    assert_eq!((&*problem.code, serde_json::to_value(&problem).unwrap()), ("not_found", refused.json));
}

#[tokio::test]
async fn clients_read_who_may_do_what() {
    let server = server().await;
    let body = json!({"name": "ann", "role": "editor", "scopes": ["rules"], "expires_in_ms": 60_000});
    let body: TokenBody = serde_json::from_value(body).unwrap();
    let created: CreatedToken =
        read(&answer(server.request(Method::POST, "/api/v1/tokens").json(&body)).await);
    assert_eq!(created.info.scopes, Some(vec!["rules".to_owned()]));
    let rotated: CreatedToken = server.send("/api/v1/tokens/ann/rotate", &RotateBody::default()).await;
    assert_ne!(rotated.token, created.token);
    let tokens: TokenList = server.read("/api/v1/tokens").await;
    assert_eq!(tokens.items.len(), 2);
    let who: Whoami = server.read("/api/v1/whoami").await;
    assert!(who.permissions.iter().any(|permission| permission == "admin"));
    let audit: AuditList = server.read("/api/v1/audit").await;
    assert!(!audit.items.is_empty());
}

#[tokio::test]
async fn clients_read_executions_and_lists_of_rules() {
    let server = server().await.with_loans().await;
    let body = json!({"data": {"age": 20}, "explain": true, "correlation_id": "c"});
    let body: ExecuteBody = serde_json::from_value(body).unwrap();
    let execution: ExecutionAnswer<'_> = server.send("/api/v1/rules/execute", &body).await;
    assert_eq!((&*execution.pattern_result, execution.total_points), ("Y", 2.0));
    assert_eq!(execution.rule_evaluations.unwrap()[0].outcome, "matched");
    let body: BatchBody = serde_json::from_value(json!({"data_list": [{"age": 20}, 3]})).unwrap();
    let batch: BatchAnswer = server.send("/api/v1/rules/batch", &body).await;
    let items = batch.items().unwrap();
    assert!(items[0].result.is_some() && items[1].error.is_some());
    let _: RulesetList = server.read("/api/v1/rulesets").await;
    let _: RuleList = server.read("/api/v1/rulesets/loans/rules").await;
    let _: ConditionList = server.read("/api/v1/conditions").await;
    let _: RulesReloadHistory = server.read("/api/v1/rules/hot-reload/history").await;
    let _: ValidationAnswer = server.send("/api/v1/rules/hot-reload/validate", &Value::Null).await;
}

#[tokio::test]
async fn clients_read_configs() {
    let server = server().await;
    assert_eq!(server.put("/api/v1/config/shop", &json!({"level": "info"})).await.status, 201);
    assert_eq!(server.put("/api/v1/config/shop", &json!({"level": "debug"})).await.status, 200);
    let configs: ConfigList = server.read("/api/v1/config").await;
    assert!(configs.items.iter().any(|config| config.name == "shop" && !config.own));
    let effective: EffectiveAnswer = server.read("/api/v1/config/shop/effective").await;
    assert_eq!(effective.keys[0].origin, "document");
    let diff: ConfigDiff = server.read("/api/v1/config/shop/diff").await;
    assert_eq!(diff.changes[0].to, json!("debug"));
}

#[tokio::test]
async fn clients_read_patterns() {
    let server = server().await;
    let pattern = json!({"pattern": "hello", "match": "exact", "category": "greeting", "confidence": 0.9});
    assert_eq!(server.put("/api/v1/patterns/hello", &pattern).await.status, 201);
    let body = ClassifyBody { query: "hello".to_owned(), profile: None, session_id: None };
    let classified: ClassificationAnswer = server.send("/api/v1/patterns/classify", &body).await;
    assert_eq!(classified.category.as_deref(), Some("greeting"));
    let body = NormalizeBody { query: "Hello".to_owned(), profile: None };
    let _: NormalizedAnswer = server.send("/api/v1/patterns/normalize", &body).await;
    let feedback_type = FeedbackWord::Positive;
    let body =
        FeedbackBody { query: "hello".to_owned(), profile: None, feedback_type, corrected_category: None };
    let done: FeedbackDone = server.send("/api/v1/patterns/feedback", &body).await;
    assert!(done.matched.is_some());
    let patterns: PatternList = server.read("/api/v1/patterns").await;
    assert_eq!(patterns.items[0].id, "hello");
    let _: PerformanceAnswer = server.read("/api/v1/patterns/performance").await;
    let _: HotReloadMetrics = server.read("/api/v1/patterns/hot-reload/metrics").await;
    let _: ReloadedPatterns = server.send("/api/v1/patterns/reload", &json!({"pattern_id": "hello"})).await;
}
