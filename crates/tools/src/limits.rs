//! Every bound of the kind, in one place; past it a document or a request is refused with the bound in the message.

/// The longest formula, in bytes. 1,000: those in use have fewer than 100.
pub const FORMULA_BYTES_MAX: usize = 1_000;
/// The deepest nesting of a formula: parentheses, arguments, signs, powers and `not`. 20, as other catalogues
/// have it.
pub const FORMULA_DEPTH_MAX: usize = 20;
/// The largest magnitude of an exponent. 100: larger ones only make numbers that no estimate is.
pub const EXPONENT_MAX: u32 = 100;
/// The most values that a formula holds at once while it is evaluated. 96: more than the deepest nesting needs.
pub(crate) const FORMULA_STACK_MAX: usize = 96;
/// The most variables of a formula.
pub const FORMULA_VARIABLES_MAX: usize = 64;

/// The most capabilities of a tool. 200: tools in use have up to 20.
pub const CAPABILITIES_MAX: usize = 200;
/// The most patterns of a capability. 200: more are not read by people.
pub const PATTERNS_PER_CAPABILITY_MAX: usize = 200;
/// The most inputs of a pattern, required and optional ones each.
pub const INPUTS_MAX: usize = 100;
/// The most texts in one list: use cases, limitations, environments, permissions.
pub const LIST_TEXTS_MAX: usize = 200;
/// The most dependencies of a tool.
pub const DEPENDENCIES_MAX: usize = 100;
/// The longest name of a tool, capability, pattern, input, platform or category, in bytes.
pub const NAME_BYTES_MAX: usize = 128;
/// The longest description that a model is shown, in bytes. 4,096: a longer one costs each session a thousand tokens.
pub const DESCRIPTION_BYTES_MAX: usize = 4_096;
/// The longest version, in bytes.
pub const VERSION_BYTES_MAX: usize = 64;
/// The longest URL, in bytes.
pub const URL_BYTES_MAX: usize = 2_048;
/// The most headers of a forwarded call.
pub const HEADERS_MAX: usize = 50;
/// The largest JSON Schema of a tool, in bytes of canonical JSON. 64 KiB.
pub const SCHEMA_BYTES_MAX: usize = 64 << 10;
/// The longest name that an agent sees, in bytes, as the Model Context Protocol's clients take it.
pub const MCP_NAME_BYTES_MAX: usize = 64;
/// The most patterns with a correction in one document.
pub const CORRECTIONS_MAX: usize = CAPABILITIES_MAX * PATTERNS_PER_CAPABILITY_MAX;
/// The smallest and the largest factor of a correction. An estimate that is wrong by more is to be written again.
pub const CORRECTION_FACTORS: std::ops::RangeInclusive<f64> = 0.01..=100.0;

/// The longest query of a search or a selection, in bytes.
pub const QUERY_BYTES_MAX: usize = 8 << 10;
/// The most different words of a query that are searched for; the rest is ignored.
pub const QUERY_TERMS_MAX: usize = 64;
/// The most tools among which a selection by query alone chooses: the best that the search finds.
pub const SEARCHED_TOOLS_MAX: usize = 20;
/// The most candidates that one selection compares. 10,000: some 4 ms.
pub const CANDIDATES_MAX: usize = 10_000;
/// The most items in each list of an answer by default.
pub const ANSWER_ITEMS_DEFAULT: usize = 20;
/// The most items in each list of an answer that a request may ask for.
pub const ANSWER_ITEMS_MAX: usize = 1_000;
/// The most variables, capabilities and permissions of a request, each.
pub const REQUEST_ITEMS_MAX: usize = 200;

/// The most tools that one import reads. 10,000.
pub const IMPORT_TOOLS_MAX: usize = 10_000;
/// The most notices of one import; the rest are not listed. 1,000: a person reads them.
pub const IMPORT_NOTICES_MAX: usize = 1_000;
/// How deep the schemas of an OpenAPI document may be nested, with what their references name. 64: those in use have
/// fewer than 20.
pub const OPENAPI_SCHEMA_LEVELS_MAX: usize = 64;
/// What the schemas of an OpenAPI document may have together, in bytes, each reference counted as what it names. 32
/// MiB.
pub const OPENAPI_SCHEMA_BYTES_MAX: usize = 32 << 20;

/// The fewest observations before a correction is fitted. 20: with fewer, one slow run would move it.
pub const OBSERVATIONS_MIN: u64 = 20;
