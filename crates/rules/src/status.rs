//! The life of a rule or a ruleset. Only what is active executes.

use std::fmt;

/// Where a rule or a ruleset is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum RuleStatus {
    /// Being written; checked and kept, not executed.
    Draft,
    /// Executed.
    #[default]
    Active,
    /// Switched off.
    Inactive,
    /// On its way out; not executed.
    Deprecated,
    /// Kept for the record.
    Archived,
}

/// Every status by its name.
pub(crate) const STATUSES: [(&str, RuleStatus); 5] = [
    ("draft", RuleStatus::Draft),
    ("active", RuleStatus::Active),
    ("inactive", RuleStatus::Inactive),
    ("deprecated", RuleStatus::Deprecated),
    ("archived", RuleStatus::Archived),
];

impl RuleStatus {
    /// The word that documents use for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Deprecated => "deprecated",
            Self::Archived => "archived",
        }
    }
}

impl fmt::Display for RuleStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
