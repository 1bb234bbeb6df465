//! From the types of configs to those on the wire.

use midflight_config::{ConfigEntry, Masked};
use midflight_core::{DocumentName, JsonPointer, json_bytes};
use midflight_http::wire::quarantined_revisions;
use midflight_live::World;
use midflight_wire::config::{ConfigItem, EffectiveAnswer, KeyAnswer, MaskedAnswer};
use serde_json::Value;

/// What a key is long in an answer, in bytes, beside its path, its origin and its value.
const KEY_BYTES: usize = 64;

/// A config in a list.
pub(crate) fn config_item(name: &DocumentName, entry: &ConfigEntry, own: bool) -> ConfigItem {
    ConfigItem { name: name.to_string(), digest: entry.digest().map(|digest| digest.to_string()), own }
}

/// A key of the document that has no effect.
pub(crate) fn masked_answer(masked: &Masked) -> MaskedAnswer {
    MaskedAnswer { path: masked.path.as_str().to_owned(), by: masked.by.to_string() }
}

/// A config in effect; none when the answer would have more than `bytes_max`. A path repeats every key that it goes
/// through, so the paths of a document may be far longer together than the document.
pub(crate) fn effective_answer(
    name: &str,
    entry: &ConfigEntry,
    restart_required: &[JsonPointer],
    world: &World,
    bytes_max: usize,
) -> Option<EffectiveAnswer> {
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
        take(KEY_BYTES + path.as_str().len() + origin.len() + json_bytes(value, bytes_max))?;
        let takes = entry.takes(path).as_str().into();
        keys.push(KeyAnswer { path: path.as_str().to_owned(), value: value.clone(), origin, takes });
    }
    for masked in entry.masked() {
        take(KEY_BYTES + masked.path.as_str().len())?;
    }
    for path in restart_required {
        take(path.as_str().len() + 3)?;
    }
    Some(EffectiveAnswer {
        name: name.to_owned(),
        value: entry.effective().clone(),
        keys,
        masked: entry.masked().iter().map(masked_answer).collect(),
        restart_required: restart_required.iter().map(|path| path.as_str().to_owned()).collect(),
        revision: world.revision().get(),
        quarantined: quarantined_revisions(world.quarantined()),
    })
}
