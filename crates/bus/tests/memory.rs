//! The bus within one process does what every bus must do.

use std::sync::Arc;

use midflight_bus::MemoryBus;
use midflight_bus::conformance::ConnectBus;

async fn make() -> (ConnectBus, ()) {
    let bus = MemoryBus::new();
    (Box::new(move || Arc::new(bus.clone())), ())
}

midflight_bus::conformance_tests!(make());
