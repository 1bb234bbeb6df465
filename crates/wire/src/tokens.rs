//! API tokens, and who a request comes from.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A token to make.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TokenBody {
    /// Its name, the author of what it changes: 1 to 128 of `A-Z a-z 0-9 . _ @ + -`.
    pub name: String,
    /// `viewer`, `executor`, `editor`, `operator` or `admin`.
    pub role: String,
    /// The documents that it may see and change: patterns `KIND` or `KIND/NAME`, in which `*` stands for any text; at
    /// most 100. All documents without. Not for admins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// From when on it is refused, as `2026-01-31T03:00:00Z`; it does not expire without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// The same as a time from now, in ms, at most a hundred years; instead of `expires_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_ms: Option<u64>,
    /// For agents over MCP: the revision whose catalogue they work with, whatever is served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// For agents over MCP: `all` or `search`; what the address says without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expose: Option<String>,
    /// For agents over MCP: tools that are listed beside the search, at most 100.
    #[serde(default)]
    pub pin: Vec<String>,
}

/// How to rotate a token.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RotateBody {
    /// How long the earlier token stays valid, in ms: an hour by default, at most 30 days, 0 for not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap_ms: Option<u64>,
}

/// What is known of a token: never the token itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenAnswer {
    /// Its name.
    pub name: String,
    /// Its id: the `principal` of revisions that it made since its last rotation.
    pub id: Option<String>,
    /// Its role; one that this version does not know allows nothing.
    pub role: String,
    /// The documents that it may see and change; null for all.
    pub scopes: Option<Vec<String>>,
    /// When it was made.
    pub created_at: String,
    /// The token that made it.
    pub created_by: Option<String>,
    /// From when on it is refused.
    pub expires_at: Option<String>,
    /// Whether it is refused already.
    pub expired: bool,
    /// When a replica last saw it used; up to a minute late.
    pub last_used_at: Option<String>,
    /// Until when the token of before the last rotation is valid.
    pub previous_valid_until: Option<String>,
    /// For agents: the revision that they work with.
    pub at: Option<u64>,
    /// For agents: `all` or `search`.
    pub expose: Option<String>,
    /// For agents: tools that are listed beside the search.
    pub pin: Vec<String>,
}

/// A token that was made, or made again.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreatedToken {
    /// The token. No other answer has it.
    pub token: String,
    /// What is known of it.
    pub info: TokenAnswer,
}

/// A page of tokens, by name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenList {
    /// The tokens.
    pub items: Vec<TokenAnswer>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}

/// Who sent a request, and what they may do.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Whoami {
    /// The name, the author of what they change.
    pub name: String,
    /// The role.
    pub role: String,
    /// What the role includes: `read`, `execute`, `edit`, `operate`, `admin`.
    pub permissions: Vec<Cow<'static, str>>,
    /// The id of the token or of the subject; null without a token.
    pub id: Option<String>,
    /// The documents that they may see and change; null for all.
    pub scopes: Option<Vec<String>>,
    /// From when on the token is refused; null for one that does not expire.
    pub expires_at: Option<String>,
}

/// Who logs in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SessionBody {
    /// The API token, or a JSON Web Token.
    pub token: String,
}

/// A session that was made.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionAnswer {
    /// The name of the token or of its subject, the author of what the session changes.
    pub name: String,
    /// Its role.
    pub role: String,
    /// From when on the session is refused.
    pub expires_at: Option<String>,
}

/// The metadata of a protected resource (RFC 9728, 2).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ResourceMetadata {
    /// The address of the resource.
    pub resource: String,
    /// The issuers of tokens for it.
    pub authorization_servers: Vec<String>,
    /// How a token is sent: in the header `Authorization`.
    pub bearer_methods_supported: Vec<Cow<'static, str>>,
    /// The name of the resource, for people.
    pub resource_name: Cow<'static, str>,
}
