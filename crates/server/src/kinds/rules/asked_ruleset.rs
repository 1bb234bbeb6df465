//! The ruleset that an execution asks for.

use midflight_http::code::Code;
use midflight_http::problem::ApiError;
use midflight_wire::rules::ExecuteBody;
use serde_json::Value;

/// The longest correlation id, in bytes.
const CORRELATION_ID_BYTES_MAX: usize = 256;

/// The ruleset that is asked for, by either name.
///
/// # Errors
/// `invalid_body` for two names, one that cannot be a name, or a correlation id that is too long.
pub(super) fn asked_ruleset(body: &ExecuteBody) -> Result<Option<String>, ApiError> {
    let invalid = |detail: &str| Err(ApiError::new(Code::INVALID_BODY, detail));
    if body.correlation_id.as_ref().is_some_and(|id| id.len() > CORRELATION_ID_BYTES_MAX) {
        return invalid(&format!(
            "invalid correlation_id: expected at most {CORRELATION_ID_BYTES_MAX} bytes"
        ));
    }
    let id = match &body.ruleset_id {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) => Some(id.clone()),
        Some(Value::Number(id)) => Some(id.to_string()),
        Some(_) => return invalid("invalid ruleset_id: expected a string or a number"),
    };
    match (body.ruleset.clone(), id) {
        (Some(named), Some(id)) if named != id => {
            invalid("ruleset and ruleset_id name two rulesets; write one of them")
        }
        (named, id) => Ok(named.or(id)),
    }
}
