//! From the claims of a token to a role and scopes.

use std::str::FromStr;

use midflight_core::{Open, Vocabulary as _};
use serde_json::{Map, Value};

use crate::principal::Role;
use crate::scopes::Scopes;

/// The role that a value of a claim gives, and the documents that it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRule {
    value: String,
    role: Role,
    scopes: Option<Scopes>,
}

/// A text that is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid rule {text:?}: {why}; write VALUE=ROLE or VALUE=ROLE@PATTERN,PATTERN, as pricing=editor@rules/pricing/*"
)]
pub struct RoleRuleError {
    text: String,
    why: String,
}

impl FromStr for RoleRule {
    type Err = RoleRuleError;

    fn from_str(text: &str) -> Result<Self, RoleRuleError> {
        let wrong = |why: &str| RoleRuleError { text: text.to_owned(), why: why.to_owned() };
        // The last one: a value may have any character, as the subject of a service account.
        let (value, rest) = text.rsplit_once('=').ok_or_else(|| wrong("no ="))?;
        let (role, patterns) = match rest.split_once('@') {
            Some((role, patterns)) => (role, Some(patterns)),
            None => (rest, None),
        };
        let role = role.parse::<Open<Role>>().ok().and_then(Open::known);
        let role = role.ok_or_else(|| wrong("the role is viewer, executor, editor, operator or admin"))?;
        if value.is_empty() {
            return Err(wrong("no value"));
        }
        if role == Role::Admin && patterns.is_some() {
            return Err(wrong("an admin can make any token, so patterns would not limit it"));
        }
        let patterns = patterns.map(|patterns| patterns.split(',').map(str::to_owned).collect());
        let scopes = patterns.map(Scopes::new).transpose().map_err(|why| wrong(&why))?;
        Ok(Self { value: value.to_owned(), role, scopes })
    }
}

/// A claim by its path: members of objects, with a dot between them. A member that has dots in its name, as a URL, is
/// found whole.
pub(super) fn claim<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(found) = claims.get(path) {
        return Some(found);
    }
    let (first, rest) = path.split_once('.')?;
    claim(claims.get(first)?.as_object()?, rest)
}

/// The values of a claim: a text, or texts in an array.
fn values(claim: &Value) -> Vec<&str> {
    match claim {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The highest role that the rules give for a claim, and the documents it is for: those of all rules of that role that
/// match.
pub(super) fn granted(rules: &[RoleRule], claim: Option<&Value>) -> Option<(Role, Option<Scopes>)> {
    granted_to(rules, &claim.map(values).unwrap_or_default())
}

/// The same for the values themselves, as the names of a client certificate.
pub(crate) fn granted_to(rules: &[RoleRule], values: &[&str]) -> Option<(Role, Option<Scopes>)> {
    let matching: Vec<_> = rules.iter().filter(|rule| values.contains(&rule.value.as_str())).collect();
    let role = matching.iter().map(|rule| rule.role).max()?;
    let mut patterns = Vec::new();
    for rule in matching.iter().filter(|rule| rule.role == role) {
        match &rule.scopes {
            None => return Some((role, None)),
            Some(scopes) => patterns.extend_from_slice(scopes.patterns()),
        }
    }
    Some((role, Some(Scopes::kept(patterns))))
}

/// The roles that rules can give, for people.
pub(super) fn known_values(rules: &[RoleRule]) -> String {
    let rules = rules.iter().map(|rule| format!("{} ({})", rule.value, rule.role.word()));
    rules.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rules(texts: &[&str]) -> Vec<RoleRule> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_highest_role_counts_with_the_documents_of_its_rules() {
        let rules =
            rules(&["all=viewer", "a=editor@rules/a/*", "b=editor@rules/b/*,tools", "c=editor", "d=admin"]);
        let granted = |claim: Value| {
            let (role, scopes) = granted(&rules, Some(&claim))?;
            Some((role, scopes.map(|scopes| scopes.patterns().join(" "))))
        };
        assert_eq!(granted(json!("all")), Some((Role::Viewer, None)));
        assert_eq!(granted(json!(["all", "a"])), Some((Role::Editor, Some("rules/a/*".to_owned()))));
        assert_eq!(
            granted(json!(["a", "b"])),
            Some((Role::Editor, Some("rules/a/* rules/b/* tools".to_owned())))
        );
        assert_eq!(granted(json!(["a", "c"])), Some((Role::Editor, None)));
        assert_eq!(granted(json!(["a", "d", 7])), Some((Role::Admin, None)));
        for nothing in [json!("A"), json!("all a"), json!([]), json!({"all": true}), json!(null)] {
            assert_eq!(granted(nothing), None);
        }
    }

    #[test]
    fn claims_are_found_in_objects_and_by_names_with_dots() {
        let claims = json!({"realm": {"roles": ["a"]}, "https://x.example/roles": "b", "groups": "c"});
        let claims = claims.as_object().unwrap();
        assert_eq!(claim(claims, "realm.roles"), Some(&json!(["a"])));
        assert_eq!(claim(claims, "https://x.example/roles"), Some(&json!("b")));
        assert_eq!(claim(claims, "groups"), Some(&json!("c")));
        assert_eq!(claim(claims, "groups.x"), None);
    }

    #[test]
    fn a_rule_says_what_is_wrong_with_it() {
        let kubernetes: RoleRule = "system:serviceaccount:shop:deploy=editor".parse().unwrap();
        assert_eq!(kubernetes.value, "system:serviceaccount:shop:deploy");
        for (text, why) in [
            ("a", "no ="),
            ("=viewer", "no value"),
            ("a=root", "the role is"),
            ("a=anonymous", "the role is"),
            ("a=admin@rules", "would not limit"),
            ("a=editor@", "invalid pattern"),
        ] {
            let message = text.parse::<RoleRule>().unwrap_err().to_string();
            assert!(message.contains(why), "{text}: {message}");
        }
    }
}
