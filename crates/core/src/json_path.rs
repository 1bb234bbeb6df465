//! A place in a body while it is read. It becomes a pointer, which costs allocations, only where something is wrong.

use std::fmt::Write as _;

use crate::JsonPointer;

/// A way down into a body, linked on the stack.
#[derive(Debug, Clone, Copy)]
pub enum JsonPath<'a> {
    /// The whole body.
    Root,
    /// A member of an object.
    Key(&'a JsonPath<'a>, &'a str),
    /// An item of an array, counted from 0.
    Index(&'a JsonPath<'a>, usize),
}

impl<'a> JsonPath<'a> {
    /// This place's member `key`.
    #[must_use]
    pub fn key(&'a self, key: &'a str) -> Self {
        Self::Key(self, key)
    }

    /// This place's item `index`, counted from 0.
    #[must_use]
    pub fn index(&'a self, index: usize) -> Self {
        Self::Index(self, index)
    }

    /// The pointer that names it.
    #[must_use]
    pub fn pointer(&self) -> JsonPointer {
        match self {
            Self::Root => JsonPointer::root(),
            Self::Key(parent, key) => parent.pointer().key(key),
            Self::Index(parent, index) => parent.pointer().index(*index),
        }
    }

    /// The pointer's text, in one allocation. The keys on the way must need no escaping.
    #[must_use]
    pub fn plain(&self) -> String {
        fn write_steps(place: &JsonPath<'_>, out: &mut String) {
            match place {
                JsonPath::Root => {}
                JsonPath::Key(parent, key) => {
                    write_steps(parent, out);
                    out.push('/');
                    out.push_str(key);
                }
                JsonPath::Index(parent, index) => {
                    write_steps(parent, out);
                    out.push('/');
                    // Writing to a String cannot fail.
                    let _written = write!(out, "{index}");
                }
            }
        }
        let mut out = String::with_capacity(32);
        write_steps(self, &mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_its_pointer_in_both_spellings() {
        let root = JsonPath::Root;
        let items = root.key("conditions");
        let items = items.key("items");
        let second = items.index(1);
        assert_eq!(second.pointer().as_str(), "/conditions/items/1");
        assert_eq!(JsonPointer::parse(&second.plain()), second.pointer());
        assert_eq!(JsonPointer::parse(&root.plain()), JsonPointer::root());
    }
}
