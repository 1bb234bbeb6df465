//! The input of one execution: the value of each attribute, looked up and sorted once.

use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use serde_json::Value;

use crate::accepted::{ARRAY, FALSE, MISSING, NULL, OBJECT, TRUE};
use crate::attribute::Attribute;
use crate::number::Exact;

/// The value that one attribute has in the input.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a> {
    pub(crate) value: Option<&'a Value>,
    pub(crate) sort: Sort<'a>,
}

/// A value as the index asks for it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sort<'a> {
    /// One that its type says all about.
    Discrete(usize),
    Number(Exact),
    /// A text and its hash.
    Text(&'a str, u64),
}

impl<'a> Input<'a> {
    /// Looks the attribute up; none stands for one that no rule uses any more.
    pub(crate) fn find(attribute: Option<&Arc<Attribute>>, data: &'a Value) -> Self {
        let value = attribute.and_then(|attribute| attribute.find(data));
        let sort = match value {
            None => Sort::Discrete(MISSING),
            Some(Value::Null) => Sort::Discrete(NULL),
            Some(Value::Bool(false)) => Sort::Discrete(FALSE),
            Some(Value::Bool(true)) => Sort::Discrete(TRUE),
            Some(Value::Array(_)) => Sort::Discrete(ARRAY),
            Some(Value::Object(_)) => Sort::Discrete(OBJECT),
            Some(Value::Number(number)) => Sort::Number(Exact::of(number)),
            Some(Value::String(text)) => Sort::Text(text, text_hash(text)),
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
