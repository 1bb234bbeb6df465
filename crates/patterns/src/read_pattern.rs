//! Reads a pattern's document.

use std::sync::Arc;

use midflight_core::{JsonPath, JsonPointer, ObjectReader, Problem, Problems};
use midflight_engine::{Interrupted, Work};
use midflight_regexes::{BoundedRegex, RegexError, RegexLimits};
use serde_json::Value;

use crate::fields::{ORDER_DEFAULT, check_segment, read_category, read_order, read_share};
use crate::limits::{PATTERN_CHARS_MAX, REGEX_COMPILED_BYTES_MAX, TEXTS_MAX};
use crate::pattern::{Conditions, PatternDocument, PatternMeta};
use crate::profile::DEFAULT_PROFILE;
use crate::{Action, CreatedBy, Match, PatternStatus};

const FIELDS: [&str; 15] = [
    "pattern",
    "any_of",
    "match",
    "profile",
    "category",
    "confidence",
    "action",
    "direct_response",
    "status",
    "order",
    "max_words",
    "exclusion",
    "created_by",
    "description",
    "tags",
];

/// Reads the body of `{pattern}`. Cost: compiles each of its regexes.
pub(crate) fn read_pattern(body: &Value, work: &Work) -> Result<PatternDocument, Problems> {
    let mut problems = Problems::default();
    let place = JsonPath::Root;
    let Some(mut reader) = ObjectReader::open("a pattern", body, &place, &mut problems) else {
        return Err(problems);
    };
    reader.only(&FIELDS);
    reader.text("description");
    reader.check_tags();
    let how = reader.word("match", Match::WORDS).unwrap_or_default();
    let texts = read_texts(&mut reader, how, work)?;
    let profile = reader.text("profile").unwrap_or(DEFAULT_PROFILE);
    check_segment(&mut reader, "profile", profile);
    let category = read_category(&mut reader);
    let direct_response: Option<Arc<str>> = reader.text("direct_response").map(Into::into);
    let otherwise = if direct_response.is_some() { Action::Respond } else { Action::Tool };
    let meta = PatternMeta {
        how,
        status: reader.word("status", PatternStatus::WORDS).unwrap_or_default(),
        created_by: reader.word("created_by", CreatedBy::WORDS).unwrap_or_default(),
        action: reader.word("action", Action::WORDS).unwrap_or(otherwise),
        order: read_order(&mut reader).unwrap_or(ORDER_DEFAULT),
        confidence: read_share(&mut reader, "confidence").unwrap_or(1.0),
        direct_response,
        conditions: read_conditions(&mut reader, how),
        is_list: reader.get("any_of").is_some(),
    };
    problems.or(PatternDocument {
        meta,
        profile: profile.into(),
        category: category.unwrap_or_default().into(),
        texts,
    })
}

fn read_texts(
    reader: &mut ObjectReader<'_, '_>,
    how: Match,
    work: &Work,
) -> Result<Vec<Box<str>>, Interrupted> {
    let texts: Vec<(String, &str)> = match (reader.get("pattern"), reader.get("any_of")) {
        (Some(_), None) => {
            reader.text("pattern").map(|text| ("/pattern".to_owned(), text)).into_iter().collect()
        }
        (None, Some(_)) => {
            let texts = reader.texts("any_of", TEXTS_MAX);
            if texts.is_empty() && reader.get("any_of").and_then(Value::as_array).is_some_and(Vec::is_empty) {
                reader.refuse("any_of", "empty", "any_of has at least one text");
            }
            let placed = texts.into_iter().enumerate();
            placed.map(|(i, text)| (format!("/any_of/{i}"), text)).collect()
        }
        (Some(_), Some(_)) => {
            reader.refuse("any_of", "conflict", "write pattern or any_of, not both");
            Vec::new()
        }
        (None, None) => {
            reader.missing("pattern", "the text to look for; or any_of, a list of texts");
            Vec::new()
        }
    };
    for (path, text) in &texts {
        work.check()?;
        let wrong = match text.chars().count() {
            0 => Some((
                "empty_key",
                "a pattern has at least one character, else it would match every query".to_owned(),
            )),
            1..=PATTERN_CHARS_MAX if how == Match::Regex => {
                wrong_regex(text, work)?.map(|why| ("bad_regex", why))
            }
            1..=PATTERN_CHARS_MAX => None,
            _ => Some((
                "too_long",
                format!("a pattern has at most {PATTERN_CHARS_MAX} characters; shorten it"),
            )),
        };
        if let Some((code, message)) = wrong {
            reader.problems().add(Problem::new(code, JsonPointer::parse(path), message));
        }
    }
    Ok(texts.into_iter().map(|(_, text)| text.into()).collect())
}

/// A regular expression as patterns have them.
pub(crate) fn compiled(text: &str) -> Result<BoundedRegex, String> {
    const LIMITS: RegexLimits = RegexLimits {
        // The texts that it sees are in lower case.
        case_insensitive: true,
        compiled_bytes_max: REGEX_COMPILED_BYTES_MAX,
        nesting_max: NESTING_MAX,
    };
    const NESTING_MAX: u32 = 250;
    BoundedRegex::new(text, LIMITS).map_err(|error| match error {
        RegexError::TooLarge { bytes_max } => {
            format!("the regex would take more than {bytes_max} bytes; repeat less in it")
        }
        error => format!("not a regular expression: {error}"),
    })
}

/// Why a regular expression cannot be had.
fn wrong_regex(text: &str, work: &Work) -> Result<Option<String>, Interrupted> {
    let regex = match compiled(text) {
        Err(why) => return Ok(Some(why)),
        Ok(regex) => regex,
    };
    Ok(regex.is_match("", work)?.then(|| {
        "the regex matches the empty text, so it would match every query; require at least one character"
            .to_owned()
    }))
}

fn read_conditions(reader: &mut ObjectReader<'_, '_>, how: Match) -> Option<Arc<Conditions>> {
    for key in ["max_words", "exclusion"] {
        if how == Match::Exact && reader.get(key).is_some() {
            reader.refuse(key, "conflict", format!("{key} cannot be used with an exact pattern"));
        }
    }
    let max_words = reader.integer("max_words").and_then(|words| {
        let words = u32::try_from(words).ok().filter(|words| *words > 0);
        if words.is_none() {
            reader.refuse("max_words", "out_of_bounds", "max_words is 1 or more");
        }
        words
    });
    let exclusion = reader.text("exclusion").and_then(|text| {
        let regex = match text.chars().count() {
            0..=PATTERN_CHARS_MAX => compiled(text),
            _ => Err(format!("a regex has at most {PATTERN_CHARS_MAX} characters; shorten it")),
        };
        regex.map_err(|why| reader.refuse("exclusion", "bad_regex", why)).ok()
    });
    let is_any = max_words.is_some() || exclusion.is_some();
    is_any.then(|| Arc::new(Conditions { max_words, exclusion }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(body: Value, expected: &[&str]) {
        let messages = read_pattern(&body, &Work::unbounded()).map(drop).unwrap_err().to_string();
        for expected in expected {
            assert!(messages.contains(expected), "{expected}\nis not in\n{messages}");
        }
    }

    #[test]
    fn defaults_are_as_documented() {
        let work = Work::unbounded();
        let pattern = read_pattern(&json!({"pattern": "ciao", "category": "GREETING"}), &work).unwrap();
        let meta = &pattern.meta;
        assert_eq!(
            (meta.how, meta.status, meta.action),
            (Match::Exact, PatternStatus::Approved, Action::Tool)
        );
        assert_eq!((meta.order, meta.confidence, &*pattern.profile), (100, 1.0, "default"));
        let body = json!({"pattern": "ciao", "category": "GREETING", "direct_response": "Ciao!"});
        assert_eq!(read_pattern(&body, &work).unwrap().meta.action, Action::Respond);
    }

    #[test]
    fn every_problem_is_reported() {
        check(json!({}), &["a pattern needs \"pattern\"", "a pattern needs \"category\""]);
        check(
            json!({"pattern": "", "match": "fuzzy", "category": "a b", "confidence": 1.5, "order": 1e9, "status": "on",
                "patern": 1, "profile": "a/b"}),
            &[
                "at /pattern: a pattern has at least one character",
                "at /match: \"fuzzy\" is not a valid match; use one of exact, prefix, contains, word, regex",
                "at /category: ",
                "at /confidence: confidence is a number from 0 to 1",
                "at /order: order is from",
                "at /status: \"on\" is not a valid status",
                "at /patern: a pattern has no field \"patern\"; did you mean \"pattern\"?",
                "at /profile: ",
            ],
        );
        check(
            json!({"any_of": ["(", "(a{900}){900}", "a*"], "match": "regex", "category": "A"}),
            &[
                "at /any_of/0: not a regular expression",
                "at /any_of/1: the regex would take",
                "at /any_of/2: the regex matches the empty text",
            ],
        );
        check(json!({"any_of": [], "category": "A"}), &["at /any_of: any_of has at least one text"]);
        check(json!({"any_of": ["a"], "pattern": "a", "category": "A"}), &["write pattern or any_of"]);
        check(
            json!({"pattern": "a", "category": "A", "max_words": 0, "exclusion": "("}),
            &[
                "at /max_words: max_words cannot be used with an exact",
                "at /max_words: max_words is 1",
                "at /exclusion: not a",
            ],
        );
        let long = "x".repeat(PATTERN_CHARS_MAX + 1);
        check(json!({"pattern": long, "category": "A"}), &["at most 1000 characters"]);
    }
}
