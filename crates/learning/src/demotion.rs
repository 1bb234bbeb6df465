//! Takes patterns out of use that people say are wrong.

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
/// somebody to approve them again. That another replica was faster, or somebody changed them, is no fault.
pub(crate) async fn look(engine: &Engine, patterns: &Live<PatternsSnapshot>, doubted: &[Arc<str>]) {
    if doubted.is_empty() {
        return;
    }
    let mut counted = Vec::new();
    let store = engine.store();
    let read = usage::read(&**store, Some(doubted), |name, usage| counted.push((name.to_owned(), usage)));
    if let Err(error) = read.await {
        tracing::warn!(%error, "what people say of patterns cannot be read; it is looked at when somebody says more");
        return;
    }
    let is_to_go = |(name, usage): &(String, Usage)| {
        let patterns = patterns.load();
        let pattern = patterns.pattern(name).filter(|pattern| pattern.status().answers());
        let policy = pattern.and_then(|pattern| patterns.learning(pattern.profile()));
        policy.is_some_and(|policy| policy.demotes(usage.right, usage.wrong))
    };
    for (name, usage) in counted.into_iter().filter(is_to_go) {
        match demote(engine, &name, usage).await {
            Ok(()) | Err(Refusal::Precondition(_)) => {}
            Err(refusal) => tracing::warn!(pattern = %name, %refusal, "a pattern could not be demoted"),
        }
    }
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
        author: AUTHOR.to_owned(),
        reason: format!("demoted: {wrong} of {} said that it is wrong", right + wrong),
        trigger: Trigger::Learned,
        owner: None,
        take_over: false,
        changes: vec![Change::put(id, body).when(Precondition::Version(version))],
    };
    engine.apply(edit).await.map(drop).map_err(|refused| refused.refusal)
}
