//! The web UI as the server sends it: a page that anyone may load, under a policy, and files that are kept for ever.

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};

use crate::support::{answer, server_with};

/// An answer whose body is no JSON.
async fn page(request: RequestBuilder) -> (u16, HeaderMap, String) {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, headers, answer.text().await.unwrap())
}

#[tokio::test]
async fn the_page_is_sent_to_anyone_under_a_policy_without_inline_scripts() {
    let server = server_with(|options| options.require_token = true).await;
    for path in ["/", "/ui/history/1", "/ui/edit/rules/a/b"] {
        let (status, headers, text) = page(server.anonymous(Method::GET, path)).await;
        assert_eq!((status, &headers["content-type"].to_str().unwrap()[..9]), (200, "text/html"), "{path}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert!(!text.contains("<script>") && !text.contains("<style"), "{text}");
        if text.contains("make ui") {
            continue;
        }
        // It was built: what it needs is there, and kept for ever; the page itself is asked for again.
        assert_eq!(headers["cache-control"], "no-cache");
        let script = text.split("src=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let (status, file, _) = page(server.anonymous(Method::GET, script)).await;
        assert_eq!(status, 200, "{script}");
        assert_eq!(file["cache-control"], "public, max-age=31536000, immutable");
        assert_eq!(file["x-content-type-options"], "nosniff");
        let again = server.anonymous(Method::GET, path).header("if-none-match", &headers["etag"]);
        let (status, _, same) = page(again).await;
        assert_eq!((status, same.as_str()), (304, ""));
    }
    answer(server.anonymous(Method::GET, "/assets/none.js")).await.problem(404, "not_found");
}
