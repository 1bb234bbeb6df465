//! A value with its place in its text.

use midflight_core::JsonPointer;
use serde_json::{Map, Value};

/// A place in a text. Line 0 means that it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TextPosition {
    /// Counted from 1.
    pub(crate) line: u64,
    /// In characters, counted from 1.
    pub(crate) column: u64,
}

/// A text that is not YAML or not JSON, or more than it may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) place: TextPosition,
    pub(crate) message: String,
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TextNode {
    pub(crate) place: TextPosition,
    pub(crate) content: NodeContent,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NodeContent {
    /// Null, a boolean, a number or a string.
    Leaf(Value),
    List(Vec<TextNode>),
    Map(Vec<MapMember>),
}

/// One key of a map and what it holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MapMember {
    pub(crate) key: String,
    pub(crate) place: TextPosition,
    pub(crate) value: TextNode,
}

impl TextNode {
    /// The value alone. Recursion is bounded: the parser that made the node counted its depth.
    pub(crate) fn into_value(self) -> Value {
        match self.content {
            NodeContent::Leaf(value) => value,
            NodeContent::List(items) => Value::Array(items.into_iter().map(Self::into_value).collect()),
            NodeContent::Map(members) => {
                let member = |member: MapMember| (member.key, member.value.into_value());
                Value::Object(members.into_iter().map(member).collect::<Map<_, _>>())
            }
        }
    }

    /// The place of a JSON Pointer below this node, or of the last part of it that is there.
    pub(crate) fn locate(&self, pointer: &JsonPointer) -> TextPosition {
        let mut node = self;
        let mut place = self.place;
        for step in pointer.steps() {
            let next = match &node.content {
                NodeContent::Leaf(_) => None,
                NodeContent::List(items) => step
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| items.get(index))
                    .map(|item| (item.place, item)),
                NodeContent::Map(members) => members
                    .iter()
                    .find(|member| member.key == step)
                    .map(|member| (member.value.place, &member.value)),
            };
            let Some((at, below)) = next else { break };
            (place, node) = (at, below);
        }
        place
    }

    /// What the node is, with its article, for an error message.
    pub(crate) fn type_word(&self) -> &'static str {
        match &self.content {
            NodeContent::Leaf(Value::Null) => "null",
            NodeContent::Leaf(Value::Bool(_)) => "a boolean",
            NodeContent::Leaf(Value::Number(_)) => "a number",
            NodeContent::Leaf(_) => "a string",
            NodeContent::List(_) => "a list",
            NodeContent::Map(_) => "a map",
        }
    }
}
