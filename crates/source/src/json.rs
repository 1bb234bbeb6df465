//! From JSON text to nodes. One value, or several one after the other.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::node::{Fault, MapMember, NodeContent, TextNode, TextPosition};

/// Reads every value of a text. Only faults have a place: JSON readers keep none for what is right.
pub(crate) fn read(text: &str) -> Result<Vec<TextNode>, Fault> {
    let values = serde_json::Deserializer::from_str(text).into_iter::<TextNode>();
    let nodes: Result<Vec<_>, serde_json::Error> = values.collect();
    let fault = |error: serde_json::Error| {
        let place = TextPosition { line: error.line() as u64, column: error.column() as u64 };
        let suffix = format!(" at line {} column {}", error.line(), error.column());
        let message = error.to_string();
        Fault { place, message: message.strip_suffix(&suffix).unwrap_or(&message).to_owned() }
    };
    let nodes = nodes.map_err(fault)?;
    Ok(nodes.into_iter().filter(|node| node.content != NodeContent::Leaf(Value::Null)).collect())
}

impl<'de> Deserialize<'de> for TextNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let content = deserializer.deserialize_any(ContentVisitor)?;
        Ok(Self { place: TextPosition::default(), content })
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = NodeContent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<NodeContent, E> {
        Ok(NodeContent::Leaf(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<NodeContent, E> {
        Ok(NodeContent::Leaf(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<NodeContent, E> {
        Ok(NodeContent::Leaf(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<NodeContent, E> {
        Ok(NodeContent::Leaf(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<NodeContent, E> {
        Ok(NodeContent::Leaf(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<NodeContent, E> {
        Ok(NodeContent::Leaf(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<NodeContent, E> {
        Ok(NodeContent::Leaf(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<NodeContent, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(NodeContent::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<NodeContent, A::Error> {
        let mut members = Vec::new();
        let mut seen = HashSet::new();
        while let Some(key) = access.next_key::<String>()? {
            if !seen.insert(key.clone()) {
                return Err(A::Error::custom(format_args!("duplicate key {key:?}")));
            }
            let value = access.next_value()?;
            members.push(MapMember { key, place: TextPosition::default(), value });
        }
        Ok(NodeContent::Map(members))
    }
}
