//! What is refused of a component before it runs: its form, its imports and its exports.

use midflight_modules::{Manifest, ModuleCapability};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::bindings::{PACKAGE, VERSION};
use crate::error::ModuleRefusal;

/// The magic number of WASM; the four bytes after it distinguish a module from a component.
const MAGIC: &[u8] = b"\0asm";
const COMPONENT_LAYER: &[u8] = &[0x0d, 0x00, 0x01, 0x00];
const MODULE_LAYER: &[u8] = &[0x01, 0x00, 0x00, 0x00];

/// Refuses bytes that are no component.
pub(crate) fn check_form(bytes: &[u8]) -> Result<(), ModuleRefusal> {
    let layer = bytes.strip_prefix(MAGIC).and_then(|rest| rest.get(..4));
    match layer {
        Some(COMPONENT_LAYER) => Ok(()),
        Some(MODULE_LAYER) => Err(ModuleRefusal::new(
            "core_module",
            "this is a core WASM module, not a component; make a component of it with wit-component",
        )),
        Some(_) => Err(ModuleRefusal::new("corrupt_component", "unknown layer of WASM; build a component")),
        None => Err(ModuleRefusal::new(
            "corrupt_component",
            "these bytes are not WASM; put the component as it was built",
        )),
    }
}

/// What the compiler's refusal means for the author.
pub(crate) fn compile_refusal(error: &wasmtime::Error) -> ModuleRefusal {
    let text: String = format!("{error:#}").chars().take(500).collect();
    let is_feature =
        ["async", "gc", "stack switching", "threads", "shared"].iter().any(|word| text.contains(word));
    if is_feature {
        let cure =
            "asynchronous lifting, GC, threads and shared memory are not supported; build without them";
        return ModuleRefusal::new(
            "unsupported_feature",
            format!("cannot compile the component: {text}; {cure}"),
        );
    }
    ModuleRefusal::new("corrupt_component", format!("cannot compile the component: {text}; build it again"))
}

/// What the host offers that a component imports. Refuses other imports.
pub(crate) fn imports(
    engine: &Engine,
    component: &Component,
) -> Result<Vec<ModuleCapability>, ModuleRefusal> {
    let mut capabilities = Vec::new();
    for (name, _) in component.component_type().imports(engine) {
        let interface = name.strip_prefix(PACKAGE).and_then(|rest| rest.strip_suffix(VERSION));
        if interface == Some("types") {
            continue;
        }
        let Some(capability) = interface.and_then(ModuleCapability::of_word) else {
            let words = ModuleCapability::ALL.map(ModuleCapability::word).join(", ");
            let message = format!(
                "the component imports {name:?}, which the host does not offer; it offers {words} of {PACKAGE}*{VERSION}"
            );
            return Err(ModuleRefusal::new("unknown_import", message));
        };
        capabilities.push(capability);
    }
    capabilities.sort_unstable();
    Ok(capabilities)
}

/// Whether a component exports the interface with which it gives and takes changes.
pub(crate) fn is_incremental(engine: &Engine, component: &Component) -> bool {
    let interface = format!("{PACKAGE}incremental{VERSION}");
    component.component_type().exports(engine).any(|(name, _)| name == interface)
}

/// Refuses imports that are unknown, or that the manifest does not grant, and another world.
pub(crate) fn check_types(
    engine: &Engine,
    component: &Component,
    manifest: &Manifest,
) -> Result<(), ModuleRefusal> {
    let refused = imports(engine, component)?.into_iter().find(|capability| !manifest.grants(*capability));
    if let Some(capability) = refused {
        let word = capability.word();
        let message = format!(
            "the component imports {:?}, which its manifest does not grant; add {word:?} to capabilities",
            format!("{PACKAGE}{word}{VERSION}")
        );
        return Err(ModuleRefusal::new("import_not_granted", message));
    }
    let types = component.component_type();
    let guest = format!("{PACKAGE}guest{VERSION}");
    if !types.exports(engine).any(|(name, _)| name == guest) {
        let exports: Vec<_> = types.exports(engine).map(|(name, _)| name.to_owned()).take(5).collect();
        let message = format!(
            "the component does not export {guest:?} but {exports:?}; implement the world {PACKAGE}hosted{VERSION}"
        );
        return Err(ModuleRefusal::new("wrong_world", message));
    }
    Ok(())
}
