//! Deletes learned patterns that are least used, so that there are never more than the policy allows.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use midflight_core::{Change, DocumentId, Precondition, RevisionNumber};
use midflight_engine::Engine;
use midflight_live::Live;
use midflight_patterns::{CreatedBy, PatternsSnapshot};
use midflight_store::StoreError;

use crate::learned_pattern::{self, LEARNED_PREFIX};
use crate::learner::AUTHOR;
use crate::usage::{self, PatternUsage};

/// How many patterns are looked up for one revision at most, and so how many it deletes: each is a query of the log.
/// What was found out is remembered, so that the next revision continues from there.
const LOOKUPS_MAX: usize = 200;

/// Finds the learned patterns that must go for new ones.
pub(crate) struct Evictor {
    engine: Engine,
    patterns: Live<PatternsSnapshot>,
    /// Patterns that may not be deleted, each at the version of which that is known: a person changed it, or a check
    /// needs it.
    kept: HashMap<DocumentId, u64>,
}

/// What there is a place for.
pub(crate) struct EvictionLimits {
    /// How many of the new patterns.
    pub(crate) count: usize,
    /// What must be deleted for them.
    pub(crate) deletions: Vec<Change>,
}

/// A learned pattern that may have to go.
struct EvictionCandidate {
    id: DocumentId,
    version: u64,
    revision: RevisionNumber,
    usage: PatternUsage,
}

impl Evictor {
    pub(crate) fn new(engine: Engine, patterns: Live<PatternsSnapshot>) -> Self {
        Self { engine, patterns, kept: HashMap::new() }
    }

    /// Finds places for so many new patterns of a profile. Cost: nothing while there are fewer than `learned_max`; else
    /// reads the counts and the heads of all that were learned.
    ///
    /// # Errors
    /// [`StoreError`] when the log cannot be read.
    pub(crate) async fn places(
        &mut self,
        profile: &str,
        wanted: usize,
        learned_max: u32,
    ) -> Result<EvictionLimits, StoreError> {
        let learned = self.learned(profile);
        let surplus = (learned.len() + wanted).saturating_sub(learned_max as usize);
        if surplus == 0 {
            return Ok(EvictionLimits { count: wanted, deletions: Vec::new() });
        }
        let mut deletions = Vec::new();
        let mut lookups = 0;
        for candidate in self.candidates(&learned).await? {
            if deletions.len() == surplus || lookups == LOOKUPS_MAX {
                break;
            }
            if self.kept.get(&candidate.id) == Some(&candidate.version) {
                continue;
            }
            lookups += 1;
            if self.is_as_learned(&candidate).await? {
                let version = Precondition::Version(candidate.version);
                deletions.push(Change::delete(candidate.id).when(version));
            }
        }
        Ok(EvictionLimits { count: wanted.saturating_sub(surplus - deletions.len()), deletions })
    }

    /// Never deletes these, as long as they are what they are.
    pub(crate) fn keep(&mut self, deletions: &[Change]) {
        for deletion in deletions {
            if let Precondition::Version(version) = deletion.precondition {
                self.kept.insert(deletion.id.clone(), version);
            }
        }
    }

    /// The names of all that was learned of the queries of a profile, whether it answers or not.
    fn learned(&self, profile: &str) -> Vec<Arc<str>> {
        let patterns = self.patterns.load();
        let learned = patterns.patterns(Some(LEARNED_PREFIX));
        let learned = learned.take_while(|pattern| pattern.id().starts_with(LEARNED_PREFIX));
        let of_profile =
            learned.filter(|pattern| pattern.profile() == profile && pattern.created_by() == CreatedBy::Llm);
        of_profile.map(|pattern| Arc::clone(pattern.shared_id())).collect()
    }

    /// All that may have to go: the least used first, of those the one that was used, or else made, the longest ago.
    async fn candidates(&mut self, learned: &[Arc<str>]) -> Result<Vec<EvictionCandidate>, StoreError> {
        let store = Arc::clone(self.engine.store());
        let mut used: BTreeMap<String, PatternUsage> = BTreeMap::new();
        usage::read(&*store, Some(learned), |name, usage| {
            used.insert(name.to_owned(), usage);
        })
        .await?;
        let ids: Vec<_> = learned.iter().filter_map(|name| learned_pattern::document(name)).collect();
        let (_, heads) = store.heads(&ids).await?;
        let there = heads.into_iter().flatten().filter(|head| head.body.is_some());
        let mut candidates: Vec<_> = there
            .map(|head| EvictionCandidate {
                usage: used.get(head.id.name.as_str()).copied().unwrap_or_default(),
                id: head.id,
                version: head.version,
                revision: head.revision,
            })
            .collect();
        candidates.sort_by_key(|it| (it.usage.used, it.usage.last_used_at, it.revision));
        // Of those that were deleted nothing need be known.
        let is_there = |id: &DocumentId| ids.contains(id);
        if self.kept.len() > 2 * ids.len() {
            self.kept.retain(|id, _| is_there(id));
        }
        Ok(candidates)
    }

    /// Whether it is still as it was learned. What a person approved, changed or disabled is theirs.
    async fn is_as_learned(&mut self, candidate: &EvictionCandidate) -> Result<bool, StoreError> {
        let EvictionCandidate { id, version, .. } = candidate;
        let newest = self.engine.store().versions(id, None, 1, None).await?;
        let is_learned = newest
            .items
            .first()
            .is_some_and(|newest| newest.author == AUTHOR && newest.document.version == *version);
        if !is_learned {
            self.kept.insert(id.clone(), *version);
        }
        Ok(is_learned)
    }
}
