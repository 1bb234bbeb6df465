//! The diffs of answers: computed off the async threads, and bounded in time.

use midflight_core::Diff;
use midflight_engine::Work;
use midflight_wire::edits::DocumentDiffAnswer;

use crate::app::AppState;
use crate::compute::{PoolShare, TimeLimit};
use crate::diff_maker::{DiffMaker, is_short, marked};

/// The diffs of an edit, and what of them is not shown in full. They are bounded by `diff_bytes_max` and `diff_ms_max`.
pub(crate) async fn of_edit(app: &AppState, diff: &Diff, text: bool) -> Vec<DocumentDiffAnswer> {
    let mut maker = DiffMaker::new(app.limits.diff_bytes_max, text);
    if is_short(diff.documents()) {
        return diff.documents().iter().map(|one| maker.make(one)).collect();
    }
    let limit = TimeLimit { ms_max: app.limits.diff_ms_max, name: "diff_ms_max" };
    let shared = diff.clone();
    let job = move |work: &Work| {
        let one = |diff| if work.check().is_ok() { maker.make(diff) } else { marked(diff) };
        shared.documents().iter().map(one).collect()
    };
    // The edit is made, and is answered whether or not its diff can be.
    app.compute
        .run(PoolShare::Known, limit, job)
        .await
        .unwrap_or_else(|_| diff.documents().iter().map(marked).collect())
}
