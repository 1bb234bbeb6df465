//! Every bound on a rules document, in one place; past it a document is refused, and the error names the bound.

/// The deepest nesting of all, any and not in a rule.
pub const CONDITION_DEPTH_MAX: usize = 16;
/// The most conditions in one rule.
pub const CONDITIONS_PER_RULE_MAX: usize = 1_000;
/// The longest attribute path, in bytes.
pub const ATTRIBUTE_BYTES_MAX: usize = 256;
/// The longest action result, in bytes.
pub const ACTION_BYTES_MAX: usize = 256;
/// How many bytes the action results of one execution may write together, beside those of a single character. 1 MiB: as
/// long as the largest document, and far more than a pattern that is looked up.
pub const PATTERN_RESULT_BYTES_MAX: usize = 1 << 20;
/// The longest name, description or tag, in bytes.
pub const TEXT_BYTES_MAX: usize = midflight_core::TEXT_BYTES_MAX;
/// The longest regular expression, in bytes.
pub const REGEX_BYTES_MAX: usize = 1_000;
/// The most memory of one compiled regular expression, in bytes. Counted repetitions such as `(a{500}){500}` need far
/// more and are refused.
pub const REGEX_COMPILED_BYTES_MAX: usize = 1 << 20;
/// The most values in a list constant.
pub const LIST_ITEMS_MAX: usize = 10_000;
/// The most patterns of a ruleset.
pub const PATTERNS_MAX: usize = 10_000;
/// The most memory of the compiled regular expressions of one ruleset, in bytes. 256 MiB: some ten thousand in common
/// use.
pub const RULESET_REGEX_BYTES_MAX: usize = 256 << 20;
/// The longest text that is matched with a regular expression, in bytes. 64 KiB: a search takes time in proportion to
/// the text times the expression, and cannot be interrupted.
pub const REGEX_INPUT_BYTES_MAX: usize = 64 << 10;
/// How long an execution may take by default, in ms. 1,000: an execution takes some microseconds.
pub const EXECUTE_MS_MAX: u64 = 1_000;
/// How long one search of a regular expression may take in the worst case, in ms. 3,000.
pub const SEARCH_MS_MAX: u64 = 3_000;
