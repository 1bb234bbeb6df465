//! Where a computation on the catalogue runs: at once where it is short, else in the pool.

use super::app::ToolsApp;
use midflight_http::compute::{PoolShare, TimeLimit};
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;

/// How many tools or patterns are looked through in well under a millisecond.
pub(super) const BRIEF_ITEMS_MAX: usize = 1_000;

/// Computes here where `is_brief`, else in the pool for long computations.
///
/// # Errors
/// `busy` and `too_expensive`, as the pool reports them.
pub(super) async fn computed<T, F>(
    app: &ToolsApp,
    principal: &Principal,
    limit: TimeLimit,
    is_brief: bool,
    job: F,
) -> Result<T, ApiError>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    match is_brief {
        true => Ok(job()),
        false => app.compute.run(PoolShare::from(principal), limit, move |_| job()).await,
    }
}
