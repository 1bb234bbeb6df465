//! The log in memory does what every log must do.

use std::sync::Arc;

use midflight_store::{MemoryStore, Store};

async fn make() -> (Arc<dyn Store>, ()) {
    (Arc::new(MemoryStore::new()), ())
}

midflight_store::conformance_tests!(make());
