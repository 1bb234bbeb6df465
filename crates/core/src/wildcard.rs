//! Patterns in which a star stands for any text.

/// Whether a text matches a pattern in which `*` is any text. Cost: the product of their lengths at most, so bound
/// both.
///
/// ```
/// # use midflight_core::matches_wildcard;
/// assert!(matches_wildcard("rules/*/R1", "rules/loans/R1"));
/// assert!(!matches_wildcard("rules/loans", "rules/loans/R1"));
/// ```
#[must_use]
pub fn matches_wildcard(pattern: &str, text: &str) -> bool {
    let mut parts: Vec<_> = pattern.split('*').collect();
    let first = parts.remove(0);
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    // Without a star the whole of it is there.
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(place) => rest = &rest[place + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_matches_any_text() {
        for (pattern, text, expected) in [
            ("*", "rules/a/b", true),
            ("rules/*", "rules/a/b", true),
            ("rules/*", "rulesets/a", false),
            ("rules/loans/*", "rules/loans", false),
            ("rules/*/R1", "rules/a/b/R1", true),
            ("rules/*/R1", "rules/R1", false),
            ("*a*a", "aba", true),
            ("*a*a", "ab", false),
            ("config/shop", "config/shop", true),
            ("config/shop", "config/shop2", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(matches_wildcard(pattern, text), expected, "{pattern} {text}");
        }
    }
}
