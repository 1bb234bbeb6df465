//! What a server answered, as a type and as it was sent.

use std::ops::Deref;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A value of an answer, with the JSON that it was read from. Serializing gives that JSON, so a member that this
/// version of the client does not know is kept. Cost: the text is kept beside the value, and is not parsed twice.
#[derive(Debug, Clone)]
pub struct Answer<T> {
    value: T,
    json: Box<RawValue>,
}

impl<T> Answer<T> {
    /// The value.
    pub fn into_value(self) -> T {
        self.value
    }

    /// The same answer as another type: for members that a kind adds to the answers of others.
    ///
    /// # Errors
    /// When it has not the members of the type.
    pub fn read_as<U: DeserializeOwned>(&self) -> serde_json::Result<U> {
        serde_json::from_str(self.json.get())
    }

    /// As the server sent it.
    pub fn json(&self) -> &RawValue {
        &self.json
    }
}

impl<T> Deref for Answer<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Serialize for Answer<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Answer<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        let value = serde_json::from_str(json.get()).map_err(D::Error::custom)?;
        Ok(Self { value, json })
    }
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct ListPage<T> {
    pub(crate) items: Vec<T>,
    #[serde(default)]
    pub(crate) next_cursor: Option<String>,
    /// The revision of the server's local copy, when the page is from there.
    #[serde(default)]
    pub(crate) from_copy: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Known {
        a: u64,
    }

    #[test]
    fn what_is_not_known_is_kept() {
        let text = r#"{"items": [{"b": [1, 2], "a": 7}], "next_cursor": null}"#;
        let page: ListPage<Answer<Known>> = serde_json::from_str(text).unwrap();
        assert_eq!(page.items[0].a, 7);
        assert_eq!(serde_json::to_string(&page.items[0]).unwrap(), r#"{"b": [1, 2], "a": 7}"#);
        let value = serde_json::to_value(&page.items[0]).unwrap();
        assert_eq!(value, serde_json::json!({"a": 7, "b": [1, 2]}));
    }
}
