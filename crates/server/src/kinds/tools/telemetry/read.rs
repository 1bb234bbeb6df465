//! Reads what was counted of patterns, on all replicas together.

use std::collections::BTreeMap;

use midflight_core::DocumentName;
use midflight_engine::Kind as _;
use midflight_store::{Store, StoreError, TallyQuery};
use midflight_tools::telemetry::PatternTelemetry;
use midflight_tools::{Tool, Tools};

use super::counting::counted_as;

/// How many tallies are read from the store at once.
const PAGE: u32 = 5_000;

/// The patterns of a tool, each with the name under which it is counted.
pub(super) fn patterns(tool: &Tool) -> impl Iterator<Item = (DocumentName, &str, &str)> {
    tool.capabilities().iter().flat_map(move |capability| {
        capability.patterns.iter().filter_map(move |pattern| {
            let name = counted_as(tool.id(), &capability.name, &pattern.name)?;
            Some((name, &*capability.name, &*pattern.name))
        })
    })
}

/// What was counted under these names; nothing of those of which nothing was.
///
/// # Errors
/// [`StoreError`] when the counts cannot be read.
pub(super) async fn read(
    store: &dyn Store,
    names: Vec<DocumentName>,
) -> Result<BTreeMap<DocumentName, PatternTelemetry>, StoreError> {
    let mut found = BTreeMap::<DocumentName, PatternTelemetry>::new();
    if names.is_empty() {
        return Ok(found);
    }
    let mut query = TallyQuery { kind: Tools.name(), names: Some(names), after: None, limit: PAGE };
    loop {
        let page = store.tallies(query.clone()).await?;
        for tally in page.items {
            found.entry(tally.name).or_default().add_counter(&tally.counter, tally.count);
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(found),
        }
    }
}
