//! Makes components of core modules, as compilers write them, and of WAT.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The world that a module implements, as text in WIT.
pub const WORLD: &str = include_str!("../wit/module.wit");

/// The name of the world in [`WORLD`], and of the one that gives and takes changes too.
const WORLD_NAME: &str = "hosted";
const INCREMENTAL_WORLD_NAME: &str = "hosted-incremental";
/// What the names of the exports begin with that only the second world has.
const INCREMENTAL_EXPORT: &[u8] = b"midflight:module/incremental@1.0.0#";
/// What every WASM file begins with.
const WASM: &[u8] = b"\0asm";
/// What a component begins with, in contrast to a core module.
const COMPONENT: &[u8] = b"\0asm\x0d\x00\x01\x00";

/// Code of which no component can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot make a component: {0}")]
pub struct EncodeError(String);

/// The component of a text in WAT: of a core module that has the names of the world `midflight:module/hosted`, or
/// `hosted-incremental`, as the canonical ABI spells them, or of a component.
///
/// # Errors
/// The text is not WAT, with the place; or an import or export is not as the world has it.
///
/// # Examples
/// ```
/// let refused = midflight_module_host::encode::component_of_wat("(module (func $f (unknown)))");
/// assert!(refused.is_err(), "it is no text of a module");
/// ```
pub fn component_of_wat(text: &str) -> Result<Vec<u8>, EncodeError> {
    let mut core = wat::parse_str(text).map_err(|error| EncodeError(error.to_string()))?;
    if core.starts_with(COMPONENT) {
        return Ok(core);
    }
    let failed = |error| EncodeError(format!("{error:#}"));
    let mut resolve = Resolve::default();
    let package = resolve.push_str("module.wit", WORLD).map_err(failed)?;
    let is_incremental = core.windows(INCREMENTAL_EXPORT.len()).any(|bytes| bytes == INCREMENTAL_EXPORT);
    let name = if is_incremental { INCREMENTAL_WORLD_NAME } else { WORLD_NAME };
    let world = resolve.select_world(&[package], Some(name)).map_err(failed)?;
    embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8).map_err(failed)?;
    component_of_core(&core)
}

/// The component of a core module that has its world in it, as `cargo build` writes one that uses `midflight-guest`. A
/// component is given back as it is.
///
/// # Errors
/// The bytes are not WASM, name no world, or have imports or exports that are not as the world has them.
pub fn component_of_core(core: &[u8]) -> Result<Vec<u8>, EncodeError> {
    if core.starts_with(COMPONENT) {
        return Ok(core.to_vec());
    }
    if !core.starts_with(WASM) {
        return Err(EncodeError(
            "these bytes are not WASM; give the file as the compiler wrote it".to_owned(),
        ));
    }
    let encoder = ComponentEncoder::default().validate(true).module(core);
    let encoded = encoder.and_then(|mut encoder| encoder.encode());
    encoded.map_err(|error| EncodeError(format!("{error:#}; build the module for the world {WORLD_NAME} of midflight:module@1.0.0, in Rust with midflight-guest")))
}
