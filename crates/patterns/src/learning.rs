//! Learning policies: which answers of an LLM become patterns, and which patterns stop answering, as data.

use std::fmt;

use midflight_core::{JsonPath, ObjectReader, Problems, clip};
use serde_json::Value;

use crate::fields::{ORDER_DEFAULT, read_order, read_share};
use crate::limits::{CATEGORIES_MAX, LEARNED_MAX, PATTERN_CHARS_MAX, PER_MINUTE_MAX, WORDS_MAX};
use crate::normalize::fold;
use crate::{PatternStatus, Personal, Profile, Redaction};

/// How something that could be learned is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LearningMode {
    /// Nothing is learned.
    Off,
    /// It waits for approval.
    #[default]
    Pending,
    /// It answers at once, on every replica.
    Auto,
}

/// Whose queries are learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LearnFrom {
    /// Those of callers with a token. Queries of other callers are classified and change nothing: a caller that is not
    /// known must not change what all callers are answered.
    #[default]
    Authenticated,
    /// Those of all callers.
    Everyone,
}

/// Which answers of an LLM are learned for the queries of a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct LearningPolicy {
    /// How something that could be learned is handled.
    pub mode: LearningMode,
    /// How sure an answer must be, 0 to 1.
    pub threshold: f64,
    /// How many characters a key must have.
    pub key_chars_min: u32,
    /// The place of what is learned in the declared order.
    pub order: i32,
    /// With less accuracy than this a pattern goes back to pending, 0 to 1; 0 never.
    pub demote_below: f64,
    /// And only after this many votes.
    pub demote_after: u32,
    /// What a call of the LLM costs, in the unit in which savings are reported.
    pub llm_call_cost: f64,
    /// Whose queries are learned.
    pub learn_from: LearnFrom,
    /// How many learned patterns there are at once. Beyond it the least used one that no person changed is deleted.
    /// 1,000: what is asked again and again is far less.
    pub learned_max: u32,
    /// How many patterns a replica learns a minute. 120: what was not learned is learned when it is asked again.
    pub lessons_per_minute_max: u32,
    /// How often a replica calls the LLM a minute. 600: ten a second; a flood of new queries must not cost without
    /// bound.
    pub llm_calls_per_minute_max: u32,
    /// What is personal data. Queries with any of it are not learned.
    pub redact: Redaction,
    /// Whether personal data is masked in what the LLM is asked. True.
    pub redact_llm: bool,
    never_categories: Vec<Box<str>>,
    never_contains: Vec<Box<str>>,
}

impl Default for LearningPolicy {
    fn default() -> Self {
        Self {
            mode: LearningMode::Pending,
            threshold: 0.9,
            key_chars_min: 3,
            order: ORDER_DEFAULT,
            demote_below: 0.5,
            demote_after: 5,
            llm_call_cost: 0.0,
            learn_from: LearnFrom::default(),
            learned_max: 1_000,
            lessons_per_minute_max: 120,
            llm_calls_per_minute_max: 600,
            redact: Redaction::default(),
            redact_llm: true,
            never_categories: Vec::new(),
            never_contains: Vec::new(),
        }
    }
}

/// Why something is not learned.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum NotLearned {
    /// The policy learns nothing.
    Off,
    /// It is not sure enough.
    Unsure {
        /// How sure it is.
        confidence: f64,
        /// How sure it would have to be.
        threshold: f64,
    },
    /// The category is never learned.
    Category,
    /// The query has a text in it that is never learned.
    Contains(Box<str>),
    /// The key has too few characters.
    TooShort,
    /// The key has more characters than a pattern.
    TooLong,
    /// There is personal data in the query.
    PersonalData(Personal),
    /// The caller has no token, and the policy learns only from callers with one.
    Anonymous,
    /// Too much was learned within a minute.
    Rate {
        /// How many lessons there may be in a minute.
        lessons_per_minute_max: u32,
    },
    /// There are as many learned patterns as may be, and none that may be deleted for it.
    Full {
        /// How many there may be.
        learned_max: u32,
    },
    /// Too many lessons wait to be written.
    Queue,
}

impl NotLearned {
    /// Every reason, as [`NotLearned::reason`] has it.
    pub const REASONS: [&str; 11] = [
        "off",
        "unsure",
        "category",
        "contains",
        "too_short",
        "too_long",
        "personal_data",
        "anonymous",
        "rate",
        "full",
        "queue",
    ];

    /// The reason in one word, for counting.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Unsure { .. } => "unsure",
            Self::Category => "category",
            Self::Contains(_) => "contains",
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::PersonalData(_) => "personal_data",
            Self::Anonymous => "anonymous",
            Self::Rate { .. } => "rate",
            Self::Full { .. } => "full",
            Self::Queue => "queue",
        }
    }
}

impl fmt::Display for NotLearned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("the policy learns nothing"),
            Self::Unsure { confidence, threshold } => {
                write!(f, "its confidence is {confidence} and {threshold} is required")
            }
            Self::Category => f.write_str("its category is never learned"),
            Self::Contains(text) => write!(f, "queries with {text:?} are never learned"),
            Self::TooShort => f.write_str("its key is too short"),
            Self::TooLong => f.write_str("its key is too long"),
            Self::PersonalData(personal) => {
                write!(f, "the query has personal data in it ({}); see redact", personal.as_str())
            }
            Self::Anonymous => f.write_str("the caller has no token, and learn_from is authenticated"),
            Self::Rate { lessons_per_minute_max } => {
                write!(f, "lessons_per_minute_max is {lessons_per_minute_max}")
            }
            Self::Full { learned_max } => {
                write!(f, "learned_max is {learned_max}, and persons changed all that was learned")
            }
            Self::Queue => f.write_str("too many learned patterns wait to be written"),
        }
    }
}

/// Something that could be learned.
#[derive(Debug, Clone, Copy)]
pub struct LearningProposal<'a> {
    /// The query as it came.
    pub query: &'a str,
    /// The query as literals see it: [`crate::Profile::text`].
    pub text: &'a str,
    /// The query as exact patterns see it: [`crate::Profile::key`].
    pub key: &'a str,
    /// Its category, by an LLM or a person.
    pub category: &'a str,
    /// How sure that is, 0 to 1.
    pub confidence: f64,
}

impl LearningPolicy {
    /// With which status something is learned of the queries of `profile`. Cost: looks for every text that is never
    /// learned; for after the answer.
    ///
    /// # Errors
    /// Why it is not.
    pub fn verdict(
        &self,
        profile: &Profile,
        proposal: &LearningProposal<'_>,
    ) -> Result<PatternStatus, NotLearned> {
        let LearningProposal { query, text, key, category, confidence } = *proposal;
        let status = match self.mode {
            LearningMode::Off => return Err(NotLearned::Off),
            LearningMode::Pending => PatternStatus::Pending,
            LearningMode::Auto => PatternStatus::Approved,
        };
        if confidence < self.threshold {
            return Err(NotLearned::Unsure { confidence, threshold: self.threshold });
        }
        if self.never_categories.iter().any(|never| **never == *category) {
            return Err(NotLearned::Category);
        }
        if let Some(never) = self.never_contains.iter().find(|never| text.contains(&profile.text(never))) {
            return Err(NotLearned::Contains(never.clone()));
        }
        // In the query as it came, which is what would be written, and as it is read: without invisible characters.
        if let Some(personal) = self.redact.find(query).or_else(|| self.redact.find(text)) {
            return Err(NotLearned::PersonalData(personal));
        }
        if key.chars().nth(PATTERN_CHARS_MAX).is_some() {
            return Err(NotLearned::TooLong);
        }
        if key.chars().nth(self.key_chars_min.saturating_sub(1) as usize).is_none() {
            return Err(NotLearned::TooShort);
        }
        Ok(status)
    }

    /// Whether a pattern with this many positive and negative votes is to be demoted.
    #[must_use]
    pub fn demotes(&self, right: u64, wrong: u64) -> bool {
        let stated = right.saturating_add(wrong);
        #[expect(clippy::cast_precision_loss, reason = "a share need not be exact")]
        let accuracy = right as f64 / stated as f64;
        stated >= u64::from(self.demote_after.max(1)) && accuracy < self.demote_below
    }

    pub(crate) fn bytes(&self) -> u64 {
        let lists = self.never_categories.iter().chain(&self.never_contains);
        256 + lists.map(|text| 32 + text.len() as u64).sum::<u64>()
    }
}

const FIELDS: [&str; 16] = [
    "mode",
    "threshold",
    "key_chars_min",
    "order",
    "demote_below",
    "demote_after",
    "llm_call_cost",
    "learn_from",
    "learned_max",
    "lessons_per_minute_max",
    "llm_calls_per_minute_max",
    "redact",
    "redact_llm",
    "never_categories",
    "never_contains",
    "description",
];

/// Reads the body of `learning/{profile}`.
pub(crate) fn read_learning(body: &Value) -> Result<LearningPolicy, Problems> {
    let mut problems = Problems::default();
    let place = JsonPath::Root;
    let Some(mut reader) = ObjectReader::open("a learning policy", body, &place, &mut problems) else {
        return Err(problems);
    };
    reader.only(&FIELDS);
    reader.text("description");
    let default = LearningPolicy::default();
    let modes =
        [("off", LearningMode::Off), ("pending", LearningMode::Pending), ("auto", LearningMode::Auto)];
    let sources = [("authenticated", LearnFrom::Authenticated), ("everyone", LearnFrom::Everyone)];
    let policy = LearningPolicy {
        mode: reader.word("mode", &modes).unwrap_or_default(),
        threshold: read_share(&mut reader, "threshold").unwrap_or(default.threshold),
        key_chars_min: read_count(&mut reader, "key_chars_min", COUNT_MAX).unwrap_or(default.key_chars_min),
        order: read_order(&mut reader).unwrap_or(default.order),
        demote_below: read_share(&mut reader, "demote_below").unwrap_or(default.demote_below),
        demote_after: read_count(&mut reader, "demote_after", COUNT_MAX).unwrap_or(default.demote_after),
        llm_call_cost: reader.number("llm_call_cost").unwrap_or(default.llm_call_cost),
        learn_from: reader.word("learn_from", &sources).unwrap_or_default(),
        learned_max: read_count(&mut reader, "learned_max", LEARNED_MAX).unwrap_or(default.learned_max),
        lessons_per_minute_max: read_count(&mut reader, "lessons_per_minute_max", PER_MINUTE_MAX)
            .unwrap_or(default.lessons_per_minute_max),
        llm_calls_per_minute_max: read_count(&mut reader, "llm_calls_per_minute_max", PER_MINUTE_MAX)
            .unwrap_or(default.llm_calls_per_minute_max),
        redact: read_redaction(&mut reader).unwrap_or_default(),
        redact_llm: reader.boolean("redact_llm").unwrap_or(default.redact_llm),
        never_categories: reader
            .texts("never_categories", CATEGORIES_MAX)
            .into_iter()
            .map(Into::into)
            .collect(),
        never_contains: reader.texts("never_contains", WORDS_MAX).into_iter().map(Into::into).collect(),
    };
    if policy.llm_call_cost < 0.0 {
        reader.refuse("llm_call_cost", "out_of_bounds", "llm_call_cost is 0 or more");
    }
    if let Some(i) = policy.never_contains.iter().position(|text| fold(text, true, false).is_empty()) {
        let message = "it is empty after normalization, so nothing would be learned; use mode: off for that";
        reader.refuse_in("never_contains", &i.to_string(), "empty", message);
    }
    problems.or(policy)
}

/// The largest of the counts that nothing else bounds.
const COUNT_MAX: u32 = 1_000_000;

fn read_count(reader: &mut ObjectReader<'_, '_>, key: &str, max: u32) -> Option<u32> {
    let count = reader.integer(key)?;
    let known = u32::try_from(count).ok().filter(|count| *count <= max);
    if known.is_none() {
        reader.refuse(key, "out_of_bounds", format!("{key} is from 0 to {max}"));
    }
    known
}

/// The member `redact`: the sorts of personal data, of which there may be none.
fn read_redaction(reader: &mut ObjectReader<'_, '_>) -> Option<Redaction> {
    reader.get("redact")?;
    let words = reader.texts("redact", Personal::ALL.len());
    let mut sorts = Vec::with_capacity(words.len());
    for (i, word) in words.into_iter().enumerate() {
        match Personal::ALL.into_iter().find(|personal| personal.as_str() == word) {
            Some(personal) => sorts.push(personal),
            None => {
                let known = Personal::ALL.map(Personal::as_str).join(", ");
                let message =
                    format!("unknown sort of personal data {:?}: expected one of {known}", clip(word));
                reader.refuse_in("redact", &i.to_string(), "unknown_value", message);
            }
        }
    }
    Some(Redaction(sorts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(text: &str, category: &str, confidence: f64, expected: Result<PatternStatus, &str>) {
        let body = json!({"mode": "auto", "never_categories": ["DANGER"], "never_contains": ["Postgres"]});
        let policy = read_learning(&body).unwrap();
        let proposal = LearningProposal { query: text, text, key: text, category, confidence };
        let verdict = policy.verdict(&Profile::default(), &proposal).map_err(|why| why.to_string());
        assert_eq!(verdict, expected.map_err(str::to_owned));
    }

    #[test]
    fn what_is_not_to_be_learned_is_not() {
        check("quanti ordini", "METRIC", 0.9, Ok(PatternStatus::Approved));
        check("quanti ordini", "METRIC", 0.89, Err("its confidence is 0.89 and 0.9 is required"));
        check("quanti ordini", "DANGER", 1.0, Err("its category is never learned"));
        check("usate postgres", "METRIC", 1.0, Err("queries with \"Postgres\" are never learned"));
        check("ok", "METRIC", 1.0, Err("its key is too short"));
        check("sì!", "METRIC", 1.0, Ok(PatternStatus::Approved));
        let personal = |sort: &str| format!("the query has personal data in it ({sort}); see redact");
        check("ordini di a@b.example", "METRIC", 1.0, Err(&personal("email")));
        check("ordine 20481", "METRIC", 1.0, Err(&personal("number")));
    }

    #[test]
    fn a_pattern_is_demoted_after_enough_negative_votes() {
        let policy = LearningPolicy::default();
        assert!(!policy.demotes(0, 4) && policy.demotes(0, 5) && policy.demotes(2, 3));
        assert!(!policy.demotes(3, 3) && !policy.demotes(0, 0));
        assert!(!LearningPolicy { demote_below: 0.0, ..policy }.demotes(0, 100));
    }

    #[test]
    fn a_policy_reports_its_problems() {
        let body = json!({"mode": "always", "threshold": 2, "never_contains": ["", 1], "llm_call_cost": -1, "order": 0.5,
            "key_chars_min": -1, "redact": ["email", "names"], "learned_max": 10_001, "learn_from": "all"});
        let messages = read_learning(&body).unwrap_err().to_string();
        for part in [
            "/mode: \"always\" is not a valid mode",
            "/threshold: ",
            "/never_contains/1",
            "/never_contains/0",
            "/llm_call_cost",
            "/redact/1: unknown sort of personal data \"names\": expected one of url_credentials, email",
            "/learned_max: learned_max is from 0 to 10000",
            "/learn_from: \"all\" is not a valid learn_from; use one of authenticated, everyone",
            "/order: order is a whole number",
            "/key_chars_min: ",
        ] {
            assert!(messages.contains(part), "{part} is not in {messages}");
        }
    }
}
