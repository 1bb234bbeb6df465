//! Small numbers for things that are shared, so that executing indexes an array instead of comparing texts.

use std::sync::Arc;

/// Numbers things by a key and counts who uses them; a number whose last user left is given out again.
#[derive(Debug, Clone)]
pub(crate) struct Interner<V: Clone> {
    numbers: imbl::OrdMap<Arc<str>, u32>,
    entries: imbl::Vector<InternedEntry<V>>,
    free: imbl::Vector<u32>,
}

#[derive(Debug, Clone)]
struct InternedEntry<V> {
    /// The key and the thing; none while the number is free.
    held: Option<(Arc<str>, V)>,
    users: u32,
}

impl<V: Clone> Default for Interner<V> {
    fn default() -> Self {
        Self { numbers: imbl::OrdMap::new(), entries: imbl::Vector::new(), free: imbl::Vector::new() }
    }
}

impl<V: Clone> Interner<V> {
    /// Adds a user to the thing of that key, made now if it has no user yet. Answers its number and the thing.
    pub(crate) fn acquire(&mut self, key: &str, make: impl FnOnce() -> V) -> (u32, V) {
        let known = self.numbers.get(key).copied();
        if let Some(entry) = known.and_then(|number| self.entries.get_mut(number as usize))
            && let Some((_, thing)) = &entry.held
        {
            entry.users += 1;
            return (known.unwrap_or_default(), thing.clone());
        }
        let (key, thing): (Arc<str>, V) = (key.into(), make());
        let entry = InternedEntry { held: Some((key.clone(), thing.clone())), users: 1 };
        let number = match self.free.pop_back() {
            Some(number) => {
                self.entries.set(number as usize, entry);
                number
            }
            None => {
                self.entries.push_back(entry);
                u32::try_from(self.entries.len() - 1).unwrap_or(u32::MAX)
            }
        };
        self.numbers.insert(key, number);
        (number, thing)
    }

    /// Takes a user off the thing of that number.
    pub(crate) fn release(&mut self, number: u32) {
        let Some(entry) = self.entries.get_mut(number as usize) else {
            return;
        };
        entry.users = entry.users.saturating_sub(1);
        if entry.users == 0
            && let Some((key, _)) = entry.held.take()
        {
            self.numbers.remove(&key);
            self.free.push_back(number);
        }
    }

    /// One more than the largest number given out.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The things by their numbers; none for a number that is free.
    pub(crate) fn things(&self) -> impl Iterator<Item = Option<V>> {
        self.entries.iter().map(|entry| entry.held.as_ref().map(|(_, thing)| thing.clone()))
    }

    /// How many things are used.
    pub(crate) fn used(&self) -> usize {
        self.numbers.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shared_counted_and_given_out_again() {
        let mut interner = Interner::default();
        assert_eq!(interner.acquire("a", || 'a'), (0, 'a'));
        assert_eq!(interner.acquire("b", || 'b'), (1, 'b'));
        assert_eq!(interner.acquire("a", || unreachable!()), (0, 'a'));
        interner.release(0);
        assert_eq!(interner.acquire("a", || unreachable!()), (0, 'a'));
        let before = interner.clone();
        interner.release(0);
        interner.release(0);
        assert_eq!(interner.things().collect::<Vec<_>>(), [None, Some('b')]);
        assert_eq!(interner.acquire("c", || 'c'), (0, 'c'));
        assert_eq!((interner.len(), interner.used()), (2, 2));
        assert_eq!(before.things().collect::<Vec<_>>(), [Some('a'), Some('b')]);
    }
}
