//! Webhooks: signed requests by which other systems ask for a reload or make an edit.
//!
//! The signature is that of the Standard Webhooks specification (1.0.0, `v1`): HMAC-SHA256 of `ID.TIMESTAMP.BODY` in
//! the headers `webhook-id`, `webhook-timestamp` and `webhook-signature`.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use midflight_core::{EditKey, REASON_BYTES_MAX, RevisionNumber, Trigger, cut_reason};
use midflight_http::audit::SignedBy;
use midflight_http::body::{self, BodyBytes};
use midflight_http::code::Code;
use midflight_http::log::apply::changes;
use midflight_http::params::InPath;
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::signed_request::SignedRequest;
use midflight_http::write::{WriteParams, answer, submit};
use midflight_webhooks::{EVENT_ID_PREFIX, SigningKey};
use midflight_wire::edits::{ApplyRequest, WriteAnswer};
use midflight_wire::problem::ProblemBody;
use serde_json::json;
use subtle::{Choice, ConstantTimeEq as _};

use super::app::ConfigApp;
use crate::own::settings::{WebhookAction, WebhookSettings};

/// How far the time of a request may be from ours, in seconds.
const TOLERANCE_S: i64 = 300;
/// The longest id of a request, in bytes.
const ID_BYTES_MAX: usize = 128;
/// How many signatures one request may have. 10: a sender has two while it exchanges its secret.
const SIGNATURES_MAX: usize = 10;
/// How many ids are remembered. They are only needed for as long as their time would be taken.
const HEARD_MAX: usize = 10_000;

/// The requests that were taken in the time in which they could come again.
#[derive(Debug, Default)]
pub(crate) struct SeenDeliveries(Mutex<DeliveryTimes>);

#[derive(Debug, Default)]
struct DeliveryTimes {
    ids: HashSet<String>,
    order: VecDeque<String>,
}

impl SeenDeliveries {
    fn has(&self, id: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).ids.contains(id)
    }

    fn keep(&self, id: String) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.ids.insert(id.clone()) {
            inner.order.push_back(id);
        }
        while inner.order.len() > HEARD_MAX {
            let oldest = inner.order.pop_front().unwrap_or_default();
            inner.ids.remove(&oldest);
        }
    }
}

/// Takes a signed request of another system: it reloads, or with the body of `/api/v1/apply` makes an edit, by the
/// config (`webhooks.NAME`). A request that comes again is answered `repeated` and does nothing.
#[utoipa::path(post, path = "/api/v1/webhooks/{name}", tag = "config",
    params(("name" = String, Path, description = "The webhook, as the config names it"),
        ("webhook-id" = String, Header, description = "Unique for each request"),
        ("webhook-timestamp" = String, Header, description = "Unix time in seconds, at most five minutes \
                                                              off"),
        ("webhook-signature" = String, Header, description = "`v1,` and the HMAC-SHA256 in base64")),
    request_body = ApplyRequest,
    responses((status = 200, body = WriteAnswer), (status = 201, body = WriteAnswer),
        (status = "default", body = ProblemBody)))]
pub(crate) async fn call(
    State(app): State<ConfigApp>,
    InPath(name): InPath<String>,
    signed: SignedRequest,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, ApiError> {
    let Some(hook) = app.parts.settings().webhooks.get(&name).cloned() else {
        let unknown = ApiError::new(Code::NOT_FOUND, format!("the config has no webhook {name:?}"));
        return Ok(signed.refused(unknown));
    };
    let claim = match SignatureClaim::of(&headers, Timestamp::now()) {
        Ok(claim) => claim,
        Err(refusal) => return Ok(signed.refused(refusal)),
    };
    let limits = app.limits;
    let occupied = request.extensions().get::<BodyBytes>().cloned();
    let bytes =
        body::receive(request, limits.body_bytes_max, "body_bytes_max", limits.receive_ms_max).await?;
    if let Err(refusal) = claim.verify(&hook, &bytes) {
        return Ok(signed.refused(refusal));
    }
    let by = format!("webhook:{name}");
    signed.verified(&by)?;
    let mark = format!("{by} {}", claim.id);
    if app.parts.webhooks.has(&mark) {
        let kept = app.engine.store().revision_of_key(&mark).await?;
        return Ok(repeated(kept.map(|kept| kept.revision)));
    }
    let mut response = match hook.action {
        WebhookAction::Reload => {
            let report = app.parts.reloader.reload(Trigger::Webhook, &by).await;
            let status = if report.is_live() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
            (status, Json(report.to_json())).into_response()
        }
        WebhookAction::Apply => {
            body::weigh(&bytes, &limits, occupied.as_ref()).await?;
            apply(&app, &hook, (&by, &mark), &bytes).await?
        }
    };
    response.extensions_mut().insert(SignedBy(by.as_str().into()));
    // Only what was done is not done again: a refused request may be sent again.
    if response.status().is_success() {
        app.parts.webhooks.keep(mark);
    }
    Ok(response)
}

/// What is answered to a request that was taken before, with the revision that it became.
fn repeated(revision: Option<RevisionNumber>) -> Response {
    let mut answer = json!({"outcome": "repeated"});
    if let Some(revision) = revision {
        answer["revision"] = revision.get().into();
    }
    Json(answer).into_response()
}

/// Makes the edit of a request. Its id is kept with the revision, in one transaction, so of several that come at once,
/// to whichever replicas, one is made.
async fn apply(
    app: &ConfigApp,
    hook: &WebhookSettings,
    (by, mark): (&str, &str),
    bytes: &[u8],
) -> Result<Response, ApiError> {
    let request: ApplyRequest = body::parse(bytes)?;
    let changes = changes(request.changes)?;
    hook.scope.allows(&changes).map_err(|why| ApiError::new(Code::FORBIDDEN, format!("{by} {why}")))?;
    let reason = match request.reason.as_str() {
        "" => mark.to_owned(),
        // One that is too long by itself is refused; the mark is in the key too.
        reason if reason.len() > REASON_BYTES_MAX => reason.to_owned(),
        reason => cut_reason(format!("{reason} ({mark})")),
    };
    let params = WriteParams::default().or_reason(reason).within(hook.scope.shown());
    let mut edit = params.edit(&Principal::signer(by), changes);
    edit.trigger = Trigger::Webhook;
    edit.key = Some(EditKey::new(mark));
    let submitted = submit(app, &params, edit).await?;
    match submitted.repeats() {
        Some(revision) => Ok(repeated(Some(revision))),
        None => Ok(answer(app, &params, submitted).await),
    }
}

/// What the headers of a request say of its signature. They are read before the body is received, so that a request
/// which cannot be valid costs no more than its headers.
struct SignatureClaim<'a> {
    id: &'a str,
    sent: &'a str,
    signatures: &'a str,
}

fn refused(detail: &str) -> ApiError {
    ApiError::new(Code::UNAUTHENTICATED, detail)
}

impl<'a> SignatureClaim<'a> {
    /// That of a request which was sent not long ago.
    fn of(headers: &'a HeaderMap, now: Timestamp) -> Result<Self, ApiError> {
        let header = |name: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.ok_or_else(|| {
                refused(&format!("the header {name} is missing; sign requests as Standard Webhooks defines"))
            })
        };
        let (id, sent, signatures) =
            (header("webhook-id")?, header("webhook-timestamp")?, header("webhook-signature")?);
        if id.is_empty() || id.len() > ID_BYTES_MAX {
            return Err(refused("webhook-id takes 1 to 128 characters"));
        }
        // Signed with the same secret, it is valid, and an editor of `webhooks` decides where events are sent: a signature
        // is a permission of who has the secret, and not of who may refer to it.
        if id.starts_with(EVENT_ID_PREFIX) {
            return Err(refused(
                "an event of a server of Midflight is not a request; sign one with an id of your own",
            ));
        }
        let seconds: i64 = sent.parse().map_err(|_| refused("webhook-timestamp takes seconds since 1970"))?;
        if seconds.abs_diff(now.as_second()) > TOLERANCE_S.unsigned_abs() {
            return Err(refused("webhook-timestamp is more than five minutes off; check the clocks"));
        }
        // Before anything is computed: the sender has proved nothing yet.
        if signatures.split(' ').count() > SIGNATURES_MAX {
            let detail =
                format!("webhook-signature takes at most {SIGNATURES_MAX} signatures (signatures_max)");
            return Err(refused(&detail));
        }
        Ok(Self { id, sent, signatures })
    }

    /// Whether it is of the webhook's secret and of this body.
    fn verify(&self, hook: &WebhookSettings, bytes: &[u8]) -> Result<(), ApiError> {
        let signed = SigningKey::of(hook.secret.expose()).map(|key| key.code(self.id, self.sent, bytes));
        let is_signed = signed.is_some_and(|signed| {
            let sent = self.signatures.split(' ');
            let sent = sent.filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok());
            // All are compared, each in constant time.
            let equal = sent.map(|sent| sent.ct_eq(signed.as_slice()));
            bool::from(equal.fold(Choice::from(0), |any, one| any | one))
        });
        match is_signed {
            true => Ok(()),
            false => Err(refused("the signature is not that of this webhook's secret")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::own::WebhookScope;
    use midflight_config::Secret;

    fn verified(
        hook: &WebhookSettings,
        headers: &HeaderMap,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<String, ApiError> {
        let claim = SignatureClaim::of(headers, now)?;
        claim.verify(hook, bytes).map(|()| claim.id.to_owned())
    }

    /// The example of the specification's own documents.
    #[test]
    fn a_signature_is_valid_for_its_secret_its_time_and_its_body_only() {
        let hook = |secret: &str| WebhookSettings {
            secret: Secret::new(secret),
            action: WebhookAction::Reload,
            scope: WebhookScope::default(),
        };
        let good = hook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let (id, sent, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", br#"{"test": 2432232314}"#);
        let signature = "v0,x v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let check = |hook: &WebhookSettings, id: &str, sent: &str, body: &[u8], late: i64| {
            let mut headers = HeaderMap::new();
            for (name, value) in
                [("webhook-id", id), ("webhook-timestamp", sent), ("webhook-signature", signature)]
            {
                headers.insert(name, value.parse().unwrap());
            }
            let now = Timestamp::from_second(1_614_265_330 + late).unwrap();
            verified(hook, &headers, body, now).map_err(|error| error.body().detail.clone())
        };
        assert_eq!(check(&good, id, sent, body, 299), Ok(id.to_owned()));
        for wrong in [
            check(&good, id, sent, body, 301),
            check(&good, id, sent, body, -301),
            check(&good, "msg_other", sent, body, 0),
            check(&good, "midflight_p5jXN8AQM9LWM0D4loKWxJek", sent, body, 0),
            check(&good, id, "1614265331", body, 0),
            check(&good, id, "now", body, 0),
            check(&good, id, sent, b"{}", 0),
            check(&hook("whsec_AAAA"), id, sent, body, 0),
            check(&hook("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), id, sent, body, 0),
        ] {
            assert!(wrong.is_err(), "{wrong:?}");
        }
        let none = verified(&good, &HeaderMap::new(), body, Timestamp::UNIX_EPOCH);
        assert!(none.is_err_and(|error| error.body().detail.contains("webhook-id is missing")));
    }

    #[test]
    fn a_request_with_more_signatures_than_it_may_have_is_refused() {
        let hook = WebhookSettings {
            secret: Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            action: WebhookAction::Reload,
            scope: WebhookScope::default(),
        };
        let check = |others: usize| {
            let mut headers = HeaderMap::new();
            let others = "v1,AAAA ".repeat(others);
            let signatures = format!("{others}v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
            for (name, value) in [
                ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
                ("webhook-timestamp", "1614265330"),
                ("webhook-signature", &signatures),
            ] {
                headers.insert(name, value.parse().unwrap());
            }
            let now = Timestamp::from_second(1_614_265_330).unwrap();
            let verified = verified(&hook, &headers, br#"{"test": 2432232314}"#, now);
            verified.map_err(|error| error.body().detail.clone())
        };
        assert!(check(SIGNATURES_MAX - 1).is_ok());
        assert!(check(SIGNATURES_MAX).unwrap_err().contains("signatures_max"));
    }

    #[test]
    fn received_messages_are_remembered_up_to_a_bound() {
        let heard = SeenDeliveries::default();
        for n in 0..=HEARD_MAX {
            heard.keep(n.to_string());
        }
        assert!(!heard.has("0") && heard.has("1") && heard.has(&HEARD_MAX.to_string()));
    }
}
