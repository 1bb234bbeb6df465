//! References within a document: JSON Pointers as fragments (RFC 6901, section 6).

use midflight_core::{JsonPointer, clip};
use serde_json::Value;

use super::OperationFault;

/// The most references that follow one on another, as from an operation to a parameter that is a reference itself.
const HOPS_MAX: usize = 32;

/// What a reference names, and its place.
pub(super) fn target<'d>(document: &'d Value, reference: &str) -> Result<(&'d Value, JsonPointer), String> {
    let Some(fragment) = reference.strip_prefix('#') else {
        return Err(format!(
            "the $ref {:?} leads out of the document; put what it names into the document, as a bundler does",
            clip(reference)
        ));
    };
    let decoded = percent_decoded(fragment);
    let found = decoded.as_deref().filter(|path| path.is_empty() || path.starts_with('/'));
    let found = found.and_then(|path| Some((document.pointer(path)?, JsonPointer::parse(path))));
    found.ok_or_else(|| {
        format!(
            "the $ref {:?} names nothing in the document; write what it names, or remove it",
            clip(reference)
        )
    })
}

/// The error of a reference that leads back to where it is.
pub(super) fn cycle(place: &JsonPointer, reference: &str) -> OperationFault {
    let message = format!(
        "the $ref {:?} leads back to itself; replace one reference of the circle by {{\"type\": \"object\"}}",
        clip(reference)
    );
    OperationFault::new(place, message)
}

/// The value of a place, or what it refers to if it is a reference, with the place of that.
pub(super) fn follow<'d>(
    document: &'d Value,
    value: &'d Value,
    place: JsonPointer,
) -> Result<(&'d Value, JsonPointer), OperationFault> {
    let (mut value, mut place) = (value, place);
    for _ in 0..HOPS_MAX {
        let reference = match value.get("$ref") {
            None => return Ok((value, place)),
            Some(Value::String(reference)) => reference,
            Some(_) => return Err(OperationFault::new(&place.key("$ref"), "a $ref is a text")),
        };
        let found = target(document, reference);
        (value, place) = found.map_err(|message| OperationFault::new(&place.key("$ref"), message))?;
    }
    let reference = value.get("$ref").and_then(Value::as_str).unwrap_or_default();
    Err(cycle(&place.key("$ref"), reference))
}

/// The text without percent encoding (RFC 3986); none where that is broken.
fn percent_decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        decoded.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_reference_names_a_place_of_the_document() {
        let document = json!({"a": {"b/c": {"d e": 1}}, "loop": {"$ref": "#/loop"}, "on": {"$ref": "#/a"}});
        let found = |reference: &str| {
            target(&document, reference).map(|(value, place)| (value.clone(), place.to_string()))
        };
        assert_eq!(found("#/a/b~1c/d%20e"), Ok((json!(1), "/a/b~1c/d e".to_owned())));
        assert_eq!(found("#").map(|(_, place)| place), Ok(String::new()));
        for missing in ["#/x", "#a", "#/a%", "#/a%zz", "#/a/b~1c/%FF"] {
            assert!(found(missing).unwrap_err().contains("names nothing"), "{missing}");
        }
        for remote in ["other.yaml#/a", "https://example.com/a.json", ""] {
            assert!(found(remote).unwrap_err().contains("out of the document"), "{remote}");
        }
        let followed = |key: &str| {
            follow(&document, &document[key], JsonPointer::root().key(key))
                .map(|(_, place)| place.to_string())
        };
        assert_eq!(followed("on"), Ok("/a".to_owned()));
        assert!(followed("loop").unwrap_err().message.contains("leads back to itself"));
    }
}
