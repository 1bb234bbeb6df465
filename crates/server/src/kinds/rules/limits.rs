//! What executions of rules may cost.

/// What a server refuses to go past when it executes rules. Every refusal names the bound by these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RulesLimits {
    /// How many inputs one batch may have. 10,000.
    pub batch_items_max: usize,
    /// How long an execution of rules may compute, in ms. 1,000: it takes some microseconds.
    pub execute_ms_max: u64,
    /// How many bytes the answer of an execution or of a batch may have, in bytes. 16 MiB: a full batch with 1.6 KiB
    /// for each input.
    pub execution_bytes_max: usize,
    /// How long a batch may compute, in ms. 10,000: a full batch on a large ruleset takes a few seconds.
    pub batch_ms_max: u64,
}

impl Default for RulesLimits {
    fn default() -> Self {
        Self {
            batch_items_max: 10_000,
            execute_ms_max: midflight_rules::limits::EXECUTE_MS_MAX,
            execution_bytes_max: 16 << 20,
            batch_ms_max: 10_000,
        }
    }
}
