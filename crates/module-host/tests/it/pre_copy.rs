//! The state is copied before the pause, and only what changed since in it: the same state as without that, whatever
//! goes wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use midflight_module_host::{
    HostOptions, IncrementalState, ModuleFailure, ModuleHandle, ModuleHost, ModuleInfo, ModuleMessage,
    ModulePhase, ModuleReloadReport, NativeModule, NativeModules, PreCopyReport, ReloadOptions,
    StateSnapshot,
};
use midflight_modules::Manifest;
use proptest::prelude::*;
use serde_json::json;

use crate::support::{NAME, Setup, add, name, reported};
use midflight_testkit::guest::{Bad, Guest, component};

/// How a version is wrong with changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ShelfFlaw {
    No,
    /// It neither gives nor takes them.
    NotIncremental,
    /// It remembers none of them.
    Forgets,
    /// It does not remember what was removed.
    ForgetsRemovals,
    PanicsInChanges,
    FailsInApply,
    PanicsInApply,
    /// Its check fails once it has applied some.
    BreaksInApply,
}

/// A map that remembers what changes. From schema 2 on it has each value twice as large.
struct Shelf {
    schema: u32,
    flaw: ShelfFlaw,
    entries: BTreeMap<u16, u64>,
    changed: Option<BTreeSet<u16>>,
    mark: u64,
    is_broken: bool,
    loads: Arc<AtomicUsize>,
}

const ENTRY_BYTES: usize = 10;

impl Shelf {
    fn change(&mut self, key: u16, value: Option<u64>) {
        match value {
            Some(value) => self.entries.insert(key, value),
            None => self.entries.remove(&key),
        };
        let is_remembered = value.is_some() || self.flaw != ShelfFlaw::ForgetsRemovals;
        if let Some(changed) = self.changed.as_mut().filter(|_| is_remembered) {
            changed.insert(key);
        }
    }

    /// A value of another schema in this one.
    fn hop(&self, schema: u32, value: u64) -> u64 {
        if schema < self.schema { value.wrapping_mul(2) } else { value }
    }
}

fn key_of(bytes: &[u8]) -> u16 {
    u16::from_be_bytes(bytes[..2].try_into().unwrap())
}

fn entries_of(bytes: &[u8]) -> impl Iterator<Item = (u16, u64)> {
    bytes
        .chunks_exact(ENTRY_BYTES)
        .map(|entry| (key_of(entry), u64::from_be_bytes(entry[2..].try_into().unwrap())))
}

fn entry(key: u16, value: u64) -> Vec<u8> {
    [&key.to_be_bytes()[..], &value.to_be_bytes()].concat()
}

impl NativeModule for Shelf {
    fn describe(&self) -> ModuleInfo {
        let version = format!("{}.0.0", self.schema);
        ModuleInfo { name: "shelf".into(), version, schema: self.schema, accepts: vec![1] }
    }
    fn init(&mut self, _: &str) -> Result<(), ModuleFailure> {
        Ok(())
    }
    fn handle(&mut self, message: &ModuleMessage) -> Result<Vec<u8>, ModuleFailure> {
        match message.operation.as_str() {
            "set" => entries_of(&message.payload).for_each(|(key, value)| self.change(key, Some(value))),
            "remove" => self.change(key_of(&message.payload), None),
            "panic" => panic!("asked for"),
            _ => {}
        }
        Ok(self.entries.len().to_string().into_bytes())
    }
    fn save(&self) -> StateSnapshot {
        let bytes = self.entries.iter().flat_map(|(key, value)| entry(*key, *value)).collect();
        StateSnapshot { schema: self.schema, bytes }
    }
    fn load(&mut self, snapshot: &StateSnapshot) -> Result<u32, ModuleFailure> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        self.entries =
            entries_of(&snapshot.bytes).map(|(key, value)| (key, self.hop(snapshot.schema, value))).collect();
        Ok(self.schema - snapshot.schema)
    }
    fn check(&self) -> Result<(), ModuleFailure> {
        if self.is_broken { Err(ModuleFailure::new("broken", "by what it applied")) } else { Ok(()) }
    }
    fn incremental(&mut self) -> Option<&mut dyn IncrementalState> {
        (self.flaw != ShelfFlaw::NotIncremental).then_some(self as &mut dyn IncrementalState)
    }
}

impl IncrementalState for Shelf {
    fn mark(&mut self) -> u64 {
        self.changed = Some(BTreeSet::new());
        self.mark += 1;
        self.mark
    }
    fn changes_since(&self, mark: u64) -> Option<StateSnapshot> {
        assert!(self.flaw != ShelfFlaw::PanicsInChanges, "asked for");
        let changed =
            self.changed.as_ref().filter(|_| mark == self.mark && self.flaw != ShelfFlaw::Forgets)?;
        let write = |key: &u16| match self.entries.get(key) {
            Some(value) => [&[1][..], &entry(*key, *value)].concat(),
            None => [&[0][..], &entry(*key, 0)].concat(),
        };
        Some(StateSnapshot { schema: self.schema, bytes: changed.iter().flat_map(write).collect() })
    }
    fn apply(&mut self, changes: &StateSnapshot) -> Result<u32, ModuleFailure> {
        match self.flaw {
            ShelfFlaw::FailsInApply => return Err(ModuleFailure::new("no", "asked for")),
            ShelfFlaw::PanicsInApply => panic!("asked for"),
            flaw => self.is_broken = flaw == ShelfFlaw::BreaksInApply,
        }
        for change in changes.bytes.chunks_exact(1 + ENTRY_BYTES) {
            let (key, value) = entries_of(&change[1..]).next().unwrap();
            match change[0] {
                0 => self.entries.remove(&key),
                _ => self.entries.insert(key, self.hop(changes.schema, value)),
            };
        }
        Ok(0)
    }
}

/// A host with the shelf in both schemas, and how often an instance loaded a state.
struct Shelves {
    host: ModuleHost,
    loads: Arc<AtomicUsize>,
}

impl Shelves {
    /// The flaws of schema 1 and of schema 2.
    fn new(first: ShelfFlaw, second: ShelfFlaw) -> Self {
        Self::with(first, second, |_| {})
    }

    fn with(first: ShelfFlaw, second: ShelfFlaw, change: impl FnOnce(&mut HostOptions)) -> Self {
        let loads = Arc::new(AtomicUsize::new(0));
        let mut options = HostOptions::default();
        options.engine_on_demand = true;
        options.natives = NativeModules::default();
        for (schema, flaw) in [(1, first), (2, second)] {
            let loads = Arc::clone(&loads);
            options.natives = options.natives.with(&format!("shelf{schema}"), move || Shelf {
                schema,
                flaw,
                entries: BTreeMap::new(),
                changed: None,
                mark: 0,
                is_broken: false,
                loads: Arc::clone(&loads),
            });
        }
        change(&mut options);
        Self { host: ModuleHost::new(options).unwrap(), loads }
    }

    async fn load(&self, schema: u32, config: u32) -> ModuleReloadReport {
        self.host.load(manifest(schema, config)).await.unwrap()
    }

    fn handle(&self) -> ModuleHandle {
        self.host.handle(&name("shelf")).unwrap()
    }

    async fn set(&self, key: u16, value: u64) {
        self.handle().call("set", entry(key, value)).await.unwrap();
    }

    async fn state(&self) -> (u32, Vec<(u16, u64)>) {
        let state = self.host.export_state(&name("shelf")).await.unwrap().unwrap();
        (state.schema, entries_of(&state.bytes).collect())
    }

    /// A reload, with something done between its copy and its pause.
    async fn reload(
        &self,
        schema: u32,
        config: u32,
        options: ReloadOptions,
        between: impl AsyncFnOnce(&Self),
    ) -> ModuleReloadReport {
        let prepared = self.host.prepare(manifest(schema, config), options).await.unwrap().unwrap();
        between(self).await;
        prepared.pause().await.unwrap().commit().await.unwrap()
    }
}

fn manifest(schema: u32, config: u32) -> Arc<Manifest> {
    let body = json!({
        "native": format!("shelf{schema}"), "version": format!("{schema}.0.0"), "schema": schema,
        "config": config, "limits": {"cool_down_ms": 0},
    });
    Arc::new(Manifest::read(&name("shelf"), &Arc::new(body)).unwrap())
}

fn fallback(report: &ModuleReloadReport) -> &str {
    report.pre_copy.as_ref().unwrap().fallback.as_deref().unwrap()
}

#[tokio::test]
async fn only_what_changed_is_moved_while_messages_wait() {
    let shelves = Shelves::new(ShelfFlaw::No, ShelfFlaw::No);
    shelves.load(1, 0).await;
    for key in 0..1_000 {
        shelves.set(key, u64::from(key)).await;
    }
    let prepared = shelves.host.prepare(manifest(2, 0), ReloadOptions::default()).await.unwrap().unwrap();
    shelves.set(7, 70).await;
    shelves.set(2_000, 1).await;
    shelves.handle().call("remove", 8_u16.to_be_bytes().to_vec()).await.unwrap();
    let loads = shelves.loads.load(Ordering::SeqCst);
    let report = prepared.pause().await.unwrap().commit().await.unwrap();
    assert_eq!(shelves.loads.load(Ordering::SeqCst), loads, "no state is loaded in the pause");
    let moved = PreCopyReport {
        before_bytes: 1_000 * ENTRY_BYTES,
        pause_bytes: 3 * (1 + ENTRY_BYTES),
        fallback: None,
    };
    assert_eq!((report.pre_copy, report.migrated_from, report.steps), (Some(moved), Some(1), 1));
    let (schema, entries) = shelves.state().await;
    assert_eq!((schema, entries.len(), entries[7], entries[8]), (2, 1_000, (7, 140), (9, 18)));
    let metrics = shelves.host.metrics(&name("shelf")).unwrap();
    assert_eq!((metrics.pre_copied, metrics.pre_copy_fallbacks, metrics.abandoned), (1, 0, 0));
}

#[derive(Debug, Clone)]
enum ShelfStep {
    Set(u16, u64),
    Remove(u16),
}

fn steps() -> impl Strategy<Value = Vec<ShelfStep>> {
    let set = (0_u16..40, any::<u64>()).prop_map(|(key, value)| ShelfStep::Set(key, value));
    let remove = (0_u16..40).prop_map(ShelfStep::Remove);
    prop::collection::vec(prop_oneof![2 => set, 1 => remove], 0..60)
}

async fn walk(shelves: &Shelves, steps: &[ShelfStep]) {
    for step in steps {
        let (operation, payload) = match step {
            ShelfStep::Set(key, value) => ("set", entry(*key, *value)),
            ShelfStep::Remove(key) => ("remove", key.to_be_bytes().to_vec()),
        };
        shelves.handle().call(operation, payload).await.unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Several reloads, with anything done before the copy of each and between its copy and its pause, come to the state
    /// that they come to without copying before.
    #[test]
    fn the_state_is_the_one_that_save_and_load_give(
        rounds in prop::collection::vec((steps(), steps(), any::<bool>()), 1..4),
        can_remember_removals in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let flaw = if can_remember_removals { ShelfFlaw::No } else { ShelfFlaw::ForgetsRemovals };
        runtime.block_on(async {
            let (copied, plain) = (Shelves::new(flaw, ShelfFlaw::No), Shelves::new(flaw, ShelfFlaw::No));
            let mut schema = 1;
            for (n, (before, between, moves_on)) in rounds.iter().enumerate() {
                let config = u32::try_from(n).unwrap();
                // A migrated state is not compared with the old one, so the version that forgets stays what it is.
                let next = if schema == 2 || *moves_on && can_remember_removals { 2 } else { 1 };
                for (shelves, options) in [
                    (&copied, ReloadOptions::default()),
                    (&plain, ReloadOptions::default().without_pre_copy()),
                ] {
                    if n == 0 {
                        shelves.load(1, 1_000).await;
                    }
                    walk(shelves, before).await;
                    let report = shelves.reload(next, config, options, async |it| walk(it, between).await).await;
                    let is_copied = report.pre_copy.is_some();
                    assert_eq!(is_copied, std::ptr::eq(shelves, &copied), "{report:?}");
                    if can_remember_removals {
                        assert_eq!(report.pre_copy.and_then(|report| report.fallback), None);
                    }
                }
                schema = next;
                assert_eq!(copied.state().await, plain.state().await);
            }
        });
    }
}

#[tokio::test]
async fn what_goes_wrong_with_changes_makes_the_pause_longer_and_nothing_else() {
    let both = |flaw| (flaw, flaw);
    for ((first, second), why) in [
        ((ShelfFlaw::Forgets, ShelfFlaw::No), "does not remember all changes"),
        ((ShelfFlaw::PanicsInChanges, ShelfFlaw::No), "changes-since of the old version trapped: panicked"),
        (both(ShelfFlaw::FailsInApply), "apply failed: no: asked for"),
        (both(ShelfFlaw::PanicsInApply), "apply trapped: panicked"),
        (both(ShelfFlaw::BreaksInApply), "check failed: broken"),
    ] {
        let shelves = Shelves::new(first, second);
        shelves.load(1, 0).await;
        shelves.set(1, 10).await;
        let between = async |it: &Shelves| it.set(2, 20).await;
        let report = shelves.reload(2, 0, ReloadOptions::default(), between).await;
        assert!(fallback(&report).contains(why), "{report:?}");
        assert_eq!(report.pre_copy.as_ref().unwrap().pause_bytes, 2 * ENTRY_BYTES, "{why}");
        assert_eq!((report.migrated_from, report.steps), (Some(1), 1), "{why}");
        assert_eq!(shelves.state().await, (2, vec![(1, 20), (2, 40)]), "{why}");
        let metrics = shelves.host.metrics(&name("shelf")).unwrap();
        assert_eq!((metrics.pre_copied, metrics.pre_copy_fallbacks), (0, 1), "{why}");
        assert_eq!((metrics.abandoned, metrics.lost_by_restart), (0, 0), "{why}");
    }
}

#[tokio::test]
async fn a_change_that_is_not_remembered_is_found_where_both_states_can_be_compared() {
    let shelves = Shelves::new(ShelfFlaw::ForgetsRemovals, ShelfFlaw::No);
    shelves.load(1, 0).await;
    shelves.set(1, 10).await;
    let remove = async |it: &Shelves| {
        it.handle().call("remove", 1_u16.to_be_bytes().to_vec()).await.unwrap();
    };
    let report = shelves.reload(1, 1, ReloadOptions::default(), remove).await;
    assert!(fallback(&report).contains("saves another state"), "{report:?}");
    assert_eq!(shelves.state().await, (1, vec![]));
}

#[tokio::test]
async fn versions_without_changes_are_reloaded_as_ever() {
    for (first, second) in
        [(ShelfFlaw::NotIncremental, ShelfFlaw::No), (ShelfFlaw::No, ShelfFlaw::NotIncremental)]
    {
        let shelves = Shelves::new(first, second);
        shelves.load(1, 0).await;
        let set = async |it: &Shelves| it.set(1, 10).await;
        let report = shelves.reload(2, 0, ReloadOptions::default(), set).await;
        assert_eq!(report.pre_copy, None);
        assert_eq!(shelves.state().await, (2, vec![(1, 20)]));
    }
    let shelves = Shelves::new(ShelfFlaw::No, ShelfFlaw::No);
    shelves.load(1, 0).await;
    let report =
        shelves.host.reload(manifest(2, 0), ReloadOptions::default().without_preflight()).await.unwrap();
    assert_eq!(report.pre_copy, None);
}

/// An instance that took the place of the one that was copied has a mark of the same number, of an earlier reload.
#[tokio::test]
async fn changes_of_another_instance_are_not_taken() {
    let shelves = Shelves::new(ShelfFlaw::No, ShelfFlaw::No);
    shelves.load(1, 0).await;
    shelves.set(1, 10).await;
    let report = shelves.reload(1, 1, ReloadOptions::default(), async |it| it.set(2, 20).await).await;
    assert_eq!(report.pre_copy.unwrap().fallback, None);
    let trap = async |it: &Shelves| {
        // Nothing was acknowledged since the commit, so the instance before answers again; it traps on that message too,
        // and is restarted from what was recorded of it.
        it.handle().call("panic", vec![]).await.unwrap_err();
        it.set(3, 30).await;
    };
    let report = shelves.reload(1, 2, ReloadOptions::default(), trap).await;
    assert!(fallback(&report).contains("has been replaced"), "{report:?}");
    assert_eq!(shelves.state().await, (1, vec![(1, 10), (2, 20), (3, 30)]));
}

/// The old version traps in the pause and its reload is rolled back: it is restarted from what it saved in the pause.
#[tokio::test]
async fn a_trap_in_a_reload_that_is_rolled_back_loses_nothing() {
    let on_verify = |_: &midflight_core::DocumentName, phase| match phase {
        ModulePhase::Verify => Err("asked for".to_owned()),
        _ => Ok(()),
    };
    for is_dropped in [true, false] {
        let is_armed = Arc::new(AtomicUsize::new(0));
        let armed = Arc::clone(&is_armed);
        let shelves = Shelves::with(ShelfFlaw::PanicsInChanges, ShelfFlaw::No, move |options| {
            options.hook = Some(Arc::new(move |module, phase| match armed.load(Ordering::SeqCst) {
                0 => Ok(()),
                _ => on_verify(module, phase),
            }));
        });
        shelves.load(1, 0).await;
        shelves.set(1, 10).await;
        let prepared = shelves.host.prepare(manifest(2, 0), ReloadOptions::default()).await.unwrap().unwrap();
        shelves.set(2, 20).await;
        if is_dropped {
            drop(prepared.pause().await.unwrap());
        } else {
            is_armed.store(1, Ordering::SeqCst);
            let failure = prepared.pause().await.err().unwrap();
            assert_eq!(reported(&failure), "verify fault");
            is_armed.store(0, Ordering::SeqCst);
        }
        shelves.set(3, 30).await;
        assert_eq!(shelves.state().await, (1, vec![(1, 10), (2, 20), (3, 30)]));
        let metrics = shelves.host.metrics(&name("shelf")).unwrap();
        assert_eq!((metrics.restarts, metrics.lost_by_restart, metrics.abandoned), (1, 0, 0));
        let between = async |it: &Shelves| it.set(4, 40).await;
        shelves.reload(2, 1, ReloadOptions::default(), between).await;
        assert_eq!(shelves.state().await.1.len(), 4);
    }
}

#[tokio::test]
async fn components_give_and_take_changes_too() {
    let setup = Setup::new();
    setup.load(&Guest::new(NAME, "1.0.0", 1).incremental()).await.unwrap();
    let handle = setup.handle(NAME);
    let reload = async |guest: Guest| {
        let manifest = setup.manifest(&guest.incremental(), json!({}));
        let prepared = setup.host.prepare(manifest, ReloadOptions::default()).await.unwrap().unwrap();
        add(&handle).await.unwrap();
        prepared.pause().await.unwrap().commit().await.unwrap()
    };
    let moved = |bytes| Some(PreCopyReport { before_bytes: bytes, pause_bytes: bytes, fallback: None });
    let report = reload(Guest::new(NAME, "2.0.0", 2)).await;
    assert_eq!((report.pre_copy, report.migrated_from, report.steps), (moved(8), Some(1), 1));
    assert_eq!(setup.state().await, (2, vec![1, 101]));
    let report = reload(Guest::new(NAME, "2.1.0", 2)).await;
    assert_eq!((report.pre_copy, report.migrated_from), (moved(16), None));
    let report = reload(Guest::new(NAME, "3.0.0", 3).bad(Bad::Trap("apply"))).await;
    assert!(fallback(&report).contains("apply trapped"), "{report:?}");
    let report = reload(Guest::new(NAME, "3.1.0", 3).bad(Bad::Trap("changes-since"))).await;
    assert_eq!(report.pre_copy, moved(24));
    let report = reload(Guest::new(NAME, "3.2.0", 3)).await;
    assert!(fallback(&report).contains("changes-since of the old version trapped"), "{report:?}");
    assert_eq!(setup.state().await, (3, vec![5, 101, 102]));
    let metrics = setup.metrics(NAME);
    assert_eq!((metrics.abandoned, metrics.lost_by_restart), (0, 0));

    // The interface of that name with other types.
    let guest = Guest::new(NAME, "4.0.0", 3).incremental();
    let mark = "midflight:module/incremental@1.0.0#mark";
    let text = guest.wat().replace(mark, "other");
    let text = text.strip_suffix(')').unwrap().to_owned()
        + &format!(r#"(func (export "{mark}") (result i32) i32.const 1))"#);
    let world = include_str!("../../wit/module.wit").replace("mark: func() -> u64", "mark: func() -> u32");
    let bytes = component(&text, &world, "hosted-incremental");
    let failure = setup.host.load(setup.manifest_of(&bytes, &guest, json!({}))).await.unwrap_err();
    assert_eq!(reported(&failure), "prepare wrong_world");
    assert!(failure.message.contains("does not fit the world"), "{failure}");
}
