//! Modules over HTTP: components put, called, reloaded with their state, and taken back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use midflight_testkit::guest::Guest;
use reqwest::Method;
use serde_json::{Value, json};

use crate::modules_support::{NAME, count, manifest};
use crate::socket::Client;
use crate::support::{answer, server, server_with};

#[tokio::test]
async fn a_module_is_reloaded_with_its_state() {
    let server = server().await;
    let first = server.load_with(&Guest::new(NAME, "1.0.0", 1), json!({})).await;
    assert_eq!((first.status.as_u16(), &first.json["revision"]), (201, &json!(1)));
    for expected in 1..=3 {
        assert_eq!(server.add().await, expected);
    }
    server.load(&Guest::new(NAME, "2.0.0", 2).step(10)).await;
    let answered = server.call(NAME, "add").await.ok();
    assert_eq!(count(&answered), 13);
    assert_eq!(
        (&answered["module_version"], &answered["generation"], &answered["revision"]),
        (&json!("2.0.0"), &json!(2), &json!(2))
    );
    assert_eq!(answered["quarantined"], json!([]));

    let list = server.get("/api/v1/modules").await.ok();
    let item = &list["items"][0];
    assert_eq!(
        (&item["name"], &item["state"], &item["version"], &item["schema"], &item["why"]),
        (&json!(NAME), &json!("live"), &json!("2.0.0"), &json!(2), &Value::Null)
    );
    assert_eq!((&item["queue"], &item["counters"]["answered"]), (&json!(0), &json!(4)));
    let one = server.get("/api/v1/modules/counter").await.ok();
    assert_eq!(one["manifest"]["version"], "2.0.0");
    assert_eq!((&one["limits"]["cool_down_ms"], &one["limits"]["call_ms_max"]), (&json!(0), &json!(1_000)));
    assert_eq!(one["generations"], json!({"1": "1.0.0", "2": "2.0.0"}));
    let reloads = server.get("/api/v1/modules/counter/reloads").await.ok();
    let newest = &reloads["items"][0];
    assert_eq!(
        (&newest["status"], &newest["from_version"], &newest["to_version"], &newest["migrated_from"]),
        (&json!("reloaded"), &json!("1.0.0"), &json!("2.0.0"), &json!(1))
    );
    let phases: Vec<_> = newest["phases"].as_array().unwrap().iter().map(|it| &it["phase"]).collect();
    assert_eq!(phases, ["prepare", "drain", "snapshot", "migrate", "swap", "restore", "verify", "commit"]);
    assert_eq!(reloads["items"].as_array().unwrap().len(), 2);
    let one = server.get("/api/v1/modules/counter/reloads?limit=1").await.ok();
    assert_eq!(one["items"].as_array().unwrap().len(), 1);

    // Calls are counted in the metrics; the audit has who changed the module, and not who called it.
    let audit = answer(server.request(Method::GET, "/api/v1/audit?actor=admin")).await.ok();
    let actions: Vec<_> = audit["items"].as_array().unwrap().iter().map(|it| &it["action"]).collect();
    assert!(actions.contains(&&json!("PUT /api/v1/modules/{name}")), "{actions:?}");
    assert!(!actions.contains(&&json!("POST /api/v1/modules/{name}/call")), "{actions:?}");
    let metrics = server.client.get(server.url("/metrics")).send().await.unwrap().text().await.unwrap();
    for line in [
        "midflight_modules{state=\"live\"} 1",
        "midflight_module_reloads_total{module=\"counter\"} 2",
        "midflight_module_messages_answered_total{module=\"counter\"} 4",
        "midflight_module_messages_abandoned_total{module=\"counter\"} 0",
        "midflight_module_pause_seconds_count 2",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }

    assert_eq!(server.delete("/api/v1/modules/counter").await.status, 200);
    server.call(NAME, "add").await.problem(404, "not_found");
    server.get("/api/v1/modules/counter").await.problem(404, "not_found");
    // What it had is there when its manifest comes back.
    server.load(&Guest::new(NAME, "2.0.0", 2).step(10)).await;
    assert_eq!(server.counted().await, 13);
}

/// A large component compiles for longer than an edit may take, so the edit must find it compiled.
#[tokio::test]
async fn a_component_is_compiled_when_it_is_put_and_not_when_it_is_named() {
    let server = server().await;
    let compiles = async || {
        let metrics = server.client.get(server.url("/metrics")).send().await.unwrap().text().await.unwrap();
        let line = metrics.lines().find(|line| line.starts_with("midflight_module_compiles_total "));
        line.map_or(0, |line| line.split(' ').nth(1).unwrap().parse().unwrap())
    };
    let guest = Guest::new(NAME, "1.0.0", 1);
    assert_eq!(server.put_blob(&guest.build()).await.status, 201);
    assert_eq!(compiles().await, 2, "once for each engine");
    // Put once more, named, named by another manifest; and bytes that are no component.
    assert_eq!(server.put_blob(&guest.build()).await.status, 200);
    server.load(&guest).await;
    server.load_with(&guest, json!({"config": 1})).await.ok();
    assert_eq!(server.put_blob(b"no WASM at all").await.status, 201);
    assert_eq!(compiles().await, 2);
    assert_eq!(server.add().await, 1);
}

#[tokio::test]
async fn a_payload_is_json_as_it_was_sent_or_bytes() {
    let server = server().await;
    server.load(&Guest::new(NAME, "1.0.0", 1)).await;
    let call = |body: &str| {
        let call = server.request(Method::POST, "/api/v1/modules/counter/call");
        answer(call.header("content-type", "application/json").body(body.to_owned()))
    };
    let url = server.url("/api/v1/modules/counter/call");
    let echo = server.client.post(url).bearer_auth(&server.token).header("content-type", "application/json");
    let echoed = echo.body("{\"operation\": \"echo\", \"payload\": {\"b\": 1.10,  \"a\": [ ]}}").send();
    let echoed = echoed.await.unwrap().text().await.unwrap();
    assert!(echoed.contains("\"result\":{\"b\": 1.10,  \"a\": [ ]}"), "{echoed}");
    let bytes = STANDARD.encode([0, 255, 7]);
    let echoed = call(&json!({"operation": "echo", "payload_base64": bytes}).to_string()).await.ok();
    assert_eq!((&echoed["result_base64"], echoed.get("result")), (&json!(bytes), None));
    let none = call(&json!({"operation": "echo"}).to_string()).await.ok();
    assert_eq!(none["result_base64"], "");
    let both = json!({"operation": "echo", "payload": 1, "payload_base64": ""}).to_string();
    call(&both).await.problem(422, "invalid_body");
    let wrong = json!({"operation": "echo", "payload_base64": "*"}).to_string();
    let wrong = call(&wrong).await.problem(422, "invalid_body");
    assert_eq!(wrong["errors"][0]["path"], "/payload_base64");
    call(&json!({"operation": "echo", "pay": 1}).to_string()).await.problem(422, "invalid_body");
    let large = json!({"limits": {"message_bytes_max": 10}});
    server.load_with(&Guest::new(NAME, "1.0.1", 1), large).await;
    let large = json!({"operation": "echo", "payload": "0123456789"}).to_string();
    let refused = call(&large).await.problem(413, "too_large");
    assert!(refused["detail"].as_str().unwrap().contains("raise message_bytes_max"), "{refused}");
    let no_one = server.anonymous(Method::POST, "/api/v1/modules/counter/call");
    answer(no_one.json(&json!({"operation": "get"}))).await.problem(401, "unauthenticated");
    server.call("nothing", "get").await.problem(404, "not_found");
    server.call("a%20b", "get").await.problem(400, "invalid_name");
}

#[tokio::test]
async fn a_return_is_exact_and_a_restore_says_what_it_undoes() {
    let server = server().await;
    let rollback = |body: Value| {
        let server = &server;
        async move { server.post("/api/v1/modules/counter/rollback", &body).await }
    };
    server.load(&Guest::new(NAME, "1.0.0", 1)).await;
    server.add().await;
    server.load(&Guest::new("other", "1.0.0", 1)).await;
    let refused = rollback(json!({})).await.problem(409, "module_not_returned");
    assert_eq!(refused["errors"][0]["code"], "nothing_retained");
    server.load(&Guest::new(NAME, "2.0.0", 2).step(10)).await;
    let returned = rollback(json!({})).await.ok();
    assert_eq!(
        (&returned["status"], &returned["to_version"], &returned["generation"], &returned["behind"]),
        (&json!("returned"), &json!("1.0.0"), &json!(1), &json!(true))
    );
    assert_eq!(server.add().await, 2);
    // It is behind, and says so; an edit of another module leaves it there.
    let module = server.module(NAME).await;
    assert_eq!((&module["state"], &module["manifest_version"]), (&json!("behind"), &json!("2.0.0")));
    assert!(module["why"].as_str().unwrap().contains("it went back from it"), "{module}");
    let health = server.get("/health/hot-reload").await.json;
    assert_eq!((&health["modules"]["behind"], &health["modules"]["live"]), (&json!([NAME]), &json!(1)));
    assert!(health["degraded"].to_string().contains("counter is behind"), "{health}");
    server.load(&Guest::new("other", "1.1.0", 1)).await;
    assert_eq!(server.call("other", "get").await.ok()["module_version"], "1.1.0");
    assert_eq!(server.call(NAME, "get").await.ok()["module_version"], "1.0.0");

    // Reloaded when it is asked for.
    let reloaded = server.post("/api/v1/modules/counter/reload", &json!({})).await.ok();
    assert_eq!((&reloaded["status"], &reloaded["behind"]), (&json!("reloaded"), &json!(false)));
    for _ in 0..3 {
        server.add().await;
    }
    assert_eq!(
        rollback(json!({})).await.problem(409, "module_not_returned")["errors"][0]["code"],
        "not_exact"
    );
    rollback(json!({"generation": 1})).await.problem(422, "invalid_body");
    rollback(json!({"dry_run": true})).await.problem(422, "invalid_body");
    rollback(json!({"generation": 9, "reason": "a test"})).await.problem(404, "not_found");
    let tried = json!({"generation": 1, "reason": "a test", "dry_run": true});
    let tried = rollback(tried).await.ok();
    assert_eq!(
        (&tried["status"], &tried["dry_run"], &tried["undone"], &tried["to_schema"]),
        (&json!("valid"), &json!(true), &json!(3), &json!(1))
    );
    assert_eq!(server.counted().await, 32);
    let restored = rollback(json!({"generation": 1, "reason": "a test"})).await.ok();
    // With the question just before.
    assert_eq!(
        (&restored["status"], &restored["to_version"], &restored["undone"], &restored["behind"]),
        (&json!("reloaded"), &json!("1.0.0"), &json!(4), &json!(true))
    );
    assert_eq!(server.counted().await, 2);
    let reloads = server.get("/api/v1/modules/counter/reloads").await.ok();
    assert_eq!(reloads["items"][0]["reason"], "admin: a test");
    let forced = server.post("/api/v1/modules/other/reload", &json!({"force": true})).await.ok();
    assert_eq!((&forced["status"], &forced["generation"]), (&json!("reloaded"), &json!(3)));
    let unchanged = server.post("/api/v1/modules/other/reload", &json!({})).await.ok();
    assert_eq!(unchanged["status"], "unchanged");
}

#[tokio::test]
async fn a_dry_run_migrates_a_copy_and_changes_nothing() {
    let server = server().await;
    let reload = |body: Value| {
        let server = &server;
        async move { server.post("/api/v1/modules/counter/reload", &body).await }
    };
    reload(json!({"dry_run": true})).await.problem(404, "not_found");
    server.load(&Guest::new(NAME, "1.0.0", 1)).await;
    server.add().await;
    let next = Guest::new(NAME, "2.0.0", 2).step(10);
    let bytes = next.build();
    server.put_blob(&bytes).await;
    let wanted = manifest(&bytes, &next, json!({"probes": [{"operation": "add"}]}));
    let tried = reload(json!({"dry_run": true, "manifest": wanted})).await.ok();
    assert_eq!(
        (
            &tried["status"],
            &tried["migrated_from"],
            &tried["to_schema"],
            &tried["state_bytes"],
            &tried["probes"]
        ),
        (&json!("valid"), &json!(1), &json!(2), &json!(16), &json!(1))
    );
    assert_eq!(reload(json!({"dry_run": true})).await.ok()["status"], "unchanged");
    let mut picky = wanted.clone();
    picky["probes"] = json!([{"operation": "add", "expect": {"failure": "no"}}]);
    let refused = reload(json!({"dry_run": true, "manifest": picky})).await;
    let refused = refused.problem(422, "module_reload_failed");
    assert_eq!(refused["errors"][0]["code"], "probe_failed");
    reload(json!({"dry_run": true, "manifest": {}})).await.problem(422, "invalid_document");
    reload(json!({"manifest": wanted})).await.problem(422, "invalid_body");
    let answered = server.call(NAME, "get").await.ok();
    assert_eq!((count(&answered), &answered["module_version"]), (1, &json!("1.0.0")));
    assert_eq!(server.revision().await, 1);
}

#[tokio::test]
async fn a_state_is_exported_and_imported() {
    let server = server().await;
    server.load(&Guest::new(NAME, "1.0.0", 1)).await;
    for _ in 0..7 {
        server.add().await;
    }
    let path = "/api/v1/modules/counter/state";
    answer(server.anonymous(Method::GET, path)).await.problem(401, "unauthenticated");
    let exported = server.request(Method::GET, path).send().await.unwrap();
    let header = |name: &str| exported.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(
        ["midflight-state-schema", "midflight-module-version", "midflight-generation"].map(header),
        ["1", "1.0.0", "1"]
    );
    let bytes = exported.bytes().await.unwrap().to_vec();
    assert_eq!(bytes, 7_u64.to_le_bytes());
    server.load(&Guest::new(NAME, "2.0.0", 2)).await;
    server.add().await;
    let import = |schema: &'static str, query: &str, bytes: Vec<u8>| {
        let put = server.request(Method::PUT, &format!("{path}{query}")).body(bytes);
        let put = put.header("content-type", "application/octet-stream");
        answer(if schema.is_empty() { put } else { put.header("midflight-state-schema", schema) })
    };
    import("", "?reason=a%20test", bytes.clone()).await.problem(400, "invalid_header");
    import("1", "", bytes.clone()).await.problem(422, "invalid_body");
    let imported = import("1", "?reason=a%20test", bytes.clone()).await.ok();
    assert_eq!(
        (&imported["status"], &imported["migrated_from"], &imported["undone"]),
        (&json!("reloaded"), &json!(1), &json!(1))
    );
    assert_eq!(server.counted().await, 7);
    let refused = import("9", "?reason=a%20test", bytes).await.problem(422, "module_reload_failed");
    assert_eq!(refused["errors"][0]["code"], "schema_not_accepted");
    import("2", "?reason=a%20test", vec![0; 16]).await.problem(422, "module_reload_failed");
    assert_eq!(server.counted().await, 7);
}

#[tokio::test]
async fn what_modules_emit_and_how_they_are_reloaded_is_told() {
    let server = server().await;
    let mut client = Client::open(&server, None).await;
    server.load(&Guest::new(NAME, "1.0.0", 1).imports(&["emit"])).await;
    let mut messages = std::collections::BTreeMap::new();
    let body = json!({"operation": "m", "payload": {"hits": 1}});
    server.post("/api/v1/modules/counter/call", &body).await.ok();
    while !(messages.contains_key("module_event") && messages.contains_key("modules_reloaded")) {
        let (event, data) = client.event().await;
        messages.insert(event, data);
    }
    assert_eq!(messages["module_event"], json!({"module": NAME, "topic": "failure", "payload": {"hits": 1}}));
    let reloaded = &messages["module_reloaded"];
    assert_eq!((&reloaded["module"], &reloaded["to_version"]), (&json!(NAME), &json!("1.0.0")));
    assert_eq!(messages["modules_reloaded"]["modules_loaded"], 1);
    assert_eq!(messages["module_added"]["name"], NAME);
}

#[tokio::test]
async fn a_restarted_server_runs_the_last_commit_with_its_state() {
    let server = server().await;
    server.load(&Guest::new(NAME, "1.0.0", 1)).await;
    server.add().await;
    server.load(&Guest::new(NAME, "2.0.0", 2).step(10)).await;
    server.add().await;
    server.running.stop().await;
    let again = server.again().await;
    let answered = again.call(NAME, "add").await.ok();
    assert_eq!((count(&answered), &answered["module_version"]), (21, &json!("2.0.0")));
    let restored = json!({"generation": 1, "reason": "a test"});
    let restored = again.post("/api/v1/modules/counter/rollback", &restored).await.ok();
    assert_eq!(restored["to_version"], "1.0.0");
    assert_eq!(again.counted().await, 1);
}

#[tokio::test]
async fn a_module_that_cannot_be_loaded_at_the_start_keeps_nothing_else_from_starting() {
    let server = server().await.with_loans().await;
    let guest = Guest::new(NAME, "1.0.0", 1);
    server.load(&guest).await;
    server.load(&Guest::new("other", "1.0.0", 1)).await;
    server.add().await;
    server.running.stop().await;
    // What a disk may lose: the component, and what was compiled of it.
    let database = format!("sqlite:{}", server.dir.path().join("midflight.db").display());
    let pool = sqlx::SqlitePool::connect(&database).await.unwrap();
    let digest = midflight_core::Digest::of_bytes(&guest.build()).to_string();
    sqlx::query("DELETE FROM blobs WHERE digest = ?1").bind(digest).execute(&pool).await.unwrap();
    pool.close().await;
    std::fs::remove_dir_all(server.dir.path().join("modules/compiled")).unwrap();

    let again = server.again().await;
    let executed = again.post("/api/v1/rules/execute", &json!({"data": {"age": 30}})).await.ok();
    assert_eq!(executed["total_points"], 2.0);
    assert_eq!(again.call("other", "add").await.status, 200);
    let refused = again.call(NAME, "add").await.problem(503, "module_unavailable");
    assert!(refused["detail"].as_str().unwrap().contains("PUT /api/v1/blobs/"), "{refused}");
    assert_eq!(again.module(NAME).await["state"], "failed");
    let health = again.get("/health/hot-reload").await.ok();
    assert_eq!((&health["status"], &health["modules"]["failed"]), (&json!("degraded"), &json!([NAME])));
    // Other modules can be changed, and it runs with its state when its component is there again.
    again.load(&Guest::new("other", "2.0.0", 2)).await;
    again.put_blob(&guest.build()).await;
    again.post("/api/v1/modules/counter/reload", &json!({})).await.ok();
    assert_eq!(again.counted().await, 1);
}

#[tokio::test]
async fn registered_types_are_modules_too() {
    use midflight_module_host::{
        ModuleFailure, ModuleInfo, ModuleMessage, NativeModule, NativeModules, StateSnapshot,
    };
    struct Greeter;
    impl NativeModule for Greeter {
        fn describe(&self) -> ModuleInfo {
            ModuleInfo { name: "greeter".into(), version: "1.0.0".into(), schema: 0, accepts: vec![] }
        }
        fn init(&mut self, _: &str) -> Result<(), ModuleFailure> {
            Ok(())
        }
        fn handle(&mut self, message: &ModuleMessage) -> Result<Vec<u8>, ModuleFailure> {
            Ok(format!("{{\"hello\": {}}}", String::from_utf8_lossy(&message.payload)).into_bytes())
        }
        fn save(&self) -> StateSnapshot {
            StateSnapshot { schema: 0, bytes: vec![] }
        }
        fn load(&mut self, _: &StateSnapshot) -> Result<u32, ModuleFailure> {
            Ok(0)
        }
        fn check(&self) -> Result<(), ModuleFailure> {
            Ok(())
        }
    }
    let natives = NativeModules::default().with("greeter", || Greeter);
    let server = server_with(|options| options.native_modules = natives).await;
    let manifest = json!({"native": "greeter", "version": "1.0.0", "schema": 0});
    assert_eq!(server.put("/api/v1/modules/greeter", &manifest).await.status, 201);
    let call = json!({"operation": "greet", "payload": "anna"});
    let answered = server.post("/api/v1/modules/greeter/call", &call).await.ok();
    assert_eq!(answered["result"], json!({"hello": "anna"}));
    let state = answer(server.request(Method::GET, "/api/v1/modules/greeter/state")).await;
    state.problem(404, "not_found");
    let unknown = json!({"native": "nobody", "version": "1.0.0", "schema": 0});
    let refused = server.put("/api/v1/modules/nobody", &unknown).await.problem(422, "rejected");
    assert!(refused["errors"][0]["message"].as_str().unwrap().contains("greeter"), "{refused}");
}
