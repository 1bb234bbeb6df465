//! Which tool a reload was asked for: the caller names one, and the event of the reload is of the whole log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How many reloads are remembered. 1,000: ten pages of the history.
const KEPT_MAX: usize = 1_000;

/// The tools that reloads of this replica were asked for since it started. Cloning gives another handle on the same.
#[derive(Debug, Clone, Default)]
pub(super) struct NamedReloads(Arc<Mutex<BTreeMap<u64, String>>>);

impl NamedReloads {
    /// Remembers the tool of a reload, and forgets the oldest past [`KEPT_MAX`].
    pub(super) fn add(&self, reload_id: u64, tool_name: &str) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(reload_id, tool_name.to_owned());
        while kept.len() > KEPT_MAX {
            kept.pop_first();
        }
    }

    /// The tool that a reload was asked for, if one was named.
    pub(super) fn of(&self, reload_id: u64) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&reload_id).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_reloads_are_remembered() {
        let reloads = NamedReloads::default();
        let last = KEPT_MAX as u64 + 1;
        (0..=last).for_each(|id| reloads.add(id, "grep"));
        assert_eq!((reloads.of(1), reloads.of(2)), (None, Some("grep".to_owned())));
        assert_eq!((reloads.of(last), reloads.of(last + 1)), (Some("grep".to_owned()), None));
    }
}
