//! Every bound on a config. A refusal names its bound. Those of a schema are in `midflight_schemas::limits`.

/// The most bytes that the places of all values of a config take as JSON Pointers. 64 MiB: each value is known by its
/// place, so a long key above many values takes as much as all of them.
pub const CONFIG_PATHS_BYTES_MAX: usize = 64 << 20;
/// The most different secrets that references, variables and flags may give to one config. 1,000: each is looked for in
/// every message.
pub const CONFIG_SECRETS_MAX: usize = 1_000;

/// The most memory of the compiled regular expressions of all schemas, in bytes. 256 MiB: as much as those of a
/// ruleset.
pub const CONFIG_REGEX_BYTES_MAX: usize = 256 << 20;
/// How many secrets that are written out are listed for one config. 100: more than a person reads.
pub const LITERAL_SECRETS_MAX: usize = 100;
