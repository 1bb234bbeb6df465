//! The name by which agents know a tool: `^[A-Za-z0-9_-]{1,64}$`, derived from the tool's name and nothing else.

use crate::limits::MCP_NAME_BYTES_MAX;

/// The names under which agents know the server's own tools. No tool of a catalogue can have one: of two tools of one
/// name an agent would be shown the server's alone.
pub const RESERVED_MCP_NAMES: [&str; 6] =
    ["search_tools", "select_tool", "describe_tool", "call_tool", "execute_rules", "classify"];

/// Whether a text is such a name.
#[must_use]
pub fn is_mcp_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=MCP_NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_allowed)
}

/// The name derived from a tool's name: each run of other characters becomes one `_`, and 64 bytes are kept. It depends
/// on the tool's name alone, so no neighbour changes it.
///
/// ```
/// use midflight_tools::derive_mcp_name;
/// assert_eq!(derive_mcp_name("docker compose (v2)").as_deref(), Some("docker_compose_v2"));
/// assert_eq!(derive_mcp_name("工具"), None);
/// ```
#[must_use]
pub fn derive_mcp_name(tool_name: &str) -> Option<String> {
    let mut derived = String::new();
    let mut is_gap = false;
    for c in tool_name.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') {
            if is_gap && c != '_' && !derived.is_empty() && !derived.ends_with('_') {
                derived.push('_');
            }
            is_gap = false;
            derived.push(c);
        } else {
            is_gap = true;
        }
    }
    // Only ASCII is in it, so it can be cut anywhere.
    derived.truncate(MCP_NAME_BYTES_MAX);
    derived.bytes().any(|byte| byte.is_ascii_alphanumeric()).then_some(derived)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_derived_from_the_tool_name_alone() {
        for (tool_name, expected) in [
            ("grep", Some("grep")),
            ("Get-Process", Some("Get-Process")),
            ("a.b.c", Some("a_b_c")),
            ("  x  y ", Some("x_y")),
            ("a _ b", Some("a_b")),
            ("é", None),
            ("__", None),
        ] {
            assert_eq!(derive_mcp_name(tool_name).as_deref(), expected, "{tool_name:?}");
        }
        assert_eq!(derive_mcp_name(&"x".repeat(100)).map(|name| name.len()), Some(64));
    }

    proptest! {
        #[test]
        fn what_is_derived_is_a_name_and_derives_itself(tool_name in "\\PC{0,80}") {
            if let Some(name) = derive_mcp_name(&tool_name) {
                prop_assert!(is_mcp_name(&name), "{}", name);
                prop_assert_eq!(derive_mcp_name(&name), Some(name));
            }
        }
    }
}
