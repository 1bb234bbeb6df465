//! The input of one execution: the value of each attribute, looked up and sorted once.

use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use serde_json::Value;

use crate::accepted::{ARRAY, FALSE, MISSING, NULL, OBJECT, TRUE};
use crate::attribute::Attribute;
use crate::number::Exact;

/// The value that one attribute has in the input.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AttributeValue<'a> {
    pub(crate) value: Option<&'a Value>,
    pub(crate) sort: IndexedValue<'a>,
}

/// A value as the index asks for it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum IndexedValue<'a> {
    /// One that its type describes completely.
    Discrete(usize),
    Number(Exact),
    /// A text and its hash.
    Text(&'a str, u64),
}

impl<'a> AttributeValue<'a> {
    /// Looks the attribute up; none for one that no rule uses any more.
    pub(crate) fn find(attribute: Option<&Arc<Attribute>>, data: &'a Value) -> Self {
        let value = attribute.and_then(|attribute| attribute.find(data));
        let sort = match value {
            None => IndexedValue::Discrete(MISSING),
            Some(Value::Null) => IndexedValue::Discrete(NULL),
            Some(Value::Bool(false)) => IndexedValue::Discrete(FALSE),
            Some(Value::Bool(true)) => IndexedValue::Discrete(TRUE),
            Some(Value::Array(_)) => IndexedValue::Discrete(ARRAY),
            Some(Value::Object(_)) => IndexedValue::Discrete(OBJECT),
            Some(Value::Number(number)) => IndexedValue::Number(Exact::of(number)),
            Some(Value::String(text)) => IndexedValue::Text(text, text_hash(text)),
        };
        Self { value, sort }
    }
}

/// The hash of a text. Its seed is fixed: a table has few points, so colliding ones cost little.
pub(crate) fn text_hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}
