//! Bodies as they are kept, and the thread on which many of them are worked through.

use futures_util::future::join_all;
use midflight_core::{Digest, Document, canonical_json, in_parts};
use serde_json::Value;

use crate::StoreError;

/// More rows than this are worked through on a thread where nobody waits: parsing and hashing them takes milliseconds,
/// which requests on this thread would have to wait for.
const WORK_HERE_MAX: usize = 64;

/// How many rows are worth a thread of their own.
const PART_MIN: usize = 4096;

/// Runs what costs time for each of `count` things, on a thread for that when they are many.
pub(crate) async fn off_the_road<T: Send + 'static>(
    count: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    if count <= WORK_HERE_MAX {
        return Ok(work());
    }
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| StoreError::Unavailable(format!("the rows were not worked through: {error}")))
}

/// Works through many things in parts, each on a thread of its own as far as there are processors, and keeps their order.
pub(crate) async fn side_by_side<R: Send + 'static, T: Send + 'static>(
    things: Vec<R>,
    work: fn(Vec<R>) -> Result<Vec<T>, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let parts = in_parts(things, processors, PART_MIN).into_iter();
    let parts = parts.map(|part| off_the_road(part.len(), move || work(part)));
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
    off_the_road(bodies.len(), move || bodies.iter().map(|body| body.as_deref().map(keep)).collect()).await
}
