//! Health: what makes it 503, and what does not.

use serde_json::json;

use crate::support::server;

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
