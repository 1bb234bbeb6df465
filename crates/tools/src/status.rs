//! Where a tool is in its life.

/// The status of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ToolStatus {
    /// It is offered.
    Active,
    /// It is kept for those who know it, and not offered any more.
    Deprecated,
    /// It is switched off.
    Disabled,
    /// It is offered, but not in production.
    Testing,
    /// It is not finished, and not offered.
    Draft,
}

pub(crate) const STATUSES: [(&str, ToolStatus); 5] = [
    ("active", ToolStatus::Active),
    ("deprecated", ToolStatus::Deprecated),
    ("disabled", ToolStatus::Disabled),
    ("testing", ToolStatus::Testing),
    ("draft", ToolStatus::Draft),
];

impl ToolStatus {
    /// The word for it in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        STATUSES.iter().find(|(_, status)| *status == self).map_or("active", |(word, _)| word)
    }

    /// Whether a tool of this status is offered to those who choose.
    #[must_use]
    pub fn is_offered(self) -> bool {
        matches!(self, Self::Active | Self::Testing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_word() {
        for (word, status) in STATUSES {
            assert_eq!(status.as_str(), word);
        }
        let offered = STATUSES.iter().filter(|(_, status)| status.is_offered()).map(|(word, _)| *word);
        assert_eq!(offered.collect::<Vec<_>>(), ["active", "testing"]);
    }
}
