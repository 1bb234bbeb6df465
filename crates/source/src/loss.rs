//! How many of its documents an origin may delete at once: one that cannot be read in full looks like one that lost most
//! of its documents.

/// When deletions are not made by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LossBounds {
    /// Whether an origin without any document deletes all that it owns.
    pub allow_empty: bool,
    /// The largest share of its documents that it may delete at once, in percent. 100 switches the check off.
    pub percent_max: u8,
    /// The fewest deleted documents to which `percent_max` applies.
    pub documents_min: usize,
}

/// Deletions that were not made, since they would remove too many documents at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldLoss {
    /// How many documents would be deleted.
    pub deleted: usize,
    /// How many documents the origin owns in the log.
    pub owned: usize,
    /// Whether the origin has no document at all.
    pub empty: bool,
}

impl LossBounds {
    /// The loss, if an origin that has `output` documents may not delete so many of those that it owns.
    #[must_use]
    pub fn held(self, deleted: usize, owned: usize, output: usize) -> Option<HeldLoss> {
        let empty = output == 0;
        let is_held = if empty {
            deleted > 0 && !self.allow_empty
        } else {
            let share_max = owned.saturating_mul(usize::from(self.percent_max));
            deleted >= self.documents_min && deleted.saturating_mul(100) > share_max
        };
        is_held.then_some(HeldLoss { deleted, owned, empty })
    }
}
