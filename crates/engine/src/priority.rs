//! The priority of threads for long work.

/// How much lower the priority is. The scheduler gives such a thread about a tenth of a processor that others want too.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Lowers the priority of this thread, so that others do not wait for a processor behind its work. On Linux a nice
/// value is that of a thread; elsewhere it is that of the process, which keeps its own.
#[doc(hidden)]
pub fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, "cannot lower the priority of a background thread");
    }
}
