//! Every bound on a document of patterns and on a query, in one place; past it the input is refused, and the error
//! names the bound.

/// The longest query, in bytes.
pub const QUERY_BYTES_MAX: usize = 8 << 10;
/// The longest text of a pattern, in characters.
pub const PATTERN_CHARS_MAX: usize = 1_000;
/// The most texts of one pattern.
pub const TEXTS_MAX: usize = 1_000;
/// The longest name of a category, in bytes.
pub const CATEGORY_BYTES_MAX: usize = 64;
/// The most memory of one compiled regular expression, in bytes. Counted repetitions such as `(a{500}){500}` need far
/// more and are refused.
pub const REGEX_COMPILED_BYTES_MAX: usize = 1 << 20;
/// The most regular expressions of one profile.
pub const REGEXES_MAX: usize = 5_000;
/// The most memory of the compiled regular expressions of one profile, in bytes. 256 MiB: some ten thousand in common
/// use.
pub const PROFILE_REGEX_BYTES_MAX: usize = 256 << 20;
/// How long a classification may take by default, in ms. 1,000: it takes some microseconds.
pub const CLASSIFY_MS_MAX: u64 = 1_000;
/// How long one search of a regular expression may take in the worst case, in ms. 3,000: the largest expression and the
/// longest query take less.
pub const SEARCH_MS_MAX: u64 = 3_000;
/// The most words of a list: of stop words, of what is never learned.
pub const WORDS_MAX: usize = 1_000;
/// The most categories that an LLM may choose from.
pub const CATEGORIES_MAX: usize = 200;
/// The most learned patterns that a policy may allow for a profile. Each is an exact key; what bounds it is that the
/// learner looks at all of them when one must go.
pub const LEARNED_MAX: u32 = 10_000;
/// The most lessons or calls a minute that a policy may allow.
pub const PER_MINUTE_MAX: u32 = 1_000_000;
/// The lowest and the highest order of a pattern.
pub const ORDERS: std::ops::RangeInclusive<i64> = -1_000_000..=1_000_000;
