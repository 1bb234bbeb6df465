//! The bindings of the world `midflight:module/hosted`.

wasmtime::component::bindgen!({
    world: "hosted",
    path: "wit",
    imports: { default: async | trappable },
    exports: { default: async },
});

/// The package of the world, as imports and exports begin with it.
pub(crate) const PACKAGE: &str = "midflight:module/";
/// The version of the world.
pub(crate) const VERSION: &str = "@1.0.0";
