//! Which documents a route is about, so that a caller with scopes is compared with it before the handler runs.

use axum::extract::{FromRequestParts as _, RawPathParams};
use axum::http::request::Parts;

use crate::code::Code;
use crate::principal::Principal;
use crate::problem::ApiError;

/// Which documents a route shows or changes. A caller without scopes is never asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Documents of any kind, or the server as a whole: not for callers with scopes.
    Everything,
    /// None.
    Nothing,
    /// One: its kind and its name, in which the variables of the path stand as there, as `{ruleset}/{rule_id}`.
    Document(&'static str, &'static str),
    /// All whose names begin so, and all of the kind when that is empty.
    All(&'static str, &'static str),
    /// None, but only for callers who may see a document of this kind: it is for them.
    Some(&'static str),
    /// Those that the request names, or any: the handler compares each one ([`Principal::sees`]), and an edit is
    /// compared where it is made.
    Each,
}

impl Reach {
    /// As it is written in documents.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::Everything => "everything".to_owned(),
            Self::Nothing => "no document".to_owned(),
            Self::Document(kind, name) => format!("{kind}/{name}"),
            Self::All(kind, beginning) => format!("{kind}/{beginning}*"),
            Self::Some(kind) => format!("some of {kind}"),
            Self::Each => "each document".to_owned(),
        }
    }

    /// Refuses a caller in whose scopes the documents of a request are not.
    ///
    /// # Errors
    /// 403.
    pub(crate) async fn check(self, principal: &Principal, parts: &mut Parts) -> Result<(), ApiError> {
        let Some(scopes) = principal.scopes() else { return Ok(()) };
        match self {
            Self::Nothing | Self::Each => Ok(()),
            Self::Everything => {
                let detail = format!(
                    "the token {:?} has scopes, and this request is about more than the documents in them; use a token without \
                     scopes",
                    principal.name()
                );
                Err(ApiError::new(Code::FORBIDDEN, detail))
            }
            Self::Some(kind) => match scopes.allow_some(kind) {
                true => Ok(()),
                false => Err(principal.out_of_scope(&format!("every document of {kind}"))),
            },
            Self::Document(kind, template) => {
                let name = filled(template, parts).await?;
                match scopes.allow_name(kind, &name) {
                    true => Ok(()),
                    false => Err(principal.out_of_scope(&format!("{kind}/{name}"))),
                }
            }
            Self::All(kind, template) => {
                let beginning = filled(template, parts).await?;
                match scopes.allow_all(kind, &beginning) {
                    true => Ok(()),
                    false => Err(principal.out_of_scope(&format!("{kind}/{beginning}*"))),
                }
            }
        }
    }
}

/// A template with the values of the path.
async fn filled(template: &'static str, parts: &mut Parts) -> Result<String, ApiError> {
    let params = RawPathParams::from_request_parts(parts, &()).await;
    let params = params.map_err(|error| ApiError::new(Code::INVALID_NAME, error.body_text()))?;
    // One pass, so that a value which looks like a variable stays what it is.
    let mut name = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((variable, after)) = after.split_once('}') else { break };
        name.push_str(before);
        match params.iter().find(|(key, _)| *key == variable) {
            Some((_, value)) => name.push_str(value),
            None => return Err(ApiError::internal(&format!("the path has no {variable} for {template}"))),
        }
        rest = after;
    }
    name.push_str(rest);
    Ok(name)
}
