//! A path into a state, and what can be done at its end.

use midflight_core::JsonPointer;
use serde_json::{Map, Value};

use crate::limits::PATH_BYTES_MAX;

/// A JSON Pointer to a member of an object, split into the pointer of that object and the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatePath {
    place: JsonPointer,
    parent: JsonPointer,
    key: String,
}

impl StatePath {
    /// Reads a path.
    ///
    /// # Errors
    /// What it must be instead.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let place = JsonPointer::parse(text);
        let Some((parent, key)) = place.split_last().filter(|_| text.starts_with('/')) else {
            return Err(format!(
                "invalid path {text:?}: write a JSON Pointer to a member, as \"/counters/total\""
            ));
        };
        if text.len() > PATH_BYTES_MAX {
            return Err(format!(
                "the path has {} bytes and may have {PATH_BYTES_MAX}; shorten it",
                text.len()
            ));
        }
        let (parent, key) = (JsonPointer::parse(parent), key.into_owned());
        Ok(Self { place, parent, key })
    }

    /// The path of a member beside this one.
    pub(crate) fn sibling(&self, key: &str) -> Self {
        Self { place: self.parent.key(key), parent: self.parent.clone(), key: key.to_owned() }
    }

    pub(crate) fn as_str(&self) -> &str {
        self.place.as_str()
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Whether this is inside of `other`, or equals it.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.as_str()
            .strip_prefix(other.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    pub(crate) fn pointer(&self) -> JsonPointer {
        self.place.clone()
    }

    /// The object that has, or is to have, the member; none when it is not there.
    ///
    /// # Errors
    /// Something else is in its place.
    pub(crate) fn object<'s>(
        &self,
        state: &'s mut Value,
    ) -> Result<Option<&'s mut Map<String, Value>>, String> {
        match state.pointer_mut(self.parent.as_str()) {
            None => Ok(None),
            Some(Value::Object(members)) => Ok(Some(members)),
            Some(_) => Err(format!("{:?} is not an object", self.parent.as_str())),
        }
    }

    /// Takes the value out; none when it is not there.
    ///
    /// # Errors
    /// As [`Self::object`].
    pub(crate) fn take(&self, state: &mut Value) -> Result<Option<Value>, String> {
        Ok(self.object(state)?.and_then(|members| members.remove(&self.key)))
    }

    /// Puts a value where there is none.
    ///
    /// # Errors
    /// There is one, or no object to put it in.
    pub(crate) fn put(&self, state: &mut Value, value: Value) -> Result<(), String> {
        let members = self.object(state)?.ok_or_else(|| format!("{:?} is absent", self.parent.as_str()))?;
        if members.contains_key(&self.key) {
            return Err("there is a value already, which would be lost".to_owned());
        }
        members.insert(self.key.clone(), value);
        Ok(())
    }
}
