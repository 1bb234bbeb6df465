//! Which preference a query expresses: by words, with word boundaries, in English.

use crate::settings::PreferenceMode;

/// How a mode was found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ModeSource {
    /// The request states it.
    Explicit,
    /// These words of the query determine it.
    Keywords(Vec<&'static str>),
    /// Nothing determines it.
    Default,
}

/// A mode, and how sure it is.
#[derive(Debug, Clone, PartialEq)]
pub struct ChosenMode {
    /// The mode.
    pub mode: PreferenceMode,
    /// 1.0 where the request states it, min(1, 0.7 + 0.1 n) for n keywords, 0.5 by default.
    pub confidence: f64,
    /// How it was found.
    pub source: ModeSource,
}

/// The keywords of each mode; of modes with as many keywords in a query, the first here is chosen.
const KEYWORDS: [(PreferenceMode, &[&str]); 5] = [
    (
        PreferenceMode::Fast,
        &[
            "fast",
            "faster",
            "fastest",
            "quick",
            "quickly",
            "quickest",
            "rapid",
            "rapidly",
            "immediately",
            "urgent",
            "asap",
            "speed",
        ],
    ),
    (
        PreferenceMode::Accurate,
        &[
            "accurate",
            "accurately",
            "accuracy",
            "exact",
            "exactly",
            "precise",
            "precisely",
            "verify",
            "verified",
            "reliable",
            "real time",
        ],
    ),
    (
        PreferenceMode::Thorough,
        &[
            "thorough",
            "thoroughly",
            "complete",
            "completely",
            "comprehensive",
            "exhaustive",
            "everything",
            "detailed",
            "full",
            "in depth",
        ],
    ),
    (
        PreferenceMode::Cheap,
        &[
            "cheap",
            "cheaper",
            "cheapest",
            "cheaply",
            "inexpensive",
            "economical",
            "affordable",
            "budget",
            "low cost",
        ],
    ),
    (
        PreferenceMode::Simple,
        &["simple", "simpler", "simplest", "simply", "easy", "easily", "easiest", "basic", "straightforward"],
    ),
];

/// The mode that a request asks for.
pub(super) fn choose(explicit: Option<PreferenceMode>, query: Option<&str>) -> ChosenMode {
    if let Some(mode) = explicit {
        return ChosenMode { mode, confidence: 1.0, source: ModeSource::Explicit };
    }
    let words = words(query.unwrap_or_default());
    let mut best: (PreferenceMode, Vec<&'static str>) = (PreferenceMode::Balanced, Vec::new());
    for (mode, keywords) in KEYWORDS {
        let found: Vec<_> = keywords.iter().copied().filter(|keyword| is_in(&words, keyword)).collect();
        if found.len() > best.1.len() {
            best = (mode, found);
        }
    }
    let (mode, found) = best;
    if found.is_empty() {
        return ChosenMode { mode, confidence: 0.5, source: ModeSource::Default };
    }
    #[expect(clippy::cast_precision_loss, reason = "a mode has a dozen keywords")]
    let confidence = (0.7 + 0.1 * found.len() as f64).min(1.0);
    ChosenMode { mode, confidence, source: ModeSource::Keywords(found) }
}

/// The words of a query in lower case, one blank around each.
fn words(query: &str) -> String {
    let mut words = String::with_capacity(query.len() + 2);
    words.push(' ');
    for word in query.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        words.extend(word.chars().flat_map(char::to_lowercase));
        words.push(' ');
    }
    words
}

fn is_in(words: &str, keyword: &str) -> bool {
    words
        .match_indices(keyword)
        .any(|(at, _)| words[..at].ends_with(' ') && words[at + keyword.len()..].starts_with(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, mode: PreferenceMode, confidence: f64, keywords: &[&str]) {
        let chosen = choose(None, Some(query));
        assert_eq!(chosen.mode, mode, "{query}");
        assert!((chosen.confidence - confidence).abs() < 1e-12, "{query}: {}", chosen.confidence);
        match chosen.source {
            ModeSource::Keywords(found) => assert_eq!(found, keywords, "{query}"),
            ModeSource::Default => assert!(keywords.is_empty(), "{query}"),
            ModeSource::Explicit => panic!("{query}"),
        }
    }

    #[test]
    fn keywords_choose_the_mode_and_ties_go_in_order() {
        use PreferenceMode::{Accurate, Balanced, Cheap, Fast, Simple, Thorough};
        check("Quick, list the hosts", Fast, 0.8, &["quick"]);
        check("exact and verified counts", Accurate, 0.9, &["exact", "verified"]);
        check("real-time state", Accurate, 0.8, &["real time"]);
        check(
            "everything, in-depth, complete and detailed",
            Thorough,
            1.0,
            &["complete", "everything", "detailed", "in depth"],
        );
        check("the cheapest way", Cheap, 0.8, &["cheapest"]);
        check("an EASY one", Simple, 0.8, &["easy"]);
        check("fast but accurate", Fast, 0.8, &["fast"]);
        check("a simple and cheap way", Cheap, 0.8, &["cheap"]);
        check("list the hosts", Balanced, 0.5, &[]);
        // A part of a word is not the word.
        check("breakfast inexactly", Balanced, 0.5, &[]);
        check("", Balanced, 0.5, &[]);
    }

    #[test]
    fn what_the_request_states_wins() {
        let chosen = choose(Some(PreferenceMode::Cheap), Some("fast, fastest"));
        assert_eq!(
            (chosen.mode, chosen.confidence, chosen.source),
            (PreferenceMode::Cheap, 1.0, ModeSource::Explicit)
        );
    }
}
