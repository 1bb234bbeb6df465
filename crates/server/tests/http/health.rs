//! Health: what makes it 503, and what does not.

use std::sync::Arc;

use jiff::Timestamp;
use midflight_config::Origin;
use midflight_core::{Change, DocumentId, Edit, Trigger};
use midflight_server::StoreUrl;
use midflight_store::{MemoryStore, NewRevision, RevisionLog as _};
use midflight_testkit::Postgres;
use serde_json::json;

use crate::support::{Answer, DEADLINE, Server, rule, server, server_on, server_with};

#[tokio::test]
async fn unhealthy_is_503_with_a_body_and_ready_all_the_same() {
    let server = server().await;
    let empty = server.get("/health/hot-reload").await;
    assert_eq!((empty.status.as_u16(), &empty.json["status"]), (503, &json!("unhealthy")));
    let checks =
        json!({"monitoring_active": true, "registry_has_rules": false, "last_reload_successful": true});
    assert_eq!(empty.json["checks"], checks);
    assert_eq!(server.get("/health/live").await.ok()["status"], "alive");
    assert_eq!(server.get("/health/ready").await.ok()["status"], "ready");
    let server = server.with_loans().await;
    let healthy = server.get("/health/hot-reload").await.ok();
    assert_eq!((&healthy["status"], &healthy["registry"]["rule_count"]), (&json!("healthy"), &json!(1)));
    for field in
        ["auto_reload_enabled", "last_reload", "reload_count", "last_reload_status", "monitoring_active"]
    {
        assert!(!healthy[field].is_null(), "{field}");
    }
    server.post("/api/v1/rules/hot-reload/monitoring/stop", &json!({})).await.ok();
    let stopped = server.get("/health/hot-reload").await;
    assert_eq!((stopped.status.as_u16(), &stopped.json["checks"]["monitoring_active"]), (503, &json!(false)));
    assert_eq!(server.get("/health/ready").await.ok()["revision"], 2);
}

#[tokio::test]
async fn an_invalid_revision_makes_it_unhealthy_until_it_is_replaced() {
    let store = MemoryStore::new();
    let server = server_on(Arc::new(store.clone())).await.with_loans().await;
    // A row that somebody added past the engine.
    let id = DocumentId::new("rules", "loans/R1").unwrap();
    let edit = Edit::new("psql", Trigger::Manual, [Change::put(id, json!({"rule_name": 3}))]);
    let (created_at, expected_head) = (Timestamp::now(), store.head().await.unwrap());
    let new = NewRevision { edit: &edit, created_at, expected_head, documents_max: 100 };
    store.append(new).await.unwrap();
    let reload = server.post("/api/v1/rules/hot-reload/reload", &json!({"validate": false})).await;
    assert_eq!(
        (reload.status.as_u16(), &reload.json["status"]),
        (422, &json!("failed")),
        "{:#}",
        reload.json
    );
    server.post("/api/v1/rules/hot-reload/reload", &json!({})).await.problem(422, "invalid_document");
    let looked = server.post("/api/v1/rules/hot-reload/validate", &json!({})).await.ok();
    assert_eq!((&looked["valid"], &looked["errors"][0]["rule_id"]), (&json!(false), &json!("loans/R1")));
    assert_eq!(["total_rules", "valid_rules", "invalid_rules"].map(|key| &looked[key]), [1, 0, 1]);
    let ill = server.get("/health/hot-reload").await;
    assert_eq!((ill.status.as_u16(), &ill.json["quarantined"]), (503, &json!([3])));
    assert_eq!(ill.json["checks"]["last_reload_successful"], false);
    let status = server.get("/api/v1/status").await.ok();
    let quarantined = &status["quarantined"][0];
    assert_eq!(
        (&quarantined["documents"], &quarantined["document_count"]),
        (&json!(["rules/loans/R1"]), &json!(1))
    );
    let body = json!({"data": {"age": 30}});
    let executed = server.post("/api/v1/rules/execute", &body).await.ok();
    assert_eq!((&executed["total_points"], &executed["revision"]), (&json!(2.0), &json!(2)));
    // Later revisions go on applying, and say what is left out of them.
    assert_eq!(server.put("/api/v1/rulesets/cards", &json!({})).await.status, 201);
    let executed = server.post("/api/v1/rules/execute", &body).await.ok();
    assert_eq!((&executed["revision"], &executed["quarantined"]), (&json!(4), &json!([3])));
    // So does every answer of every kind: they are of the same revision.
    let batch = json!({"data_list": [{"age": 30}]});
    let query = json!({"query": "hello"});
    for answer in [
        server.post("/api/v1/rules/batch", &batch).await.ok(),
        server.post("/api/v1/patterns/classify", &query).await.ok(),
        server.post("/api/v1/patterns/normalize", &query).await.ok(),
        server.get("/api/v1/patterns").await.ok(),
        server.get("/api/v1/patterns/performance").await.ok(),
        server.get("/api/v1/rulesets").await.ok(),
        server.get("/api/v1/rulesets/loans/rules").await.ok(),
        server.get("/api/v1/conditions").await.ok(),
        server.get("/api/v1/config").await.ok(),
        server.get("/api/v1/config/midflight/effective").await.ok(),
        server.get("/api/v1/rules/hot-reload/status").await.ok(),
        server.get("/api/v1/patterns/hot-reload/metrics").await.ok(),
        server.get("/health/ready").await.ok(),
    ] {
        assert_eq!((&answer["revision"], &answer["quarantined"]), (&json!(4), &json!([3])), "{answer}");
    }
    server.put("/api/v1/rulesets/loans/rules/R1", &rule(18, 5.0)).await.ok();
    assert_eq!(server.get("/health/hot-reload").await.ok()["status"], "healthy");
    let executed = server.post("/api/v1/rules/execute", &body).await.ok();
    assert!(executed["total_points"] == 5.0 && executed["quarantined"] == json!([]));
}

#[tokio::test]
async fn outdated_answers_are_marked() {
    let server = server_with(|options| {
        options.hot_reload.max_age_seconds = 1;
        options.hot_reload.interval_seconds = 86_400;
    })
    .await
    .with_loans()
    .await;
    let message = async {
        loop {
            let health = server.get("/health/hot-reload").await.ok();
            if health["status"] != "healthy" {
                return health;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let health = tokio::time::timeout(DEADLINE, message).await.unwrap();
    assert_eq!((&health["status"], &health["fresh"]), (&json!("degraded"), &json!(false)));
    assert!(
        health["degraded"][0].as_str().unwrap().contains("more than HOT_RELOAD_MAX_AGE_SECONDS (1)"),
        "{health}"
    );
}

#[tokio::test]
async fn a_server_of_other_kinds_needs_no_rules_to_be_healthy() {
    let server = server().await;
    server.put("/api/v1/patterns/hello", &json!({"pattern": "ciao", "category": "GREETING"})).await;
    let health = server.get("/health/hot-reload").await.ok();
    assert_eq!(
        (&health["status"], &health["checks"]),
        (&json!("healthy"), &json!({"monitoring_active": true, "last_reload_successful": true}))
    );
}

/// Appends a document to the log past the engine.
#[cfg(feature = "tools")]
pub(crate) async fn append_past_the_engine(
    store: &MemoryStore,
    kind: &str,
    name: &str,
    body: serde_json::Value,
) -> u64 {
    let edit = Edit::new("psql", Trigger::Manual, [Change::put(DocumentId::new(kind, name).unwrap(), body)]);
    let (created_at, expected_head) = (Timestamp::now(), store.head().await.unwrap());
    let new = NewRevision { edit: &edit, created_at, expected_head, documents_max: 100 };
    store.append(new).await.unwrap().revision.number.get()
}

#[cfg(all(feature = "tools", feature = "modules"))]
#[tokio::test]
async fn answers_of_tools_agents_and_modules_name_what_is_left_out_of_their_revision() {
    use crate::agents::{ask_at, call_at};
    use crate::modules_support::NAME;
    use crate::tools::{create, listed};
    use midflight_testkit::guest::Guest;

    let store = MemoryStore::new();
    let server = server_on(Arc::new(store.clone())).await.with_loans().await;
    create(&server, &listed("grep", "1.0")).await;
    server.load(&Guest::new(NAME, "1.0.0", 1)).await;
    let bad_tool = append_past_the_engine(&store, "tools", "grep", json!({"description": 3})).await;
    let bad_module = append_past_the_engine(&store, "modules", NAME, json!({"component": 3})).await;
    server.post("/api/v1/reload", &json!({})).await;
    create(&server, &listed("awk", "1.0")).await;
    let served = server.revision().await;
    let expected = (json!(served), json!([bad_tool, bad_module]));
    let selection = json!({"capabilities": ["text_search"]});
    for answer in [
        server.get("/api/v1/tools").await.ok(),
        server.get("/api/v1/tools/search/query?q=lines").await.ok(),
        server.get("/api/v1/tools/capabilities/text_search/tools").await.ok(),
        server.post("/api/v1/tools/select", &selection).await.ok(),
        server.post("/api/v1/tools/import", &json!({"yaml_content": "[{tool_name: x}]"})).await.ok(),
        server.get("/api/v1/modules").await.ok(),
        server.get("/api/v1/modules/counter").await.ok(),
        server.call(NAME, "add").await.ok(),
    ] {
        assert_eq!((answer["revision"].clone(), answer["quarantined"].clone()), expected, "{answer:#}");
    }
    let headers = server.get("/api/v1/tools/capabilities/list").await.headers;
    assert_eq!(headers["x-midflight-revision"], served.to_string());
    assert_eq!(headers["x-midflight-quarantined"], format!("{bad_tool},{bad_module}"));
    let list = async |path: &str| ask_at(&server, path, "tools/list", json!({})).await.ok()["result"].take();
    for result in [
        list("/mcp").await,
        list("/mcp?expose=search").await,
        call_at(&server, "/mcp", "execute_rules", json!({"data": {"age": 20}})).await,
        call_at(&server, "/mcp", "execute_rules", json!({"dat": 1})).await,
        call_at(&server, "/mcp", "grep", json!({})).await,
        call_at(&server, "/mcp?expose=search", "search_tools", json!({"query": "lines"})).await,
    ] {
        let meta = &result["_meta"];
        let message = (meta["dev.midflight/revision"].clone(), meta["dev.midflight/quarantined"].clone());
        assert_eq!(message, expected, "{result:#}");
    }
    // A catalogue of the past names what of it is invalid here.
    let past = list(&format!("/mcp?at={bad_tool}")).await;
    assert_eq!(past["_meta"]["dev.midflight/quarantined"], json!([bad_tool]), "{past:#}");
}

/// Waits until readiness is as it should be.
async fn ready(server: &Server, is_so: impl Fn(&Answer) -> bool) -> Answer {
    let look = async {
        loop {
            let answer = server.get("/health/ready").await;
            if is_so(&answer) {
                return answer;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, look).await.unwrap()
}

#[tokio::test]
async fn a_server_that_is_older_than_its_log_for_longer_than_allowed_is_not_ready() {
    let postgres = Postgres::start();
    let log: StoreUrl = postgres.database().parse().unwrap();
    let start = async |ready_stale_ms_max: u64| {
        server_with(|options| {
            options.config.store(&log, Origin::Flag("--store".to_owned()));
            options.limits.ready_stale_ms_max = ready_stale_ms_max;
        })
        .await
    };
    let (bounded, unbounded) = (start(1).await, start(0).await);
    for server in [&bounded, &unbounded] {
        let answer = ready(server, |answer| answer.status == 200).await.json;
        assert_eq!((&answer["status"], &answer["stale_since"]), (&json!("ready"), &json!(null)));
    }
    postgres.pause();
    let stale = ready(&bounded, |answer| answer.status == 503).await.json;
    assert_eq!(stale["status"], "stale");
    stale["stale_since"].as_str().unwrap().parse::<Timestamp>().unwrap();
    let serving = ready(&unbounded, |answer| answer.json["store_available"] == false).await;
    assert_eq!((serving.status.as_u16(), &serving.json["status"]), (200, &json!("ready")));
    assert!(serving.json["stale_since"].is_string(), "it says so all the same");
    postgres.resume();
    ready(&bounded, |answer| answer.status == 200).await;
    bounded.running.stop().await;
    unbounded.running.stop().await;
}
