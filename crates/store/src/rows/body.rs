//! Bodies as they are kept, and the thread on which many of them are worked through.

use std::sync::Arc;

use futures_util::future::join_all;
use midflight_core::{Digest, Document, canonical_json, in_parts, json_bytes};
use serde_json::Value;

use super::Columns;
use crate::StoreError;
use crate::blocking::{BYTES_HERE_MAX, are_long, on_a_blocking_thread};

/// How many rows are worth a thread of their own.
const PART_MIN: usize = 4096;

/// Whether rows take long to work through.
pub(crate) fn rows_are_long(rows: &[impl Columns]) -> bool {
    are_long(rows.iter().map(Columns::body_bytes))
}

/// Works through many rows in parts, each on a thread of its own as far as there are processors, and keeps their order.
pub(crate) async fn side_by_side<R: Columns + Send + 'static, T: Send + 'static>(
    rows: Vec<R>,
    work: fn(Vec<R>) -> Result<Vec<T>, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let parts = in_parts(rows, processors, PART_MIN).into_iter();
    let parts = parts.map(|part| on_a_blocking_thread(rows_are_long(&part), move || work(part)));
    let mut done = Vec::new();
    for part in join_all(parts).await {
        done.extend(part??);
    }
    Ok(done)
}

/// A body as it is kept: its canonical text, and the digest of that.
pub(crate) struct Kept {
    pub(crate) text: String,
    pub(crate) digest: Digest,
}

/// The bodies of documents as they are kept, none for a deletion.
pub(crate) async fn canonical(documents: &[Document]) -> Result<Vec<Option<Kept>>, StoreError> {
    let bodies: Vec<_> = documents.iter().map(|document| document.body.clone()).collect();
    let keep = |body: &Value| {
        let text = canonical_json(body);
        let digest = Digest::of_bytes(text.as_bytes());
        Kept { text, digest }
    };
    let bytes = |body: &Option<Arc<Value>>| body.as_ref().map_or(0, |body| json_bytes(body, BYTES_HERE_MAX));
    let takes_long = are_long(bodies.iter().map(bytes));
    on_a_blocking_thread(takes_long, move || bodies.iter().map(|body| body.as_deref().map(keep)).collect())
        .await
}
