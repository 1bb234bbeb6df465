//! Components from bytes to code: verified by digest, compiled or taken from the cache, type checked.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use midflight_core::Digest;
use midflight_modules::Manifest;
use tokio::sync::Semaphore;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Engine, Result as WasmResult};

use super::bindings::HostedPre;
use super::bindings::midflight::module::{call, config, emit, log, now, random};
use super::cache::{CacheCounts, CompileCache};
use super::engines::{EngineOptions, Engines, SharedEngines};
use super::inspect::{check_form, check_imports};
use super::instance::WasmInstance;
use super::state::GuestState;
use crate::code::{InstancePurpose, ModuleCode, ModuleInstance, SharedCode, Trap};
use crate::error::Refusal;
use crate::imports::ImportContext;

/// Makes code of components.
pub(crate) struct WasmRuntime {
    engines: SharedEngines,
    serving: Arc<Linker<GuestState>>,
    scratch: Arc<Linker<GuestState>>,
    cache: Arc<CompileCache>,
    /// Who may compile: it takes a core and memory.
    compiling: Semaphore,
    /// The largest memory that an instance can have.
    pub(crate) instance_memory_bytes_max: u64,
}

impl WasmRuntime {
    pub(crate) fn new(
        options: &EngineOptions,
        cache_folder: Option<PathBuf>,
        compiles_max: usize,
    ) -> WasmResult<Self> {
        let engines = Arc::new(Engines::new(options)?);
        let serving = Arc::new(linker(&engines.serving)?);
        let scratch = Arc::new(linker(&engines.scratch)?);
        let cache = Arc::new(CompileCache::new(cache_folder));
        let compiling = Semaphore::new(compiles_max.max(1));
        let instance_memory_bytes_max = options.instance_memory_bytes_max as u64;
        Ok(Self { engines, serving, scratch, cache, compiling, instance_memory_bytes_max })
    }

    pub(crate) fn cache_counts(&self) -> CacheCounts {
        self.cache.counts()
    }

    /// Code that was compiled before, in this process or by an earlier one on its folder; none when it was not.
    pub(crate) async fn cached(
        &self,
        digest: Digest,
        manifest: &Manifest,
    ) -> Result<Option<SharedCode>, Refusal> {
        let (cache, engines) = (Arc::clone(&self.cache), Arc::clone(&self.engines));
        let find = move || cache.found(&engines.scratch, digest).zip(cache.found(&engines.serving, digest));
        // A panic here is a miss: the component is compiled again.
        let found = tokio::task::spawn_blocking(find).await.unwrap_or_default();
        found.map(|(scratch, serving)| self.link(&serving, &scratch, manifest)).transpose()
    }

    /// Code of bytes that must have the digest which the manifest names.
    pub(crate) async fn code(
        &self,
        digest: Digest,
        bytes: Arc<[u8]>,
        manifest: &Manifest,
    ) -> Result<SharedCode, Refusal> {
        check_digest(digest, &bytes).await?;
        check_form(&bytes)?;
        let stopping = |_| Refusal::new("stopped", "the host is stopping");
        let _turn = self.compiling.acquire().await.map_err(stopping)?;
        let (cache, engines) = (Arc::clone(&self.cache), Arc::clone(&self.engines));
        let compile = move || -> Result<_, Refusal> {
            // First the one that a bad candidate is refused on.
            let scratch = cache.component(&engines.scratch, digest, &bytes)?;
            let serving = cache.component(&engines.serving, digest, &bytes)?;
            Ok((serving, scratch))
        };
        let compiled = tokio::task::spawn_blocking(compile).await;
        let panicked = |_| {
            Err(Refusal::new("compiler_failed", "the compiler panicked on this component; build it again"))
        };
        let (serving, scratch) = compiled.unwrap_or_else(panicked)?;
        self.link(&serving, &scratch, manifest)
    }

    /// Type checks a component against the world and its manifest.
    fn link(
        &self,
        serving: &Component,
        scratch: &Component,
        manifest: &Manifest,
    ) -> Result<SharedCode, Refusal> {
        check_imports(&self.engines.serving, serving, manifest)?;
        let pre = |linker: &Linker<GuestState>, component: &Component| {
            let pre = linker.instantiate_pre(component).and_then(HostedPre::new);
            pre.map_err(|error| {
                let message =
                    format!("the component does not fit the world midflight:module/hosted@1.0.0: {error:#}");
                Refusal::new("wrong_world", message)
            })
        };
        let (serving, scratch) = (pre(&self.serving, serving)?, pre(&self.scratch, scratch)?);
        Ok(Arc::new(WasmCode { engines: Arc::clone(&self.engines), serving, scratch }))
    }
}

async fn check_digest(digest: Digest, bytes: &Arc<[u8]>) -> Result<(), Refusal> {
    let bytes = Arc::clone(bytes);
    let found = tokio::task::spawn_blocking(move || Digest::of_bytes(&bytes)).await;
    match found {
        Ok(found) if found == digest => Ok(()),
        Ok(found) => {
            let message = format!(
                "the manifest names sha256:{digest}, the bytes have sha256:{found}; put the right bytes"
            );
            Err(Refusal::new("digest_mismatch", message))
        }
        Err(error) => Err(Refusal::new("digest_mismatch", format!("cannot compute the digest: {error}"))),
    }
}

fn linker(engine: &Engine) -> WasmResult<Linker<GuestState>> {
    type Own = HasSelf<GuestState>;
    let mut linker = Linker::new(engine);
    log::add_to_linker::<_, Own>(&mut linker, |state| state)?;
    now::add_to_linker::<_, Own>(&mut linker, |state| state)?;
    random::add_to_linker::<_, Own>(&mut linker, |state| state)?;
    emit::add_to_linker::<_, Own>(&mut linker, |state| state)?;
    config::add_to_linker::<_, Own>(&mut linker, |state| state)?;
    call::add_to_linker::<_, Own>(&mut linker, |state| state)?;
    Ok(linker)
}

struct WasmCode {
    engines: SharedEngines,
    serving: HostedPre<GuestState>,
    scratch: HostedPre<GuestState>,
}

#[async_trait]
impl ModuleCode for WasmCode {
    async fn instantiate(
        &self,
        purpose: InstancePurpose,
        context: ImportContext,
    ) -> Result<Box<dyn ModuleInstance>, Trap> {
        let pre = match purpose {
            InstancePurpose::Serve => &self.serving,
            InstancePurpose::Scratch => &self.scratch,
        };
        let instance = WasmInstance::new(&self.engines, pre, purpose, context).await?;
        Ok(Box::new(instance))
    }
}
