//! A host of modules in this process.

use std::sync::Arc;

use midflight_core::{DocumentName, JsonPointer};
use midflight_module_host::{
    ComponentDescription, EngineOptions, HostOptions, MemoryBlobs, ModuleHost, ModuleRefusal, ReloadFailure,
};
use midflight_modules::Manifest;
use serde_json::Value;

use crate::fail::Failure;

/// The most instances in this process: three for each module that a command loads.
const INSTANCES_MAX: u32 = 256;

/// A host with its components in memory.
pub(super) struct LocalHost {
    pub(super) host: ModuleHost,
    blobs: Arc<MemoryBlobs>,
}

impl LocalHost {
    pub(super) fn new() -> Result<Self, Failure> {
        Self::with(|_| {})
    }

    /// A host whose options are changed first.
    pub(super) fn with(change: impl FnOnce(&mut HostOptions)) -> Result<Self, Failure> {
        let blobs = Arc::new(MemoryBlobs::default());
        let mut engine = EngineOptions::default();
        engine.serving_instances_max = INSTANCES_MAX;
        let mut options = HostOptions::default();
        options.engine = engine;
        options.blobs = Arc::clone(&blobs) as _;
        change(&mut options);
        let host = ModuleHost::new(options).map_err(|error| Failure::failed(error.to_string()))?;
        Ok(Self { host, blobs })
    }

    /// What a component says of itself.
    pub(super) async fn describe(&self, bytes: &Arc<[u8]>) -> Result<ComponentDescription, Failure> {
        self.host.describe_component(Arc::clone(bytes)).await.map_err(|refusal| refused(&refusal))
    }

    /// Keeps the bytes that a manifest names.
    pub(super) fn put(&self, bytes: &[u8]) {
        self.blobs.put(bytes);
    }
}

/// A manifest of a body.
pub(super) fn manifest(name: &str, body: Value) -> Result<Arc<Manifest>, Failure> {
    let name = DocumentName::new(name)
        .map_err(|error| Failure::failed(format!("the module calls itself {name:?}: {error}")))?;
    let read = Manifest::read(&name, &Arc::new(body));
    read.map(Arc::new).map_err(|problems| {
        let one = |problem: &midflight_core::Problem| match &problem.path {
            path if *path == JsonPointer::root() => problem.message.clone(),
            path => format!("at {path}: {}", problem.message),
        };
        let messages: Vec<_> = problems.iter().map(one).collect();
        Failure::failed(format!("the manifest is not valid:\n  {}", messages.join("\n  ")))
    })
}

pub(super) fn refused(refusal: &ModuleRefusal) -> Failure {
    Failure::failed(format!("{} ({})", refusal.message, refusal.code))
}

pub(super) fn reload_failed(failure: &ReloadFailure) -> Failure {
    Failure::failed(format!("{failure} ({})", failure.code))
}
