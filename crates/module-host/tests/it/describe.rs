use std::sync::Arc;

use midflight_modules::ModuleCapability;
use midflight_testkit::guest::{Bad, Guest, component};

use crate::support::Setup;

async fn refusal(setup: &Setup, bytes: &[u8]) -> String {
    setup.host.describe_component(Arc::from(bytes)).await.unwrap_err().code.into_owned()
}

#[tokio::test]
async fn a_component_says_what_it_is_and_what_it_imports() {
    let setup = Setup::new();
    let guest = Guest::new("visits", "2.1.0", 3).accepts(&[1, 2]).imports(&["emit", "log"]);
    let bytes: Arc<[u8]> = guest.build().into();
    let described = setup.host.describe_component(Arc::clone(&bytes)).await.unwrap();
    assert_eq!((described.info.name.as_str(), described.info.version.as_str()), ("visits", "2.1.0"));
    assert_eq!((described.info.schema, described.info.accepts), (3, vec![1, 2]));
    assert_eq!(described.capabilities, [ModuleCapability::Log, ModuleCapability::Emit]);
    assert_eq!(described.digest, midflight_core::Digest::of_bytes(&bytes));
    assert!(setup.host.names().is_empty());
}

#[tokio::test]
async fn what_is_no_module_is_refused() {
    let setup = Setup::new();
    let guest = Guest::new("visits", "2.1.0", 3);
    assert_eq!(refusal(&setup, b"no WASM at all").await, "corrupt_component");
    assert_eq!(refusal(&setup, &guest.core()).await, "core_module");
    assert_eq!(refusal(&setup, &guest.clone().bad(Bad::Trap("describe")).build()).await, "trapped");
    assert_eq!(refusal(&setup, &guest.bad(Bad::Spin("describe")).build()).await, "fuel_exceeded");
    let other = component(
        r#"(module (import "test:other/files" "open" (func)) (memory (export "memory") 1))"#,
        "package test:other; interface files { open: func(); } world other { import files; }",
        "other",
    );
    assert_eq!(refusal(&setup, &other).await, "unknown_import");
}

#[tokio::test]
async fn a_component_that_was_compiled_ahead_is_found_by_the_reload() {
    let setup = Setup::new();
    let guest = Guest::new(crate::support::NAME, "1.0.0", 1);
    setup.host.compile_component(guest.build().into()).await.unwrap();
    let before = setup.host.cache_counts();
    assert_eq!((before.compiled, before.memory_hits), (2, 0), "for two engines");
    setup.load(&guest).await.unwrap();
    let after = setup.host.cache_counts();
    assert_eq!((after.compiled, after.memory_hits), (2, 2));
    let refused = setup.host.compile_component(guest.core().into()).await.unwrap_err();
    assert_eq!(refused.code, "core_module");
}
