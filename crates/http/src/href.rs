//! Links of answers: paths whose parts are escaped (RFC 3986).

use std::fmt::Write as _;

use midflight_core::DocumentId;

/// A part of a path with everything escaped that is not unreserved.
pub(crate) fn escaped(part: &str) -> String {
    let mut text = String::with_capacity(part.len());
    for byte in part.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte))
            }
            other => {
                // Writing to a String cannot fail.
                let _written = write!(text, "%{other:02X}");
            }
        }
    }
    text
}

/// Where the versions of a document are.
pub(crate) fn versions(id: &DocumentId) -> String {
    let name: Vec<_> = id.name.segments().map(escaped).collect();
    format!("/api/v1/documents/{}/{}/versions", escaped(id.kind.as_str()), name.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_escaped() {
        assert_eq!(escaped("schema of a config"), "schema%20of%20a%20config");
        assert_eq!(escaped("a/b?é"), "a%2Fb%3F%C3%A9");
        let id = DocumentId::new("rules", "größe/a@b").unwrap();
        assert_eq!(versions(&id), "/api/v1/documents/rules/gr%C3%B6%C3%9Fe/a%40b/versions");
    }
}
