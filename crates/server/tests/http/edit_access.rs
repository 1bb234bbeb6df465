//! Edits that need another role than their route: of the audit and the tokens in the server's own config, and schedules
//! that reload. Every way in which an edit is sent.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Server, answer, server};
use crate::tokens::token;

const LATER: &str = "2999-01-01T00:00:00Z";

/// A server whose own config has an audit that is kept for a day, by its admin, and then for two years again.
async fn audited() -> Server {
    let server = server().await;
    for days in [1, 730] {
        let body = json!({"audit": {"keep_days": days}, "metrics": {"enabled": true}});
        let put = server.put("/api/v1/documents/config/midflight", &body).await;
        assert!(put.status.is_success(), "{:#}", put.json);
    }
    server
}

async fn ask(server: &Server, token: &str, method: Method, path: &str, body: &Value) -> Answer {
    answer(server.anonymous(method, path).bearer_auth(token).json(body)).await
}

/// Asserts that nothing was changed.
async fn unchanged(server: &Server, revision: u64, what: &str) {
    assert_eq!(server.revision().await, revision, "{what}");
}

fn put(body: Value) -> Value {
    json!({"op": "put", "kind": "config", "name": "midflight", "body": body})
}

#[tokio::test]
async fn what_decides_on_access_in_the_own_config_is_changed_by_admins_only_whatever_the_way() {
    let server = audited().await;
    let editor = token(&server, json!({"name": "ed", "role": "editor"})).await;
    let operator = token(&server, json!({"name": "op", "role": "operator"})).await;
    let revision = server.revision().await;
    let short = json!({"audit": {"keep_days": 1}, "metrics": {"enabled": true}});
    let slow = json!({"audit": {"keep_days": 730}, "tokens": {"refresh_ms": 1000}});
    let none = json!({"metrics": {"enabled": true}});
    let own = "/api/v1/documents/config/midflight";
    let later = |body: &Value| json!({"changes": [put(body.clone())], "not_before": LATER});
    for (method, path, body, member) in [
        (Method::PUT, own.to_owned(), short.clone(), "/audit"),
        (Method::PUT, own.to_owned(), slow.clone(), "/tokens"),
        (Method::PUT, own.to_owned(), none, "/audit"),
        (Method::DELETE, own.to_owned(), json!(null), "/audit"),
        (Method::PUT, format!("{own}?dry_run=true"), short.clone(), "/audit"),
        (Method::PUT, format!("{own}?not_before={LATER}"), short.clone(), "/audit"),
        (Method::PUT, format!("{own}?wait=none"), short.clone(), "/audit"),
        (Method::PUT, "/api/v1/config/midflight".to_owned(), short.clone(), "/audit"),
        (Method::POST, "/api/v1/apply".to_owned(), json!({"changes": [put(slow.clone())]}), "/tokens"),
        (
            Method::POST,
            "/api/v1/import".to_owned(),
            json!({"kind": "config", "name": "midflight", "body": slow}),
            "/tokens",
        ),
        (Method::PUT, "/api/v1/documents/schedules/s".to_owned(), later(&short), "/changes/0/body/audit"),
        (Method::POST, format!("/api/v1/revisions/{}/restore", revision - 1), json!({}), "/audit"),
        (
            Method::POST,
            "/api/v1/config/midflight/rollback".to_owned(),
            json!({"revision": revision - 1}),
            "/audit",
        ),
    ] {
        let sender = if path.contains("restore") || path.contains("rollback") { &operator } else { &editor };
        let refused = ask(&server, sender, method.clone(), &path, &body).await.problem(403, "forbidden");
        assert_eq!(refused["errors"][0]["path"], member, "{method} {path}: {refused:#}");
        let detail = refused["detail"].as_str().unwrap();
        for part in ["config/midflight", "role admin only", "have one make the edit"] {
            assert!(detail.contains(part), "{method} {path}: {detail}");
        }
        unchanged(&server, revision, &path).await;
    }
    let patch = json!({"audit": {"keep_days": 1}});
    let patched = ask(&server, &editor, Method::PATCH, "/api/v1/config/midflight", &patch).await;
    patched.problem(403, "forbidden");
    unchanged(&server, revision, "a patch").await;
    // An admin may.
    let applied = server.post("/api/v1/apply", &json!({"changes": [put(short)]})).await;
    assert_eq!(applied.status, 200, "{:#}", applied.json);
}

#[tokio::test]
async fn an_editor_changes_the_rest_of_the_own_config_and_never_undoes_what_an_admin_did_meanwhile() {
    let server = audited().await;
    let editor = token(&server, json!({"name": "ed", "role": "editor"})).await;
    let own = "/api/v1/documents/config/midflight";
    let with = |enabled: bool| json!({"audit": {"keep_days": 730}, "metrics": {"enabled": enabled}});
    ask(&server, &editor, Method::PUT, own, &with(false)).await.ok();
    let patch = json!({"metrics": {"enabled": true}});
    ask(&server, &editor, Method::PATCH, "/api/v1/config/midflight", &patch).await.ok();
    let repeated = server.anonymous(Method::PUT, own).bearer_auth(&editor).header("idempotency-key", "k1");
    answer(repeated.try_clone().unwrap().json(&with(false))).await.ok();
    assert_eq!(answer(repeated.json(&with(false))).await.ok()["outcome"], "repeated");
    let stale = server.anonymous(Method::PUT, own).bearer_auth(&editor).header("if-match", "\"1\"");
    answer(stale.json(&with(true))).await.problem(412, "precondition_failed");

    // A schedule is made on the version that it was compared with, or not at all.
    let version = answer(server.request(Method::GET, own)).await.ok()["version"].as_u64().unwrap();
    let scheduled = ask(
        &server,
        &editor,
        Method::PUT,
        &format!("{own}?not_before={LATER}&schedule_id=by-edit"),
        &with(true),
    )
    .await;
    assert_eq!(scheduled.status, 202, "{:#}", scheduled.json);
    let kept = answer(server.request(Method::GET, "/api/v1/documents/schedules/by-edit")).await.ok();
    assert_eq!(kept["body"]["changes"][0]["if_version"], version, "{kept:#}");
    let mut change = put(with(true));
    let schedule = |change: &Value| json!({"changes": [change], "not_before": LATER});
    let direct = "/api/v1/documents/schedules/direct";
    let free = ask(&server, &editor, Method::PUT, direct, &schedule(&change)).await.problem(403, "forbidden");
    assert_eq!(free["errors"][0]["path"], "/changes/0/if_version");
    assert!(free["detail"].as_str().unwrap().contains(&format!("\"if_version\": {version}")), "{free:#}");
    change["if_version"] = json!(version);
    assert_eq!(ask(&server, &editor, Method::PUT, direct, &schedule(&change)).await.status, 201);
    // Of an admin it needs no version.
    change.as_object_mut().unwrap().remove("if_version");
    assert_eq!(server.put("/api/v1/documents/schedules/of-admin", &schedule(&change)).await.status, 201);
    // Unchanged, as in an import of everything, it is no edit of it.
    ask(&server, &editor, Method::PUT, "/api/v1/documents/schedules/of-admin", &schedule(&change)).await.ok();
}

#[tokio::test]
async fn a_schedule_that_reloads_is_put_by_operators_only_whatever_the_way() {
    let server = server().await;
    let editor = token(&server, json!({"name": "ed", "role": "editor"})).await;
    let operator = token(&server, json!({"name": "op", "role": "operator"})).await;
    let body = json!({"reload": true, "repeat": true, "window": {"cron": "0 3 1 1 *"}});
    let document = json!({"kind": "schedules", "name": "x", "body": body});
    let mut change = document.clone();
    change["op"] = json!("put");
    let path = "/api/v1/documents/schedules/x";
    let revision = server.revision().await;
    for (method, path, body) in [
        (Method::PUT, path.to_owned(), body.clone()),
        (Method::PUT, format!("{path}?dry_run=true"), body.clone()),
        (Method::POST, "/api/v1/apply".to_owned(), json!({"changes": [change]})),
        (Method::POST, "/api/v1/import".to_owned(), document),
    ] {
        let refused = ask(&server, &editor, method, &path, &body).await.problem(403, "forbidden");
        assert_eq!(refused["errors"][0]["path"], "/reload", "{path}: {refused:#}");
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains("operator, admin") && detail.contains("role editor"), "{detail}");
        unchanged(&server, revision, &path).await;
    }
    assert_eq!(ask(&server, &operator, Method::PUT, path, &body).await.status, 201);
    // As it is, it is no change; its time is.
    ask(&server, &editor, Method::PUT, path, &body).await.ok();
    let sooner = json!({"reload": true, "repeat": true, "window": {"cron": "* * * * *"}});
    ask(&server, &editor, Method::PUT, path, &sooner).await.problem(403, "forbidden");
    let edits = json!({"changes": [{"op": "put", "kind": "config", "name": "shop", "body": {}}], "not_before": LATER});
    assert_eq!(ask(&server, &editor, Method::PUT, "/api/v1/documents/schedules/y", &edits).await.status, 201);
}
