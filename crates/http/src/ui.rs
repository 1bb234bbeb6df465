//! The web UI: its page at `/` and under `/ui/`, and the files that the page needs.
//!
//! Anyone may load it: it holds no data. What it shows it reads over the API, with the caller's own token.

use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use midflight_ui::{File, INDEX, file};
use midflight_wire::problem::ProblemBody;
use utoipa::OpenApi;
use utoipa_axum::routes;

use crate::app::AppState;
use crate::code::Code;
use crate::params::InPath;
use crate::principal::Permission::{self, Open};
use crate::problem::ApiError;
use crate::reach::Reach;
use crate::routes::Routes;

/// Lets the page load its own files and talk to this server, and nothing else. No script or style in the page itself is
/// run.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// Files under `/assets/` have a digest of their contents in their names.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// The page names the files of one build: it is asked for again each time, and answered 304 as long as it is the same.
const REVALIDATED: HeaderValue = HeaderValue::from_static("no-cache");
/// What a server without the page answers instead.
const NOT_BUILT: &str = include_str!("ui.html");
/// The address of a page of the UI, which the router of the page reads.
const PAGES: &str = "/ui/{*page}";
/// The address of a file.
const ASSETS: &str = "/assets/{*file}";

#[derive(OpenApi)]
#[openapi(paths(page))]
struct Pages;

#[derive(OpenApi)]
#[openapi(paths(asset))]
struct Assets;

/// What the pages need: nothing, and they are about no document.
const OPEN: (Permission, Reach) = (Open, Reach::Nothing);

/// The routes of the web UI.
pub(crate) fn routes() -> Routes<AppState> {
    Routes::new()
        .of(Open, Reach::Nothing, routes!(root))
        .wildcard(OPEN, PAGES, get(page), Pages::openapi())
        .wildcard(OPEN, ASSETS, get(asset), Assets::openapi())
}

/// The web UI. A server that was built without it answers how to build it.
#[utoipa::path(get, path = "/", tag = "ui",
    responses((status = 200, body = String, content_type = "text/html"), (status = 304, description = "The page is the same")))]
async fn root(headers: HeaderMap) -> Response {
    index(&headers)
        .unwrap_or_else(|| ([(header::CONTENT_SECURITY_POLICY, NO_SCRIPT)], Html(NOT_BUILT)).into_response())
}

/// The policy of a page that has nothing but text.
const NO_SCRIPT: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// A page of the web UI: the same file as `/`, which shows the page of the address.
#[utoipa::path(get, path = "/ui/{page}", tag = "ui",
    params(("page" = String, Path, description = "Which page to show, as `history/12`")),
    responses((status = 200, body = String, content_type = "text/html"), (status = 304, description = "The page is the same")))]
async fn page(headers: HeaderMap) -> Response {
    root(headers).await
}

/// A file that the web UI needs. Its name has a digest of its contents, so it may be kept for ever.
#[utoipa::path(get, path = "/assets/{file}", tag = "ui",
    params(("file" = String, Path, description = "The name of the file")),
    responses((status = 200, description = "The file"), (status = 304, description = "The file is the same"),
        (status = "default", body = ProblemBody)))]
async fn asset(headers: HeaderMap, InPath(name): InPath<String>) -> Result<Response, ApiError> {
    let found = file(&format!("assets/{name}"));
    let found = found
        .ok_or_else(|| ApiError::new(Code::NOT_FOUND, "the web UI has no such file; reload the page"))?;
    Ok(answer(found, &headers, IMMUTABLE))
}

/// The page, if this server has it.
pub(crate) fn index(headers: &HeaderMap) -> Option<Response> {
    let mut response = answer(file(INDEX)?, headers, REVALIDATED);
    let answered = response.headers_mut();
    answered.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    answered.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Some(response)
}

/// A file in the encoding that the client takes, or that what the client has is the same.
fn answer(file: &'static File, headers: &HeaderMap, kept: HeaderValue) -> Response {
    let (bytes, encoding) = match (takes(headers, "br"), takes(headers, "gzip")) {
        (true, _) if file.brotli.is_some() => (file.brotli.unwrap_or_default(), Some("br")),
        (_, true) if file.gzip.is_some() => (file.gzip.unwrap_or_default(), Some("gzip")),
        _ => (file.plain, None),
    };
    let etag = etag(file, encoding);
    let is_same = headers.get_all(header::IF_NONE_MATCH).iter().any(|sent| names(sent, &etag));
    let mut response = match is_same {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => ([(header::CONTENT_TYPE, file.media_type())], bytes).into_response(),
    };
    let answered = response.headers_mut();
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        answered.insert(header::ETAG, etag);
    }
    answered.insert(header::CACHE_CONTROL, kept);
    answered.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    answered.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(encoding) = encoding.filter(|_| !is_same) {
        answered.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

/// The tag of what is sent: of the contents, and of how they are encoded. The digests are made once.
fn etag(file: &'static File, encoding: Option<&str>) -> String {
    static DIGESTS: LazyLock<Vec<(&str, String)>> = LazyLock::new(|| {
        let digest = |file: &File| blake3::hash(file.plain).to_hex().chars().take(16).collect();
        midflight_ui::FILES.iter().map(|file| (file.path, digest(file))).collect()
    });
    let found =
        DIGESTS.binary_search_by(|(path, _)| (*path).cmp(file.path)).ok().and_then(|at| DIGESTS.get(at));
    let digest = found.map_or("", |(_, digest)| digest.as_str());
    format!("\"{digest}{}{}\"", if encoding.is_some() { "-" } else { "" }, encoding.unwrap_or_default())
}

/// Whether a list of tags has one, or is `*`.
fn names(sent: &HeaderValue, etag: &str) -> bool {
    let sent = sent.to_str().unwrap_or_default();
    sent.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

/// Whether a client takes an encoding: it is named, and not with a quality of zero.
fn takes(headers: &HeaderMap, encoding: &str) -> bool {
    let lists = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|part| {
        let (name, quality) = part.split_once(';').unwrap_or((part, ""));
        let quality =
            quality.trim().strip_prefix("q=").map_or(1.0, |value| value.trim().parse().unwrap_or(0.0));
        name.trim().eq_ignore_ascii_case(encoding) && quality > 0.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    static FILE: File = File { path: "assets/a.js", plain: b"plain", gzip: Some(b"gz"), brotli: Some(b"br") };

    async fn asked(header: (&'static str, &'static str)) -> (u16, HeaderMap, Vec<u8>) {
        let mut headers = HeaderMap::new();
        headers.insert(header.0, HeaderValue::from_static(header.1));
        let (parts, body) = answer(&FILE, &headers, IMMUTABLE).into_parts();
        let body = axum::body::to_bytes(body, 1 << 10).await.unwrap();
        (parts.status.as_u16(), parts.headers, body.to_vec())
    }

    #[tokio::test]
    async fn a_file_is_sent_in_the_best_encoding_that_the_client_takes() {
        for (accepted, encoding, body) in [
            ("gzip, deflate, br", Some("br"), "br"),
            ("GZIP;q=0.5", Some("gzip"), "gz"),
            ("br;q=0, gzip", Some("gzip"), "gz"),
            ("identity", None, "plain"),
            ("", None, "plain"),
        ] {
            let (status, headers, sent) = asked(("accept-encoding", accepted)).await;
            let sent_encoding = headers.get("content-encoding").map(|it| it.to_str().unwrap());
            assert_eq!(
                (status, sent_encoding, sent.as_slice()),
                (200, encoding, body.as_bytes()),
                "{accepted}"
            );
            assert_eq!(headers["vary"], "accept-encoding");
            assert_eq!(headers["content-type"], "text/javascript; charset=utf-8");
        }
    }

    #[test]
    fn a_tag_is_known_in_a_list_and_when_it_is_weak() {
        let names = |sent: &'static str| names(&HeaderValue::from_static(sent), "\"a\"");
        assert!(names("\"a\"") && names("\"b\", W/\"a\"") && names("*"));
        assert!(!names("\"b\"") && !names("a"));
    }
}
