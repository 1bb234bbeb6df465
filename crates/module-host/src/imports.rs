//! What an instance may ask of the host.

use std::sync::Arc;

use async_trait::async_trait;
use midflight_core::DocumentName;
use midflight_modules::Manifest;

use crate::code::ModuleFailure;

/// The most random bytes of one call.
pub(crate) const RANDOM_BYTES_MAX: u32 = 1 << 16;

/// What the program gives to modules beside the host's own.
pub trait ModuleServices: Send + Sync + 'static {
    /// Milliseconds since 1970-01-01 UTC.
    fn now_ms(&self) -> u64;

    /// Takes an event of a module. It must not block.
    ///
    /// # Errors
    /// Why it is not taken; the module is answered this.
    fn emit(&self, module: &DocumentName, topic: &str, payload: Vec<u8>) -> Result<(), ModuleFailure>;
}

/// Services with the system's clock and without events.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainServices;

impl ModuleServices for PlainServices {
    fn now_ms(&self) -> u64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn emit(&self, _: &DocumentName, _: &str, _: Vec<u8>) -> Result<(), ModuleFailure> {
        Err(ModuleFailure::new("no_events", "this program does not take events of modules"))
    }
}

/// Sends calls of modules to modules.
#[async_trait]
pub(crate) trait CallRouter: Send + Sync {
    async fn call(&self, module: &str, operation: String, payload: Vec<u8>)
    -> Result<Vec<u8>, ModuleFailure>;
}

/// Who an instance is, and what it may use.
#[derive(Clone)]
pub struct ImportContext {
    /// Its manifest.
    pub manifest: Arc<Manifest>,
    pub(crate) services: Arc<dyn ModuleServices>,
    pub(crate) router: Arc<dyn CallRouter>,
}

impl ImportContext {
    /// Calls another module, if the manifest allows it, within the time of an import.
    pub(crate) async fn call(
        &self,
        module: &str,
        operation: String,
        payload: Vec<u8>,
    ) -> Result<Vec<u8>, ModuleFailure> {
        if !self.manifest.calls.iter().any(|name| name.as_str() == module) {
            let message =
                format!("{module:?} is not in the calls of {}; add it to the manifest", self.manifest.name);
            return Err(ModuleFailure::new("not_granted", message));
        }
        let call = self.router.call(module, operation, payload);
        let ms = self.manifest.limits.import_ms_max;
        match tokio::time::timeout(self.manifest.limits.import_max(), call).await {
            Ok(answer) => answer,
            Err(_) => Err(ModuleFailure::new("timeout", format!("{module} did not answer within {ms} ms"))),
        }
    }
}
