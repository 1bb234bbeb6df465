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
    assert_eq!(written(&read), answer.json);
    read
}

/// What a server would write.
fn written(answer: &impl Serialize) -> Value {
    serde_json::from_str(&serde_json::to_string(answer).unwrap()).unwrap()
}

/// The same of an answer that kinds add members to: every member that `T` has is written as it was.
#[track_caller]
fn read_members<T: DeserializeOwned + Serialize>(answer: &Answer) -> T {
    let read: T = serde_json::from_str(&answer.json.to_string()).unwrap();
    let Value::Object(members) = written(&read) else { panic!("an object") };
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
    let server = crate::patterns::with_patterns().await;
    let body = ClassifyBody { query: "ciao".to_owned(), profile: None, session_id: None };
    let classified: ClassificationAnswer = server.send("/api/v1/patterns/classify", &body).await;
    assert_eq!(classified.category.as_deref(), Some("GREETING"));
    let body = NormalizeBody { query: "Ciao!".to_owned(), profile: None };
    let normalized: NormalizedAnswer = server.send("/api/v1/patterns/normalize", &body).await;
    assert_eq!(normalized.normalized, "ciao");
    let feedback_type = FeedbackWord::Positive;
    let body =
        FeedbackBody { query: "ciao".to_owned(), profile: None, feedback_type, corrected_category: None };
    let done: FeedbackDone = server.send("/api/v1/patterns/feedback", &body).await;
    assert!(done.matched.is_some());
    let patterns: PatternList = server.read("/api/v1/patterns").await;
    assert!(patterns.items.iter().any(|pattern| pattern.any_of.len() == 2));
    let _: PerformanceAnswer = server.read("/api/v1/patterns/performance").await;
    let _: HotReloadMetrics = server.read("/api/v1/patterns/hot-reload/metrics").await;
    let reloaded: ReloadedPatterns =
        server.send("/api/v1/patterns/reload", &json!({"pattern_id": "ciao"})).await;
    assert!(reloaded.success && reloaded.pattern.is_some());
}

#[cfg(feature = "tools")]
#[tokio::test]
async fn clients_read_tools() {
    use midflight_wire::tools::*;

    let server = crate::tools::with_tools().await;
    let _: ToolsHealth = server.read("/api/v1/tools/health").await;
    let tools: ToolList = server.read("/api/v1/tools").await;
    assert_eq!(tools.total, 2);
    let tool: ToolDetail = server.read("/api/v1/tools/grep").await;
    assert_eq!(tool.tool.platform.as_deref(), Some("linux"));
    let made = server.post("/api/v1/tools", &crate::tools::listed("sed", "1.0")).await;
    assert_eq!(read::<WriteToolAnswer>(&made).write.outcome, "success");
    let changed = server.put("/api/v1/tools/sed", &json!({"description": "Edits lines."})).await;
    assert_eq!(read::<WriteToolAnswer>(&changed).tool.description, "Edits lines.");
    let found: FoundTools = server.read("/api/v1/tools/search/query?q=lines").await;
    assert!(found.results[0].score.is_some());
    let _: Vec<CapabilityItem> = server.read("/api/v1/tools/capabilities/list").await;
    let _: CapabilityTools = server.read("/api/v1/tools/capabilities/text_search/tools").await;
    let _: Versions = server.read("/api/v1/tools/sed/versions").await;
    let _: LintList = server.read("/api/v1/tools/lint").await;
    let _: TelemetryList = server.read("/api/v1/tools/telemetry").await;
    let _: ToolsMetricsAnswer = server.read("/api/v1/tools/metrics").await;
    let _: PerformanceStats = server.read("/api/v1/tools/performance/stats").await;
    let _: ReloadHistory = server.read("/api/v1/tools/reload/history").await;
    let _: ReloadStatistics = server.read("/api/v1/tools/reload/statistics").await;
    let body: SelectBody = serde_json::from_value(json!({"capabilities": ["text_search"]})).unwrap();
    let selection: SelectionAnswer = server.send("/api/v1/tools/select", &body).await;
    assert_eq!(selection.selected["capability"], "text_search");
    let body: EvaluateBody = serde_json::from_value(json!({"expression": "200 + 5 * N"})).unwrap();
    let evaluated: EvaluatedAnswer = server.send("/api/v1/tools/evaluate", &body).await;
    assert!(evaluated.kind == "number" && evaluated.variables[0].is_default);
    let exported: ExportedTools = server.send("/api/v1/tools/export", &json!([])).await;
    let body = ImportToolsBody { yaml_content: exported.yaml_content, overwrite: true, validate_only: true };
    let imported: ImportedTools = server.send("/api/v1/tools/import", &body).await;
    assert_eq!(imported.imported_count, 3);
    let _: ReloadedTools = server.send("/api/v1/tools/reload", &ReloadToolsBody::default()).await;
}

#[cfg(feature = "modules")]
#[tokio::test]
async fn clients_read_modules() {
    use midflight_testkit::guest::Guest;
    use midflight_wire::modules::*;

    let server = server().await;
    let guest = Guest::new(crate::modules_support::NAME, "1.0.0", 1);
    let blob: BlobAnswer = read(&server.put_blob(&guest.build()).await);
    assert!(blob.bytes > 0);
    server.load(&guest).await;
    let body: CallBody = serde_json::from_value(json!({"operation": "add"})).unwrap();
    let called: CallAnswer = server.send("/api/v1/modules/counter/call", &body).await;
    assert!(called.result_base64.is_some());
    let body = ModuleReloadBody { force: true, ..ModuleReloadBody::default() };
    let reloaded: ModuleReloadAnswer = server.send("/api/v1/modules/counter/reload", &body).await;
    assert_eq!(reloaded.status, "reloaded");
    let modules: ModuleList = server.read("/api/v1/modules").await;
    assert_eq!(modules.items[0].state, "live");
    let module: ModuleAnswer = server.read("/api/v1/modules/counter").await;
    assert_eq!(module.generations.len(), 2);
    let reloads: ModuleReloadList = server.read("/api/v1/modules/counter/reloads").await;
    assert_eq!(reloads.items.len(), 2);
}
