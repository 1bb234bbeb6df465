//! What a classification may cost.

/// What a server refuses to go past when it classifies queries. Every refusal names the bound by these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatternsLimits {
    /// How long the patterns may take for a query, in ms. 1,000: they take some microseconds. A page of their list ends
    /// after it: a text is looked for in a million of them for about as long.
    pub classify_ms_max: u64,
}

impl Default for PatternsLimits {
    fn default() -> Self {
        Self { classify_ms_max: midflight_patterns::limits::CLASSIFY_MS_MAX }
    }
}
