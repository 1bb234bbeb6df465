//! What requests for tools may cost.

/// What a server refuses to go past when it searches, selects and looks at tools. Every refusal names the bound by
/// these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToolsLimits {
    /// How long a search, a list or a selection may compute, in ms, and reading a page of the versions of a tool. 1,000: on
    /// ten thousand tools they take a few.
    pub select_ms_max: u64,
    /// How long the lint of a page of tools may compute, in ms. 5,000: a page of 500 among ten thousand takes a second.
    pub lint_ms_max: u64,
    /// How long reading an import or writing an export may compute, in ms. 10,000: the largest takes a few seconds.
    pub import_ms_max: u64,
    /// How many bytes the documents of a catalogue of the past may have that an agent works with, in bytes. 64 MiB: ten
    /// thousand tools of several KiB. One is read at a time.
    pub past_catalogue_bytes_max: usize,
}

impl Default for ToolsLimits {
    fn default() -> Self {
        Self {
            select_ms_max: 1_000,
            lint_ms_max: 5_000,
            import_ms_max: 10_000,
            past_catalogue_bytes_max: 64 << 20,
        }
    }
}
