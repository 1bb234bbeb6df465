//! Makes the diffs of one answer, bounded in bytes.

use std::time::{Duration, Instant};

use midflight_core::{Diff, DocumentDiff, DocumentId, Effect, PatchBounds, PatchOp, json_bytes, patch};
use midflight_wire::edits::DocumentDiffAnswer;
use serde_json::{Value, json};

use crate::href;

/// How many values two versions of a document may be compared in; what is past that is replaced as a whole. A body of 1
/// MiB has at most half as many values.
const NODES_MAX: usize = 2_000_000;
/// Up to this many bytes of bodies a diff costs less than another thread.
const HERE_BYTES_MAX: usize = 32 << 10;
/// How long the lines of one document may be compared. What is not done then is shown as removed and added.
const TEXT_MAX: Duration = Duration::from_millis(200);
/// How many bytes two versions of a document may have as lines together for a diff as text. 8 MiB: the largest
/// documents with twice their length for the indents.
const PRETTY_BYTES_MAX: usize = 8 << 20;
/// What a diff without patch and text is long, in bytes, beside its name.
const ENTRY_BYTES: usize = 96;

/// Makes the diffs of one answer.
#[derive(Debug, Clone, Copy)]
pub struct DiffMaker {
    /// How many more bytes they may have.
    left: usize,
    /// Whether they are wanted as unified text too.
    text: bool,
}

impl DiffMaker {
    /// Makes diffs of at most `bytes_max` together.
    pub fn new(bytes_max: usize, text: bool) -> Self {
        Self { left: bytes_max, text }
    }

    /// The diff of one document; without its patch when that has more bytes than are left.
    pub fn make(&mut self, diff: &DocumentDiff) -> DocumentDiffAnswer {
        self.try_make(diff).unwrap_or_else(|| marked(diff))
    }

    /// The diff of one document, if it has no more bytes than are left.
    pub(crate) fn try_make(&mut self, diff: &DocumentDiff) -> Option<DocumentDiffAnswer> {
        let (old, new) = bodies(diff);
        let mut answer = entry(diff);
        let left = self.left.checked_sub(ENTRY_BYTES + diff.id.name.as_str().len())?;
        let ops = patch(old, new, PatchBounds { nodes_max: NODES_MAX, bytes_max: left })?;
        answer.patch = Value::Array(ops.into_iter().map(operation).collect());
        let mut left = left.checked_sub(json_bytes(&answer.patch, left))?;
        if self.text {
            let (text, is_cut) = unified(diff, left);
            left -= text.len().min(left);
            answer.text = Some(text).filter(|text| !text.is_empty());
            if is_cut {
                mark(&mut answer, diff);
            }
        }
        self.left = left;
        Some(answer)
    }
}

/// The diffs of an edit that was refused: only those that cost next to nothing are shown in full.
pub(crate) fn of_refused(diff: &Diff) -> Vec<DocumentDiffAnswer> {
    let mut maker = DiffMaker::new(HERE_BYTES_MAX, false);
    let is_short = is_short(diff.documents());
    let one = |diff| if is_short { maker.make(diff) } else { marked(diff) };
    diff.documents().iter().map(one).collect()
}

/// Whether diffs of these cost less than another thread.
pub(crate) fn is_short(diffs: &[DocumentDiff]) -> bool {
    let mut left = HERE_BYTES_MAX;
    diffs.iter().flat_map(|diff| [&diff.old, &diff.new]).flatten().all(|body| {
        let bytes = json_bytes(body, left);
        let fits = bytes <= left;
        left = left.saturating_sub(bytes);
        fits
    })
}

fn bodies(diff: &DocumentDiff) -> (&Value, &Value) {
    (diff.old.as_deref().unwrap_or(&Value::Null), diff.new.as_deref().unwrap_or(&Value::Null))
}

fn entry(diff: &DocumentDiff) -> DocumentDiffAnswer {
    DocumentDiffAnswer {
        kind: diff.id.kind.to_string(),
        name: diff.id.name.to_string(),
        effect: diff.effect().as_str().into(),
        patch: Value::Null,
        text: None,
        truncated: false,
        old_bytes: None,
        new_bytes: None,
        href: None,
    }
}

/// A diff without contents.
pub(crate) fn marked(diff: &DocumentDiff) -> DocumentDiffAnswer {
    let mut answer = entry(diff);
    mark(&mut answer, diff);
    answer
}

/// A diff of bodies that were not compared, by how long they are.
pub(crate) fn marked_unread(
    id: &DocumentId,
    old_bytes: Option<u64>,
    new_bytes: Option<u64>,
) -> DocumentDiffAnswer {
    let effect = match (old_bytes, new_bytes) {
        (None, _) => Effect::Add,
        (_, None) => Effect::Remove,
        _ => Effect::Change,
    };
    DocumentDiffAnswer {
        kind: id.kind.to_string(),
        name: id.name.to_string(),
        effect: effect.as_str().into(),
        patch: Value::Null,
        text: None,
        truncated: true,
        old_bytes,
        new_bytes,
        href: Some(href::versions(id)),
    }
}

fn mark(answer: &mut DocumentDiffAnswer, diff: &DocumentDiff) {
    let bytes = |body: &Value| json_bytes(body, usize::MAX) as u64;
    answer.truncated = true;
    answer.old_bytes = diff.old.as_deref().map(bytes);
    answer.new_bytes = diff.new.as_deref().map(bytes);
    answer.href = Some(href::versions(&diff.id));
}

fn operation(op: PatchOp) -> Value {
    match op {
        PatchOp::Add(at, value) => json!({ "op": "add", "path": at.as_str(), "value": value }),
        PatchOp::Remove(at) => json!({ "op": "remove", "path": at.as_str() }),
        PatchOp::Replace(at, value) => json!({ "op": "replace", "path": at.as_str(), "value": value }),
    }
}

/// The diff as unified text of at most so many bytes, and whether lines at its end are missing. Of bodies that are too
/// long to be written line by line there is none at all.
fn unified(diff: &DocumentDiff, bytes_max: usize) -> (String, bool) {
    let mut left = PRETTY_BYTES_MAX;
    let bodies = [&diff.old, &diff.new].into_iter().flatten();
    if !bodies.into_iter().all(|body| take_pretty(body, &mut left)) {
        return (String::new(), true);
    }
    let pretty = |body: Option<&Value>| body.map_or_else(String::new, |body| format!("{body:#}\n"));
    let (old, new) = (pretty(diff.old.as_deref()), pretty(diff.new.as_deref()));
    let id = diff.id.to_string();
    let texts = similar::TextDiff::configure().deadline(Instant::now() + TEXT_MAX).diff_lines(&old, &new);
    let mut text = texts.unified_diff().context_radius(3).header(&id, &id).to_string();
    if text.len() <= bytes_max {
        return (text, false);
    }
    let end = text.floor_char_boundary(bytes_max);
    let end = text.get(..end).and_then(|kept| kept.rfind('\n')).map_or(0, |line| line + 1);
    text.truncate(end);
    (text, true)
}

/// Takes what a body is long when it is written line by line off `left`; false when it is longer.
fn take_pretty(body: &Value, left: &mut usize) -> bool {
    let bytes = pretty_bytes(body, *left);
    *left = left.saturating_sub(bytes);
    *left > 0
}

/// How long a value is with a line for each member and item, as JSON, or as YAML with a line for each line of a text;
/// in bytes, counted up to `max`. It may be far longer than the value: each line is indented by two for each level.
/// Texts are counted with all that may have to be escaped.
pub(crate) fn pretty_bytes(value: &Value, max: usize) -> usize {
    let text = |text: &str, depth: usize| {
        let escaped = |byte: u8| match byte {
            b'"' | b'\\' => 2,
            b'\n' => 2 * depth + 4,
            0..=0x1f => 6,
            _ => 1,
        };
        2 + text.bytes().map(escaped).sum::<usize>()
    };
    let mut bytes = 0_usize;
    let mut todo = vec![(value, 0_usize)];
    while let Some((value, depth)) = todo.pop() {
        let (lines, keys) = match value {
            Value::Array(items) => {
                todo.extend(items.iter().map(|item| (item, depth + 1)));
                (items.len(), 0)
            }
            Value::Object(members) => {
                todo.extend(members.values().map(|value| (value, depth + 1)));
                (members.len(), members.keys().map(|key| text(key, depth) + 2).sum())
            }
            Value::String(value) => {
                bytes += text(value, depth);
                continue;
            }
            leaf => {
                bytes += json_bytes(leaf, usize::MAX);
                continue;
            }
        };
        // The brackets; each line with its indent, comma and end; and the last bracket's indent.
        bytes += 2 + keys + lines * (2 * depth + 4) + 2 * depth;
        if bytes > max {
            break;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn diff(old: Value, new: Value) -> DocumentDiff {
        let id = DocumentId::new("rules", "a b/c".replace(' ', "_").as_str()).unwrap();
        DocumentDiff { id, old: Some(Arc::new(old)), new: Some(Arc::new(new)) }
    }

    #[test]
    fn a_long_diff_is_marked_and_links_to_the_versions() {
        let long = diff(json!({"a": "x".repeat(5000)}), json!({"a": "y".repeat(5000)}));
        let answer = DiffMaker::new(1000, true).make(&long);
        assert!(answer.truncated && answer.patch.is_null() && answer.text.is_none());
        assert_eq!((answer.old_bytes, answer.new_bytes), (Some(5009), Some(5009)));
        assert_eq!(answer.href.as_deref(), Some("/api/v1/documents/rules/a_b/c/versions"));
        let mut maker = DiffMaker::new(8000, false);
        assert!(!maker.make(&long).truncated);
        assert!(maker.try_make(&long).is_none(), "the first took most of the bytes");
    }

    #[test]
    fn a_text_that_would_be_far_longer_than_the_documents_is_left_out() {
        let nested = |number: u32| {
            let items = Value::from(vec![number; 100_000]);
            (0..60).fold(items, |value, _| json!([value]))
        };
        let (old, new) = (nested(0), nested(1));
        assert!(json_bytes(&old, usize::MAX) < 1 << 20 && pretty_bytes(&old, usize::MAX) > 11 << 20);
        assert_eq!(unified(&diff(old.clone(), json!(1)), usize::MAX), (String::new(), true));
        let answer = DiffMaker::new(1 << 20, true).make(&diff(old, new));
        assert!(answer.truncated && answer.text.is_none());
    }

    #[test]
    fn lengths_are_those_of_what_is_written() {
        for value in [
            json!([]),
            json!({}),
            json!([[], {}, [1, -2.5, null], "é"]),
            json!({"a": {"b c": [true, {"d": "x"}]}, "e": []}),
        ] {
            let written = format!("{value:#}").len();
            let bytes = pretty_bytes(&value, usize::MAX);
            assert!(bytes >= written && bytes <= written + 8 * 4, "{bytes} for {written}: {value}");
        }
    }

    #[test]
    fn a_text_is_cut_at_a_line_and_marked() {
        let lines = |of: &str| json!({ "lines": (0..100).map(|n| format!("{of} {n}")).collect::<Vec<_>>() });
        let answer = DiffMaker::new(7500, true).make(&diff(lines("old"), lines("new")));
        let text = answer.text.unwrap();
        assert!(answer.truncated && answer.patch.is_array());
        assert!(text.ends_with('\n') && text.contains("-    \"old 0\""), "{text}");
    }

    #[test]
    fn two_arrays_of_a_megabyte_are_compared_in_one_pass() {
        let mut items: Vec<_> = (0..150_000).map(Value::from).collect();
        let old = json!({ "items": items });
        items.reverse();
        items.insert(0, json!("first"));
        let answer = DiffMaker::new(1 << 20, true).make(&diff(old, json!({ "items": items })));
        assert!(answer.truncated && answer.patch.is_null());
    }
}
