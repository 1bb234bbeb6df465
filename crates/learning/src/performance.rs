//! How patterns do: used, right and wrong, ranked; and what they saved.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use midflight_core::RevisionNumber;
use midflight_patterns::wilson_lower_bound;
use midflight_store::StoreError;

use crate::Classifier;
use crate::usage::{self, PatternUsage};

/// How the patterns do, on all replicas together; what was counted in the last moments may be missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Performance {
    /// The best first: by the lower bound of what was right, then by use, then by id.
    pub patterns: Vec<PatternPerformance>,
    /// How many patterns were ever used or spoken of.
    pub ranked: usize,
    /// What was saved, by profile.
    pub profiles: BTreeMap<Arc<str>, Savings>,
    /// The revision that the patterns are of.
    pub revision: RevisionNumber,
    /// Revisions up to that one that are left out, since they are invalid on this replica.
    pub quarantined: Arc<[RevisionNumber]>,
}

/// How a pattern does.
#[derive(Debug, Clone, PartialEq)]
pub struct PatternPerformance {
    /// The pattern.
    pub id: Arc<str>,
    /// Its category.
    pub category: Arc<str>,
    /// What was counted of it.
    pub usage: PatternUsage,
    /// The lower bound of the share of what was right, with 95 % confidence.
    pub wilson: f64,
}

/// What patterns saved of a profile's calls of an LLM.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Savings {
    /// How many queries a pattern answered: calls that were not made.
    pub matched: u64,
    /// How many an LLM answered.
    pub llm: u64,
    /// How many nothing answered.
    pub none: u64,
    /// What a call costs, by the learning policy.
    pub llm_call_cost: f64,
    /// What the calls would have cost that were not made.
    pub cost_saved: f64,
}

impl Classifier {
    /// How patterns do, the best `limit` of them. Cost: reads every count from the store.
    ///
    /// # Errors
    /// [`StoreError`] when the counts cannot be read.
    pub async fn performance(&self, limit: usize) -> Result<Performance, StoreError> {
        let patterns = self.shared.patterns.snapshot();
        let mut counted = Vec::new();
        let mut profiles: BTreeMap<Arc<str>, Savings> = BTreeMap::new();
        let mut of_profiles = Vec::new();
        usage::read(&**self.shared.engine.store(), None, |name, usage| match patterns.pattern(name) {
            Some(pattern) => counted.push(PatternPerformance {
                id: Arc::clone(pattern.shared_id()),
                category: Arc::clone(pattern.shared_category()),
                usage,
                wilson: wilson_lower_bound(usage.right, usage.wrong),
            }),
            None => of_profiles.push((Arc::<str>::from(name), usage)),
        })
        .await?;
        for (name, usage) in of_profiles {
            let Some(profile) = name.strip_prefix(PROFILE).filter(|name| patterns.profile(name).is_some())
            else {
                continue;
            };
            let llm_call_cost = patterns.learning(profile).map_or(0.0, |policy| policy.llm_call_cost);
            #[expect(clippy::cast_precision_loss, reason = "what is saved need not be exact")]
            let cost_saved = usage.matched as f64 * llm_call_cost;
            let PatternUsage { matched, llm, none, .. } = usage;
            profiles.insert(profile.into(), Savings { matched, llm, none, llm_call_cost, cost_saved });
        }
        let ranked = counted.len();
        counted.sort_by(rank);
        counted.truncate(limit);
        let midflight_live::Basis { revision, quarantined } = patterns.basis();
        Ok(Performance { patterns: counted, ranked, profiles, revision, quarantined })
    }

    /// What was counted of these patterns, on all replicas together; nothing of those of which nothing was.
    ///
    /// # Errors
    /// [`StoreError`] when the counts cannot be read.
    pub async fn usage(&self, ids: &[Arc<str>]) -> Result<BTreeMap<String, PatternUsage>, StoreError> {
        let mut found = BTreeMap::new();
        if !ids.is_empty() {
            let store = self.shared.engine.store();
            usage::read(&**store, Some(ids), |name, usage| {
                found.insert(name.to_owned(), usage);
            })
            .await?;
        }
        Ok(found)
    }
}

/// Under which name what happens in a profile is counted: that of its document, whether or not it has one.
pub(crate) const PROFILE: &str = "profiles/";

fn rank(a: &PatternPerformance, b: &PatternPerformance) -> Ordering {
    let by_bound = b.wilson.total_cmp(&a.wilson);
    by_bound.then(b.usage.used.cmp(&a.usage.used)).then_with(|| a.id.cmp(&b.id))
}
