//! What differs in documents, as people read documents: as YAML.

use futures_util::{StreamExt as _, stream};
use midflight_client::Client;
use midflight_client::wire::edits::DocumentDiffAnswer;
use midflight_core::{DocumentId, RevisionNumber};
use serde_json::Value;

use super::fail::Failure;
use super::output::{documents_text, printable};

/// How many documents are shown as YAML: the version before of each is read. More are shown as the server sends them,
/// as JSON.
const YAML_DOCUMENTS_MAX: usize = 500;
/// How many documents are read at once.
const READ_AT_ONCE: usize = 8;
const CONTEXT_LINES: usize = 3;

/// The diffs as one text of YAML. `before` is the revision that they start from.
pub(super) async fn as_yaml(
    client: &Client,
    diffs: &[DocumentDiffAnswer],
    before: RevisionNumber,
) -> Result<String, Failure> {
    if diffs.len() > YAML_DOCUMENTS_MAX {
        return Ok(as_sent(diffs));
    }
    let texts = stream::iter(diffs).map(|diff| one(client, diff, before)).buffered(READ_AT_ONCE);
    let texts: Vec<_> = texts.collect().await;
    texts.into_iter().collect()
}

/// The diffs as the server sends them. Of one that is too long to be shown in full, that and where its versions are.
pub(super) fn as_sent(diffs: &[DocumentDiffAnswer]) -> String {
    diffs.iter().map(sent_text).collect()
}

async fn one(client: &Client, diff: &DocumentDiffAnswer, before: RevisionNumber) -> Result<String, Failure> {
    let Ok(id) = DocumentId::new(&diff.kind, &diff.name) else { return Ok(sent_text(diff)) };
    if diff.truncated {
        return Ok(sent_text(diff));
    }
    let old = match diff.effect.as_ref() {
        "add" => Value::Null,
        _ => {
            let found = client.document_at(&id, before).await?;
            serde_json::from_str(found.body.get()).unwrap_or_default()
        }
    };
    let mut new = old.clone();
    let patch = serde_json::from_value::<json_patch::Patch>(diff.patch.clone());
    match patch.map(|patch| json_patch::patch(&mut new, &patch)) {
        Ok(Ok(())) => unified(&id, &old, &new),
        _ => Ok(sent_text(diff)),
    }
}

/// The unified diff of two bodies as YAML; null is no document.
fn unified(id: &DocumentId, old: &Value, new: &Value) -> Result<String, Failure> {
    let text = |body: &Value| match body {
        Value::Null => Ok(String::new()),
        body => documents_text(&[(id.clone(), body.clone())]),
    };
    let (old, new, name) = (text(old)?, text(new)?, id.to_string());
    let diff = similar::TextDiff::from_lines(&old, &new);
    Ok(diff.unified_diff().context_radius(CONTEXT_LINES).header(&name, &name).to_string())
}

fn sent_text(diff: &DocumentDiffAnswer) -> String {
    let mut shown = diff.text.clone().unwrap_or_default();
    if diff.truncated {
        let [kind, name, effect] = [&*diff.kind, &*diff.name, &*diff.effect].map(printable);
        let href = printable(diff.href.as_deref().unwrap_or_default());
        let (old, new) = (diff.old_bytes.unwrap_or(0), diff.new_bytes.unwrap_or(0));
        shown += &format!(
            "# {kind}/{name}: {effect}, from {old} to {new} bytes; the diff is too long to show, see {href}\n"
        );
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_diff_is_one_of_yaml() {
        let id = DocumentId::new("rules", "a").unwrap();
        let changed = unified(&id, &json!({"max": 1, "t": "x"}), &json!({"max": 2, "t": "x"})).unwrap();
        assert_eq!(
            changed,
            "--- rules/a\n+++ rules/a\n@@ -1,5 +1,5 @@\n kind: rules\n name: a\n body:\n-  max: 1\n+  max: 2\n   t: x\n"
        );
        let added = unified(&id, &Value::Null, &json!({"max": 2})).unwrap();
        assert!(added.ends_with("+kind: rules\n+name: a\n+body:\n+  max: 2\n"), "{added}");
    }
}
