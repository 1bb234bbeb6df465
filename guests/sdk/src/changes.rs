//! States that give and take what changed in them, for a reload that moves only that while messages wait.

use std::collections::BTreeSet;

use crate::{Failure, Module, VersionedState};

/// A module with a large state: the next version loads the whole state while this one answers, and then only what changed
/// since is moved while messages wait. Export it with `midflight_guest::module!(MyModule, incremental)`.
///
/// Both versions must be incremental; else the whole state is moved, as ever. [`ChangedKeys`] remembers which entries of a
/// map changed. The common mistake is to forget one way in which an entry changes, as removal or expiry. Where the schema
/// stays the same, the host compares what both versions save, and moves the whole state when it differs.
pub trait IncrementalModule: Module {
    /// What changed. It has a version for each version of the state, with the same schema, so that it is migrated like the
    /// state.
    type Changes: VersionedState;

    /// Remembers from now on what changes, in place of what it remembered before. Answers a mark, each time another one.
    fn mark(state: &mut Self::State) -> u64;

    /// Everything that was set or removed since that mark; none when not all of it is remembered.
    fn changes_since(state: &Self::State, mark: u64) -> Option<Self::Changes>;

    /// Brings a state up to date. What comes out is the state that the changes were taken of, in this version.
    ///
    /// # Errors
    /// Why it cannot. The whole state is then moved instead.
    fn apply(state: &mut Self::State, changes: Self::Changes) -> Result<(), Failure>;
}

/// Which entries of a map changed since a mark. It is not part of the state: do not write it in `encode`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedKeys<K> {
    mark: u64,
    /// None before the first mark, and when there were too many.
    keys: Option<BTreeSet<K>>,
}

/// How many keys are remembered. 65,536: with more of them little is gained over moving the whole state.
const KEYS_MAX: usize = 1 << 16;

impl<K> Default for ChangedKeys<K> {
    fn default() -> Self {
        Self { mark: 0, keys: None }
    }
}

impl<K: Ord + Clone> ChangedKeys<K> {
    /// Remembers from now on; for [`IncrementalModule::mark`].
    pub fn mark(&mut self) -> u64 {
        self.mark += 1;
        self.keys = Some(BTreeSet::new());
        self.mark
    }

    /// An entry was set or removed. Without a mark that costs a comparison. After 65,536 of them none is remembered any
    /// more, and the next reload moves the whole state.
    pub fn changed(&mut self, key: &K) {
        let Some(keys) = &mut self.keys else { return };
        if keys.contains(key) {
            return;
        }
        if keys.len() == KEYS_MAX {
            self.keys = None;
        } else {
            keys.insert(key.clone());
        }
    }

    /// The keys of all entries that changed since that mark; none when they are not remembered.
    pub fn since(&self, mark: u64) -> Option<&BTreeSet<K>> {
        self.keys.as_ref().filter(|_| self.mark == mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_remembered_from_the_last_mark_and_up_to_a_bound() {
        let mut changed = ChangedKeys::default();
        changed.changed(&1);
        assert_eq!(changed.since(0), None);
        let first = changed.mark();
        changed.changed(&2);
        changed.changed(&2);
        assert_eq!(changed.since(first), Some(&BTreeSet::from([2])));
        let second = changed.mark();
        assert_eq!((changed.since(first), changed.since(second)), (None, Some(&BTreeSet::new())));
        (0..KEYS_MAX).for_each(|key| changed.changed(&key));
        changed.changed(&0);
        assert!(changed.since(second).is_some_and(|keys| keys.len() == KEYS_MAX));
        changed.changed(&KEYS_MAX);
        assert_eq!(changed.since(second), None);
    }
}
