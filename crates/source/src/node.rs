//! A value that knows where in its text it stands.

use serde_json::{Map, Value};

/// A place in a text. Line 0 says that it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Place {
    /// Counted from 1.
    pub(crate) line: u64,
    /// In characters, counted from 1.
    pub(crate) column: u64,
}

/// A text that is not YAML or not JSON, or more than it may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) place: Place,
    pub(crate) message: String,
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) content: Content,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    /// Null, a boolean, a number or a string.
    Leaf(Value),
    List(Vec<Node>),
    Map(Vec<Member>),
}

/// One key of a map and what it holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member {
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) value: Node,
}

impl Node {
    /// The value alone. Recursion is bounded: whoever made the node counted its depth.
    pub(crate) fn into_value(self) -> Value {
        match self.content {
            Content::Leaf(value) => value,
            Content::List(items) => Value::Array(items.into_iter().map(Self::into_value).collect()),
            Content::Map(members) => {
                let member = |member: Member| (member.key, member.value.into_value());
                Value::Object(members.into_iter().map(member).collect::<Map<_, _>>())
            }
        }
    }

    /// The place of a JSON Pointer below this node, or of the last part of it that is there.
    pub(crate) fn locate(&self, pointer: &str) -> Place {
        let mut node = self;
        let mut place = self.place;
        for step in pointer.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            let next = match &node.content {
                Content::Leaf(_) => None,
                Content::List(items) => step
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| items.get(index))
                    .map(|item| (item.place, item)),
                Content::Map(members) => members
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
            Content::Leaf(Value::Null) => "null",
            Content::Leaf(Value::Bool(_)) => "a boolean",
            Content::Leaf(Value::Number(_)) => "a number",
            Content::Leaf(_) => "a string",
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
        }
    }
}
