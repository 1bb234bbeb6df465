//! Compiled components: in memory, and in a folder from which a restarted process maps them.
//!
//! A file is named by the digest of the component and the compatibility hash of the engine, so that another version or
//! another configuration never reads it. The folder must belong to the process alone: a file in it is machine code. A
//! cache that cannot be written costs time, never a reload.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use midflight_core::Digest;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::inspect::compile_refusal;
use crate::error::ModuleRefusal;

/// The most compiled components that are kept in memory, for each engine one. The ones in use are kept by their users.
const ENTRIES_MAX: usize = 512;
/// The end of a file, before the digest of what is before it.
const SEAL: &[u8] = b"midflight-module-1";

/// How often the cache was of use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheCounts {
    /// Found in memory.
    pub memory_hits: u64,
    /// Mapped from a file.
    pub file_hits: u64,
    /// Compiled.
    pub compiled: u64,
    /// Files that could not be written.
    pub write_failures: u64,
}

type CacheKey = (Digest, u64);

pub(crate) struct CompileCache {
    folder: Option<PathBuf>,
    entries: Mutex<BTreeMap<CacheKey, (u64, Component)>>,
    clock: AtomicU64,
    memory_hits: AtomicU64,
    file_hits: AtomicU64,
    compiled: AtomicU64,
    write_failures: AtomicU64,
}

impl CompileCache {
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self {
            folder,
            entries: Mutex::default(),
            clock: AtomicU64::new(0),
            memory_hits: AtomicU64::new(0),
            file_hits: AtomicU64::new(0),
            compiled: AtomicU64::new(0),
            write_failures: AtomicU64::new(0),
        }
    }

    pub(crate) fn counts(&self) -> CacheCounts {
        CacheCounts {
            memory_hits: self.memory_hits.load(Ordering::Relaxed),
            file_hits: self.file_hits.load(Ordering::Relaxed),
            compiled: self.compiled.load(Ordering::Relaxed),
            write_failures: self.write_failures.load(Ordering::Relaxed),
        }
    }

    /// The component, if it was compiled before. It blocks.
    pub(crate) fn found(&self, engine: &Engine, digest: Digest) -> Option<Component> {
        let key = (digest, compatibility(engine));
        let now = self.clock.fetch_add(1, Ordering::Relaxed);
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((used, component)) = entries.get_mut(&key) {
            *used = now;
            self.memory_hits.fetch_add(1, Ordering::Relaxed);
            return Some(component.clone());
        }
        drop(entries);
        let component = read(engine, &self.path(&key)?)?;
        self.file_hits.fetch_add(1, Ordering::Relaxed);
        self.keep(key, now, &component);
        Some(component)
    }

    /// The component, compiled unless it was before. It blocks.
    pub(crate) fn component(
        &self,
        engine: &Engine,
        digest: Digest,
        bytes: &[u8],
    ) -> Result<Component, ModuleRefusal> {
        if let Some(component) = self.found(engine, digest) {
            return Ok(component);
        }
        let key = (digest, compatibility(engine));
        self.compiled.fetch_add(1, Ordering::Relaxed);
        let component = Component::new(engine, bytes).map_err(|error| compile_refusal(&error))?;
        if let Some(path) = self.path(&key)
            && let Err(error) = write(&component, &path)
        {
            self.write_failures.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(path = %path.display(), %error, "cannot write the compiled component; it is compiled again next time");
        }
        self.keep(key, self.clock.fetch_add(1, Ordering::Relaxed), &component);
        Ok(component)
    }

    /// The file of a component, if there is a folder.
    fn path(&self, (digest, compatibility): &CacheKey) -> Option<PathBuf> {
        let name = format!("{digest}-{compatibility:016x}.cwasm");
        self.folder.as_ref().map(|folder| folder.join(name))
    }

    fn keep(&self, key: CacheKey, now: u64, component: &Component) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        while entries.len() >= ENTRIES_MAX {
            let oldest = entries.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| *key);
            let Some(oldest) = oldest else { break };
            entries.remove(&oldest);
        }
        entries.insert(key, (now, component.clone()));
    }
}

fn compatibility(engine: &Engine) -> u64 {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}

/// The component in a file, if it was written completely and is of this engine.
fn read(engine: &Engine, path: &Path) -> Option<Component> {
    let bytes = std::fs::read(path).ok()?;
    let (sealed, digest) = bytes.split_last_chunk::<32>()?;
    let compiled = sealed.strip_suffix(SEAL)?;
    (Digest::of_bytes(sealed).as_bytes() == digest).then_some(())?;
    deserialize(engine, compiled)
}

#[expect(
    unsafe_code,
    reason = "machine code is only safe to run when this host wrote it, which the seal and the folder say"
)]
fn deserialize(engine: &Engine, compiled: &[u8]) -> Option<Component> {
    // SAFETY: the bytes are those that `Component::serialize` gave to `write`: they have the digest that was written with
    // them, and the folder belongs to the process alone. wasmtime itself refuses those of another version or configuration.
    unsafe { Component::deserialize(engine, compiled) }.ok()
}

/// Writes beside and renames, so that no reader sees half a file.
fn write(component: &Component, path: &Path) -> wasmtime::Result<()> {
    let mut bytes = component.serialize()?;
    bytes.extend_from_slice(SEAL);
    let digest = Digest::of_bytes(&bytes);
    bytes.extend_from_slice(digest.as_bytes());
    if let Some(folder) = path.parent() {
        create_private(folder)?;
    }
    let beside = path.with_extension(format!("{}.part", std::process::id()));
    let written = std::fs::write(&beside, &bytes).and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        // What is half written is of no use; that it cannot be removed either changes nothing.
        drop(std::fs::remove_file(&beside));
    }
    Ok(written?)
}

fn create_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
