//! What is computed for a caller, as its host lets it compute.

use std::sync::{Arc, Mutex, PoisonError};

use midflight_engine::{Interrupted, Work};

use crate::{Computation, McpCaller, ToolCaller, ToolFailure};

/// What a job gives, computed as work of a caller. `is_brief` is whether it nearly always ends within some ms.
pub(crate) async fn computed<T: Send + 'static>(
    host: &dyn ToolCaller,
    caller: &McpCaller,
    is_brief: bool,
    job: impl Fn(&Work) -> Result<T, Interrupted> + Send + 'static,
) -> Result<T, ToolFailure> {
    let result = Arc::new(Mutex::new(None));
    let slot = Arc::clone(&result);
    let run = move |work: &Work| {
        let done = job(work)?;
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
        Ok(())
    };
    host.compute(caller, Computation::new(is_brief, run)).await?;
    let done = result.lock().unwrap_or_else(PoisonError::into_inner).take();
    done.ok_or_else(|| ToolFailure::new("internal", "the computation ended without a result"))
}
