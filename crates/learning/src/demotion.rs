//! Takes patterns out of use that people say are wrong.

use std::collections::BTreeSet;
use std::sync::Arc;

use midflight_core::{Change, Edit, Precondition, Trigger};
use midflight_engine::{Engine, Refusal};
use midflight_live::Live;
use midflight_patterns::{PatternStatus, PatternsSnapshot};
use serde_json::{Value, json};

use crate::learner::AUTHOR;
use crate::lesson;
use crate::usage::{self, Usage};

/// Looks at patterns that somebody said were wrong: those whose accuracy is below the bound of their profile wait for
/// somebody to approve them again. That another replica was faster, or somebody changed them, is no fault. Answers those that
/// are to be looked at again, since the log does not answer or has no time.
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
        tracing::warn!(%error, "what people say of patterns cannot be read; it is looked at later");
        return doubted.clone();
    }
    let is_to_go = |(name, usage): &(Arc<str>, Usage)| {
        let patterns = patterns.load();
        let pattern = patterns.pattern(name).filter(|pattern| pattern.status().answers());
        let policy = pattern.and_then(|pattern| patterns.learning(pattern.profile()));
        policy.is_some_and(|policy| policy.demotes(usage.right, usage.wrong))
    };
    for (name, usage) in counted.into_iter().filter(is_to_go) {
        match demote(engine, &name, usage).await {
            Ok(()) | Err(Refusal::Precondition(_)) => {}
            Err(refusal) => {
                tracing::warn!(pattern = %name, %refusal, "a pattern could not be demoted");
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

async fn demote(engine: &Engine, name: &str, usage: Usage) -> Result<(), Refusal> {
    let Some(id) = lesson::document(name) else { return Ok(()) };
    let (_, heads) = engine.store().heads(std::slice::from_ref(&id)).await?;
    let Some((version, body)) = heads.into_iter().flatten().find_map(|head| Some((head.version, head.body?)))
    else {
        return Ok(());
    };
    let mut body = Value::clone(&body);
    body["status"] = json!(PatternStatus::Pending.as_str());
    let Usage { right, wrong, .. } = usage;
    let edit = Edit {
        reason: format!("demoted: {wrong} of {} said that it is wrong", right + wrong),
        ..Edit::new(AUTHOR, Trigger::Learned, [Change::put(id, body).when(Precondition::Version(version))])
    };
    engine.apply(edit).await.map(drop).map_err(|refused| refused.refusal)
}
