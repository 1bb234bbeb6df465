//! The documentation that the server carries with it: the OpenAPI document, a page that shows it, the error pages.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use bytes::Bytes;
use utoipa::openapi::OpenApi;
use utoipa_axum::routes;

use crate::app::AppState;
use crate::code::Code;
use crate::params::InPath;
use crate::principal::Permission::Read;
use crate::problem::{ApiError, ProblemBody};
use crate::reach::Reach;
use crate::routes::Routes;
use crate::ui;

/// The page of a server that has no web UI; it needs nothing but `/openapi.json`.
const PAGE: &str = include_str!("page.html");
/// Lets the page run its own script and talk to this server, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The OpenAPI document as it is sent; made once, since it never changes while the server runs.
pub(crate) struct OpenApiPage(Result<Bytes, String>);

impl OpenApiPage {
    pub(crate) fn new(document: &OpenApi) -> Self {
        Self(document.to_json().map(Bytes::from).map_err(|error| error.to_string()))
    }
}

/// The routes of the documentation.
pub(crate) fn routes() -> Routes<AppState> {
    Routes::new().of(Read, Reach::Nothing, routes!(document)).of(Read, Reach::Nothing, routes!(page)).of(
        Read,
        Reach::Nothing,
        routes!(error_page),
    )
}

/// The OpenAPI document.
#[utoipa::path(get, path = "/openapi.json", tag = "docs",
    responses((status = 200, body = serde_json::Value), (status = "default", body = ProblemBody)))]
async fn document(State(app): State<AppState>) -> Result<impl IntoResponse, ApiError> {
    let document = app.docs.get().ok_or_else(|| ApiError::internal(&"no OpenAPI document"))?;
    let document = document.0.clone().map_err(|error| ApiError::internal(&error))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], document))
}

/// A page that shows the OpenAPI document and tries calls.
#[utoipa::path(get, path = "/docs", tag = "docs",
    responses((status = 200, body = String, content_type = "text/html")))]
async fn page(headers: HeaderMap) -> Response {
    let own = || ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(PAGE)).into_response();
    ui::index(&headers).unwrap_or_else(own)
}

/// What an error code means and what to do about it, in Markdown.
///
/// A browser, which accepts `text/html`, gets the page of the web UI that shows it, if this server has the web UI.
#[utoipa::path(get, path = "/docs/errors/{code}", tag = "docs",
    params(("code" = String, Path, description = "The `code` of a problem document")),
    responses((status = 200, body = String, content_type = "text/markdown"),
        (status = "default", body = ProblemBody)))]
async fn error_page(
    State(app): State<AppState>,
    InPath(code): InPath<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let known = app.kinds.codes().find(|known| known.as_str() == code);
    let known = known
        .ok_or_else(|| ApiError::new(Code::NOT_FOUND, "unknown error code; see docs/errors for the list"))?;
    let shown = if accepts_html(&headers) { ui::index(&headers) } else { None };
    let markdown =
        || ([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], known.page()).into_response();
    let mut response = shown.unwrap_or_else(markdown);
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

/// Whether a client names HTML among what it accepts, as browsers do when they open an address. `*/*` does not name it.
fn accepts_html(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(header::ACCEPT).iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|range| {
        let name = range.split(';').next().unwrap_or_default();
        name.trim().eq_ignore_ascii_case("text/html")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_is_accepted_by_its_name_alone() {
        let accepts = |sent: &'static str| {
            accepts_html(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(sent))]))
        };
        assert!(
            accepts("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8") && accepts("a/b, Text/HTML;q=0.1")
        );
        assert!(!accepts("*/*") && !accepts("text/markdown") && !accepts_html(&HeaderMap::new()));
    }
}
