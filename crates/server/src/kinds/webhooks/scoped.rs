//! What a webhook may send when its author has scopes: events about documents in them, and nothing else.

use midflight_core::{JsonPointer, clip};
use midflight_http::edit_access::BeyondScopes;
use midflight_http::scopes::Scopes;
use midflight_webhooks::WebhookEventType;
use serde_json::Value;

/// What the body of a webhook sends beyond scopes. What is no list or no text is refused as a webhook; until then it
/// counts as absent.
pub(super) fn beyond_scopes(body: &Value, scopes: &Scopes) -> Vec<BeyondScopes> {
    let mut beyond = patterns(body, scopes);
    beyond.extend(events(body));
    beyond
}

fn list<'a>(body: &'a Value, key: &str) -> Option<&'a Vec<Value>> {
    body.get(key).and_then(Value::as_array)
}

fn patterns(body: &Value, scopes: &Scopes) -> Vec<BeyondScopes> {
    let place = JsonPointer::root().key("documents");
    let Some(patterns) = list(body, "documents").filter(|patterns| !patterns.is_empty()) else {
        let message = "a webhook without documents gets the events about all documents, and its author has scopes; write \
                       documents that are in them";
        return vec![BeyondScopes { path: place, message: message.to_owned() }];
    };
    let texts = patterns.iter().enumerate().filter_map(|(at, pattern)| Some((at, pattern.as_str()?)));
    let outside = texts.filter(|(_, pattern)| !scopes.allow_pattern(pattern));
    let problem = |(at, pattern): (usize, &str)| {
        let message = format!(
            "the documents {:?} are not all in the scopes of its author; write a narrower pattern",
            clip(pattern)
        );
        BeyondScopes { path: place.index(at), message }
    };
    outside.map(problem).collect()
}

fn events(body: &Value) -> Vec<BeyondScopes> {
    let place = JsonPointer::root().key("events");
    let of_documents = WebhookEventType::ALL.into_iter().filter(|event| event.is_of_documents());
    let allowed = of_documents.map(WebhookEventType::as_str).collect::<Vec<_>>().join(", ");
    let Some(events) = list(body, "events") else {
        let message = format!(
            "a webhook without events gets those about more than documents too, and its author has scopes; write some of \
             {allowed}"
        );
        return vec![BeyondScopes { path: place, message }];
    };
    let is_wider = |word: &&str| {
        WebhookEventType::ALL.iter().any(|event| event.as_str() == *word && !event.is_of_documents())
    };
    let words = events.iter().enumerate().filter_map(|(at, word)| Some((at, word.as_str()?)));
    let problem = |(at, word): (usize, &str)| {
        let message = format!(
            "{word} is about more than documents, and its author has scopes; write some of {allowed}"
        );
        BeyondScopes { path: place.index(at), message }
    };
    words.filter(|(_, word)| is_wider(word)).map(problem).collect()
}
