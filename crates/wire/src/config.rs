//! The kind `config`: configs in effect, and how they differ.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::edits::DocumentDiffAnswer;
use crate::log::QuarantinedRevisions;

/// A config in a list.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigItem {
    /// Its name.
    pub name: String,
    /// The SHA-256 of the body of its document; null when it is made of defaults, variables and flags alone.
    pub digest: Option<String>,
    /// Whether it is this server's own.
    pub own: bool,
}

/// The configs that are served, by name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigList {
    /// The configs.
    pub items: Vec<ConfigItem>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
    /// The revision that this was computed from.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
}

/// One value of a config in effect.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyAnswer {
    /// Which, as a JSON Pointer.
    pub path: String,
    /// The value: references as they are written, other secrets as `***`.
    pub value: Value,
    /// `default`, `document`, `env NAME` or `flag NAME`.
    pub origin: String,
    /// How a change is applied: `live`, `restart` or `ignored`.
    pub takes: Cow<'static, str>,
}

/// A key of the document that has no effect.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MaskedAnswer {
    /// Which, as a JSON Pointer.
    pub path: String,
    /// What covers it: `env NAME` or `flag NAME`.
    pub by: String,
}

/// A config in effect, with where each value comes from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EffectiveAnswer {
    /// Its name.
    pub name: String,
    /// All of it as one value.
    pub value: Value,
    /// Value by value, by path.
    pub keys: Vec<KeyAnswer>,
    /// What has no effect in the document.
    pub masked: Vec<MaskedAnswer>,
    /// What is in effect only after the next start of this server, and is another value now.
    pub restart_required: Vec<String>,
    /// The revision that this was computed from.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
}

/// A key that is different.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyChangeAnswer {
    /// Which, as a JSON Pointer.
    pub path: String,
    /// The value of the document; null when it had none.
    pub from: Value,
    /// Its value; null when it has none.
    pub to: Value,
    /// How the change is applied: `live`, `restart` or `ignored`.
    pub takes: Cow<'static, str>,
}

/// What is different between two states of a config's document.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigDiff {
    /// Its name.
    pub name: String,
    /// The revision that is compared.
    pub revision: u64,
    /// The one that it is compared with.
    pub against: u64,
    /// Key by key, by path; of many changes, or long ones, the first.
    pub changes: Vec<KeyChangeAnswer>,
    /// How many changes are not listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unlisted: usize,
    /// The same as a patch and as text; null when nothing is different.
    pub document: Option<DocumentDiffAnswer>,
}

/// The effects of an edit of configs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigEffects {
    /// What has no effect in an edit of this server's own config, since a variable or a flag overrides it.
    pub masked: Vec<MaskedAnswer>,
    /// What of this server's own config is in effect only after the next start, and is another value now.
    pub restart_required: Vec<String>,
    /// What has the name of a secret and is written out, in configs without a schema. It is not shown, and stays in the
    /// log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub literal_secrets: Vec<LiteralSecretAnswer>,
}

/// A secret that is written out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LiteralSecretAnswer {
    /// The name of the config.
    pub config: String,
    /// Where in it.
    pub path: String,
}

/// A member of the answer to an edit.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigMembers {
    /// For an edit of configs: what of this server's own is not in effect, and which secrets are written out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<ConfigEffects>,
}

/// Where to go back to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RollbackRequest {
    /// The revision whose state of the config comes back.
    pub revision: u64,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

const fn is_zero(count: &usize) -> bool {
    *count == 0
}
