//! How often imported patterns were used where they come from.

use midflight_patterns::import::UseCount;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{RequestBody, ServerClient};
use crate::fail::Failure;
use crate::output::eprint_status;

/// How many patterns one request is about.
const ITEMS: usize = 5_000;

/// Has the server take over the counts. What was taken before is not counted again.
pub(super) async fn take_counts(client: &ServerClient, counts: &[UseCount]) -> Result<(), Failure> {
    let mut taken = 0;
    for counts in counts.chunks(ITEMS) {
        let items: Vec<_> = counts.iter().map(item).collect();
        let url = client.url(&["api", "v1", "patterns", "usage"], &[]);
        let answer = client.send(Method::POST, url, RequestBody::Json(json!({ "items": items })), &[]).await;
        let answer = answer.inspect_err(|_| {
            eprint_status(
                "the patterns are imported, their use counts are not; import again to take those over",
            );
        })?;
        taken += answer.body["patterns"].as_u64().unwrap_or(0);
    }
    if !counts.is_empty() {
        eprint_status(&format!("use counts taken over for {taken} of {} patterns", counts.len()));
    }
    Ok(())
}

fn item(count: &UseCount) -> Value {
    json!({
        "id": count.name.as_str(),
        "times_used": count.times_used,
        "times_correct": count.times_correct,
        "last_used_at": count.last_used_at,
    })
}
