//! The caches of searches that the process keeps.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use regex_automata::meta::Cache;

use crate::BoundedRegex;

/// The most memory of the caches that the process keeps for all expressions and all threads, in bytes. 64 MiB: those of
/// some four hundred expressions in common use. A search that runs has one more, which belongs to it alone.
pub const CACHES_BYTES_MAX: usize = 64 << 20;

/// Into how many parts the caches are divided, so that threads seldom wait for each other.
const PARTS: usize = 16;

static POOL: LazyLock<CachePool> = LazyLock::new(|| CachePool::new(CACHES_BYTES_MAX));

/// Searches with a cache of an expression.
pub(crate) fn with<T>(regex: &BoundedRegex, search: impl FnOnce(&mut Cache) -> T) -> T {
    POOL.with(regex, search)
}

/// The caches of all threads, by the expression. A search takes one out and puts it back, so no thread keeps any.
struct CachePool {
    parts: [Mutex<CacheStripe>; PARTS],
}

impl CachePool {
    fn new(bytes_max: usize) -> Self {
        Self { parts: std::array::from_fn(|_| Mutex::new(CacheStripe::new(bytes_max / PARTS))) }
    }

    fn with<T>(&self, regex: &BoundedRegex, search: impl FnOnce(&mut Cache) -> T) -> T {
        let (part, id) = self.place(regex);
        let taken = lock(part).take(id);
        let mut cache = taken.unwrap_or_else(|| regex.create_cache());
        let found = search(&mut cache);
        let bytes = cache.memory_usage() + size_of::<PooledCache>();
        let forgotten = lock(part).put(id, cache, bytes);
        // Dropped in the background.
        drop(forgotten);
        found
    }

    /// The part in which the caches of an expression are, and by which number. Ids are counted up, so they spread by
    /// themselves.
    fn place(&self, regex: &BoundedRegex) -> (&Mutex<CacheStripe>, u64) {
        let parts = PARTS as u64;
        #[expect(clippy::cast_possible_truncation, reason = "the remainder is less than the number of parts")]
        let part = (regex.id() % parts) as usize;
        (&self.parts[part], regex.id() / parts)
    }
}

fn lock(part: &Mutex<CacheStripe>) -> MutexGuard<'_, CacheStripe> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

struct CacheStripe {
    /// Those of an expression, the one that was used last at the end; as many as there were searches at the same time.
    kept: HashMap<u64, Vec<PooledCache>, BuildHasherDefault<IdHasher>>,
    bytes: usize,
    bytes_max: usize,
    /// Counts searches, to know which cache was used last.
    clock: u64,
}

struct PooledCache {
    cache: Cache,
    bytes: usize,
    used: u64,
}

impl CacheStripe {
    fn new(bytes_max: usize) -> Self {
        Self { kept: HashMap::default(), bytes: 0, bytes_max, clock: 0 }
    }

    /// Takes out a cache of an expression.
    fn take(&mut self, id: u64) -> Option<Cache> {
        let kept = self.kept.get_mut(&id)?.pop()?;
        self.bytes -= kept.bytes;
        Some(kept.cache)
    }

    /// Puts in a cache of an expression; what is forgotten for it is to be dropped.
    fn put(&mut self, id: u64, cache: Cache, bytes: usize) -> Vec<PooledCache> {
        self.clock += 1;
        self.bytes += bytes;
        self.kept.entry(id).or_default().push(PooledCache { cache, bytes, used: self.clock });
        if self.bytes > self.bytes_max { self.forget() } else { Vec::new() }
    }

    /// Takes out the half of the caches that was used longest ago; all, where there is one.
    #[cold]
    fn forget(&mut self) -> Vec<PooledCache> {
        let mut used: Vec<u64> = self.kept.values().flatten().map(|kept| kept.used).collect();
        let half = used.len() / 2;
        let (_, middle, _) = used.select_nth_unstable(half);
        let middle = *middle;
        let mut forgotten = Vec::new();
        self.kept.retain(|_, kept| {
            // They are in the order of their use.
            let old = kept.partition_point(|kept| kept.used <= middle);
            forgotten.extend(kept.drain(..old));
            !kept.is_empty()
        });
        self.bytes = self.kept.values().flatten().map(|kept| kept.bytes).sum();
        forgotten
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
    use std::sync::Barrier;

    use regex_automata::Input;

    use super::*;
    use crate::RegexLimits;

    impl CachePool {
        fn bytes(&self) -> usize {
            self.parts.iter().map(|part| part.lock().unwrap().bytes).sum()
        }
    }

    impl CacheStripe {
        fn len(&self) -> usize {
            self.kept.values().map(Vec::len).sum()
        }

        fn search(&mut self, regex: &BoundedRegex, text: &str) {
            let mut cache = self.take(regex.id()).unwrap_or_else(|| regex.create_cache());
            assert!(!regex.search_with(&mut cache, Input::new(text)));
            let bytes = cache.memory_usage() + size_of::<PooledCache>();
            self.put(regex.id(), cache, bytes);
        }
    }

    /// Expressions whose caches grow with what they search.
    fn expressions(count: usize) -> (Vec<BoundedRegex>, String) {
        let limits = RegexLimits { case_insensitive: true, compiled_bytes_max: 1 << 20, nesting_max: 64 };
        let regexes = (0..count).map(|_| BoundedRegex::new("[13579][0-9]{9}[^0-9]", limits).unwrap());
        (regexes.collect(), (0..120).map(|n| (n * 7919).to_string()).collect())
    }

    #[test]
    fn many_expressions_take_no_more_memory_than_the_bound() {
        const BYTES_MAX: usize = 256 << 10;
        let (regexes, text) = expressions(30);
        let mut part = CacheStripe::new(BYTES_MAX);
        let mut largest = 0;
        for regex in &regexes {
            part.search(regex, &text);
            assert!(part.bytes <= BYTES_MAX, "{} bytes", part.bytes);
            assert_eq!(part.bytes, part.kept.values().flatten().map(|kept| kept.bytes).sum::<usize>());
            largest = largest.max(part.bytes);
        }
        assert!(largest > BYTES_MAX / 2, "they take more than the bound together: {largest}");
        assert!(part.len() < regexes.len(), "so some were dropped");
    }

    #[test]
    fn the_cache_that_was_used_last_is_kept() {
        let (regexes, text) = expressions(8);
        let mut part = CacheStripe::new(usize::MAX);
        regexes.iter().for_each(|regex| part.search(regex, &text));
        assert_eq!(part.forget().len(), 5);
        assert_eq!(part.len(), 3);
        assert!(regexes[5..].iter().all(|regex| part.kept.contains_key(&regex.id())));
        part.search(&regexes[7], &text);
        assert_eq!(part.len(), 3, "it is used again");
    }

    #[test]
    fn many_threads_take_no_more_memory_than_the_bound_and_keep_nothing() {
        const THREADS: usize = 24;
        let (regexes, text) = expressions(PARTS);
        let mut alone = CacheStripe::new(usize::MAX);
        alone.search(&regexes[0], &text);
        // A third of what they would take if each thread kept its own.
        let bytes_max = alone.bytes * PARTS * THREADS / 3;
        let pool = CachePool::new(bytes_max);
        let together = Barrier::new(THREADS);
        let search = || {
            let searched = regexes.iter().map(|regex| {
                let found = pool.with(regex, |cache| {
                    // Every thread has a cache of the same expression at once, so none is shared.
                    together.wait();
                    regex.search_with(cache, Input::new(&text))
                });
                (found, pool.bytes())
            });
            searched.collect::<Vec<_>>()
        };
        let searched: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(search)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert!(searched.iter().all(|(found, bytes)| !found && *bytes <= bytes_max), "{searched:?}");
        let last = &regexes[PARTS - 1];
        let kept = pool.place(last).0.lock().unwrap().len();
        let bytes = pool.bytes();
        assert!(kept > 0 && bytes > bytes_max / 4, "{kept} {bytes}");
        pool.with(last, |cache| assert!(!last.search_with(cache, Input::new(&text))));
        assert_eq!(pool.place(last).0.lock().unwrap().len(), kept, "another thread takes what is there");
    }
}
