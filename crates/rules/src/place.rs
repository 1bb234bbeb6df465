//! A place in a body while it is read. It becomes a pointer, which costs allocations, only where something is wrong.

use std::fmt::Write as _;

use midflight_core::Pointer;

/// A way down into a body, linked on the stack.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'a> {
    Root,
    Key(&'a Place<'a>, &'a str),
    Index(&'a Place<'a>, usize),
}

impl<'a> Place<'a> {
    pub(crate) fn key(&'a self, key: &'a str) -> Self {
        Self::Key(self, key)
    }

    pub(crate) fn index(&'a self, index: usize) -> Self {
        Self::Index(self, index)
    }

    pub(crate) fn pointer(&self) -> Pointer {
        match self {
            Self::Root => Pointer::root(),
            Self::Key(parent, key) => parent.pointer().key(key),
            Self::Index(parent, index) => parent.pointer().index(*index),
        }
    }

    /// The pointer's text. The keys on the way must need no escaping.
    pub(crate) fn plain(&self) -> String {
        fn write_steps(place: &Place<'_>, out: &mut String) {
            match place {
                Place::Root => {}
                Place::Key(parent, key) => {
                    write_steps(parent, out);
                    out.push('/');
                    out.push_str(key);
                }
                Place::Index(parent, index) => {
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

/// The pointer of a text that [`Place::plain`] wrote.
pub(crate) fn pointer_of(plain: &str) -> Pointer {
    plain.split('/').skip(1).fold(Pointer::root(), |pointer, step| pointer.key(step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_its_pointer_in_both_spellings() {
        let root = Place::Root;
        let items = root.key("conditions");
        let items = items.key("items");
        let second = items.index(1);
        assert_eq!(second.pointer().as_str(), "/conditions/items/1");
        assert_eq!(pointer_of(&second.plain()), second.pointer());
        assert_eq!(pointer_of(&root.plain()), Pointer::root());
    }
}
