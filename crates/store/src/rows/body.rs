//! Bodies as they are kept.

use std::sync::Arc;

use midflight_core::{Digest, Document, canonical_json, json_bytes};
use serde_json::Value;

use super::Columns;
use crate::StoreError;
use crate::blocking::{BYTES_HERE_MAX, are_long, on_a_blocking_thread};

/// Whether rows take long to work through.
pub(crate) fn rows_are_long(rows: &[impl Columns]) -> bool {
    are_long(rows.iter().map(Columns::body_bytes))
}

/// A body as it is kept: its canonical text, and the digest of that.
pub(crate) struct CanonicalBody {
    pub(crate) text: String,
    pub(crate) digest: Digest,
}

/// The bodies of documents as they are kept, none for a deletion.
pub(crate) async fn canonical(documents: &[Document]) -> Result<Vec<Option<CanonicalBody>>, StoreError> {
    let bodies: Vec<_> = documents.iter().map(|document| document.body.clone()).collect();
    let keep = |body: &Value| {
        let text = canonical_json(body);
        let digest = Digest::of_bytes(text.as_bytes());
        CanonicalBody { text, digest }
    };
    let bytes = |body: &Option<Arc<Value>>| body.as_ref().map_or(0, |body| json_bytes(body, BYTES_HERE_MAX));
    let takes_long = are_long(bodies.iter().map(bytes));
    on_a_blocking_thread(takes_long, move || bodies.iter().map(|body| body.as_deref().map(keep)).collect())
        .await
}
