//! Demotes patterns with negative feedback.

use std::collections::BTreeSet;
use std::sync::Arc;

use midflight_core::{Change, Edit, Precondition, Trigger};
use midflight_engine::{Engine, Refusal};
use midflight_live::Live;
use midflight_patterns::{PatternStatus, PatternsSnapshot};
use serde_json::{Value, json};

use crate::learned_pattern;
use crate::learner::AUTHOR;
use crate::usage::{self, PatternUsage};

/// Checks patterns with negative feedback: those whose accuracy is below the bound of their profile wait for approval
/// again. It is not an error that another replica was faster, or that a person changed them. Answers those that are to
/// be looked at again, since the log does not answer or has no time.
pub(crate) async fn look(
    engine: &Engine,
    patterns: &Live<PatternsSnapshot>,
    doubted: &BTreeSet<Arc<str>>,
) -> BTreeSet<Arc<str>> {
    let mut again = BTreeSet::new();
    if doubted.is_empty() {
        return again;
    }
    let mut counted = Vec::new();
    let (store, names) = (engine.store(), doubted.iter().cloned().collect::<Vec<_>>());
    let read = usage::read(&**store, Some(&names), |name, usage| {
        counted.push((Arc::<str>::from(name), usage));
    });
    if let Err(error) = read.await {
        tracing::warn!(%error, "cannot read feedback; trying again later");
        return doubted.clone();
    }
    let is_to_go = |(name, usage): &(Arc<str>, PatternUsage)| {
        let patterns = patterns.load();
        let pattern = patterns.pattern(name).filter(|pattern| pattern.status().answers());
        let policy = pattern.and_then(|pattern| patterns.learning(pattern.profile()));
        policy.is_some_and(|policy| policy.demotes(usage.right, usage.wrong))
    };
    for (name, usage) in counted.into_iter().filter(is_to_go) {
        match demote(engine, &name, usage).await {
            Ok(()) | Err(Refusal::Precondition(_)) => {}
            Err(refusal) => {
                tracing::warn!(pattern = %name, %refusal, "cannot demote a pattern");
                if may_pass(&refusal) {
                    again.insert(name);
                }
            }
        }
    }
    again
}

/// Whether the same edit may be taken later.
fn may_pass(refusal: &Refusal) -> bool {
    use Refusal::{Busy, Contended, Store, Unknown};
    matches!(refusal, Busy { .. } | Contended { .. } | Store(_) | Unknown { .. })
}

async fn demote(engine: &Engine, name: &str, usage: PatternUsage) -> Result<(), Refusal> {
    let Some(id) = learned_pattern::document(name) else { return Ok(()) };
    let (_, heads) = engine.store().heads(std::slice::from_ref(&id)).await?;
    let Some((version, body)) = heads.into_iter().flatten().find_map(|head| Some((head.version, head.body?)))
    else {
        return Ok(());
    };
    let mut body = Value::clone(&body);
    body["status"] = json!(PatternStatus::Pending.as_str());
    let PatternUsage { right, wrong, .. } = usage;
    let edit = Edit {
        reason: format!("demoted: {wrong} of {} votes are negative", right + wrong),
        ..Edit::new(AUTHOR, Trigger::Learned, [Change::put(id, body).when(Precondition::Version(version))])
    };
    engine.apply(edit).await.map(drop).map_err(|refused| refused.refusal)
}
