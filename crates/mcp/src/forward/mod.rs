//! Calls of tools that are forwarded over HTTP to the endpoint that their document declares.
//!
//! An editor writes the endpoint, so what it may reach is the operator's to allow: [`ForwardOptions`] lists the hosts,
//! within what the server may call at all ([`OutboundPolicy`]), and private and loopback addresses are refused unless they
//! are listed too. What a caller authenticates with is not in a [`ToolCall`], so it cannot be passed on. Time and size
//! have bounds.
//!
//! A document has `forward: {url, method, headers, timeout_ms}`. `{name}` in the path of the URL is replaced by the
//! argument of that name; the other arguments are the query of a GET or DELETE, else a JSON body. A header refers to
//! its secret, as `Bearer ${env:NAME}`; [`ResolveReference`] resolves it.

mod secrets;
mod target;

use std::sync::Arc;
use std::time::Duration;

use midflight_outbound::{
    HostPattern, OutboundClient, OutboundClientError, OutboundOptions, OutboundPolicy, OutboundRefused,
};
use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, LOCATION};
use serde_json::Value;
use tokio::time::timeout;

use crate::{ToolCall, ToolFailure, ToolOutcome, ToolOutput, ToolTarget};
use target::ForwardTarget;

/// The longest part of a refusal of an endpoint that is reported, in characters.
const REFUSAL_CHARS_MAX: usize = 2_000;

/// What forwarding may reach, and its bounds. Nothing is allowed by default.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ForwardOptions {
    /// What the server may call at all.
    pub outbound: OutboundPolicy,
    /// The hosts that may be called.
    pub allowed_hosts: Vec<HostPattern>,
    /// The allowed hosts that may also be at a private or loopback address.
    pub private_hosts: Vec<HostPattern>,
    /// The most redirects of a call, within the same origin. 0: they are refused.
    pub redirects_max: usize,
    /// The largest answer, in bytes. 1 MiB.
    pub answer_bytes_max: usize,
    /// How long a call may take by default, in ms. 10,000.
    pub timeout_ms_default: u64,
    /// How long a call may take at most, in ms. 60,000.
    pub timeout_ms_max: u64,
}

impl Default for ForwardOptions {
    /// Nothing is allowed.
    fn default() -> Self {
        Self {
            outbound: OutboundPolicy::default(),
            allowed_hosts: Vec::new(),
            private_hosts: Vec::new(),
            redirects_max: 0,
            answer_bytes_max: 1 << 20,
            timeout_ms_default: 10_000,
            timeout_ms_max: 60_000,
        }
    }
}

/// Resolves a reference, as `env:NAME` or `file:PATH`, within what the operator allows.
pub trait ResolveReference: Send + Sync + 'static {
    /// The secret.
    ///
    /// # Errors
    /// Why it cannot be had, without saying what is there.
    fn resolve(&self, reference: &str) -> Result<String, String>;
}

/// Forwards calls. Cheap to clone.
#[derive(Clone)]
pub struct Forwarder {
    http: OutboundClient,
    options: Arc<ForwardOptions>,
    references: Arc<dyn ResolveReference>,
}

impl Forwarder {
    /// A forwarder with a connection pool of its own.
    ///
    /// # Errors
    /// [`OutboundClientError`] when TLS cannot be set up.
    pub fn new(
        options: ForwardOptions,
        references: Arc<dyn ResolveReference>,
    ) -> Result<Self, OutboundClientError> {
        let policy =
            options.outbound.restricted(options.allowed_hosts.clone(), options.private_hosts.clone());
        let how = OutboundOptions { redirects_max: options.redirects_max, ..OutboundOptions::default() };
        let http = OutboundClient::new(policy, how)?;
        let options = Arc::new(options);
        Ok(Self { http, options, references })
    }

    /// Forwards a call of a tool of the catalogue. What the endpoint answers with a status of 2xx is the answer;
    /// anything else is a failure that names the status.
    pub async fn call(&self, call: &ToolCall) -> ToolOutcome {
        let ToolTarget::Catalogue(tool) = &call.target else {
            return ToolOutcome::failed("not_forwarded", "a tool of the server itself has no endpoint");
        };
        let Some(forward) = tool.forward() else {
            let message =
                format!("`{}` declares no endpoint; set `forward` in its document", tool.mcp_name());
            return ToolOutcome::failed("not_forwarded", message);
        };
        let ms = forward.get("timeout_ms").and_then(Value::as_u64).unwrap_or(self.options.timeout_ms_default);
        let ms = ms.min(self.options.timeout_ms_max);
        match timeout(Duration::from_millis(ms), self.send(forward, call)).await {
            Ok(Ok(output)) => ToolOutcome::Done(output),
            Ok(Err(failure)) => ToolOutcome::Failed(failure),
            Err(_) => {
                let message = format!(
                    "the endpoint of `{}` did not answer within {ms} ms; try again later",
                    tool.mcp_name()
                );
                ToolOutcome::failed("timed_out", message)
            }
        }
    }

    async fn send(&self, forward: &Value, call: &ToolCall) -> Result<ToolOutput, ToolFailure> {
        let target = ForwardTarget::new(forward, &call.arguments)?;
        let request = self.http.request(target.method, target.url).map_err(|why| refused(&why))?;
        let headers = secrets::headers(forward, &*self.references)?;
        let mut request = request.headers(headers.sent.clone());
        if let Some(body) = target.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let response = request.send().await.map_err(unreachable_endpoint)?;
        let status = response.status();
        if status.is_redirection() {
            let place = response.headers().get(LOCATION).and_then(|place| place.to_str().ok()).unwrap_or("?");
            let message = format!(
                "the endpoint answered {status} with a redirect to {}; redirects are not followed, so write that URL into the document",
                midflight_core::clip(place)
            );
            return Err(ToolFailure::new("redirect_refused", message));
        }
        let is_json = is_json(&response);
        let body = self.read(response).await?;
        let text = headers.redact(String::from_utf8_lossy(&body).into_owned());
        if !status.is_success() {
            let messages: String = text.chars().take(REFUSAL_CHARS_MAX).collect();
            return Err(ToolFailure::new(
                "endpoint_refused",
                format!("the endpoint answered {status}: {messages}"),
            ));
        }
        if !is_json {
            return Ok(ToolOutput::text(text));
        }
        match serde_json::from_str::<Value>(&text) {
            Ok(value) => Ok(ToolOutput { structured: Some(value), ..ToolOutput::text(text) }),
            Err(error) => Err(ToolFailure::new(
                "invalid_answer",
                format!("the endpoint declared JSON and sent something else: {error}"),
            )),
        }
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>, ToolFailure> {
        let max = self.options.answer_bytes_max;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable_endpoint)? {
            if body.len() + chunk.len() > max {
                let message = format!("the answer of the endpoint has more than {max} bytes; ask for less");
                return Err(ToolFailure::new("answer_too_large", message));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

impl std::fmt::Debug for Forwarder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forwarder").field("options", &self.options).finish_non_exhaustive()
    }
}

fn is_json(response: &Response) -> bool {
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json") || essence.to_ascii_lowercase().ends_with("+json")
}

fn unreachable_endpoint(error: reqwest::Error) -> ToolFailure {
    if let Some(why) = OutboundRefused::of(&error) {
        return refused(why);
    }
    // The messages of the library can have the URL in them, and the URL arguments.
    tracing::debug!(%error, "endpoint of a tool unreachable");
    let what = match () {
        () if error.is_connect() => "cannot be reached",
        () if error.is_timeout() => "did not answer in time",
        () => "closed the connection",
    };
    ToolFailure::new("endpoint_unavailable", format!("the endpoint {what}; try again later"))
}

fn refused(why: &OutboundRefused) -> ToolFailure {
    let code = match why {
        OutboundRefused::Private { .. } | OutboundRefused::Never { .. } => "address_not_allowed",
        _ => "host_not_allowed",
    };
    ToolFailure::new(code, format!("the call is not forwarded: {why}"))
}
