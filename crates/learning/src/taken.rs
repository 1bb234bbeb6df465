//! Counts that another program has of the same patterns: taken over once, and then what they grew by.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use midflight_core::{Digest, DocumentName};
use midflight_store::{StoreError, Tally, TallyQuery};

use crate::Classifier;
use crate::learned_pattern;
use crate::usage::UsageCounter;

/// How many patterns one batch of tallies is about: each has two counts, and how much of each was taken.
const BATCH_MAX: usize = Tally::BATCH_MAX / 4;
/// What was taken so far of each count.
const TAKEN: [(&str, UsageCounter); 2] =
    [("taken_used", UsageCounter::Used), ("taken_right", UsageCounter::Right)];

/// How often another program used a pattern, as it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignCount {
    /// The pattern.
    pub name: DocumentName,
    /// How often it answered a query.
    pub used: u64,
    /// Number of positive feedbacks.
    pub right: u64,
    /// When it last answered; none when that is not known, and then the time of taking it stands for it.
    pub last_used_at: Option<Timestamp>,
}

impl Classifier {
    /// Adds the counts of another program to those of the patterns: of each the first time, and what it grew by since
    /// then. Returns how many patterns got more. Of a pattern that the log does not have nothing is taken. Callers that
    /// take at the same time on several replicas may count twice what grew between their two looks.
    ///
    /// # Errors
    /// [`StoreError`]: a part may have been taken. Taking the same counts again takes the rest.
    pub async fn take_counts(&self, counts: &[ForeignCount]) -> Result<usize, StoreError> {
        let _turn = self.shared.taking.lock().await;
        let mut grown = 0;
        for counts in counts.chunks(BATCH_MAX) {
            grown += self.take_batch(counts).await?;
        }
        Ok(grown)
    }

    async fn take_batch(&self, counts: &[ForeignCount]) -> Result<usize, StoreError> {
        let store = self.shared.engine.store();
        let ids: Vec<_> =
            counts.iter().filter_map(|count| learned_pattern::document(count.name.as_str())).collect();
        let (_, heads) = store.stored_heads(&ids).await?;
        let live = heads.into_iter().flatten().filter(|head| head.body.is_some());
        let names: Vec<_> = live.map(|head| head.id.name).collect();
        let taken = self.taken(&names).await?;
        let is_there: HashSet<_> = names.into_iter().collect();
        let mut tallies = Vec::new();
        let (mut grown, now) = (0, Timestamp::now());
        for count in counts.iter().filter(|count| is_there.contains(&count.name)) {
            let before = tallies.len();
            for ((word, counter), counted) in TAKEN.into_iter().zip([count.used, count.right]) {
                let known = taken.get(&(count.name.clone(), word.to_owned())).copied().unwrap_or(0);
                let more = counted.saturating_sub(known);
                if more == 0 {
                    continue;
                }
                for counter in [word, counter.as_str()] {
                    tallies.push(Tally {
                        kind: learned_pattern::kind(),
                        name: count.name.clone(),
                        counter: counter.to_owned(),
                        count: more,
                        last_at: count.last_used_at.unwrap_or(now),
                    });
                }
            }
            grown += usize::from(tallies.len() > before);
        }
        if !tallies.is_empty() {
            // Two that take the same step take it once.
            let step: String =
                tallies.iter().map(|it| format!("{}\0{}\0{}\0", it.name, it.counter, it.count)).collect();
            let known: BTreeMap<_, _> = taken.iter().collect();
            let source = format!("taken:{}", Digest::of_bytes(format!("{step}{known:?}").as_bytes()));
            store.add_tallies(&source, 1, &tallies).await?;
        }
        Ok(grown)
    }

    /// How much was taken of these patterns so far.
    async fn taken(
        &self,
        names: &[DocumentName],
    ) -> Result<HashMap<(DocumentName, String), u64>, StoreError> {
        let mut query = TallyQuery {
            kind: learned_pattern::kind(),
            names: Some(names.to_vec()),
            after: None,
            limit: 5_000,
        };
        let mut taken = HashMap::new();
        loop {
            let page = self.shared.engine.store().tallies(query.clone()).await?;
            let is_taken = |tally: &&Tally| TAKEN.iter().any(|(word, _)| tally.counter == *word);
            let of_page = page.items.iter().filter(is_taken);
            taken.extend(of_page.map(|tally| ((tally.name.clone(), tally.counter.clone()), tally.count)));
            match page.next {
                Some(next) => query.after = Some(next),
                None => return Ok(taken),
            }
        }
    }
}
