//! Agents: the catalogue over the Model Context Protocol, at `/mcp`.

mod audited;
mod call;
mod key;
mod metrics;
mod past;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::get_service;
use call::AgentToolCaller;
use midflight_core::{JsonPointer, RevisionNumber};
use midflight_http::app::AppState;
use midflight_http::audit::AuditOrigin;
use midflight_http::body::{BodyBytes, receive, weigh};
use midflight_http::code::Code;
use midflight_http::params::Params;
use midflight_http::principal::{Permission, Principal};
use midflight_http::problem::ApiError;
use midflight_http::reach::Reach;
use midflight_http::routes::Routes;
use midflight_mcp::{AllowedHosts, CallerContext, Expose, McpCaller, McpHttpOptions, McpOptions, McpServer};
use midflight_store::AgentLimits;
use past::PastCatalogueReader;
use serde::Deserialize;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, PathItem, PathsBuilder};
use utoipa::openapi::{OpenApi, OpenApiBuilder, ResponseBuilder};

use super::app::ToolsParts;

pub(super) use self::metrics::AgentMetrics;
pub(crate) use call::AgentSettings;
pub(crate) use key::seal_key;

const PATH: &str = "/mcp";
/// How many tools an address may pin.
const PINS_MAX: usize = 100;

/// The endpoint, for callers who may execute. It follows the catalogue from now on.
pub(super) fn routes(app: &AppState, parts: &ToolsParts) -> Routes<AppState> {
    let caller = AgentToolCaller::new(app, parts);
    let past = PastCatalogueReader::new(app.clone(), parts.limits.past_catalogue_bytes_max);
    let options = McpOptions::new(parts.agents.seal_key);
    let server = McpServer::new(parts.tools.clone(), Arc::new(caller), Arc::new(past), options);
    app.tasks.spawn(server.follow(app.stopping.clone()));
    // The edge has compared the host and the origin by then, as it does for every route.
    let mut options = McpHttpOptions::new(AllowedHosts::any(), []);
    options.body_bytes_max = app.limits.body_bytes_max;
    let service = server.http(options, &app.stopping);
    parts.meter.get_or_init(|| service.meter());
    let router = get_service(service.clone()).post_service(service.clone()).delete_service(service);
    // The caller first, and then what they send.
    let router = router.layer(from_fn_with_state(app.clone(), with_body)).layer(from_fn(with_caller));
    Routes::new().wildcard((Permission::Execute, Reach::All("tools", "")), PATH, router, described())
}

/// What of the catalogue an agent sees, as its address says, and its token.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentParams {
    /// The revision whose catalogue it works with, whatever is served.
    at: Option<u64>,
    /// `all` or `search`.
    expose: Option<String>,
    /// Tools that are listed beside the search, separated by commas.
    pin: Option<String>,
}

impl AgentParams {
    /// The same with what the token of the agent says. The address may leave out what the token says, or repeat it.
    fn limited_to(self, token: &AgentLimits) -> Result<Self, ApiError> {
        let limited = |name: &str, given: Option<String>, limit: Option<String>| match (given, limit) {
            (Some(given), Some(limit)) if given != limit => {
                let detail = format!(
                    "the token fixes {name} to {limit:?}; leave {name} out of the address, or use another token"
                );
                Err(ApiError::new(Code::FORBIDDEN, detail))
            }
            (given, limit) => Ok(limit.or(given)),
        };
        let at = limited("at", self.at.map(|at| at.to_string()), token.at.map(|at| at.to_string()))?;
        let pin = (!token.pin.is_empty()).then(|| token.pin.join(","));
        Ok(Self {
            at: at.and_then(|at| at.parse().ok()),
            // Tools that the token pins are listed beside the search, so the address cannot have all of them listed.
            expose: limited(
                "expose",
                self.expose,
                token.expose.clone().or(pin.as_ref().map(|_| "search".to_owned())),
            )?,
            pin: limited("pin", self.pin, pin)?,
        })
    }

    fn expose(&self) -> Result<Expose, ApiError> {
        let refused = |name: &str, detail: String| {
            let place = JsonPointer::root().key(name);
            Err(ApiError::new(Code::INVALID_PARAMETER, &*detail).at(&place, detail))
        };
        let pins: Vec<Arc<str>> = self
            .pin
            .iter()
            .flat_map(|pin| pin.split(','))
            .filter(|name| !name.is_empty())
            .map(Arc::from)
            .collect();
        if pins.len() > PINS_MAX {
            return refused(
                "pin",
                format!("pin has {} tools and may have {PINS_MAX}; pin fewer", pins.len()),
            );
        }
        match (self.expose.as_deref(), pins.is_empty()) {
            (None | Some("all"), true) => Ok(Expose::All),
            (Some("search"), true) => Ok(Expose::Search),
            (None | Some("search"), false) => Ok(Expose::PinnedAndSearch(pins.into())),
            (Some("all"), false) => {
                refused("pin", "pin goes with expose=search; all tools are listed".to_owned())
            }
            (Some(other), _) => refused("expose", format!("expose is all or search, not {other:?}")),
        }
    }
}

/// Who calls tools, and from where.
#[derive(Debug, Clone)]
struct AgentContext {
    principal: Principal,
    origin: AuditOrigin,
}

impl AgentContext {
    /// That of a caller, if it came through [`with_caller`].
    fn of(caller: &McpCaller) -> Option<&Self> {
        caller.context.get()
    }

    /// Who calls; a caller without a token where that is not known.
    fn principal_of(caller: &McpCaller) -> Principal {
        Self::of(caller).map_or_else(Principal::anonymous, |context| context.principal.clone())
    }
}

/// Finds the caller of a request.
async fn with_caller(
    principal: Principal,
    Params(params): Params<AgentParams>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let params = params.limited_to(principal.agent())?;
    let expose = params.expose()?;
    // By the token, so that two of one name share neither bounds nor what is sealed.
    let name = match principal.token_id() {
        Some(id) => format!("{} {id}", principal.name()),
        None => principal.name().to_owned(),
    };
    let context = AgentContext { principal, origin: AuditOrigin::of(request.extensions()) };
    let mut caller = McpCaller::new(name).exposing(expose).with_context(CallerContext::of(context));
    if let Some(at) = params.at {
        caller = caller.pinned_at(RevisionNumber::new(at));
    }
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// Receives what an agent sends as other bodies are received, within their bounds and by the bytes that they share. The
/// endpoint gets it whole.
async fn with_body(State(app): State<AppState>, request: Request, next: Next) -> Result<Response, ApiError> {
    if request.method() != Method::POST {
        return Ok(next.run(request).await);
    }
    let (mut parts, body) = request.into_parts();
    let received = Request::from_parts(parts.clone(), body);
    // A stream keeps what belongs to its request for as long as it is open, which may be for days.
    let occupied = parts.extensions.remove::<BodyBytes>();
    let limits = &app.limits;
    let bytes = receive(received, limits.body_bytes_max, "body_bytes_max", limits.receive_ms_max).await?;
    weigh(&bytes, limits, occupied.as_ref()).await?;
    Ok(next.run(Request::from_parts(parts, Body::from(bytes))).await)
}

/// The endpoint in the OpenAPI document. The protocol defines what is sent.
fn described() -> OpenApi {
    let operation = |summary: &str| {
        let answer = ResponseBuilder::new().description("As the protocol defines");
        OperationBuilder::new().tag("tools").summary(Some(summary)).response("default", answer).build()
    };
    let mut item =
        PathItem::new(HttpMethod::Post, operation("Sends a message of the Model Context Protocol"));
    item.get = Some(operation("Opens the stream of notices of a session (protocol until 2025-11-25)"));
    item.delete = Some(operation("Ends a session (protocol until 2025-11-25)"));
    OpenApiBuilder::new().paths(PathsBuilder::new().path(PATH, item).build()).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_what_its_agent_sees_whatever_the_address_says() {
        let token = AgentLimits { at: Some(7), expose: None, pin: vec!["a".to_owned(), "b".to_owned()] };
        let params = |at: Option<u64>, expose: Option<&str>, pin: Option<&str>| {
            let params = AgentParams { at, expose: expose.map(str::to_owned), pin: pin.map(str::to_owned) };
            let params = params.limited_to(&token).map_err(|error| error.body().detail.clone())?;
            Ok::<_, String>((params.at, params.expose().unwrap()))
        };
        let pinned = Expose::PinnedAndSearch([Arc::from("a"), Arc::from("b")].into());
        for same in [params(None, None, None), params(Some(7), Some("search"), Some("a,b"))] {
            assert_eq!(same, Ok((Some(7), pinned.clone())));
        }
        assert!(params(Some(8), None, None).unwrap_err().contains("fixes at to \"7\""));
        assert!(params(None, Some("all"), None).unwrap_err().contains("fixes expose to \"search\""));
        assert!(params(None, None, Some("c")).unwrap_err().contains("fixes pin"));
        // A token without limits leaves the address as it is.
        let free = AgentParams { at: Some(3), ..AgentParams::default() };
        assert_eq!(free.limited_to(&AgentLimits::default()).unwrap().at, Some(3));
    }

    #[test]
    fn an_address_sets_what_an_agent_sees() {
        let expose = |expose: Option<&str>, pin: Option<&str>| {
            let params =
                AgentParams { at: None, expose: expose.map(str::to_owned), pin: pin.map(str::to_owned) };
            params.expose().map_err(|error| error.body().detail.clone())
        };
        assert_eq!(expose(None, None), Ok(Expose::All));
        assert_eq!(expose(Some("search"), None), Ok(Expose::Search));
        let pinned = Expose::PinnedAndSearch([Arc::from("a"), Arc::from("b")].into());
        assert_eq!(
            (expose(None, Some("a,b")), expose(Some("search"), Some("a,,b"))),
            (Ok(pinned.clone()), Ok(pinned))
        );
        assert!(expose(Some("all"), Some("a")).unwrap_err().contains("expose=search"));
        assert!(expose(Some("some"), None).unwrap_err().contains("all or search"));
        assert!(expose(None, Some(&"a,".repeat(101))).unwrap_err().contains("may have 100"));
    }
}
