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
    static CACHES: RefCell<Caches> = RefCell::default();
}

/// Searches with the cache of an expression.
pub(crate) fn with<T>(regex: &BoundedRegex, search: impl FnOnce(&mut Cache) -> T) -> T {
    CACHES.with_borrow_mut(|caches| caches.with(regex, search))
}

#[derive(Default)]
struct Caches {
    kept: HashMap<u64, Kept, BuildHasherDefault<IdHasher>>,
    bytes: usize,
    /// Counts searches, to know which cache was used last.
    clock: u64,
}

struct Kept {
    cache: Cache,
    bytes: usize,
    used: u64,
}

impl Caches {
    fn with<T>(&mut self, regex: &BoundedRegex, search: impl FnOnce(&mut Cache) -> T) -> T {
        self.clock += 1;
        let kept = self.kept.entry(regex.id());
        let kept = kept.or_insert_with(|| Kept { cache: regex.create_cache(), bytes: 0, used: 0 });
        kept.used = self.clock;
        let found = search(&mut kept.cache);
        let bytes = kept.cache.memory_usage() + size_of::<Kept>();
        self.bytes = self.bytes - kept.bytes + bytes;
        kept.bytes = bytes;
        if self.bytes > CACHES_BYTES_MAX {
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
    use midflight_engine::Work;

    use super::*;
    use crate::RegexLimits;

    #[test]
    fn many_expressions_take_no_more_memory_than_the_bound() {
        let limits = RegexLimits { case_insensitive: true, compiled_bytes_max: 1 << 20, nesting_max: 64 };
        // Each text brings the lazy automaton into many states.
        let text: String = (0..400).map(|n| format!("{} ", n * 7919)).collect();
        let work = Work::unbounded();
        let mut largest = 0;
        for n in 0..200 {
            let regex = BoundedRegex::new(&format!(r"[0-9]*[13579][0-9]{{8}}x{n}"), limits).unwrap();
            assert_eq!(regex.is_match(&text, &work), Ok(false));
            CACHES.with_borrow(|caches| {
                largest = largest.max(caches.bytes);
                assert!(caches.bytes <= CACHES_BYTES_MAX, "{} bytes", caches.bytes);
                assert_eq!(caches.bytes, caches.kept.values().map(|kept| kept.bytes).sum::<usize>());
            });
        }
        assert!(largest > CACHES_BYTES_MAX / 4, "the bound was come near to: {largest}");
        let kept = CACHES.with_borrow(|caches| caches.kept.len());
        assert!(kept < 200, "{kept}");
    }
}
