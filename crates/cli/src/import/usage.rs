//! How often imported patterns were used where they come from.

use midflight_client::Client;
use midflight_client::wire::patterns::{UsageBody, UsageItem};
use midflight_patterns::import::UseCount;

use crate::fail::Failure;
use crate::output::eprint_status;

/// How many patterns one request is about.
const ITEMS: usize = 5_000;

/// Has the server take over the counts. What was taken before is not counted again.
pub(super) async fn take_counts(client: &Client, counts: &[UseCount]) -> Result<(), Failure> {
    let mut taken = 0;
    for counts in counts.chunks(ITEMS) {
        let body = UsageBody { items: counts.iter().map(item).collect() };
        let answer = client.take_pattern_usage(&body).await.inspect_err(|_| {
            eprint_status(
                "the patterns are imported, their use counts are not; import again to take those over",
            );
        })?;
        taken += answer.patterns;
    }
    if !counts.is_empty() {
        eprint_status(&format!("use counts taken over for {taken} of {} patterns", counts.len()));
    }
    Ok(())
}

fn item(count: &UseCount) -> UsageItem {
    UsageItem {
        id: count.name.to_string(),
        times_used: count.times_used,
        times_correct: count.times_correct,
        last_used_at: count.last_used_at.clone(),
    }
}
