//! The bindings of the world `midflight:module/hosted`, and of the interface that a module may export beside it.

wasmtime::component::bindgen!({
    world: "hosted",
    path: "wit",
    imports: { default: async | trappable },
    exports: { default: async },
});

/// The bindings of `incremental` alone, on the types of the others.
pub(crate) mod incremental {
    wasmtime::component::bindgen!({
        world: "incremental-part",
        path: "wit",
        exports: { default: async },
        with: { "midflight:module/types": super::midflight::module::types },
    });
}

/// The package of the world, as imports and exports begin with it.
pub(crate) const PACKAGE: &str = "midflight:module/";
/// The version of the world.
pub(crate) const VERSION: &str = "@1.0.0";
