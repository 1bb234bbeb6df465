//! Which documents a webhook may change.

use midflight_core::{Change, DocumentId, matches_wildcard};
use midflight_engine::SCHEDULES;
use midflight_http::scopes::Scopes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::id::own_id;

/// How many patterns a scope may have. 100: a person reads them.
const PATTERNS_MAX: usize = 100;
/// The longest pattern, in bytes: a kind's and a document's longest name, and what is between them.
const PATTERN_BYTES_MAX: usize = 512;

/// Which documents a webhook may change: patterns of `kind/name`, in which `*` is any text. By default all. The
/// server's own config is in no scope: the signer of a webhook does not decide how the server is configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WebhookScope(Vec<String>);

impl Default for WebhookScope {
    fn default() -> Self {
        Self(vec!["*".to_owned()])
    }
}

impl WebhookScope {
    /// What is wrong with it.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.0.len() > PATTERNS_MAX {
            return Err(format!(
                "takes at most {PATTERNS_MAX} patterns; write * for what they have in common"
            ));
        }
        match self.0.iter().any(|pattern| pattern.is_empty() || pattern.len() > PATTERN_BYTES_MAX) {
            true => Err(format!("takes patterns of 1 to {PATTERN_BYTES_MAX} bytes, as rules/loans/*")),
            false => Ok(()),
        }
    }

    /// Whether all of these changes are in it, those too that a schedule among them makes later.
    pub(crate) fn allows(&self, changes: &[Change]) -> Result<(), String> {
        changes.iter().try_for_each(|change| {
            self.allows_one(&change.id)?;
            match (&change.body, change.id.kind.as_str()) {
                (Some(body), SCHEDULES) => self.allows_later(body),
                _ => Ok(()),
            }
        })
    }

    /// What the documents that it may change may show to others; none where that is everything. A pattern without a `/`
    /// is of the beginning or the end of `kind/name` here and of kinds there, so that it is left out.
    pub(crate) fn shown(&self) -> Option<Scopes> {
        if self.0.iter().any(|pattern| pattern == "*") {
            return None;
        }
        Some(Scopes::kept(self.0.iter().filter(|pattern| pattern.contains('/')).cloned().collect()))
    }

    /// What a schedule does at its time. Of what is no change nothing is asked: it is refused as a schedule.
    fn allows_later(&self, body: &Value) -> Result<(), String> {
        let items = body.get("changes").and_then(Value::as_array).into_iter().flatten();
        let text = |item: &Value, key: &str| item.get(key).and_then(Value::as_str).map(str::to_owned);
        let ids = items.filter_map(|item| DocumentId::new(&text(item, "kind")?, &text(item, "name")?).ok());
        ids.into_iter().try_for_each(|id| self.allows_one(&id))
    }

    fn allows_one(&self, id: &DocumentId) -> Result<(), String> {
        let own = own_id();
        if *id == own {
            return Err(format!("may not change {own}: no webhook may; use a token"));
        }
        let name = id.to_string();
        match self.0.iter().any(|pattern| matches_wildcard(pattern, &name)) {
            true => Ok(()),
            false => Err(format!("may not change {name}: add it to the scope of the webhook in {own}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scope(patterns: &[&str]) -> WebhookScope {
        WebhookScope(patterns.iter().map(|&pattern| pattern.to_owned()).collect())
    }

    #[test]
    fn no_scope_has_the_servers_own_config_in_it_now_or_later() {
        let put = |id: &str, body: Value| [Change::put(id.parse().unwrap(), body)];
        let refused = |scope: &WebhookScope, changes: &[Change]| scope.allows(changes).unwrap_err();
        for scope in [scope(&["*"]), scope(&["config/midflight"]), WebhookScope::default()] {
            let own = refused(&scope, &put("config/midflight", json!({})));
            assert!(own.contains("no webhook may"), "{own}");
            assert!(scope.allows(&[Change::delete("config/midflight".parse().unwrap())]).is_err());
        }
        let all = WebhookScope::default();
        assert_eq!(all.allows(&put("config/midflight2", json!({}))), Ok(()));
        let later = |name: &str| {
            put(
                "schedules/s",
                json!({"changes": [{"op": "put", "kind": "config", "name": name, "body": {}}]}),
            )
        };
        assert!(refused(&all, &later("midflight")).contains("no webhook may"));
        assert_eq!(all.allows(&later("shop")), Ok(()));
        let narrow = scope(&["schedules/*", "rules/*"]);
        assert!(refused(&narrow, &later("shop")).contains("add it to the scope"));
        assert_eq!(narrow.allows(&put("rules/a/b", json!({}))), Ok(()));
        assert!(refused(&scope(&[]), &put("rules/a/b", json!({}))).contains("rules/a/b"));
    }

    #[test]
    fn a_scope_has_a_bound() {
        assert!(WebhookScope::default().check().is_ok() && scope(&[]).check().is_ok());
        for wrong in [vec![String::new()], vec!["x".repeat(513)], vec!["*".to_owned(); 101]] {
            assert!(WebhookScope(wrong).check().is_err());
        }
    }
}
