//! A reference classifier: straight from the documents' JSON, one pattern after the other, with nothing clever in it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use regex::{Regex, RegexBuilder};
use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization as _;

/// The documents by name.
pub(crate) type Documents = BTreeMap<String, Value>;

/// What answers a query: a pattern's id, and those of its texts that match.
pub(crate) type Answer = Option<(String, BTreeSet<String>)>;

/// A regular expression, compiled once.
fn expression(text: &str) -> Regex {
    thread_local!(static COMPILED: RefCell<HashMap<String, Regex>> = RefCell::default());
    let compiled = || RegexBuilder::new(text).case_insensitive(true).build().unwrap();
    COMPILED.with_borrow_mut(|all| all.entry(text.to_owned()).or_insert_with(compiled).clone())
}

/// What is left of a text without all that an expression matches.
fn without(text: &str, unwanted: &str) -> String {
    expression(&format!("(?-i:{unwanted})")).replace_all(text, "").into_owned()
}

fn flag(profile: &Value, key: &str) -> bool {
    profile[key] == json!(true)
}

/// A query as literals and regexes see it.
pub(crate) fn text(profile: &Value, query: &str) -> String {
    let apart: String = query.nfd().collect();
    let lower = without(&apart, r"[\p{Cc}&&\S]|\p{Default_Ignorable_Code_Point}").to_lowercase();
    let mut text: String = match flag(profile, "compatibility") {
        true => lower.nfkc().collect::<String>().to_lowercase().nfkc().collect(),
        false => lower.nfc().collect(),
    };
    if flag(profile, "fold_accents") {
        text = without(&text.nfd().collect::<String>(), r"\p{M}").nfc().collect();
    }
    let text = text.replace(['\u{2018}', '\u{2019}', '\u{2bc}'], "'");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A query as exact patterns see it.
pub(crate) fn key(profile: &Value, query: &str) -> String {
    let surrounding = match profile["punctuation"].as_str() {
        Some("keep") => "[a&&b]",
        Some("unicode") => r"^[\p{P}\p{S}]+|[\p{P}\p{S}]+$",
        _ => "^[[:punct:]]+|[[:punct:]]+$",
    };
    let bare = |text: &str| -> Vec<String> {
        text.split(' ').map(|word| without(word, surrounding)).filter(|word| !word.is_empty()).collect()
    };
    let stop_words = profile["stop_words"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let stop_words: Vec<_> = stop_words.flat_map(|word| bare(&text(profile, word))).collect();
    let mut words = bare(&text(profile, query));
    words.retain(|word| !stop_words.contains(word));
    words.join(" ")
}

fn profile_of(documents: &Documents, name: &str) -> Option<Value> {
    let default = (name == "default").then(|| json!({}));
    documents.get(&format!("profiles/{name}")).cloned().or(default)
}

/// A pattern's texts as they are written.
pub(crate) fn written(pattern: &Value) -> Vec<&str> {
    match pattern.get("any_of") {
        Some(texts) => texts.as_array().unwrap().iter().filter_map(Value::as_str).collect(),
        None => pattern["pattern"].as_str().into_iter().collect(),
    }
}

fn kind(pattern: &Value) -> &str {
    pattern["match"].as_str().unwrap_or("exact")
}

fn profile_name(pattern: &Value) -> &str {
    pattern["profile"].as_str().unwrap_or("default")
}

fn answers(pattern: &Value) -> bool {
    pattern.get("status").is_none_or(|status| status == "approved")
}

/// What is looked for in a query.
fn sought(profile: &Value, pattern: &Value, text_written: &str) -> String {
    match kind(pattern) {
        "exact" => key(profile, text_written),
        "regex" => text_written.to_owned(),
        _ => text(profile, text_written),
    }
}

fn patterns(documents: &Documents) -> impl Iterator<Item = (&String, &Value)> {
    documents.iter().filter(|(name, _)| !name.contains('/'))
}

/// The key of a query, and what answers it.
pub(crate) fn classify(documents: &Documents, profile: &str, query: &str) -> (String, Answer) {
    let folding = profile_of(documents, profile).unwrap();
    let (text, key) = (text(&folding, query), key(&folding, query));
    let mut found: Vec<(i64, String, BTreeSet<String>)> = Vec::new();
    for (id, pattern) in patterns(documents) {
        if !answers(pattern) || profile_name(pattern) != profile || text.is_empty() || !fits(pattern, &text) {
            continue;
        }
        let mut matching = BTreeSet::new();
        for written in written(pattern) {
            let sought = sought(&folding, pattern, written);
            if matches(kind(pattern), &sought, &text, &key) {
                matching.insert(sought);
            }
        }
        if !matching.is_empty() {
            found.push((pattern["order"].as_i64().unwrap_or(100), id.clone(), matching));
        }
    }
    found.sort();
    (key, found.into_iter().next().map(|(_, id, matching)| (id, matching)))
}

/// Whether a text fulfils a pattern's conditions.
fn fits(pattern: &Value, text: &str) -> bool {
    let words = text.split(' ').count() as u64;
    let is_excluded = pattern["exclusion"].as_str().is_some_and(|it| expression(it).is_match(text));
    pattern["max_words"].as_u64().is_none_or(|max| words <= max) && !is_excluded
}

fn matches(kind: &str, sought: &str, text: &str, key: &str) -> bool {
    match kind {
        "exact" => !key.is_empty() && sought == key,
        "prefix" => text.starts_with(sought),
        "contains" => text.contains(sought),
        "word" => text.char_indices().any(|(at, _)| {
            let (before, rest) = text.split_at(at);
            rest.strip_prefix(sought).is_some_and(|after| stands_alone(before, sought, after))
        }),
        "regex" => expression(sought).is_match(text),
        other => panic!("{other}"),
    }
}

fn stands_alone(before: &str, word: &str, after: &str) -> bool {
    let [starts, ends] = [r"^[\p{Alphabetic}\p{N}\p{M}_]", r"[\p{Alphabetic}\p{N}\p{M}_]$"].map(expression);
    let goes_on = |left: &str, right: &str| ends.is_match(left) && starts.is_match(right);
    !goes_on(before, word) && !goes_on(word, after)
}

/// Whether documents may stand together, that are each what the schemas say.
pub(crate) fn may_stand(documents: &Documents) -> bool {
    let mut taken = BTreeSet::new();
    documents.iter().all(|(name, body)| match name.split_once('/') {
        Some((_, profile)) => profile_of(documents, profile).is_some(),
        None => may_be(documents, body, &mut taken),
    })
}

/// Whether a pattern may be there, beside those whose texts are taken.
fn may_be(documents: &Documents, pattern: &Value, taken: &mut BTreeSet<String>) -> bool {
    let (kind, profile) = (kind(pattern), profile_name(pattern));
    let Some(folding) = profile_of(documents, profile) else { return false };
    let sought: Vec<_> = written(pattern).iter().map(|it| sought(&folding, pattern, it)).collect();
    let different: BTreeSet<_> = sought.iter().collect();
    let is_empty = |it: &String| it.is_empty() || (kind == "regex" && expression(it).is_match(""));
    if sought.iter().any(is_empty) || different.len() < sought.len() {
        return false;
    }
    let asks = format!("{kind} {profile} {} {}", pattern["max_words"], pattern["exclusion"]);
    !answers(pattern) || sought.iter().all(|it| taken.insert(format!("{asks} {it}")))
}
