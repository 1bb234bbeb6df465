//! Reads capabilities and their patterns.

use midflight_core::{JsonPath, JsonType, ObjectReader, Problem, Problems, clip};
use serde_json::Value;

use crate::expression::{Formula, FormulaError, Numeric};
use crate::fields::{
    check_object, read_amount, read_description, read_map, read_share, refuse_misspelled, wrong_name,
    wrong_segment,
};
use crate::input_schema::{INPUT_TYPES, is_number};
use crate::limits::{CAPABILITIES_MAX, INPUTS_MAX, LIST_TEXTS_MAX, PATTERNS_PER_CAPABILITY_MAX};
use crate::tool::{Capability, Policy, PreferenceMatch, ToolInput, ToolPattern};

/// The members of a pattern that are read.
const PATTERN_FIELDS: [&str; 14] = [
    "description",
    "typical_use_cases",
    "time_estimate_ms",
    "cost_estimate",
    "complexity_score",
    "scope",
    "completeness",
    "limitations",
    "policy",
    "preference_match",
    "required_inputs",
    "optional_inputs",
    "expected_outputs",
    "examples",
];
const INPUT_FIELDS: [&str; 8] =
    ["name", "type", "description", "validation", "required", "default", "examples", "allowed_values"];
const POLICY_FIELDS: [&str; 9] = [
    "max_cost",
    "requires_approval",
    "production_safe",
    "max_execution_time",
    "max_execution_time_ms",
    "allowed_environments",
    "required_permissions",
    "max_N_immediate",
    "requires_background_if",
];
const PREFERENCES: [&str; 5] = ["speed", "accuracy", "cost", "complexity", "completeness"];
/// What a pattern is taken to be where its document does not state it.
const NEUTRAL: f64 = 0.5;

/// Reads the member `capabilities` of a tool.
pub(crate) fn read_capabilities(
    reader: &mut ObjectReader<'_, '_>,
    place: &JsonPath<'_>,
) -> Box<[Capability]> {
    let Some(members) = read_map(reader, "capabilities", "capability_name", CAPABILITIES_MAX) else {
        return Box::default();
    };
    let place = place.key("capabilities");
    let mut capabilities: Vec<_> = members
        .iter()
        .map(|(name, value)| read_capability(name, value, &place.key(name), reader.problems()))
        .collect();
    capabilities.sort_by(|a, b| a.name.cmp(&b.name));
    capabilities.into()
}

fn check_name(name: &str, noun: &str, place: &JsonPath<'_>, problems: &mut Problems) {
    if let Some(why) = wrong_segment(name) {
        let message = format!("invalid name of {noun}, {:?}: {why}", clip(name));
        problems.add(Problem::new("bad_name", place.pointer(), message));
    }
}

fn read_capability(name: &str, value: &Value, place: &JsonPath<'_>, problems: &mut Problems) -> Capability {
    check_name(name, "a capability", place, problems);
    if let Some(members) = value.as_object() {
        refuse_misspelled("a capability", members, &["description", "patterns"], place, problems);
    }
    let mut patterns = Vec::new();
    if let Some(mut reader) = ObjectReader::open("a capability", value, place, problems) {
        read_description(&mut reader, "description");
        if reader.get("patterns").is_none() {
            reader.missing("patterns", "the ways to use it, by name");
        }
        if let Some(members) = read_map(&mut reader, "patterns", "pattern_name", PATTERNS_PER_CAPABILITY_MAX)
        {
            let place = place.key("patterns");
            for (name, value) in members {
                patterns.extend(read_pattern(name, value, &place.key(name), reader.problems()));
            }
        }
    }
    patterns.sort_by(|a, b| a.name.cmp(&b.name));
    Capability { name: name.into(), patterns: patterns.into() }
}

fn read_pattern(
    name: &str,
    value: &Value,
    place: &JsonPath<'_>,
    problems: &mut Problems,
) -> Option<ToolPattern> {
    check_name(name, "a pattern", place, problems);
    if let Some(members) = value.as_object() {
        refuse_misspelled("a pattern", members, &PATTERN_FIELDS, place, problems);
    }
    let mut reader = ObjectReader::open("a pattern", value, place, problems)?;
    read_description(&mut reader, "description");
    for key in ["typical_use_cases", "limitations"] {
        reader.texts(key, LIST_TEXTS_MAX);
    }
    for key in ["scope", "completeness"] {
        reader.text(key);
    }
    let mut inputs = read_inputs(&mut reader, "required_inputs", place, true);
    inputs.extend(read_inputs(&mut reader, "optional_inputs", place, false));
    for (at, input) in inputs.iter().enumerate() {
        if inputs[..at].iter().any(|other| other.name == input.name) {
            let message = format!("the input {:?} is declared twice; remove one", input.name);
            reader.refuse("required_inputs", "duplicate_input", message);
        }
    }
    let is_declared = |name: &str| inputs.iter().any(|input| input.is_number && *input.name == *name);
    let time_ms = read_formula(&mut reader, "time_estimate_ms", "how long it takes, in ms", &is_declared);
    let cost = read_formula(&mut reader, "cost_estimate", "what it costs", &is_declared);
    let complexity = read_share(&mut reader, "complexity_score").unwrap_or(NEUTRAL);
    check_array(&mut reader, "expected_outputs");
    let preference = read_preference(&mut reader, place);
    let policy = read_policy(&mut reader, place, &is_declared);
    Some(ToolPattern {
        name: name.into(),
        time_ms: time_ms?,
        cost: cost?,
        complexity,
        preference,
        policy,
        inputs: inputs.into(),
    })
}

fn check_array(reader: &mut ObjectReader<'_, '_>, key: &str) {
    if let Some(value) = reader.get(key).filter(|value| !value.is_array()) {
        reader.wrong_type(key, "an array", value);
    }
}

/// A number, or a text that is an expression.
fn read_formula(
    reader: &mut ObjectReader<'_, '_>,
    key: &str,
    cure: &str,
    is_declared: &dyn Fn(&str) -> bool,
) -> Option<Formula> {
    let value = match reader.get(key) {
        None => {
            reader.missing(key, &format!("{cure}: a number or an expression, as \"200 + 5 * N\""));
            return None;
        }
        Some(value) => value,
    };
    match value {
        Value::Number(number) => Numeric::of_json(number).map(Formula::constant),
        Value::String(text) => match Formula::number(text, is_declared) {
            Ok(formula) => Some(formula),
            Err(error) => {
                refuse_formula(reader, key, &error);
                None
            }
        },
        value => {
            reader.wrong_type(key, "a number or an expression", value);
            None
        }
    }
}

fn refuse_formula(reader: &mut ObjectReader<'_, '_>, key: &str, error: &FormulaError) {
    reader.refuse(key, error.fault.code(), format!("invalid expression: {error}"));
}

fn read_inputs(
    reader: &mut ObjectReader<'_, '_>,
    key: &str,
    place: &JsonPath<'_>,
    is_required: bool,
) -> Vec<ToolInput> {
    let items = match reader.get(key) {
        None => return Vec::new(),
        Some(Value::Array(items)) if items.len() <= INPUTS_MAX => items,
        Some(Value::Array(items)) => {
            let message = format!("{key} has {} inputs and may have {INPUTS_MAX}; keep fewer", items.len());
            reader.refuse(key, "too_many", message);
            return Vec::new();
        }
        Some(value) => {
            reader.wrong_type(key, "an array of inputs", value);
            return Vec::new();
        }
    };
    let place = place.key(key);
    let read = |(at, item)| read_input(item, &place.index(at), is_required, reader.problems());
    items.iter().enumerate().filter_map(read).collect()
}

fn read_input(
    value: &Value,
    place: &JsonPath<'_>,
    is_required: bool,
    problems: &mut Problems,
) -> Option<ToolInput> {
    if let Some(members) = value.as_object() {
        refuse_misspelled("an input", members, &INPUT_FIELDS, place, problems);
    }
    let mut reader = ObjectReader::open("an input", value, place, problems)?;
    read_description(&mut reader, "description");
    if reader.get("name").is_none() {
        reader.missing("name", "what a caller calls it");
    }
    let name = reader.text("name")?;
    if let Some(why) = wrong_name(name) {
        reader.refuse("name", "bad_name", format!("invalid name of an input: {why}"));
    }
    let kind = reader.text("type").unwrap_or("string");
    let types = || INPUT_TYPES.iter().map(|(word, _)| *word);
    if !types().any(|word| word == kind)
        && let Some(near) = midflight_core::nearest(kind, types().filter(|word| word.len() > 4))
    {
        let message = format!("unknown type {:?}; did you mean {near:?}?", clip(kind));
        reader.refuse("type", "unknown_value", message);
    }
    check_array(&mut reader, "allowed_values");
    Some(ToolInput { name: name.into(), is_required, is_number: is_number(kind) })
}

fn read_preference(reader: &mut ObjectReader<'_, '_>, place: &JsonPath<'_>) -> PreferenceMatch {
    let mut preference = PreferenceMatch { accuracy: NEUTRAL, completeness: NEUTRAL };
    let place = place.key("preference_match");
    let Some(value) = reader.get("preference_match") else { return preference };
    if let Some(mut reader) = ObjectReader::open("preference_match", value, &place, reader.problems()) {
        reader.only(&PREFERENCES);
        for key in PREFERENCES {
            let share = read_share(&mut reader, key);
            match (key, share) {
                ("accuracy", Some(share)) => preference.accuracy = share,
                ("completeness", Some(share)) => preference.completeness = share,
                _ => {}
            }
        }
    }
    preference
}

/// Reads the member `policy`. An unknown member is refused: it would be a rule that nothing enforces.
fn read_policy(
    reader: &mut ObjectReader<'_, '_>,
    place: &JsonPath<'_>,
    is_declared: &dyn Fn(&str) -> bool,
) -> Policy {
    check_object(reader, "policy");
    let place = place.key("policy");
    let Some(value) = reader.get("policy").filter(|value| value.is_object()) else {
        return Policy::default();
    };
    let Some(mut reader) = ObjectReader::open("a policy", value, &place, reader.problems()) else {
        return Policy::default();
    };
    reader.only(&POLICY_FIELDS);
    let seconds = read_amount(&mut reader, "max_execution_time");
    let millis = read_amount(&mut reader, "max_execution_time_ms");
    if seconds.is_some() && millis.is_some() {
        let message = "write max_execution_time (s) or max_execution_time_ms, not both";
        reader.refuse("max_execution_time", "conflict", message);
    }
    let boxed = |texts: Vec<&str>| texts.into_iter().map(Box::from).collect();
    let condition = match reader.get("requires_background_if") {
        None => None,
        Some(Value::String(text)) => match Formula::condition(text, is_declared) {
            Ok(condition) => Some(condition),
            Err(error) => {
                refuse_formula(&mut reader, "requires_background_if", &error);
                None
            }
        },
        Some(value) => {
            let message = format!(
                "requires_background_if is a condition, as \"N > 50\", not {}",
                JsonType::of(value).word()
            );
            reader.refuse("requires_background_if", "wrong_type", message);
            None
        }
    };
    Policy {
        max_cost: read_amount(&mut reader, "max_cost"),
        requires_approval: reader.boolean("requires_approval").unwrap_or(false),
        production_safe: reader.boolean("production_safe"),
        max_execution_time_ms: seconds.map(|seconds| seconds * 1000.0).or(millis),
        allowed_environments: boxed(reader.texts("allowed_environments", LIST_TEXTS_MAX)),
        required_permissions: boxed(reader.texts("required_permissions", LIST_TEXTS_MAX)),
        max_n_immediate: read_amount(&mut reader, "max_N_immediate"),
        requires_background_if: condition,
    }
}
