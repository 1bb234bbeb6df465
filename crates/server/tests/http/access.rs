//! Who may do what, and which requests are not meant for this server.

use std::net::SocketAddr;

use midflight_config::Origin;
use midflight_store::AuditQuery;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{DEADLINE, Server, answer, client, options, server, server_with};

/// Every path of the API with its parameters filled in, and its method.
fn calls(server: &Server) -> Vec<(Method, String, bool)> {
    let document: Value = serde_json::to_value(server.running.service().openapi()).unwrap();
    let mut calls = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path.replace("{number}", "1").replace("{code}", "owned");
        let path = path.replace(['{', '}'], "");
        for (method, call) in item.as_object().unwrap() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            calls.push((method, path.clone(), call.get("security").is_some()));
        }
    }
    calls
}

/// Where requests are signed rather than sent with a token.
const SIGNED: &str = "/api/v1/webhooks/";

#[tokio::test]
async fn changes_need_a_token_and_reads_do_not() {
    let server = server().await;
    for (method, path, needs_token) in calls(&server) {
        if path.starts_with(SIGNED) {
            continue;
        }
        // What agents call changes nothing, but for calls that are forwarded, and those ask for a token by themselves.
        let reads = [
            "/execute",
            "/batch",
            "/classify",
            "/normalize",
            "/select",
            "/evaluate",
            "/tools/export",
            "/mcp",
            // Who logs a browser in sends the token in the body.
            "/session",
        ];
        let reads = reads.iter().any(|read| path.ends_with(read));
        // Who may come in, and who did, is for admins alone, and the state of a module may be a secret.
        let is_secret = ["/api/v1/tokens", "/api/v1/audit", "/api/v1/modules/name/state"];
        let is_secret = is_secret.iter().any(|begin| path.starts_with(begin));
        assert_eq!(needs_token, is_secret || method != Method::GET && !reads, "{method} {path}");
        if needs_token {
            let no_one = answer(server.anonymous(method.clone(), &path).json(&json!({}))).await;
            assert!(no_one.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
            no_one.problem(401, "unauthenticated");
        }
        let wrong = server.anonymous(method, &path).bearer_auth("mf_wrong");
        answer(wrong).await.problem(401, "unauthenticated");
    }
    assert_eq!(server.revision().await, 0);
}

/// The roles of tokens, from the one that may least.
const ROLES: [&str; 5] = ["viewer", "executor", "editor", "operator", "admin"];

/// A route as the served document describes it.
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: String,
    permission: String,
    documents: String,
}

pub(crate) fn routes(server: &Server) -> Vec<Route> {
    let document: Value = serde_json::to_value(server.running.service().openapi()).unwrap();
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let access = &operation["x-access"];
            let text = |key: &str| access[key].as_str().unwrap().to_owned();
            routes.push(Route {
                method: Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(),
                path: path.clone(),
                permission: text("permission"),
                documents: text("documents"),
            });
        }
    }
    routes
}

/// A path of a route, of which nothing is there but by chance.
pub(crate) fn example(path: &str) -> String {
    path.replace("{number}", "999999").replace("{code}", "owned").replace(['{', '}'], "")
}

/// Asks a route as the holder of a token, and answers the status and the code of the answer's head: some bodies never
/// end.
async fn ask(server: &Server, route: &Route, token: Option<&str>) -> u16 {
    let request = server.anonymous(route.method.clone(), &example(&route.path)).json(&json!({}));
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    tokio::time::timeout(DEADLINE, request.send()).await.unwrap().unwrap().status().as_u16()
}

/// What each role may, as the server answers it, in the form of the guide's table.
#[tokio::test]
async fn each_role_may_what_the_table_of_all_routes_says() {
    let server = server_with(|options| options.require_token = true).await;
    let mut tokens = Vec::new();
    for role in ROLES {
        tokens.push(crate::tokens::token(&server, json!({"name": format!("a-{role}"), "role": role})).await);
    }
    let nothing = json!({"name": "nothing", "role": "operator", "scopes": []});
    let nothing = crate::tokens::token(&server, nothing).await;
    let mut table = String::from(
        "| Route | Permission | Documents | viewer | executor | editor | operator | admin |\n|---|---|---|---|---|---|---|---|\n",
    );
    for route in routes(&server) {
        let Route { method, path, permission, documents } = &route;
        // A signed request has no token: its handler finds no such webhook.
        let is_open = permission == "open" || permission == "signed";
        assert_eq!(ask(&server, &route, None).await == 401, !is_open, "{method} {path} without a token");
        if permission == "signed" {
            table += &format!("| `{method} {path}` | signed | {documents} | | | | | |\n");
            continue;
        }
        let mut marks = Vec::new();
        for token in &tokens {
            let status = ask(&server, &route, Some(token)).await;
            assert!(status != 401, "{method} {path}");
            marks.push(if status == 403 { " " } else { "x" });
        }
        let least = match permission.as_str() {
            "open" | "read" => 0,
            "execute" => 1,
            "edit" => 2,
            "operate" => 3,
            _ => 4,
        };
        // Agents' messages are refused by the protocol, not by the role.
        for (role, mark) in ROLES.iter().zip(&marks) {
            let may = ROLES.iter().position(|it| it == role).unwrap() >= least;
            assert_eq!(*mark == "x", may, "{method} {path} as {role}");
        }
        // Who may see no document is refused wherever one is needed.
        if least < 4 && permission != "open" {
            let refused = ask(&server, &route, Some(&nothing)).await == 403;
            match documents.as_str() {
                "no document" => assert!(!refused, "{method} {path}"),
                "each document" => {}
                _ => assert!(refused, "{method} {path} shows {documents} to who may see none"),
            }
        }
        table += &format!("| `{method} {path}` | {permission} | {documents} | {} |\n", marks.join(" | "));
    }
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/routes.md");
    let page = format!(
        "# Routes and roles\n\nWhat each role may ask, as a server answers it. The test of `x-access` in the OpenAPI document makes this page:\n\
         `UPDATE_ROUTES=1 cargo test -p midflight-server --test http each_role`. What the columns mean is in [access](access.md).\n\n{table}"
    );
    if cfg!(feature = "tools") {
        if std::env::var_os("UPDATE_ROUTES").is_some() {
            std::fs::write(&file, &page).unwrap();
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(kept == page, "docs/routes.md is not what the server does; make it with UPDATE_ROUTES=1");
    }
}

/// Sends a request line and headers as they are, and answers the first line of the answer.
async fn raw(server: &crate::support::Server, request: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(server.running.address()).await.unwrap();
    stream.write_all(format!("{request}\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(crate::support::DEADLINE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn behind_a_proxy_on_the_same_machine_reading_needs_a_token() {
    let server = server().await;
    let path = "/api/v1/revisions";
    for (name, value) in
        [("x-forwarded-for", "203.0.113.7"), ("forwarded", "for=203.0.113.7"), ("via", "1.1 proxy")]
    {
        let proxied = answer(server.anonymous(Method::GET, path).header(name, value)).await;
        let problem = proxied.problem(401, "unauthenticated");
        assert!(problem["detail"].as_str().unwrap().contains("proxy"), "{problem}");
        answer(server.request(Method::GET, path).header(name, value)).await.ok();
        assert_eq!(
            answer(server.anonymous(Method::GET, "/health/live").header(name, value)).await.status,
            200
        );
    }
    // As nginx sends it on unless it is told otherwise: the Host is written anew, and nothing is added.
    let asked = raw(&server, &format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1")).await;
    assert!(asked.contains("401"), "{asked}");
    let asked = raw(&server, &format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1")).await;
    assert!(asked.contains("200"), "{asked}");

    // A proxy that shows in nothing is told of by the operator.
    let server = server_with(|options| options.require_token = true).await;
    let problem = server.get(path).await.problem(401, "unauthenticated");
    assert!(problem["detail"].as_str().unwrap().contains("--require-token"), "{problem}");
    // Then any Host is taken, as of a proxy that keeps it.
    answer(server.request(Method::GET, path).header("host", "shop.example")).await.ok();
}

#[tokio::test]
async fn on_other_addresses_reading_needs_a_token_too() {
    let server = server_with(|options| {
        options.config.listen(SocketAddr::from(([0, 0, 0, 0], 0)), Origin::Flag("--listen".to_owned()));
        options.plain_http = true;
    })
    .await;
    for (method, path, _) in calls(&server) {
        let open = ["/", "/ui/page", "/health/live", "/health/ready", "/health/reload", "/metrics"];
        let open = open.contains(&path.as_str());
        let asked = answer(server.anonymous(method.clone(), &path).json(&json!({}))).await;
        if path.starts_with(SIGNED) {
            // Whoever calls one signs instead; this one does not exist.
            asked.problem(404, "not_found");
        } else if path == "/api/v1/session" {
            // Who logs in has a token in the body; who logs out needs none.
            assert_eq!(asked.status, if method == Method::POST { 422 } else { 204 });
        } else if path.starts_with("/.well-known/") {
            // No issuer is known here.
            asked.problem(404, "not_found");
        } else if path.starts_with("/assets/") {
            // Files of the web UI, which holds no data; none has this name.
            asked.problem(404, "not_found");
        } else if open {
            assert_eq!(asked.status, 200, "{path}");
        } else {
            asked.problem(401, "unauthenticated");
        }
    }
    let known = server.request(Method::GET, "/api/v1/status").header("host", "rules.example");
    assert_eq!(answer(known).await.status, 200);
}

#[tokio::test]
async fn foreign_hosts_and_origins_are_refused() {
    let server = server().await.with_loans().await;
    let asked = |name: &'static str, value: &'static str| {
        answer(server.request(Method::GET, "/api/v1/export").header(name, value))
    };
    asked("host", "evil.example").await.problem(403, "foreign_host");
    asked("origin", "https://evil.example").await.problem(403, "foreign_origin");
    asked("origin", "null").await.problem(403, "foreign_origin");
    let own = server.running.url().to_owned();
    let own = answer(server.request(Method::GET, "/api/v1/status").header("origin", own)).await;
    assert_eq!(own.status, 200);
    let ws = server.anonymous(Method::GET, "/ws/hot-reload").header("origin", "https://evil.example");
    answer(ws).await.problem(403, "foreign_origin");
}

#[tokio::test]
async fn the_first_token_is_shown_once_and_stays_valid() {
    let server = server().await.with_loans().await;
    server.running.stop().await;
    let again = midflight_server::start(options(&server.dir)).await.unwrap();
    assert_eq!(again.first_token(), None);
    let url = format!("{}/api/v1/rulesets/more", again.url());
    let put = server.client.put(&url).bearer_auth(&server.token).json(&json!({}));
    assert_eq!(answer(put).await.status, 201);
    let stored = std::fs::read(server.dir.path().join("midflight.db")).unwrap();
    let token = server.token.as_bytes();
    assert!(!stored.windows(token.len()).any(|window| window == token), "only its hash is stored");
    again.stop().await;
}

#[tokio::test]
async fn a_token_file_is_made_private_or_read() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys/admin");
    let start = async |file: &std::path::Path| {
        let mut options = options(&dir);
        options.admin_token_file = Some(file.to_owned());
        midflight_server::start(options).await
    };
    let first = start(&file).await.unwrap();
    assert_eq!(first.first_token(), None);
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
    let token = std::fs::read_to_string(&file).unwrap();
    let put = async |url: &str, token: &str| {
        let url = format!("{url}/api/v1/rulesets/a");
        answer(client().put(url).bearer_auth(token.trim()).json(&json!({}))).await.status.as_u16()
    };
    assert_eq!(put(first.url(), &token).await, 201);
    first.stop().await;
    let own = "a-token-of-my-own-that-is-long-enough";
    std::fs::write(&file, own).unwrap();
    let second = start(&file).await.unwrap();
    assert_eq!((put(second.url(), own).await, put(second.url(), &token).await), (200, 401));
    second.stop().await;
    std::fs::write(&file, "short").unwrap();
    assert!(start(&file).await.unwrap_err().to_string().contains("token file"));
}

#[tokio::test]
async fn a_token_that_changes_in_its_file_counts_by_the_event_of_the_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, "the-first-token-that-is-long-enough").unwrap();
    let server = server_with(|options| {
        options.admin_token_file = Some(file.path().to_owned());
        // As rarely as may be: the event comes first, or the next look does.
        options.config.cover("/tokens/refresh_ms", "1000", Origin::Flag("--test".to_owned()));
        options.config.file_options.poll = std::time::Duration::from_secs(3_600);
    })
    .await;
    let status = async |token: &str| {
        answer(server.anonymous(Method::GET, "/api/v1/tokens").bearer_auth(token)).await.status
    };
    assert_eq!(status("the-first-token-that-is-long-enough").await, 200);
    std::fs::write(&file, "the-second-token-that-is-long-enough").unwrap();
    let is_known = async {
        while status("the-second-token-that-is-long-enough").await == 401 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, is_known).await.unwrap();
    assert_eq!(status("the-first-token-that-is-long-enough").await, 401);
    let store = server.running.service().engine().store();
    let page = store.audit(AuditQuery { actor: Some("host".into()), limit: 10, ..AuditQuery::default() });
    let found = page.await.unwrap().items;
    let [record] = &found[..] else { panic!("{found:?}") };
    let entry = &record.entry;
    assert_eq!((&*entry.action, &*entry.outcome), ("admin token file changed", "success"));
    assert_eq!((&*entry.target, &*entry.role), (file.path().to_str().unwrap(), "host"));
}

#[tokio::test]
async fn a_recovered_admin_token_and_one_that_changed_while_no_server_ran_are_in_the_audit() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("admin");
    let start = async || {
        let mut options = options(&dir);
        options.admin_token_file = Some(file.clone());
        midflight_server::start(options).await.unwrap()
    };
    std::fs::write(&file, "the-first-token-that-is-long-enough").unwrap();
    let first = start().await;
    first.stop().await;
    std::fs::write(&file, "the-second-token-that-is-long-enough").unwrap();
    let data_dir = options(&dir).data_dir;
    let recovered = midflight_server::recover_admin_token(&data_dir).unwrap();
    let second = start().await;
    assert!(recovered.is_taken());
    let store = second.service().engine().store();
    let page = store.audit(AuditQuery { limit: 10, ..AuditQuery::default() }).await.unwrap();
    let found: Vec<_> = page.items.iter().rev().map(|it| (&*it.entry.actor, &*it.entry.action)).collect();
    assert_eq!(found, [("host", "admin token file changed"), ("host", "token recover")]);
    let shown = format!("{:?}", page.items);
    assert!(!shown.contains(&recovered.token) && !shown.contains("the-second"), "{shown}");
    second.stop().await;
}

#[tokio::test]
async fn a_token_that_another_process_changed_in_the_store_is_known_without_a_restart() {
    let server = server().await;
    server.put("/api/v1/config/midflight", &json!({"tokens": {"refresh_ms": 100}})).await;
    let other = "another-token-of-at-least-32-characters";
    let mut stored = server.running.service().engine().store().tokens().await.unwrap().remove(0);
    stored.hash = blake3::hash(other.as_bytes()).to_hex().to_string();
    server.running.service().engine().store().put_token(&stored).await.unwrap();
    let status = async |token: &str| {
        let url = format!("{}/api/v1/rulesets/more", server.running.url());
        answer(server.client.put(&url).bearer_auth(token).json(&json!({}))).await.status
    };
    let is_known = async {
        while status(other).await == 401 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, is_known).await.unwrap();
    assert_eq!(status(&server.token).await, 401);
}
