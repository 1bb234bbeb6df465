//! What the log says, worked out in the plainest way.

use std::collections::{BTreeMap, BTreeSet};

use midflight_core::{Appended, Document, DocumentName, RevisionNumber};

/// The texts of all words at a revision, without the revisions that are left out.
pub(crate) fn state(
    log: &[Appended],
    at: RevisionNumber,
    left_out: &BTreeSet<RevisionNumber>,
) -> BTreeMap<DocumentName, String> {
    let mut state = BTreeMap::new();
    let taken =
        log.iter().filter(|one| one.revision.number <= at && !left_out.contains(&one.revision.number));
    let words = |document: &&Document| document.id.kind.as_str() == "words" && !document.id.name.is_check();
    for document in taken.flat_map(|one| &one.documents).filter(words) {
        match document.body.as_deref() {
            Some(body) => {
                let text = body["text"].as_str().unwrap_or("a body that no replica may serve").to_owned();
                state.insert(document.id.name.clone(), text);
            }
            None => drop(state.remove(&document.id.name)),
        }
    }
    state
}

/// The log in words, for whoever looks at a seed that failed.
pub(crate) fn message(log: &[Appended]) -> String {
    let line = |one: &Appended| {
        let stored = one.documents.iter().map(|it| match it.body.as_deref() {
            Some(body) => format!("{}={body}", it.id.name),
            None => format!("{} deleted", it.id.name),
        });
        format!(
            "\n{} {}: {}",
            one.revision.number,
            one.revision.author,
            stored.collect::<Vec<_>>().join(", ")
        )
    };
    log.iter().map(line).collect()
}
