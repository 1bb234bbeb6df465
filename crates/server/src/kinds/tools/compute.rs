//! Where a computation on the catalogue runs: at once where it is short, else in the pool.

use midflight_core::json_bytes;
use midflight_engine::{Interrupted, Work};
use midflight_http::code::Code;
use midflight_http::compute::{TimeLimit, brief_within};
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use serde_json::Value;

use super::app::ToolsApp;

/// With so many tools or patterns a computation is nearly always brief, so that it is tried at once.
pub(super) const BRIEF_ITEMS_MAX: usize = 1_000;

/// What a computation may need.
#[derive(Debug, Clone, Copy)]
pub(super) struct ComputeBounds {
    /// How long it may take.
    pub(super) time: TimeLimit,
    /// What to ask for instead when the answer has more than `answer_bytes_max`.
    pub(super) cure: &'static str,
}

impl ComputeBounds {
    /// Those of a list or a search. `cure` is what to ask for instead of an answer that is too long.
    pub(super) fn of_list(app: &ToolsApp, cure: &'static str) -> Self {
        Self { time: TimeLimit { ms_max: app.parts.limits.select_ms_max, name: "select_ms_max" }, cure }
    }
}

/// Computes here where that is brief, else in the pool for long computations. `is_tried` is whether it is begun here.
/// The bytes of the answer are charged to the work of the job, which is asked in every loop.
///
/// # Errors
/// `busy` and `too_expensive`, as the pool reports them, and `too_large` past `answer_bytes_max`.
pub(super) async fn computed<T, F>(
    app: &ToolsApp,
    principal: &Principal,
    bounds: ComputeBounds,
    is_tried: bool,
    job: F,
) -> Result<T, ApiError>
where
    T: Send + 'static,
    F: Fn(&Work) -> Result<T, Interrupted> + Send + 'static,
{
    let bytes_max = app.limits.answer_bytes_max;
    if is_tried && let Ok(done) = job(&brief_within(bytes_max)) {
        return Ok(done);
    }
    let done =
        app.compute.run_within(principal.into(), bounds.time, bytes_max, move |work| job(work)).await?;
    done.map_err(|why| match why {
        Interrupted::Memory => {
            let cure = bounds.cure;
            let detail = format!("the answer has more than {bytes_max} bytes (answer_bytes_max); {cure}");
            ApiError::new(Code::TOO_LARGE, detail)
        }
        _ => bounds.time.exceeded(),
    })
}

/// Charges what a value has as JSON, before it is copied.
///
/// # Errors
/// When less is left.
pub(super) fn charge(work: &Work, value: &Value) -> Result<u64, Interrupted> {
    let bytes = json_bytes(value, usize::MAX) as u64;
    work.charge(bytes)?;
    Ok(bytes)
}
