//! Callers with scopes: a tool is reached by its `tool_name`, and its document has another name, which their scopes are
//! compared with.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Server, answer, server};
use crate::tokens::token;
use crate::tools::{TOOLS, create, listed};

/// A server on which the document `secret` has the tool name `pay`, and a token of an editor with these scopes.
async fn scoped(scopes: &[&str]) -> (Server, String) {
    let server = server().await;
    for version in ["1.0", "2.0"] {
        let body = json!({"tool_name": "pay", "description": "A secret of finance.", "version": version,
            "capabilities": {"c": {"patterns": {"p": {"time_estimate_ms": 1, "cost_estimate": 1}}}}});
        let put = server.put("/api/v1/documents/tools/secret", &body).await;
        assert!(put.status.is_success(), "{:#}", put.json);
    }
    let editor = token(&server, json!({"name": "editor", "role": "editor", "scopes": scopes})).await;
    (server, editor)
}

async fn send(server: &Server, token: &str, (method, path): (Method, &str), body: Option<Value>) -> Answer {
    let request = server.anonymous(method, &format!("{TOOLS}{path}")).bearer_auth(token);
    answer(match body {
        Some(body) => request.json(&body),
        None => request,
    })
    .await
}

#[tokio::test]
async fn a_tool_is_in_scope_by_its_document_and_not_by_the_name_of_the_path() {
    let (server, editor) = scoped(&["tools/pay"]).await;
    let update = json!({"description": "Changed."});
    for (route, body) in [
        ((Method::GET, "/pay"), None),
        ((Method::GET, "/pay/versions"), None),
        ((Method::GET, "/pay/diff"), None),
        ((Method::POST, "/pay/validate"), None),
        ((Method::POST, "/pay/validate"), Some(listed("pay", "3.0"))),
        ((Method::PUT, "/pay"), Some(update)),
        ((Method::PATCH, "/pay/enable"), None),
        ((Method::POST, "/pay/rollback"), Some(json!({"version": "1.0"}))),
        ((Method::DELETE, "/pay"), None),
    ] {
        let refused = send(&server, &editor, route.clone(), body).await;
        let problem = refused.problem(403, "forbidden");
        assert!(!problem.to_string().contains("finance"), "{route:?}: {problem}");
    }
    // With the document in their scopes they need the name of the path in them too.
    let (server, editor) = scoped(&["tools/pay", "tools/secret"]).await;
    let read = send(&server, &editor, (Method::GET, "/pay"), None).await.ok();
    assert_eq!(read["description"], "A secret of finance.");
    assert_eq!(send(&server, &editor, (Method::GET, "/pay/versions"), None).await.ok()["total_versions"], 2);
}

#[tokio::test]
async fn names_that_are_not_in_scope_are_not_suggested() {
    let (server, editor) = scoped(&["tools/pya"]).await;
    let problem = send(&server, &editor, (Method::GET, "/pya"), None).await.problem(404, "not_found");
    assert_eq!(problem["detail"], "unknown tool \"pya\"");
    let problem = server.get(&format!("{TOOLS}/pya")).await.problem(404, "not_found");
    assert_eq!(problem["detail"], "unknown tool \"pya\"; did you mean \"pay\"?");
}

#[tokio::test]
async fn what_there_is_out_of_scope_is_not_told_to_who_makes_or_imports_tools() {
    let (server, editor) = scoped(&["tools/mine"]).await;
    create(&server, &listed("grep", "1.0")).await;
    // There, with this version; there, under another name; and not there.
    for tool in [listed("grep", "1.0"), listed("secret", "1.0"), listed("pay", "2.0"), listed("other", "1.0")]
    {
        let refused = send(&server, &editor, (Method::POST, ""), Some(tool.clone())).await;
        let made = refused.problem(403, "forbidden");
        let yaml = json!({"yaml_content": json!([listed("mine", "1.0"), tool]).to_string()});
        let refused = send(&server, &editor, (Method::POST, "/import"), Some(yaml)).await;
        let imported = refused.problem(403, "forbidden");
        assert_eq!(made["detail"], imported["detail"]);
    }
    let made = send(&server, &editor, (Method::POST, ""), Some(listed("mine", "1.0"))).await;
    assert_eq!(made.status, 201, "{:#}", made.json);
}
