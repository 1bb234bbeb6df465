//! The JSON Schema of a webhook.

use serde_json::{Value, json};

use crate::{ATTEMPTS, FILTER_ITEMS_MAX, RETRY_MS, TIMEOUT_MS, WebhookEventType};

pub(crate) fn schema() -> Value {
    let events: Vec<_> = WebhookEventType::ALL.iter().map(|event| event.as_str()).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "webhook",
        "description": "Where events are sent, and which. Requests are signed as Standard Webhooks defines.",
        "type": "object",
        "required": ["url", "secret"],
        "additionalProperties": false,
        "properties": {
            "url": {"description": "Where events are sent.", "type": "string", "pattern": "^https?://"},
            "secret": {
                "description": "A reference to the secret that requests are signed with, which the operator has to allow.",
                "type": "string", "pattern": "^\\$\\{(env|file):.+\\}$"
            },
            "description": {"type": "string"},
            "active": {"description": "Whether events are sent; true.", "type": "boolean"},
            "events": {
                "description": "Which events; all but those of the audit.",
                "type": "array", "maxItems": FILTER_ITEMS_MAX, "items": {"enum": events}
            },
            "documents": {
                "description": "Only events about these documents: KIND, or KIND/NAME in which * stands for any text.",
                "type": "array", "maxItems": FILTER_ITEMS_MAX, "items": {"type": "string"}
            },
            "outcomes": {
                "description": "Only events that ended so.",
                "type": "array", "maxItems": FILTER_ITEMS_MAX, "items": {"type": "string"}
            },
            "timeout_ms": {
                "description": "How long an attempt may take; 15,000.",
                "type": "integer", "minimum": TIMEOUT_MS.0, "maximum": TIMEOUT_MS.1
            },
            "attempts_max": {
                "description": "How often it is tried before the event becomes a dead letter; 10.",
                "type": "integer", "minimum": ATTEMPTS.0, "maximum": ATTEMPTS.1
            },
            "retry_ms": {
                "description": "The pause after the first attempt; each one after it is four times as long, up to 6 h; 5,000.",
                "type": "integer", "minimum": RETRY_MS.0, "maximum": RETRY_MS.1
            }
        }
    })
}
