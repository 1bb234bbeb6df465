//! A host with what the tests need: components in memory, a journal, and faults on demand.

use std::sync::{Arc, Mutex};

use midflight_core::DocumentName;
use midflight_module_host::journal::{Journal, MemoryJournal};
use midflight_module_host::{
    CallError, EngineOptions, HostOptions, MemoryBlobs, MetricsSnapshot, ModuleHandle, ModuleHost,
    ModulePhase, ModuleReloadReport, ReloadFailure,
};
use midflight_modules::Manifest;
use serde_json::{Value, json};

use midflight_testkit::guest::Guest;

pub const NAME: &str = "counter";

pub fn name(text: &str) -> DocumentName {
    DocumentName::new(text).unwrap()
}

/// What happens at the begin of a phase.
pub type OnPhase = Box<dyn Fn(&DocumentName, ModulePhase) -> Result<(), String> + Send + Sync>;

pub struct Setup {
    pub host: ModuleHost,
    pub blobs: Arc<MemoryBlobs>,
    pub on_phase: Arc<Mutex<Option<OnPhase>>>,
}

impl Setup {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with_journal(journal: Arc<dyn Journal>) -> Self {
        Self::with(|options| options.journal = journal)
    }

    pub fn with(change: impl FnOnce(&mut HostOptions)) -> Self {
        let blobs = Arc::new(MemoryBlobs::default());
        let on_phase: Arc<Mutex<Option<OnPhase>>> = Arc::default();
        let mut engine = EngineOptions::default();
        engine.serving_instances_max = 96;
        engine.scratch_instances_max = 8;
        let mut options = HostOptions::default();
        options.blobs = Arc::clone(&blobs) as _;
        options.journal = Arc::new(MemoryJournal::default());
        options.engine = engine;
        let hook = Arc::clone(&on_phase);
        options.hook = Some(Arc::new(move |module, phase| match &*hook.lock().unwrap() {
            Some(on_phase) => on_phase(module, phase),
            None => Ok(()),
        }));
        change(&mut options);
        Self { host: ModuleHost::new(options).unwrap(), blobs, on_phase }
    }

    /// Fails the next reload that comes to `phase`, once.
    pub fn fail_in(&self, phase: ModulePhase) {
        let is_waiting = std::sync::atomic::AtomicBool::new(true);
        *self.on_phase.lock().unwrap() = Some(Box::new(move |_, at| {
            if at == phase && is_waiting.swap(false, std::sync::atomic::Ordering::SeqCst) {
                return Err("asked for".to_owned());
            }
            Ok(())
        }));
    }

    /// The manifest of a guest whose component is put first.
    pub fn manifest(&self, guest: &Guest, members: Value) -> Arc<Manifest> {
        self.manifest_of(&guest.build(), guest, members)
    }

    pub fn manifest_of(&self, bytes: &[u8], guest: &Guest, members: Value) -> Arc<Manifest> {
        let digest = self.blobs.put(bytes);
        let mut body = json!({
            "component": format!("sha256:{digest}"),
            "version": guest.version,
            "schema": guest.schema,
            "capabilities": guest.imports,
            "limits": {"cool_down_ms": 0, "verify_fuel_max": 50_000_000},
        });
        if guest.imports.contains(&"call") {
            body["calls"] = json!(["other"]);
        }
        for (key, value) in members.as_object().unwrap() {
            match (key.as_str(), value) {
                ("limits", Value::Object(limits)) => {
                    body["limits"].as_object_mut().unwrap().extend(limits.clone())
                }
                _ => body[key] = value.clone(),
            }
        }
        let manifest = Manifest::read(&name(&guest.name), &Arc::new(body));
        Arc::new(manifest.unwrap_or_else(|problems| panic!("{problems:?}")))
    }

    pub async fn load(&self, guest: &Guest) -> Result<ModuleReloadReport, ReloadFailure> {
        self.host.load(self.manifest(guest, json!({}))).await
    }

    pub fn handle(&self, module: &str) -> ModuleHandle {
        self.host.handle(&name(module)).unwrap()
    }

    pub fn metrics(&self, module: &str) -> MetricsSnapshot {
        self.host.metrics(&name(module)).unwrap()
    }

    pub async fn add(&self) -> Result<u64, CallError> {
        add(&self.handle(NAME)).await
    }

    pub async fn get(&self) -> u64 {
        word(&self.handle(NAME).call("get", vec![]).await.unwrap().result)
    }

    /// The state as it is saved.
    pub async fn state(&self) -> (u32, Vec<u64>) {
        let state = self.host.export_state(&name(NAME)).await.unwrap().unwrap();
        (state.schema, state.bytes.chunks_exact(8).map(word).collect())
    }
}

pub async fn add(handle: &ModuleHandle) -> Result<u64, CallError> {
    handle.call("add", vec![]).await.map(|reply| word(&reply.result))
}

pub fn word(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().unwrap())
}

/// `code` of a failure with its phase.
pub fn reported(failure: &ReloadFailure) -> String {
    format!("{} {}", failure.phase, failure.code)
}
