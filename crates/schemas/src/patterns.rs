//! How much memory the regular expressions of a schema take, computed before the validator compiles them: it can
//! neither be interrupted nor be given a bound for all of them.

use std::collections::BTreeSet;

use midflight_core::{JsonPointer, Problem};
use midflight_engine::Work;
use midflight_regexes::{BoundedRegex, RegexLimits};

use crate::limits::SCHEMA_REGEX_BYTES_MAX;
use crate::{SchemaStop, TOO_LARGE};

/// How large one regular expression of a schema may become, in bytes.
pub(crate) const REGEX_BYTES_MAX: usize = 1 << 20;
/// How deep groups may be nested, as the validator has it.
const NESTING_MAX: u32 = 250;

/// How many bytes the expressions take when they are compiled; each counts once, as the validator has it once. The
/// budget is asked before each.
///
/// # Errors
/// `schema_too_large` past the bound, at the expression that is past it; that the budget has ended.
pub(crate) fn regex_bytes(patterns: &[(JsonPointer, Box<str>)], work: &Work) -> Result<usize, SchemaStop> {
    let limits = RegexLimits {
        case_insensitive: false,
        compiled_bytes_max: REGEX_BYTES_MAX,
        nesting_max: NESTING_MAX,
    };
    let mut known = BTreeSet::new();
    let mut total = 0;
    for (place, pattern) in patterns.iter().filter(|(_, pattern)| known.insert(pattern)) {
        work.check()?;
        let translated = jsonschema_regex::to_rust_regex(pattern).ok();
        let compiled = translated.and_then(|pattern| BoundedRegex::new(&pattern, limits).ok());
        // What cannot be compiled is refused by the validator, with the reason; otherwise it takes no more than this.
        let bytes = compiled.map_or(REGEX_BYTES_MAX, |regex| regex.bytes());
        total += bytes;
        if total > SCHEMA_REGEX_BYTES_MAX {
            let message = format!(
                "the regular expressions of the schema take more than {SCHEMA_REGEX_BYTES_MAX} bytes when compiled \
                 (schema_regex_bytes_max); lower their counted repetitions, or write [0-9a-z] and the like for \\p{{..}}"
            );
            return Err(SchemaStop::Refused(Problem::new(TOO_LARGE, place.clone(), message)));
        }
    }
    Ok(total)
}

/// How much memory the cache of one expression may take in a thread, in bytes, where a schema has so many. The caches
/// share one bound; an expression whose cache does not suffice is searched in another, slower way.
pub(crate) fn cache_bytes_max(patterns: usize) -> usize {
    (SCHEMA_REGEX_BYTES_MAX / patterns.max(1)).min(REGEX_BYTES_MAX)
}
