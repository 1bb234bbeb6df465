//! Single patterns: made, read, changed, approved, disabled.

use axum::extract::State;
use axum::response::Response;
use midflight_core::{Change, Digest, DocumentId, JsonPointer, Precondition};
use midflight_http::body::JsonBody;
use midflight_http::code::Code;
use midflight_http::merge::{Absent, merge};
use midflight_http::params::{InPath, document};
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::resource::Resource;
use midflight_http::write::{WriteParams, answer, submit};
use midflight_wire::edits::WriteAnswer;
use midflight_wire::problem::ProblemBody;
use serde_json::{Value, json};

use super::app::PatternsApp;
use super::wire::PatternBody;

/// The kind of the documents.
const KIND: &str = "patterns";

/// Makes a pattern. Its id is the member `id`, or one derived from its text; an existing pattern is not changed (412).
#[utoipa::path(post, path = "/api/v1/patterns", tag = "patterns", params(WriteParams),
    request_body = inline(PatternBody),
    responses((status = 200, body = WriteAnswer), (status = 201, body = WriteAnswer),
        (status = 202, body = WriteAnswer),
        (status = 409, body = ProblemBody), (status = "default", body = ProblemBody)))]
pub(super) async fn create_pattern(
    principal: Principal,
    State(app): State<PatternsApp>,
    params: WriteParams,
    JsonBody(mut body): JsonBody<Value>,
) -> Result<Response, ApiError> {
    let id = match body.as_object_mut().and_then(|members| members.remove("id")) {
        None | Some(Value::Null) => made_id(&body)?,
        Some(Value::String(id)) => id_of(&id)?,
        Some(Value::Number(number)) => id_of(&number.to_string())?,
        Some(_) => {
            let error = ApiError::new(Code::INVALID_BODY, "id is a string or a number");
            return Err(error.at(&JsonPointer::root().key("id"), "is neither a string nor a number"));
        }
    };
    let change = Change::put(id, body).when(Precondition::Absent);
    let submitted = submit(&app, &params, params.edit(&principal, vec![change])).await?;
    Ok(answer(&app, &params, submitted).await)
}

/// A name derived from the pattern, which another pattern is unlikely to have.
fn made_id(body: &Value) -> Result<DocumentId, ApiError> {
    let first = body.get("any_of").and_then(|texts| texts.get(0));
    let text = body.get("pattern").or(first).and_then(Value::as_str).unwrap_or_default();
    // One that assigns the same text to another category has another name, so that the error names the one it
    // contradicts.
    let output = ["profile", "match", "pattern", "any_of", "max_words", "exclusion", "category"];
    let output = output.map(|key| body.get(key));
    let digest = Digest::of_body(&json!(output)).to_string();
    id_of(&format!("{}-{}", midflight_patterns::import::readable(text), &digest[..8]))
}

/// A pattern.
pub(super) const PATTERN: Resource = Resource {
    path: "/api/v1/patterns/{id}",
    variables: &[("id", "The pattern")],
    id: |values| id_of(values.first().copied().unwrap_or_default()),
    kind: KIND,
    tag: "patterns",
    noun: "pattern",
    get: Some("A pattern's document."),
    put: Some("Puts a pattern: the next query after the answer is classified with it."),
    patch: None,
    delete: Some("Deletes a pattern."),
    conflicts: true,
};

/// Lets a pattern answer.
#[utoipa::path(post, path = "/api/v1/patterns/{id}/approve", tag = "patterns",
    params(("id" = String, Path, description = "The pattern"), WriteParams),
    responses((status = 200, body = WriteAnswer), (status = 202, body = WriteAnswer),
        (status = 409, body = ProblemBody), (status = "default", body = ProblemBody)))]
pub(super) async fn approve(
    principal: Principal,
    State(app): State<PatternsApp>,
    InPath(id): InPath<String>,
    params: WriteParams,
) -> Result<Response, ApiError> {
    set_status(&app, &principal, &id, params, "approved").await
}

/// Takes a pattern out of use: the next query after the answer is not classified with it, on any replica.
#[utoipa::path(post, path = "/api/v1/patterns/{id}/disable", tag = "patterns",
    params(("id" = String, Path, description = "The pattern"), WriteParams),
    responses((status = 200, body = WriteAnswer), (status = 202, body = WriteAnswer),
        (status = "default", body = ProblemBody)))]
pub(super) async fn disable(
    principal: Principal,
    State(app): State<PatternsApp>,
    InPath(id): InPath<String>,
    params: WriteParams,
) -> Result<Response, ApiError> {
    set_status(&app, &principal, &id, params, "disabled").await
}

async fn set_status(
    app: &PatternsApp,
    principal: &Principal,
    id: &str,
    params: WriteParams,
    status: &str,
) -> Result<Response, ApiError> {
    let params = params.or_reason(status.to_owned());
    let patch = json!({ "status": status });
    merge(app, principal, &id_of(id)?, &params, &patch, Precondition::None, Absent::Refused).await
}

/// The document of a pattern; its id has no slash, so that it reaches nothing else.
fn id_of(id: &str) -> Result<DocumentId, ApiError> {
    if id.contains('/') {
        let detail = format!(
            "invalid id of a pattern {id:?}: it has a slash; see \
                              /api/v1/documents/patterns"
        );
        return Err(ApiError::new(Code::INVALID_NAME, detail));
    }
    document(KIND, id)
}
