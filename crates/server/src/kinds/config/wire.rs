//! Configs on the wire.

use midflight_config::{ConfigEntry, Masked};
use midflight_core::{DocumentName, JsonPointer, json_bytes};
use midflight_http::wire::quarantined_revisions;
use midflight_live::World;
use midflight_wire::edits::DocumentDiffAnswer;
use midflight_wire::log::QuarantinedRevisions;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A config in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ConfigItem {
    /// Its name.
    pub name: String,
    /// The SHA-256 of the body of its document; null when it is made of defaults, variables and flags alone.
    pub digest: Option<String>,
    /// Whether it is this server's own.
    pub own: bool,
}

impl ConfigItem {
    pub(crate) fn new(name: &DocumentName, entry: &ConfigEntry, own: bool) -> Self {
        Self { name: name.to_string(), digest: entry.digest().map(|digest| digest.to_string()), own }
    }
}

/// The configs that are served, by name.
#[derive(Debug, Clone, Serialize, ToSchema)]
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
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct KeyAnswer {
    /// Which, as a JSON Pointer.
    pub path: String,
    /// The value: references as they are written, other secrets as `***`.
    pub value: Value,
    /// `default`, `document`, `env NAME` or `flag NAME`.
    pub origin: String,
    /// How a change is applied: `live`, `restart` or `ignored`.
    pub takes: &'static str,
}

/// A key of the document that has no effect.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MaskedAnswer {
    /// Which, as a JSON Pointer.
    pub path: String,
    /// What covers it: `env NAME` or `flag NAME`.
    pub by: String,
}

impl From<&Masked> for MaskedAnswer {
    fn from(masked: &Masked) -> Self {
        Self { path: masked.path.as_str().to_owned(), by: masked.by.to_string() }
    }
}

/// A config in effect, with where each value comes from.
#[derive(Debug, Clone, Serialize, ToSchema)]
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

impl EffectiveAnswer {
    /// What a key is long in an answer, in bytes, beside its path, its origin and its value.
    const KEY_BYTES: usize = 64;

    /// The answer; none when it would have more than `bytes_max`. A path repeats every key that it goes through, so the
    /// paths of a document may be far longer together than the document.
    pub(crate) fn new(
        name: &str,
        entry: &ConfigEntry,
        restart_required: &[JsonPointer],
        world: &World,
        bytes_max: usize,
    ) -> Option<Self> {
        let nothing = Value::Null;
        let mut left = bytes_max.checked_sub(json_bytes(entry.effective(), bytes_max))?;
        let mut take = |bytes: usize| {
            left = left.checked_sub(bytes)?;
            Some(())
        };
        let mut keys = Vec::new();
        for (path, origin) in entry.origins() {
            let value = entry.effective().pointer(path.as_str()).unwrap_or(&nothing);
            let origin = origin.to_string();
            take(Self::KEY_BYTES + path.as_str().len() + origin.len() + json_bytes(value, bytes_max))?;
            let takes = entry.takes(path).as_str();
            keys.push(KeyAnswer { path: path.as_str().to_owned(), value: value.clone(), origin, takes });
        }
        for masked in entry.masked() {
            take(Self::KEY_BYTES + masked.path.as_str().len())?;
        }
        for path in restart_required {
            take(path.as_str().len() + 3)?;
        }
        Some(Self {
            name: name.to_owned(),
            value: entry.effective().clone(),
            keys,
            masked: entry.masked().iter().map(MaskedAnswer::from).collect(),
            restart_required: restart_required.iter().map(|path| path.as_str().to_owned()).collect(),
            revision: world.revision().get(),
            quarantined: quarantined_revisions(world.quarantined()),
        })
    }
}

/// A key that is different.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct KeyChangeAnswer {
    /// Which, as a JSON Pointer.
    pub path: String,
    /// The value of the document; null when it had none.
    pub from: Value,
    /// Its value; null when it has none.
    pub to: Value,
    /// How the change is applied: `live`, `restart` or `ignored`.
    pub takes: &'static str,
}

const fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// What is different between two states of a config's document.
#[derive(Debug, Clone, Serialize, ToSchema)]
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
    #[serde(skip_serializing_if = "is_zero")]
    pub unlisted: usize,
    /// The same as a patch and as text; null when nothing is different.
    pub document: Option<DocumentDiffAnswer>,
}

/// The effects of an edit of configs.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct ConfigEffects {
    /// What has no effect in an edit of this server's own config, since a variable or a flag overrides it.
    pub masked: Vec<MaskedAnswer>,
    /// What of this server's own config is in effect only after the next start, and is another value now.
    pub restart_required: Vec<String>,
    /// What has the name of a secret and is written out, in configs without a schema. It is not shown, and stays in the
    /// log.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub literal_secrets: Vec<LiteralSecretAnswer>,
}

/// A secret that is written out.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LiteralSecretAnswer {
    /// The name of the config.
    pub config: String,
    /// Where in it.
    pub path: String,
}
