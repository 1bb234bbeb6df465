//! What modules may cost a server.

/// What a server refuses to go past when it keeps and runs modules. Every refusal names the bound by these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModulesLimits {
    /// The largest component, in bytes. 32 MiB: components of interpreted languages have up to 18 MB.
    pub blob_bytes_max: usize,
    /// What all components in the store may have together, in bytes. 4 GiB: thousands of usual ones. None is removed,
    /// since every revision of the log can be restored.
    pub blobs_bytes_max: u64,
    /// The most modules. 256.
    pub modules_max: usize,
    /// What the memories of all instances may have together, in bytes: each counts with the `memory_bytes_max` of its
    /// manifest, not with what it uses. 64 GiB.
    pub modules_memory_bytes_max: u64,
    /// The largest state that a request may bring, in bytes. 64 MiB; the manifest's `state_bytes_max` holds too.
    pub module_state_bytes_max: usize,
}

impl Default for ModulesLimits {
    fn default() -> Self {
        Self {
            blob_bytes_max: 32 << 20,
            blobs_bytes_max: 4 << 30,
            modules_max: 256,
            modules_memory_bytes_max: 64 << 30,
            module_state_bytes_max: 64 << 20,
        }
    }
}
