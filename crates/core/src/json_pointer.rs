//! Places in a body by name: JSON Pointers. The only code that escapes and splits them.

use std::borrow::Cow;
use std::fmt;

/// A JSON Pointer (RFC 6901): a path into a body. The root is the empty text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JsonPointer(String);

impl JsonPointer {
    /// The whole body.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// This place's member `key`.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        Self(format!("{}/{}", self.0, escaped(key)))
    }

    /// This place's item `index`, counted from 0.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        Self(format!("{}/{index}", self.0))
    }

    /// The place that a pointer's text names. Any text is taken; one that was not written by [`Self::as_str`] may name
    /// nothing.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The place `below` of what is here.
    #[must_use]
    pub fn join(&self, below: &Self) -> Self {
        Self(format!("{}{}", self.0, below.0))
    }

    /// The keys on the way down from the root, as they are in the objects: without the escapes of the pointer.
    pub fn steps(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.0.split('/').skip(1).map(unescaped)
    }

    /// The place that this one is directly in, as text, and the key there; none of the root.
    #[must_use]
    pub fn split_last(&self) -> Option<(&str, Cow<'_, str>)> {
        self.0.rsplit_once('/').map(|(above, key)| (above, unescaped(key)))
    }

    /// This place and every place above it, the nearest first, as text.
    pub fn upwards(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(self.as_str()), |at| at.rsplit_once('/').map(|(above, _)| above))
    }

    /// The pointer's text, as `serde_json::Value::pointer` takes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The place at which serde stopped.
impl From<&serde_path_to_error::Path> for JsonPointer {
    fn from(path: &serde_path_to_error::Path) -> Self {
        use serde_path_to_error::Segment;
        path.iter().fold(Self::root(), |at, segment| match segment {
            Segment::Seq { index } => at.index(*index),
            Segment::Map { key } => at.key(key),
            Segment::Enum { variant } => at.key(variant),
            Segment::Unknown => at,
        })
    }
}

impl fmt::Display for JsonPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key as it is written in a pointer.
fn escaped(key: &str) -> Cow<'_, str> {
    match key.contains(['~', '/']) {
        true => Cow::Owned(key.replace('~', "~0").replace('/', "~1")),
        false => Cow::Borrowed(key),
    }
}

/// A key as it is in an object.
fn unescaped(key: &str) -> Cow<'_, str> {
    match key.contains('~') {
        true => Cow::Owned(key.replace("~1", "/").replace("~0", "~")),
        false => Cow::Borrowed(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_escaped_in_the_pointer_and_plain_in_its_steps() {
        let keys = ["a/b", "m~n", "~1", "", "3"];
        let place = keys.iter().fold(JsonPointer::root(), |at, key| at.key(key));
        assert_eq!(place.as_str(), "/a~1b/m~0n/~01//3");
        assert_eq!(place.steps().collect::<Vec<_>>(), keys);
        assert_eq!(place.split_last(), Some(("/a~1b/m~0n/~01/", Cow::Borrowed("3"))));
        assert_eq!(JsonPointer::parse("/x/a~1b").split_last(), Some(("/x", Cow::Borrowed("a/b"))));
        assert_eq!(JsonPointer::root().steps().count(), 0);
        assert_eq!(JsonPointer::root().split_last(), None);
    }

    #[test]
    fn a_place_has_all_places_above_it() {
        let place = JsonPointer::root().key("a").join(&JsonPointer::root().key("b/c").index(0));
        assert_eq!(place.upwards().collect::<Vec<_>>(), ["/a/b~1c/0", "/a/b~1c", "/a", ""]);
        assert_eq!(JsonPointer::root().upwards().collect::<Vec<_>>(), [""]);
    }
}
