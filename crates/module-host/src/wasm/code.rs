//! Components from bytes to code: verified by digest, compiled or taken from the cache, type checked.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use midflight_core::Digest;
use midflight_modules::{Manifest, ModuleCapability};
use tokio::sync::Semaphore;
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Engine, Result as WasmResult};

use super::bindings::midflight::module::{call, config, emit, log, now, random};
use super::bindings::{PACKAGE, VERSION};
use super::cache::{CacheCounts, CompileCache};
use super::engines::{EngineOptions, Engines, SharedEngines};
use super::inspect::{check_form, check_types, imports, is_incremental};
use super::instance::{LinkedComponent, WasmInstance};
use super::state::GuestState;
use crate::code::{InstancePurpose, ModuleCode, ModuleInfo, ModuleInstance, SharedCode, Trap};
use crate::error::ModuleRefusal;
use crate::imports::ImportContext;

/// Makes code of components.
pub(crate) struct WasmRuntime {
    engines: SharedEngines,
    serving: Arc<Linker<GuestState>>,
    scratch: Arc<Linker<GuestState>>,
    cache: Arc<CompileCache>,
    /// Who may compile: it takes a core and memory.
    compiling: Arc<Semaphore>,
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
        let compiling = Arc::new(Semaphore::new(compiles_max.max(1)));
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
    ) -> Result<Option<SharedCode>, ModuleRefusal> {
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
    ) -> Result<SharedCode, ModuleRefusal> {
        check_digest(digest, &bytes).await?;
        check_form(&bytes)?;
        let (serving, scratch) =
            self.compile(move |cache, engines| for_both_engines(cache, engines, digest, &bytes)).await?;
        self.link(&serving, &scratch, manifest)
    }

    /// Compiles a component into the cache.
    pub(crate) async fn compile_ahead(&self, bytes: Arc<[u8]>) -> Result<(), ModuleRefusal> {
        check_form(&bytes)?;
        self.compile(move |cache, engines| {
            for_both_engines(cache, engines, Digest::of_bytes(&bytes), &bytes).map(drop)
        })
        .await
    }

    /// Type checks a component against the world and its manifest.
    fn link(
        &self,
        serving: &Component,
        scratch: &Component,
        manifest: &Manifest,
    ) -> Result<SharedCode, ModuleRefusal> {
        check_types(&self.engines.serving, serving, manifest)?;
        let (serving, scratch) = (linked(&self.serving, serving)?, linked(&self.scratch, scratch)?);
        Ok(Arc::new(WasmCode { engines: Arc::clone(&self.engines), serving, scratch }))
    }

    /// What a component says of itself, and the capabilities that it imports. `context` must grant all of them.
    pub(crate) async fn describe(
        &self,
        bytes: Arc<[u8]>,
        context: ImportContext,
    ) -> Result<(ModuleInfo, Vec<ModuleCapability>), ModuleRefusal> {
        check_form(&bytes)?;
        let component = self
            .compile(move |cache, engines| {
                cache.component(&engines.scratch, Digest::of_bytes(&bytes), &bytes)
            })
            .await?;
        let capabilities = imports(&self.engines.scratch, &component)?;
        check_types(&self.engines.scratch, &component, &context.manifest)?;
        let scratch = linked(&self.scratch, &component)?;
        let made = WasmInstance::new(&self.engines, &scratch, InstancePurpose::Scratch, context).await;
        let mut instance = made.map_err(|trap| ModuleRefusal::trap("instantiation", &trap))?;
        let info = instance.describe().await.map_err(|trap| ModuleRefusal::trap("describe", &trap))?;
        Ok((info, capabilities))
    }

    /// Compiles on a blocking thread, in turn. What was begun is compiled to its end, and keeps its turn until then, also
    /// when nobody waits for it any more: the next one who wants it finds it.
    async fn compile<T: Send + 'static>(
        &self,
        work: impl FnOnce(&CompileCache, &Engines) -> Result<T, ModuleRefusal> + Send + 'static,
    ) -> Result<T, ModuleRefusal> {
        let stopping = |_| ModuleRefusal::new("stopped", "the host is stopping");
        let turn = Arc::clone(&self.compiling).acquire_owned().await.map_err(stopping)?;
        let (cache, engines) = (Arc::clone(&self.cache), Arc::clone(&self.engines));
        let compile = move || {
            let _turn = turn;
            work(&cache, &engines)
        };
        let compiled = tokio::task::spawn_blocking(compile).await;
        let panicked = |_| {
            Err(ModuleRefusal::new(
                "compiler_failed",
                "the compiler panicked on this component; build it again",
            ))
        };
        compiled.unwrap_or_else(panicked)
    }
}

/// A component for the engine that serves and for the one that verifies.
fn for_both_engines(
    cache: &CompileCache,
    engines: &Engines,
    digest: Digest,
    bytes: &[u8],
) -> Result<(Component, Component), ModuleRefusal> {
    // First the one that a bad candidate is refused on.
    let scratch = cache.component(&engines.scratch, digest, bytes)?;
    let serving = cache.component(&engines.serving, digest, bytes)?;
    Ok((serving, scratch))
}

/// Links a component with what the host offers.
fn linked(linker: &Linker<GuestState>, component: &Component) -> Result<LinkedComponent, ModuleRefusal> {
    let (is_incremental, world) = match is_incremental(linker.engine(), component) {
        true => (true, "hosted-incremental"),
        false => (false, "hosted"),
    };
    let linked = linker.instantiate_pre(component).and_then(|pre| LinkedComponent::new(pre, is_incremental));
    linked.map_err(|error| {
        let message = format!("the component does not fit the world {PACKAGE}{world}{VERSION}: {error:#}");
        ModuleRefusal::new("wrong_world", message)
    })
}

async fn check_digest(digest: Digest, bytes: &Arc<[u8]>) -> Result<(), ModuleRefusal> {
    let bytes = Arc::clone(bytes);
    let found = tokio::task::spawn_blocking(move || Digest::of_bytes(&bytes)).await;
    match found {
        Ok(found) if found == digest => Ok(()),
        Ok(found) => {
            let message = format!(
                "the manifest names sha256:{digest}, the bytes have sha256:{found}; put the right bytes"
            );
            Err(ModuleRefusal::new("digest_mismatch", message))
        }
        Err(error) => {
            Err(ModuleRefusal::new("digest_mismatch", format!("cannot compute the digest: {error}")))
        }
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
    serving: LinkedComponent,
    scratch: LinkedComponent,
}

#[async_trait]
impl ModuleCode for WasmCode {
    async fn instantiate(
        &self,
        purpose: InstancePurpose,
        context: ImportContext,
    ) -> Result<Box<dyn ModuleInstance>, Trap> {
        let linked = match purpose {
            InstancePurpose::Serve => &self.serving,
            InstancePurpose::Scratch => &self.scratch,
        };
        let instance = WasmInstance::new(&self.engines, linked, purpose, context).await?;
        Ok(Box::new(instance))
    }
}
