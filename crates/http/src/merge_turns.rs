//! The turns of patches of one document in this process.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use midflight_core::DocumentId;
use tokio::sync::{Mutex, MutexGuard};

/// How many documents can be patched at once in this process.
const TURNS: usize = 64;

/// The turns of patches in this process: those of one document are made one after the other, so that they do not have
/// to be repeated for each other.
#[derive(Debug)]
pub(crate) struct MergeTurns([Mutex<()>; TURNS]);

impl Default for MergeTurns {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::new(())))
    }
}

impl MergeTurns {
    /// Waits for the turn of a document; it ends when the answer is dropped.
    pub(crate) async fn of(&self, id: &DocumentId) -> Option<MutexGuard<'_, ()>> {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        let place = usize::try_from(hasher.finish() % TURNS as u64).unwrap_or_default();
        Some(self.0.get(place)?.lock().await)
    }
}
