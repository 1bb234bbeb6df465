//! Guests in WAT, built in the process: a counter with a state of versions, and every way to be bad.

use std::fmt::Write as _;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Where the state begins: `schema` words of eight bytes, of which the first counts and word `i` is `100 + i`.
const STATE: u32 = 4096;

/// The worlds of modules.
const WIT: &str = include_str!("../../module-host/wit/module.wit");

/// How a guest is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bad {
    /// Not at all.
    No,
    /// Traps in an export.
    Trap(&'static str),
    /// Answers a failure in `init`, `load` or `check`.
    Fail(&'static str),
    /// Runs on without end in an export.
    Spin(&'static str),
    /// Allocates without end in an export.
    Allocate(&'static str),
    /// Gives a name that is not UTF-8.
    Utf8,
    /// Says that its state has so many bytes, beyond its memory.
    HugeSave,
    /// Changes its state when it saves.
    UnstableSave,
    /// Saves in another schema than its own.
    WrongSchema,
    /// Traps when it saves a count of 2 or more.
    TrapInLaterSave,
    /// Calls `emit` in `init`.
    EmitInInit,
}

impl Bad {
    /// Ways of being bad that a reload must notice, before the pause or in it.
    pub const NOTICED: [Self; 8] = [
        Self::Trap("load"),
        Self::Fail("check"),
        Self::Trap("describe"),
        Self::UnstableSave,
        Self::Fail("init"),
        Self::HugeSave,
        Self::WrongSchema,
        Self::Trap("save"),
    ];
}

/// A counter.
#[derive(Debug, Clone)]
pub struct Guest {
    /// The name that it describes itself with.
    pub name: String,
    /// The version that it describes itself with.
    pub version: String,
    /// The schema of its state.
    pub schema: u32,
    /// The schemas that its `load` accepts.
    pub accepts: Vec<u32>,
    /// How it is bad.
    pub bad: Bad,
    /// How many bytes its state has beside its words.
    pub pad: u32,
    /// The imports it has, by interface.
    pub imports: Vec<&'static str>,
    /// What it adds for each message.
    pub step: u64,
    /// Whether it gives and takes changes: they are the words of its state, without the pad.
    pub is_incremental: bool,
}

impl Guest {
    /// A good one, which accepts every schema up to its own.
    #[must_use]
    pub fn new(name: &str, version: &str, schema: u32) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            schema,
            accepts: (1..=schema).collect(),
            bad: Bad::No,
            pad: 0,
            imports: Vec::new(),
            step: 1,
            is_incremental: false,
        }
    }

    /// The same, bad in this way.
    #[must_use]
    pub fn bad(mut self, bad: Bad) -> Self {
        self.bad = bad;
        if bad == Bad::EmitInInit {
            self.imports.push("emit");
        }
        self
    }

    /// The same, with these schemas accepted by `load`.
    #[must_use]
    pub fn accepts(mut self, accepts: &[u32]) -> Self {
        self.accepts = accepts.to_vec();
        self
    }

    /// The same, with so many bytes more of state.
    #[must_use]
    pub fn pad(mut self, bytes: u32) -> Self {
        self.pad = bytes;
        self
    }

    /// The same, adding so much for each message.
    #[must_use]
    pub fn step(mut self, step: u64) -> Self {
        self.step = step;
        self
    }

    /// The same, giving and taking changes.
    #[must_use]
    pub fn incremental(mut self) -> Self {
        self.is_incremental = true;
        self
    }

    /// The same, with these imports.
    #[must_use]
    pub fn imports(mut self, imports: &[&'static str]) -> Self {
        self.imports.extend_from_slice(imports);
        self
    }

    /// The component.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        component(&self.wat(), WIT, if self.is_incremental { "hosted-incremental" } else { "hosted" })
    }

    /// The core module alone.
    #[must_use]
    pub fn core(&self) -> Vec<u8> {
        wat::parse_str(self.wat()).unwrap()
    }

    fn badness(&self, export: &str) -> &'static str {
        match self.bad {
            Bad::Trap(bad) if bad == export => "unreachable",
            Bad::Spin(bad) if bad == export => "(loop $on (br $on))",
            Bad::Allocate(bad) if bad == export => {
                "(loop $on (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable)) (br $on))"
            }
            Bad::Fail(bad) if bad == export => {
                "(i32.store (i32.const 256) (i32.const 1))
                 (i32.store (i32.const 260) (i32.const 1024)) (i32.store (i32.const 264) (i32.const 7))
                 (i32.store (i32.const 268) (i32.const 1024)) (i32.store (i32.const 272) (i32.const 7))
                 (return (i32.const 256))"
            }
            Bad::TrapInLaterSave if export == "save" => {
                "(if (i64.ge_u (i64.load (i32.const 4096)) (i64.const 2)) (then unreachable))"
            }
            _ => "",
        }
    }

    /// The core module as text.
    #[must_use]
    pub fn wat(&self) -> String {
        let Self { name, version, schema, step, .. } = self;
        let mut imports = String::new();
        for interface in &self.imports {
            let (function, types) = match *interface {
                "log" => ("write", "(param i32 i32 i32)"),
                "now" => ("now", "(result i64)"),
                "random" => ("fill", "(param i32 i32)"),
                "emit" => ("emit", "(param i32 i32 i32 i32 i32)"),
                "config" => ("get", "(param i32)"),
                "call" => ("call", "(param i32 i32 i32 i32 i32 i32 i32)"),
                other => panic!("no import {other}"),
            };
            writeln!(
                imports,
                r#"(import "midflight:module/{interface}@1.0.0" "{function}" (func ${interface} {types}))"#
            )
            .unwrap();
        }
        let state_bytes = 8 * schema + self.pad;
        let heap = (STATE + state_bytes).div_ceil(65536) * 65536;
        let pages = heap / 65536 + 1;
        let mut fill = String::new();
        for word in 1..*schema {
            writeln!(fill, "(i64.store (i32.const {}) (i64.const {}))", STATE + 8 * word, 100 + word)
                .unwrap();
        }
        let mut check = String::new();
        for word in 1..*schema {
            let at = STATE + 8 * word;
            let value = 100 + word;
            writeln!(
                check,
                "(if (i64.ne (i64.load (i32.const {at})) (i64.const {value})) (then {}))",
                Self { bad: Bad::Fail("check"), ..self.clone() }.badness("check")
            )
            .unwrap();
        }
        let accepts: String = self
            .accepts
            .iter()
            .flat_map(|schema| schema.to_le_bytes())
            .map(|byte| format!("\\{byte:02x}"))
            .collect();
        let described = if self.bad == Bad::Utf8 { "\\ff\\fe".to_owned() } else { name.clone() };
        let described_bytes = if self.bad == Bad::Utf8 { 2 } else { name.len() };
        let (save_bytes, save_change, save_schema) = match self.bad {
            Bad::HugeSave => (i64::from(i32::MAX), "", *schema),
            Bad::UnstableSave => (
                i64::from(state_bytes),
                "(i64.store (i32.const 4096) (i64.add (i64.load (i32.const 4096)) (i64.const 1)))",
                *schema,
            ),
            Bad::WrongSchema => (i64::from(state_bytes), "", schema + 7),
            _ => (i64::from(state_bytes), "", *schema),
        };
        let with = |interface: &str, code: &str| {
            if self.imports.contains(&interface) { code.to_owned() } else { String::new() }
        };
        let on_config = with(
            "config",
            "(if (i32.eq (local.get $op) (i32.const 99)) (then
               (call $config (i32.const 512))
               (i32.store (i32.const 256) (i32.const 0))
               (i32.store (i32.const 260) (i32.load (i32.const 512)))
               (i32.store (i32.const 264) (i32.load (i32.const 516)))
               (return (i32.const 256))))",
        );
        let on_emit = with(
            "emit",
            "(if (i32.eq (local.get $op) (i32.const 109)) (then
               (call $emit (i32.const 1024) (i32.const 7) (local.get 3) (local.get 4) (i32.const 512))))",
        );
        // `x`: calls the module named `other` with the operation `add`, and gives what it gives.
        let on_call = with(
            "call",
            "(if (i32.eq (local.get $op) (i32.const 120)) (then
               (call $call (i32.const 1040) (i32.const 5) (i32.const 1048) (i32.const 3) (i32.const 0) (i32.const 0)
                 (i32.const 256))
               (return (i32.const 256))))",
        );
        let on_log = with("log", "(call $log (i32.const 1) (i32.const 1024) (i32.const 7))");
        let on_now = with("now", "(drop (call $now))");
        let on_random = with("random", "(call $random (i32.const 8) (i32.const 512))");
        let emit_in_init = if self.bad == Bad::EmitInInit {
            "(call $emit (i32.const 1024) (i32.const 7) (i32.const 1024) (i32.const 7) (i32.const 512))"
        } else {
            ""
        };
        let guest = "midflight:module/guest@1.0.0";
        let incremental = if self.is_incremental { self.incremental_wat() } else { String::new() };
        format!(
            r#"(module
  {imports}
  (memory (export "memory") {pages})
  (global $bump (mut i32) (i32.const {heap}))
  (data (i32.const 1024) "failure")
  (data (i32.const 1040) "other")
  (data (i32.const 1048) "add")
  (data (i32.const 1100) "{described}")
  (data (i32.const 1300) "{version}")
  (data (i32.const 1500) "{accepts}")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $bump) (i32.const 7)) (i32.const -8)))
    (global.set $bump (i32.add (local.get $at) (local.get 3)))
    (block $enough (loop $more
      (br_if $enough (i32.le_u (global.get $bump) (i32.mul (memory.size) (i32.const 65536))))
      (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
      (br $more)))
    (local.get $at))
  (func $free (global.set $bump (i32.const {heap})))
  (func (export "{guest}#describe") (result i32)
    {describe_bad}
    (i32.store (i32.const 256) (i32.const 1100)) (i32.store (i32.const 260) (i32.const {described_bytes}))
    (i32.store (i32.const 264) (i32.const 1300)) (i32.store (i32.const 268) (i32.const {version_bytes}))
    (i32.store (i32.const 272) (i32.const {schema}))
    (i32.store (i32.const 276) (i32.const 1500)) (i32.store (i32.const 280) (i32.const {accepts_count}))
    (i32.const 256))
  (func (export "{guest}#init") (param i32 i32) (result i32)
    {init_bad}
    {emit_in_init}
    {fill}
    (i32.store (i32.const 256) (i32.const 0))
    (i32.const 256))
  (func (export "cabi_post_{guest}#init") (param i32) (call $free))
  (func (export "{guest}#handle") (param i64 i32 i32 i32 i32 i32) (result i32) (local $op i32)
    (local.set $op (i32.load8_u (local.get 1)))
    {handle_bad}
    {on_log} {on_now} {on_random}
    {on_config} {on_emit} {on_call}
    ;; t: trap
    (if (i32.eq (local.get $op) (i32.const 116)) (then unreachable))
    ;; s: spin
    (if (i32.eq (local.get $op) (i32.const 115)) (then (loop $on (br $on))))
    ;; o: trap at the first attempt only
    (if (i32.and (i32.eq (local.get $op) (i32.const 111)) (i32.eq (local.get 5) (i32.const 1))) (then unreachable))
    ;; f: failure
    (if (i32.eq (local.get $op) (i32.const 102)) (then {failure}))
    ;; e: echo
    (if (i32.eq (local.get $op) (i32.const 101)) (then
      (i32.store (i32.const 256) (i32.const 0))
      (i32.store (i32.const 260) (local.get 3)) (i32.store (i32.const 264) (local.get 4))
      (return (i32.const 256))))
    ;; all but g: count
    (if (i32.ne (local.get $op) (i32.const 103)) (then
      (i64.store (i32.const 4096) (i64.add (i64.load (i32.const 4096)) (i64.const {step})))))
    (i32.store (i32.const 256) (i32.const 0))
    (i32.store (i32.const 260) (i32.const 4096)) (i32.store (i32.const 264) (i32.const 8))
    (i32.const 256))
  (func (export "cabi_post_{guest}#handle") (param i32) (call $free))
  (func (export "{guest}#save") (result i32)
    {save_bad}
    {save_change}
    (i32.store (i32.const 256) (i32.const {save_schema}))
    (i32.store (i32.const 260) (i32.const 4096)) (i32.store (i32.const 264) (i32.const {save_bytes}))
    (i32.const 256))
  (func (export "{guest}#load") (param $from i32) (param $at i32) (param $bytes i32) (result i32)
    {load_bad}
    (if (i32.lt_u (local.get $bytes) (i32.mul (local.get $from) (i32.const 8))) (then {failure}))
    {fill}
    ;; The words that both have; then what stands behind them.
    (memory.copy (i32.const 4096) (local.get $at)
      (i32.mul (i32.const 8) (select (local.get $from) (i32.const {schema}) (i32.lt_u (local.get $from) (i32.const {schema})))))
    (i32.store (i32.const 256) (i32.const 0))
    (i32.store (i32.const 260) (select
      (i32.sub (i32.const {schema}) (local.get $from)) (i32.sub (local.get $from) (i32.const {schema}))
      (i32.lt_u (local.get $from) (i32.const {schema}))))
    (i32.const 256))
  (func (export "cabi_post_{guest}#load") (param i32) (call $free))
  (func (export "{guest}#check") (result i32)
    {check_bad}
    {check}
    (i32.store (i32.const 256) (i32.const 0))
    (i32.const 256))
  {incremental}
)"#,
            version_bytes = version.len(),
            accepts_count = self.accepts.len(),
            describe_bad = self.badness("describe"),
            init_bad = self.badness("init"),
            handle_bad = self.badness("handle"),
            save_bad = self.badness("save"),
            load_bad = self.badness("load"),
            check_bad = self.badness("check"),
            failure = Self { bad: Bad::Fail("x"), ..self.clone() }.badness("x"),
        )
    }
}

impl Guest {
    /// The exports with which it gives and takes changes. What it gives with another mark than its last is none.
    fn incremental_wat(&self) -> String {
        let interface = "midflight:module/incremental@1.0.0";
        let (schema, words) = (self.schema, 8 * self.schema);
        let [mark_bad, changes_bad, apply_bad] =
            ["mark", "changes-since", "apply"].map(|export| self.badness(export));
        format!(
            r#"(global $mark (mut i64) (i64.const 0))
  (func (export "{interface}#mark") (result i64)
    {mark_bad}
    (global.set $mark (i64.add (global.get $mark) (i64.const 1)))
    (global.get $mark))
  (func (export "{interface}#changes-since") (param $mark i64) (result i32)
    {changes_bad}
    (i32.store (i32.const 256) (i64.eq (local.get $mark) (global.get $mark)))
    (i32.store (i32.const 260) (i32.const {schema}))
    (i32.store (i32.const 264) (i32.const 4096)) (i32.store (i32.const 268) (i32.const {words}))
    (i32.const 256))
  (func (export "{interface}#apply") (param $from i32) (param $at i32) (param $bytes i32) (result i32)
    {apply_bad}
    ;; The first word alone changes.
    (i64.store (i32.const 4096) (i64.load (local.get $at)))
    (i32.store (i32.const 256) (i32.const 0))
    (i32.store (i32.const 260) (i32.const 0))
    (i32.const 256))
  (func (export "cabi_post_{interface}#apply") (param i32) (call $free))"#
        )
    }
}

/// A component of a core module in WAT for a world of some WIT.
#[must_use]
pub fn component(wat: &str, wit: &str, world: &str) -> Vec<u8> {
    let mut core = wat::parse_str(wat).unwrap_or_else(|error| panic!("{error}"));
    let mut resolve = Resolve::default();
    let package = resolve.push_str("test.wit", wit).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&core).unwrap().validate(true).encode().unwrap()
}
