//! A compiled regular expression.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use midflight_engine::{Interrupted, Work};
use regex_automata::meta::{BuildError, Cache, Config, Regex};
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};

use crate::caches;

/// How an expression is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegexLimits {
    /// Whether letters of another case match.
    pub case_insensitive: bool,
    /// The most memory of the compiled expression, and of the cache of a search, in bytes each.
    pub compiled_bytes_max: usize,
    /// How deep groups may be nested.
    pub nesting_max: u32,
}

/// Why an expression cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegexError {
    /// It takes too much memory.
    #[error("it needs more than {bytes_max} bytes when compiled")]
    TooLarge {
        /// How much it may take.
        bytes_max: usize,
    },
    /// It cannot be read.
    #[error("{0}")]
    Syntax(String),
}

/// A compiled regular expression with a known size.
pub struct BoundedRegex {
    regex: Regex,
    text: Box<str>,
    /// By which its cache is found; no two have the same in one process.
    id: u64,
    bytes: usize,
}

impl BoundedRegex {
    /// Compiles an expression.
    ///
    /// # Errors
    /// [`RegexError`].
    pub fn new(text: &str, limits: RegexLimits) -> Result<Self, RegexError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let bytes_max = limits.compiled_bytes_max;
        let config = Config::new().nfa_size_limit(Some(bytes_max)).hybrid_cache_capacity(bytes_max);
        let syntax =
            syntax::Config::new().case_insensitive(limits.case_insensitive).nest_limit(limits.nesting_max);
        let built = Regex::builder().configure(config).syntax(syntax).build(text);
        let regex = built.map_err(|error| RegexError::new(&error, bytes_max))?;
        let bytes = regex.memory_usage() + text.len();
        Ok(Self { regex, text: text.into(), id: NEXT.fetch_add(1, Ordering::Relaxed), bytes })
    }

    /// The expression as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How much memory it takes, in bytes, without the caches of searches.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How long a search in a text of so many bytes takes in the worst case, in ns: when every byte meets every state
    /// of the expression. Nearly every search takes a thousandth of that.
    #[must_use]
    pub fn worst_ns(&self, text_bytes: usize) -> u64 {
        // A state takes some 20 bytes, and a step some 5 ns.
        const BYTES_PER_NS: u64 = 4;
        (text_bytes as u64).saturating_mul(self.bytes as u64) / BYTES_PER_NS
    }

    /// Whether it matches anywhere in a text.
    ///
    /// # Errors
    /// [`Interrupted`], when the budget does not allow the search.
    pub fn is_match(&self, text: &str, work: &Work) -> Result<bool, Interrupted> {
        self.search(Input::new(text), work)
    }

    /// Whether it matches from the start of a text on.
    ///
    /// # Errors
    /// As [`BoundedRegex::is_match`].
    pub fn matches_start(&self, text: &str, work: &Work) -> Result<bool, Interrupted> {
        self.search(Input::new(text).anchored(Anchored::Yes), work)
    }

    fn search(&self, input: Input<'_>, work: &Work) -> Result<bool, Interrupted> {
        work.step(self.worst_ns(input.haystack().len()))?;
        Ok(caches::with(self, |cache| self.search_with(cache, input)))
    }

    pub(crate) fn search_with(&self, cache: &mut Cache, input: Input<'_>) -> bool {
        self.regex.search_half_with(cache, &input.earliest(true)).is_some()
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn create_cache(&self) -> Cache {
        self.regex.create_cache()
    }
}

impl fmt::Debug for BoundedRegex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BoundedRegex").field(&self.text).finish()
    }
}

impl RegexError {
    fn new(error: &BuildError, bytes_max: usize) -> Self {
        match (error.size_limit(), error.syntax_error()) {
            (Some(_), _) => Self::TooLarge { bytes_max },
            (None, Some(syntax)) => Self::Syntax(syntax.to_string()),
            (None, None) => Self::Syntax(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn regex(text: &str) -> BoundedRegex {
        let limits = RegexLimits { case_insensitive: false, compiled_bytes_max: 1 << 20, nesting_max: 64 };
        BoundedRegex::new(text, limits).unwrap()
    }

    #[test]
    fn a_search_finds_a_match_anywhere_or_at_the_start() {
        let (regex, work) = (regex("b+|xa"), Work::unbounded());
        for (text, anywhere, start) in
            [("abb", true, false), ("bba", true, true), ("ac", false, false), ("", false, false)]
        {
            assert_eq!(regex.is_match(text, &work), Ok(anywhere), "{text}");
            assert_eq!(regex.matches_start(text, &work), Ok(start), "{text}");
        }
        assert_eq!(self::regex("").matches_start("", &work), Ok(true));
    }

    #[test]
    fn what_is_too_large_or_cannot_be_read_is_refused() {
        let limits = RegexLimits { case_insensitive: true, compiled_bytes_max: 1 << 16, nesting_max: 8 };
        let refused = |text: &str| BoundedRegex::new(text, limits).map(drop).unwrap_err();
        assert_eq!(refused(r"\w{100}"), RegexError::TooLarge { bytes_max: 1 << 16 });
        assert!(refused("a(b").to_string().contains("unclosed group"));
        assert!(refused("((((((((((a))))))))))").to_string().contains("nest"));
    }

    #[test]
    fn a_budget_that_is_spent_or_too_small_for_a_search_interrupts_it() {
        let regex = regex(r"\w+\b");
        let spent = Work::unbounded();
        spent.cancel();
        assert_eq!(regex.is_match("a", &spent), Err(Interrupted::Cancelled));
        let brief = Work::unbounded().with_steps_of(Duration::from_micros(100));
        assert_eq!(regex.is_match("a", &brief), Ok(true));
        assert_eq!(regex.is_match(&"a".repeat(100_000), &brief), Err(Interrupted::LongStep));
    }
}
