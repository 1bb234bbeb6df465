//! Search of the catalogue by words: BM25 over names, titles, descriptions, use cases and arguments.
//!
//! The index is persistent: a changed tool costs its own words, and a snapshot shares the rest with the one before it.
//! The number of tools with each word, and the total length, are kept, so ranks are those of an index built from
//! scratch.

mod postings;
mod terms;

use std::sync::Arc;

use imbl::shared_ptr::DefaultSharedPtr;
use imbl::{GenericHashMap, HashMap, OrdSet, Vector};
use midflight_engine::{Interrupted, Work};

use crate::limits::QUERY_TERMS_MAX;
use crate::tool::Tool;

use postings::{Posting, Postings};
pub(crate) use terms::each_term;
use terms::{TermHasher, counted, length};

/// How quickly more occurrences of a word stop to count; the usual value (Robertson and Zaragoza, 2009).
const K1: f32 = 1.2;
/// How much a long text is discounted; the usual value.
const B: f32 = 0.75;

/// An index of tools by their words.
#[derive(Debug, Clone, Default)]
pub(crate) struct SearchIndex {
    /// By word, the places of the tools that have it.
    postings: GenericHashMap<Arc<str>, Postings, TermHasher, DefaultSharedPtr>,
    /// By place; none where a tool was removed.
    tools: Vector<Option<Arc<Tool>>>,
    places: HashMap<Arc<str>, u32>,
    free: OrdSet<u32>,
    length_total: u64,
}

/// A tool that a search found.
#[derive(Debug, Clone, Copy)]
pub struct SearchHit<'s> {
    /// The tool.
    pub tool: &'s Tool,
    /// How well it fits the query; comparable within one search only.
    pub score: f32,
}

impl SearchIndex {
    /// Adds tools that are not there. Cost: their words; a step into a map for each that is new among them, so that a
    /// whole catalogue costs less than its tools one by one.
    pub(crate) fn insert_all<'t>(&mut self, tools: impl IntoIterator<Item = &'t Arc<Tool>>) {
        let mut added: std::collections::HashMap<String, Vec<(u32, Posting)>, TermHasher> =
            Default::default();
        for tool in tools {
            let counts = counted(tool);
            let length = length(&counts);
            let place = self.place(tool);
            self.length_total += u64::from(length);
            for (term, frequency) in counts {
                added.entry(term).or_default().push((place, Posting { frequency, length }));
            }
        }
        for (term, postings) in added {
            self.postings.entry(term.into()).or_default().insert_all(postings);
        }
    }

    /// Gives a tool a place.
    fn place(&mut self, tool: &Arc<Tool>) -> u32 {
        let place = match self.free.get_min().copied() {
            Some(place) => {
                self.free.remove(&place);
                self.tools.set(place as usize, Some(Arc::clone(tool)));
                place
            }
            None => {
                self.tools.push_back(Some(Arc::clone(tool)));
                u32::try_from(self.tools.len() - 1).unwrap_or(u32::MAX)
            }
        };
        self.places.insert(Arc::clone(&tool.id), place);
        place
    }

    /// Removes a tool, if it is there. Cost: its words, each a step into a map.
    pub(crate) fn remove(&mut self, id: &str) {
        let Some(place) = self.places.remove(id) else { return };
        let Some(tool) = self.tools.get_mut(place as usize).and_then(Option::take) else { return };
        self.free.insert(place);
        let counts = counted(&tool);
        self.length_total = self.length_total.saturating_sub(u64::from(length(&counts)));
        for term in counts.keys() {
            let Some(tools) = self.postings.get_mut(&**term) else { continue };
            tools.remove(place);
            if tools.len() == 0 {
                self.postings.remove(&**term);
            }
        }
    }

    /// The best tools for a query that `is_wanted`, at most `max`, best first; of equals, the first by name. Cost: one
    /// step for each tool that has a word of the query.
    ///
    /// # Errors
    /// When `work` is interrupted: it is asked for each word of the query and for each tool that has one.
    pub(crate) fn search(
        &self,
        query: &str,
        max: usize,
        is_wanted: impl Fn(&Tool) -> bool,
        work: &Work,
    ) -> Result<Vec<SearchHit<'_>>, Interrupted> {
        let count = self.places.len() as u64;
        let mut terms: Vec<String> = Vec::new();
        each_term(query, |term| {
            if terms.len() < QUERY_TERMS_MAX && !terms.iter().any(|known| known == term) {
                terms.push(term.to_owned());
            }
        });
        let mut scores = vec![0.0_f32; self.tools.len()];
        let mut found = Vec::new();
        let average = float(self.length_total) / float(count.max(1));
        for postings in terms.iter().filter_map(|term| self.postings.get(term.as_str())) {
            work.check()?;
            let having = float(postings.len() as u64);
            let rarity = (1.0 + (float(count) - having + 0.5) / (having + 0.5)).ln();
            postings.each(|place, posting| {
                let Some(score) = scores.get_mut(place as usize) else { return };
                if *score == 0.0 {
                    found.push(place);
                }
                let frequency = f32::from(posting.frequency);
                let discount = 1.0 - B + B * float(u64::from(posting.length)) / average;
                *score += rarity * frequency * (K1 + 1.0) / (frequency + K1 * discount);
            });
        }
        self.best(&found, &scores, max, is_wanted, work)
    }

    fn best(
        &self,
        found: &[u32],
        scores: &[f32],
        max: usize,
        is_wanted: impl Fn(&Tool) -> bool,
        work: &Work,
    ) -> Result<Vec<SearchHit<'_>>, Interrupted> {
        let mut best: Vec<SearchHit<'_>> = Vec::new();
        for place in found {
            work.check()?;
            let score = scores.get(*place as usize).copied().unwrap_or_default();
            if best.len() == max && best.last().is_none_or(|last| score < last.score) {
                continue;
            }
            let Some(tool) = self.tools.get(*place as usize).and_then(Option::as_deref) else { continue };
            if !is_wanted(tool) {
                continue;
            }
            let comes_before =
                |hit: &SearchHit<'_>| (hit.score, tool.tool_name()) > (score, hit.tool.tool_name());
            let at = best.partition_point(comes_before);
            best.insert(at, SearchHit { tool, score });
            best.truncate(max);
        }
        Ok(best)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of tools and words are far below where that matters")]
fn float(count: u64) -> f32 {
    count as f32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::testing::tool;
    use proptest::prelude::*;
    use serde_json::json;

    fn plain(id: &str, description: &str) -> Arc<Tool> {
        Arc::new(tool(id, &json!({ "description": description })))
    }

    fn index(tools: &[(&str, &str)]) -> SearchIndex {
        let mut index = SearchIndex::default();
        let tools: Vec<_> = tools.iter().map(|(id, description)| plain(id, description)).collect();
        index.insert_all(&tools);
        index
    }

    fn best_of<'s>(
        index: &'s SearchIndex,
        query: &str,
        max: usize,
        is_wanted: impl Fn(&Tool) -> bool,
    ) -> Vec<SearchHit<'s>> {
        index.search(query, max, is_wanted, &Work::unbounded()).unwrap()
    }

    fn names<'s>(index: &'s SearchIndex, query: &str) -> Vec<&'s str> {
        best_of(index, query, 10, |_| true).iter().map(|hit| hit.tool.tool_name()).collect()
    }

    #[test]
    fn a_name_counts_more_than_a_description_and_a_rare_word_more_than_a_common_one() {
        let index = index(&[
            ("grep", "Search files for lines"),
            ("find", "Search files by name; unlike grep it reads no lines"),
            ("df", "Show the space of files and disks"),
            ("ps", "List processes"),
        ]);
        assert_eq!(names(&index, "grep"), ["grep", "find"]);
        assert_eq!(names(&index, "disk files"), ["df", "grep", "find"]);
        assert_eq!(names(&index, "Processes!"), ["ps"]);
        assert_eq!(names(&index, "process"), ["ps"]);
        assert!(names(&index, "unknown").is_empty() && names(&index, "").is_empty());
    }

    #[test]
    fn arguments_use_cases_and_parts_of_names_are_found() {
        let body = json!({"description": "Windows", "capabilities": {"serviceControl": {"patterns": {"restart_one": {
            "time_estimate_ms": 1, "cost_estimate": 1, "typical_use_cases": ["bounce it"],
            "required_inputs": [{"name": "hostname", "type": "string", "description": "Target machine"}]}}}}});
        let mut index = SearchIndex::default();
        index.insert_all([&Arc::new(tool("Get-ServiceX", &body))]);
        for query in ["service", "control", "restart", "bounce", "hostnames", "machine", "get servicex"] {
            assert_eq!(names(&index, query), ["Get-ServiceX"], "{query}");
        }
    }

    #[test]
    fn equals_are_ordered_by_name_and_the_filter_does_not_shorten_the_list() {
        let index = index(&[("c", "same"), ("a", "same"), ("b", "same"), ("d", "same")]);
        assert_eq!(names(&index, "same"), ["a", "b", "c", "d"]);
        let hits = best_of(&index, "same", 2, |tool| tool.id() != "a");
        assert_eq!(hits.iter().map(|hit| hit.tool.id()).collect::<Vec<_>>(), ["b", "c"]);
        assert!(best_of(&index, "same", 0, |_| true).is_empty());
    }

    #[test]
    fn a_search_ends_when_its_work_is_interrupted() {
        let (index, work) = (index(&[("a", "same"), ("b", "same")]), Work::unbounded());
        let wanted = |_: &Tool| {
            work.cancel();
            true
        };
        assert_eq!(index.search("same", 2, wanted, &work).unwrap_err(), Interrupted::Cancelled);
        // No word of the catalogue: there is nothing to ask for.
        assert!(index.search("other", 2, |_| true, &work).unwrap().is_empty());
        assert_eq!(index.search("same", 2, |_| true, &work).unwrap_err(), Interrupted::Cancelled);
    }

    /// The contents of an index, with tools by id instead of by place.
    fn content(index: &SearchIndex) -> (BTreeMap<String, BTreeMap<String, Posting>>, u64) {
        let id = |place: u32| index.tools[place as usize].as_ref().unwrap().id().to_owned();
        let terms = index.postings.iter().map(|(term, postings)| {
            let mut tools = BTreeMap::new();
            postings.each(|place, posting| {
                tools.insert(id(place), posting);
            });
            (term.to_string(), tools)
        });
        (terms.collect(), index.length_total)
    }

    proptest! {
        #[test]
        fn adding_and_removing_gives_the_index_that_a_rebuild_gives(
            steps in prop::collection::vec((0..6_usize, "[a-c]{1,2}( [a-c]{1,2}){0,4}", any::<bool>()), 1..40),
        ) {
            let mut changed = SearchIndex::default();
            let mut tools: BTreeMap<String, Arc<Tool>> = BTreeMap::new();
            for (number, description, is_put) in steps {
                let id = format!("t{number}");
                changed.remove(&id);
                tools.remove(&id);
                if is_put {
                    let tool = plain(&id, &description);
                    changed.insert_all([&tool]);
                    tools.insert(id, tool);
                }
            }
            let mut rebuilt = SearchIndex::default();
            rebuilt.insert_all(tools.values());
            prop_assert_eq!(content(&changed), content(&rebuilt));
            prop_assert_eq!(changed.places.len() + changed.free.len(), changed.tools.len());
            let hits = |index: &SearchIndex| -> Vec<(String, f32)> {
                best_of(index, "a b cc", 10, |_| true).iter().map(|hit| (hit.tool.id().to_owned(), hit.score)).collect()
            };
            prop_assert_eq!(hits(&changed), hits(&rebuilt));
        }
    }
}
