//! Every bound of the kind, in one place; past it a document is refused with the bound in the message.

/// The longest version, operation or word of a manifest, in bytes.
pub const WORD_BYTES_MAX: usize = 128;
/// The most modules that one may call.
pub const CALLS_MAX: usize = 64;
/// The most migrations of a manifest. 200: one hop for each version of the state.
pub const MIGRATIONS_MAX: usize = 200;
/// The most steps of one migration.
pub const STEPS_MAX: usize = 200;
/// The most names that a split or a merge has.
pub const PARTS_MAX: usize = 64;
/// The longest path into a state, in bytes.
pub const PATH_BYTES_MAX: usize = 1_024;
/// The largest JSON Schema of a state, in bytes of canonical JSON. 64 KiB.
pub const SCHEMA_BYTES_MAX: usize = 64 << 10;
/// The most memory that one regular expression of such a schema may take, in bytes. 1 MiB.
pub const REGEX_BYTES_MAX: usize = 1 << 20;
/// The most probes of a manifest.
pub const PROBES_MAX: usize = 100;
/// The longest payload of a probe, in bytes.
pub const PROBE_BYTES_MAX: usize = 64 << 10;
/// The largest config of a module, in bytes of canonical JSON. 1 MiB.
pub const CONFIG_BYTES_MAX: usize = 1 << 20;
