//! What a component is, before there is a manifest for it.

use std::sync::Arc;

use midflight_core::{Digest, DocumentName};
use midflight_modules::{Manifest, ModuleCapability};
use serde_json::json;

use crate::code::ModuleInfo;
use crate::error::ModuleRefusal;
use crate::host::ModuleHost;

/// What a component says of itself, and what it imports.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ComponentDescription {
    /// The digest of its bytes, which a manifest names.
    pub digest: Digest,
    /// Its name, version and schemas.
    pub info: ModuleInfo,
    /// The capabilities that its manifest must grant, in the order of [`ModuleCapability::ALL`].
    pub capabilities: Vec<ModuleCapability>,
}

impl ModuleHost {
    /// Compiles a component into the cache, so that a reload finds it there. For bytes that a manifest is about to name: a
    /// large component may compile for longer than a reload may take. Costs a compilation, unless it is there; what was
    /// begun is compiled to its end, also when the caller does not wait for it.
    ///
    /// # Errors
    /// It is no component, or the compiler refuses it. A reload refuses it for the same reason.
    pub async fn compile_component(&self, bytes: Arc<[u8]>) -> Result<(), ModuleRefusal> {
        self.inner.wasm().await?.compile_ahead(bytes).await
    }

    /// Compiles a component and asks an instance of it, which is dropped afterwards, what it is. Costs a compilation.
    ///
    /// # Errors
    /// It is no component of the world, imports what the host does not offer, or traps in `describe`.
    pub async fn describe_component(&self, bytes: Arc<[u8]>) -> Result<ComponentDescription, ModuleRefusal> {
        let digest = Digest::of_bytes(&bytes);
        let context = self.inner.context(&Arc::new(granting_all(digest)?));
        let (info, capabilities) = self.inner.wasm().await?.describe(bytes, context).await?;
        Ok(ComponentDescription { digest, info, capabilities })
    }
}

/// A manifest that grants everything, for an instance that only describes itself.
fn granting_all(digest: Digest) -> Result<Manifest, ModuleRefusal> {
    let body = json!({
        "component": format!("sha256:{digest}"),
        "version": "0",
        "schema": 0,
        "capabilities": ModuleCapability::ALL.map(ModuleCapability::word),
        "calls": ["none"],
    });
    let refuse = |message: String| ModuleRefusal::new("invalid_manifest", message);
    let name = DocumentName::new("described").map_err(|error| refuse(error.to_string()))?;
    Manifest::read(&name, &Arc::new(body)).map_err(|problems| refuse(problems.to_string()))
}
