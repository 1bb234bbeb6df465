//! Digests by which an agent's view of the catalogue is compared.

use midflight_core::Digest;

/// The digest of a catalogue: SHA-256 over the digests of its tools, 32 bytes each, in ascending order. So it does not
/// depend on the order of a list. Cost: linear, and sorts them.
pub fn catalogue_digest(tools: impl IntoIterator<Item = Digest>) -> Digest {
    let mut digests: Vec<Digest> = tools.into_iter().collect();
    digests.sort_unstable();
    let bytes: Vec<u8> = digests.iter().flat_map(|digest| digest.as_bytes()).copied().collect();
    Digest::of_bytes(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tool;
    use serde_json::json;

    #[test]
    fn a_catalogue_is_compared_by_what_is_in_it() {
        let [a, b] = [1, 2].map(|n| Digest::of_bytes(&[n]));
        assert_eq!(catalogue_digest([a, b]), catalogue_digest([b, a]));
        assert_ne!(catalogue_digest([a]), catalogue_digest([a, b]));
        // SHA-256 of nothing, as FIPS 180-4 gives it.
        assert!(catalogue_digest([]).to_string().starts_with("e3b0c44298fc1c14"));
    }

    #[test]
    fn a_tool_is_compared_by_what_an_agent_sees() {
        let body = json!({"description": "d", "capabilities": {"c": {"patterns": {"p": {"time_estimate_ms": 1, "cost_estimate": 1}}}}});
        let before = tool("x", &body);
        let with = |key: &str, value: serde_json::Value| {
            let mut body = body.clone();
            body[key] = value;
            tool("x", &body).digest()
        };
        assert_eq!(with("version", json!("2")), before.digest());
        assert_eq!(with("mcp_name", json!("x")), before.digest());
        for (key, value) in [
            ("title", json!("X")),
            ("description", json!("e")),
            ("mcp_name", json!("y")),
            ("annotations", json!({"readOnlyHint": true})),
            ("output_schema", json!({"type": "object"})),
            ("input_schema", json!({"type": "object"})),
        ] {
            assert_ne!(with(key, value), before.digest(), "{key}");
        }
        assert_eq!(Digest::of_body(&before.definition()), before.digest());
    }
}
