//! Reads the body of a webhook.

use midflight_core::{JsonPath, JsonPointer, ObjectReader, Outcome, Problem, Problems, clip};
use midflight_engine::{DocumentWriter, Environment, EnvironmentInput, InputName};
use midflight_outbound::OutboundPolicy;
use serde_json::Value;
use url::Url;

use crate::{ATTEMPTS, FILTER_ITEMS_MAX, RETRY_MS, SigningKey, TIMEOUT_MS, Webhook, WebhookEventType};

const FIELDS: [&str; 9] = [
    "url",
    "secret",
    "description",
    "active",
    "events",
    "documents",
    "outcomes",
    "timeout_ms",
    "attempts_max",
];
const RETRY: &str = "retry_ms";
/// The longest pattern of documents, in bytes.
const PATTERN_BYTES_MAX: usize = 512;
/// The outcomes of entries of the audit.
const AUDIT_OUTCOMES: [&str; 3] = ["refused", "failed", "unknown"];

/// What a body is read with.
pub(crate) struct ReadContext<'a> {
    pub(crate) policy: &'a OutboundPolicy,
    pub(crate) may_audit: bool,
    pub(crate) environment: &'a dyn Environment,
}

/// Reads a webhook.
pub(crate) fn read(body: &Value, context: &ReadContext<'_>) -> Result<Webhook, Problems> {
    let mut problems = Problems::default();
    let root = JsonPath::Root;
    let Some(mut object) = ObjectReader::open("a webhook", body, &root, &mut problems) else {
        return Err(problems);
    };
    let fields: Vec<_> = FIELDS.iter().copied().chain([RETRY]).collect();
    object.only(&fields);
    let url = read_url(&mut object, context.policy);
    let secret = read_secret(&mut object, context.environment);
    object.text("description");
    let is_active = object.boolean("active").unwrap_or(true);
    let events = read_events(&mut object, context.may_audit);
    let documents = read_patterns(&mut object);
    let outcomes = read_outcomes(&mut object);
    let timeout_ms = read_number(&mut object, "timeout_ms", TIMEOUT_MS, 15_000);
    let attempts_max = read_number(&mut object, "attempts_max", ATTEMPTS, 10);
    let retry_ms = read_number(&mut object, RETRY, RETRY_MS, 5_000);
    match (url, secret) {
        (Some(url), Some((key, input))) => problems.or(Webhook {
            url,
            key,
            is_active,
            timeout_ms,
            attempts_max: u32::try_from(attempts_max).unwrap_or(u32::MAX),
            retry_ms,
            events,
            documents,
            outcomes,
            input,
        }),
        _ => Err(problems),
    }
}

fn read_url(object: &mut ObjectReader<'_, '_>, policy: &OutboundPolicy) -> Option<Url> {
    let Some(text) = object.text("url") else {
        if object.get("url").is_none() {
            object.missing("url", "write where events are sent, as https://hooks.example.com/midflight");
        }
        return None;
    };
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => {
            object.refuse("url", "invalid_url", format!("invalid URL: {error}"));
            return None;
        }
    };
    if let Err(refused) = policy.check(&url) {
        object.refuse("url", "not_allowed", refused.to_string());
        return None;
    }
    Some(url)
}

/// The key that a reference gives. A secret that is written out is refused: it would stay in the log.
fn read_secret(
    object: &mut ObjectReader<'_, '_>,
    environment: &dyn Environment,
) -> Option<(SigningKey, EnvironmentInput)> {
    const CURE: &str = "write ${env:NAME} or ${file:PATH}";
    let Some(text) = object.text("secret") else {
        if object.get("secret").is_none() {
            object.missing("secret", &format!("{CURE}, which the operator has to allow"));
        }
        return None;
    };
    let reference = text.strip_prefix("${").and_then(|text| text.strip_suffix('}'));
    let name = match reference.and_then(|reference| reference.split_once(':')) {
        Some(("env", name)) if !name.is_empty() => InputName::Variable(name.to_owned()),
        Some(("file", path)) if !path.is_empty() => InputName::File(path.to_owned()),
        _ => {
            // Without the text, which is a secret perhaps.
            object.refuse("secret", "not_a_reference", format!("the secret is not a reference; {CURE}"));
            return None;
        }
    };
    match read_key(name, environment) {
        Ok(key) => Some(key),
        Err(why) => {
            object.refuse("secret", "invalid_secret", why);
            None
        }
    }
}

/// The key of a secret, and what it was read from.
pub(crate) fn read_key(
    name: InputName,
    environment: &dyn Environment,
) -> Result<(SigningKey, EnvironmentInput), String> {
    let by = DocumentWriter::Log;
    let read = name.read(environment, by).and_then(|text| text.ok_or_else(|| "it is not set".to_owned()));
    let text = read.map_err(|why| format!("cannot read {name}: {why}"))?;
    Ok((SigningKey::new(text.trim_end())?, EnvironmentInput::new(name, by, &text)))
}

fn read_events(object: &mut ObjectReader<'_, '_>, may_audit: bool) -> Vec<WebhookEventType> {
    let all = WebhookEventType::ALL;
    if object.get("events").is_none() {
        return all.into_iter().filter(|event| *event != WebhookEventType::Audit).collect();
    }
    let mut events = Vec::new();
    for (at, word) in object.texts("events", FILTER_ITEMS_MAX).into_iter().enumerate() {
        let at = at.to_string();
        match all.into_iter().find(|event| event.as_str() == word) {
            None => {
                let known: Vec<_> = all.iter().map(|event| event.as_str()).collect();
                let message = format!("unknown event {:?}; there are {}", clip(word), known.join(", "));
                object.refuse_in("events", &at, "unknown_value", message);
            }
            Some(WebhookEventType::Audit) if !may_audit => {
                let message = "the audit is for admins, and webhooks are for editors; an operator has to allow \
                               it (--audit-webhooks)";
                object.refuse_in("events", &at, "not_allowed", message);
            }
            Some(event) => events.push(event),
        }
    }
    events
}

fn read_patterns(object: &mut ObjectReader<'_, '_>) -> Vec<String> {
    let mut patterns = Vec::new();
    for (at, pattern) in object.texts("documents", FILTER_ITEMS_MAX).into_iter().enumerate() {
        let is_name = |letter: char| !letter.is_control() && !letter.is_whitespace();
        let is_pattern = (1..=PATTERN_BYTES_MAX).contains(&pattern.len())
            && pattern.chars().all(is_name)
            && !pattern.starts_with('/')
            && !pattern.ends_with('/')
            && !pattern.contains("//");
        match is_pattern {
            true => patterns.push(pattern.to_owned()),
            false => {
                let message = format!(
                    "invalid pattern {:?}: write KIND or KIND/NAME, as rules or rules/pricing/*",
                    clip(pattern)
                );
                object.refuse_in("documents", &at.to_string(), "invalid_pattern", message);
            }
        }
    }
    patterns
}

fn read_outcomes(object: &mut ObjectReader<'_, '_>) -> Vec<String> {
    let known: Vec<_> = Outcome::ALL.iter().map(|it| it.as_str()).chain(AUDIT_OUTCOMES).collect();
    let mut outcomes = Vec::new();
    for (at, word) in object.texts("outcomes", FILTER_ITEMS_MAX).into_iter().enumerate() {
        match known.contains(&word) {
            true => outcomes.push(word.to_owned()),
            false => {
                let message = format!("unknown outcome {:?}; there are {}", clip(word), known.join(", "));
                object.refuse_in("outcomes", &at.to_string(), "unknown_value", message);
            }
        }
    }
    outcomes
}

fn read_number(object: &mut ObjectReader<'_, '_>, key: &str, (min, max): (u64, u64), default: u64) -> u64 {
    let Some(number) = object.integer(key) else { return default };
    match u64::try_from(number).ok().filter(|number| (min..=max).contains(number)) {
        Some(number) => number,
        None => {
            object.refuse(key, "out_of_range", format!("{key} is {number}; expected {min} to {max}"));
            default
        }
    }
}

/// What is wrong with an input of a check.
pub(crate) fn wrong_input() -> Problem {
    let message = "write {event, documents?, outcome?}, as {\"event\": \"revision.live\", \"documents\": [\"rules/a\"]}";
    Problem::new("wrong_type", JsonPointer::root(), message)
}
