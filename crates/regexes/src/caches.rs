//! The caches of searches that a thread keeps.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use regex_automata::meta::Cache;

use crate::BoundedRegex;

/// The most memory of the caches that one thread keeps for all expressions, in bytes. 16 MiB: those of some hundred
/// expressions in common use.
pub const CACHES_BYTES_MAX: usize = 16 << 20;

thread_local! {
    static CACHES: RefCell<Caches> = RefCell::new(Caches::new(CACHES_BYTES_MAX));
}

/// Searches with the cache of an expression.
pub(crate) fn with<T>(regex: &BoundedRegex, search: impl FnOnce(&mut Cache) -> T) -> T {
    CACHES.with_borrow_mut(|caches| caches.with(regex, search))
}

struct Caches {
    kept: HashMap<u64, Kept, BuildHasherDefault<IdHasher>>,
    bytes: usize,
    bytes_max: usize,
    /// Counts searches, to know which cache was used last.
    clock: u64,
}

struct Kept {
    cache: Cache,
    bytes: usize,
    used: u64,
}

impl Caches {
    fn new(bytes_max: usize) -> Self {
        Self { kept: HashMap::default(), bytes: 0, bytes_max, clock: 0 }
    }

    fn with<T>(&mut self, regex: &BoundedRegex, search: impl FnOnce(&mut Cache) -> T) -> T {
        self.clock += 1;
        let kept = self.kept.entry(regex.id());
        let kept = kept.or_insert_with(|| Kept { cache: regex.create_cache(), bytes: 0, used: 0 });
        kept.used = self.clock;
        let found = search(&mut kept.cache);
        let bytes = kept.cache.memory_usage() + size_of::<Kept>();
        self.bytes = self.bytes - kept.bytes + bytes;
        kept.bytes = bytes;
        if self.bytes > self.bytes_max {
            self.forget();
        }
        found
    }

    /// Drops the half of the caches that was used longest ago.
    #[cold]
    fn forget(&mut self) {
        let mut used: Vec<u64> = self.kept.values().map(|kept| kept.used).collect();
        let half = used.len() / 2;
        let (_, middle, _) = used.select_nth_unstable(half);
        let middle = *middle;
        self.kept.retain(|_, kept| kept.used > middle);
        self.bytes = self.kept.values().map(|kept| kept.bytes).sum();
    }
}

/// Takes an id for its own hash: ids are counted up, so they spread by themselves.
#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, id: u64) {
        // The table takes its bucket of the low bits and a tag of the high ones.
        self.0 = id.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ id;
    }
}

#[cfg(test)]
mod tests {
    use regex_automata::Input;

    use super::*;
    use crate::RegexLimits;

    /// Expressions of which each is in many states while it reads the text.
    fn expressions(count: usize) -> (Vec<BoundedRegex>, String) {
        let limits = RegexLimits { case_insensitive: true, compiled_bytes_max: 1 << 20, nesting_max: 64 };
        let regexes = (0..count).map(|_| BoundedRegex::new("[13579][0-9]{9}[^0-9]", limits).unwrap());
        (regexes.collect(), (0..120).map(|n| (n * 7919).to_string()).collect())
    }

    #[test]
    fn many_expressions_take_no_more_memory_than_the_bound() {
        const BYTES_MAX: usize = 256 << 10;
        let (regexes, text) = expressions(30);
        let mut caches = Caches::new(BYTES_MAX);
        let mut largest = 0;
        for regex in &regexes {
            caches.with(regex, |cache| assert!(!regex.search_with(cache, Input::new(&text))));
            assert!(caches.bytes <= BYTES_MAX, "{} bytes", caches.bytes);
            assert_eq!(caches.bytes, caches.kept.values().map(|kept| kept.bytes).sum::<usize>());
            largest = largest.max(caches.bytes);
        }
        assert!(largest > BYTES_MAX / 2, "they take more than the bound together: {largest}");
        assert!(caches.kept.len() < regexes.len(), "so some were dropped");
    }

    #[test]
    fn the_cache_that_was_used_last_is_kept() {
        let (regexes, text) = expressions(8);
        let mut caches = Caches::new(usize::MAX);
        for regex in &regexes {
            caches.with(regex, |cache| regex.search_with(cache, Input::new(&text)));
        }
        caches.forget();
        assert_eq!(caches.kept.len(), 3);
        assert!(regexes[5..].iter().all(|regex| caches.kept.contains_key(&regex.id())));
    }
}
