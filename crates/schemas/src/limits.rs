//! Every bound on a schema and on what is validated with it. A refusal names its bound.

/// The most subschemas of one schema, those of the meta-schemas that it refers to included. 10,000: the largest
/// published schemas have about 3,000.
pub const SUBSCHEMAS_MAX: usize = 10_000;
/// The most regular expressions of one schema. 500: the largest published schemas have about 300.
pub const SCHEMA_REGEXES_MAX: usize = 500;
/// The most memory of the compiled regular expressions of one schema, in bytes. 16 MiB: some hundreds in common use.
/// The caches of searches with them take as much again in each thread at most.
pub const SCHEMA_REGEX_BYTES_MAX: usize = 16 << 20;
/// The most bytes that the places of all keywords of a schema take as JSON Pointers. 16 MiB: the validator keeps them.
pub const SCHEMA_PATHS_BYTES_MAX: usize = 16 << 20;
/// How deep `$ref`, `allOf`, `anyOf`, `oneOf`, `not` and `if` may be nested within each other at one place. 256: the
/// validator recurses, and a place needs some ten.
pub const SCHEMA_DEPTH_MAX: usize = 256;
/// The most evaluations of subschemas at one place of a value. 10,000: a place needs some tens.
pub const PLACE_EVALUATIONS_MAX: u64 = 10_000;
/// The most evaluations of subschemas for one value. 1,000,000: it takes some tenths of a second; the largest config
/// that may be written needs some 100,000.
pub const SCHEMA_EVALUATIONS_MAX: u64 = 1_000_000;
/// The most evaluations for finding every error of a value. 400,000: each may be an error of some 500 bytes.
pub const ERROR_EVALUATIONS_MAX: u64 = 400_000;
/// The longest text that is matched with a regular expression of a schema, in bytes. 64 KiB: a search takes time in
/// proportion to the text times the expression, and cannot be interrupted.
pub const REGEX_INPUT_BYTES_MAX: usize = 64 << 10;
