//! Reads the members that several parts of a document have.

use midflight_core::{JsonPath, JsonType, ObjectReader, Problem, Problems, clip, nearest};
use serde_json::{Map, Value};

use crate::limits::{DESCRIPTION_BYTES_MAX, NAME_BYTES_MAX};

/// Refuses each member whose name looks like a known one misspelled. Any other is kept as it is: real catalogues have
/// members that nothing here reads.
pub(crate) fn refuse_misspelled(
    noun: &str,
    members: &Map<String, Value>,
    known: &[&str],
    place: &JsonPath<'_>,
    problems: &mut Problems,
) {
    for key in members.keys().filter(|key| !known.contains(&key.as_str())) {
        // A known member beside it shows that the other one is not it misspelled.
        let free = known.iter().copied().filter(|known| !members.contains_key(*known));
        if let Some(near) = nearest(key, free) {
            let message = format!(
                "{noun} has no field {:?}; did you mean {near:?}? If not, use another name",
                clip(key)
            );
            problems.add(Problem::new("unknown_field", place.key(key).pointer(), message));
        }
    }
}

/// Why a text cannot be the name of a tool, a capability, a pattern or an input.
pub(crate) fn wrong_name(name: &str) -> Option<String> {
    if name.trim() != name || name.is_empty() {
        return Some("a name has at least one character, and no spaces at its ends".to_owned());
    }
    if name.len() > NAME_BYTES_MAX {
        return Some(format!("a name has at most {NAME_BYTES_MAX} bytes; shorten it"));
    }
    name.chars().any(char::is_control).then(|| "a name has no control characters; remove them".to_owned())
}

/// The same for capabilities and patterns, whose names are joined with a slash.
pub(crate) fn wrong_segment(name: &str) -> Option<String> {
    let has_slash = name.contains('/').then(|| "a name has no slash; use _ or -".to_owned());
    wrong_name(name).or(has_slash)
}

/// A description, bounded.
pub(crate) fn read_description<'v>(reader: &mut ObjectReader<'v, '_>, key: &str) -> Option<&'v str> {
    let text = reader.text(key)?;
    if text.len() > DESCRIPTION_BYTES_MAX {
        let message = format!(
            "{key} has {} bytes and may have {DESCRIPTION_BYTES_MAX}; shorten it, each session reads it",
            text.len()
        );
        reader.refuse(key, "too_long", message);
    }
    Some(text)
}

/// A name in an open vocabulary, as a platform.
pub(crate) fn read_open_word<'v>(reader: &mut ObjectReader<'v, '_>, key: &str) -> Option<&'v str> {
    let text = reader.text(key)?;
    if let Some(why) = wrong_name(text) {
        reader.refuse(key, "bad_name", format!("invalid {key}: {why}"));
    }
    Some(text)
}

/// A number from 0 to 1.
pub(crate) fn read_share(reader: &mut ObjectReader<'_, '_>, key: &str) -> Option<f64> {
    let share = reader.number(key)?;
    if !(0.0..=1.0).contains(&share) {
        reader.refuse(key, "out_of_bounds", format!("{key} is a number from 0 to 1"));
    }
    Some(share)
}

/// A number of 0 or more.
pub(crate) fn read_amount(reader: &mut ObjectReader<'_, '_>, key: &str) -> Option<f64> {
    let amount = reader.number(key)?;
    if amount < 0.0 {
        reader.refuse(key, "out_of_bounds", format!("{key} is 0 or more"));
    }
    Some(amount)
}

/// Checks that a member, if it is there, is an object.
pub(crate) fn check_object(reader: &mut ObjectReader<'_, '_>, key: &str) {
    if let Some(value) = reader.get(key).filter(|value| !value.is_object()) {
        reader.wrong_type(key, "an object", value);
    }
}

/// The members of an object by name, at most `max`; for a list, how to write it instead.
pub(crate) fn read_map<'v>(
    reader: &mut ObjectReader<'v, '_>,
    key: &str,
    name_key: &str,
    max: usize,
) -> Option<&'v Map<String, Value>> {
    match reader.get(key)? {
        Value::Object(members) if members.len() <= max => Some(members),
        Value::Object(members) => {
            let message =
                format!("{key} has {} members and may have {max}; split the document", members.len());
            reader.refuse(key, "too_many", message);
            None
        }
        Value::Array(_) => {
            let message = format!(
                "{key} is an object by name, not an array; write {{\"NAME\": {{...}}}}, or import the file, which reads \
                 a list with {name_key} too"
            );
            reader.refuse(key, "wrong_type", message);
            None
        }
        value => {
            let message = format!("{key} is an object by name, not {}", JsonType::of(value).word());
            reader.refuse(key, "wrong_type", message);
            None
        }
    }
}
