//! Problems: what is wrong with an input, where, and what to do about it. All of them, not the first.

use std::borrow::Cow;
use std::fmt;

use crate::{DocumentId, JsonPointer};

/// One thing that is wrong with an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The document it is in, once known.
    pub document: Option<DocumentId>,
    /// The place in that document's body.
    pub path: JsonPointer,
    /// A stable word for the class of the problem, as `unknown_field`.
    pub code: Cow<'static, str>,
    /// What is wrong and how to fix it, for a person.
    pub message: String,
    /// The other document that causes this: it is missing, or does not have the required contents yet. Where that one
    /// is refused too, this may be no problem of its own.
    pub because_of: Option<Box<DocumentId>>,
}

impl Problem {
    /// The class of the problem that a document has a secret written out in it. The contents of such a document must
    /// not be repeated.
    pub const LITERAL_SECRET: &'static str = "literal_secret";

    /// A problem at `path` of a document that the caller will name.
    #[must_use]
    pub fn new(code: impl Into<Cow<'static, str>>, path: JsonPointer, message: impl Into<String>) -> Self {
        Self { document: None, path, code: code.into(), message: message.into(), because_of: None }
    }

    /// The same problem, caused by another document.
    #[must_use]
    pub fn because_of(mut self, document: DocumentId) -> Self {
        self.because_of.get_or_insert_with(|| Box::new(document));
        self
    }

    /// The same problem, in `document`.
    #[must_use]
    pub fn in_document(mut self, document: &DocumentId) -> Self {
        self.document.get_or_insert_with(|| document.clone());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(document) = &self.document {
            write!(f, "{document} ")?;
        }
        match self.path.as_str() {
            "" => write!(f, "at the root: {}", self.message),
            path => write!(f, "at {path}: {}", self.message),
        }
    }
}

/// Every problem that was found in an input, up to a bound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    listed: Vec<Problem>,
    unlisted: usize,
}

impl Problems {
    /// How many are listed; the rest are only counted.
    pub const LISTED_MAX: usize = 100;

    /// Adds one; past [`Self::LISTED_MAX`] it is only counted.
    pub fn add(&mut self, problem: Problem) {
        if self.listed.len() < Self::LISTED_MAX {
            self.listed.push(problem);
        } else {
            self.unlisted += 1;
        }
    }

    /// Takes over all of `other`, in order.
    pub fn append(&mut self, other: Self) {
        self.unlisted += other.unlisted;
        other.listed.into_iter().for_each(|problem| self.add(problem));
    }

    /// The same problems, each that names no document put into `document`.
    #[must_use]
    pub fn in_document(mut self, document: &DocumentId) -> Self {
        self.listed = self.listed.into_iter().map(|problem| problem.in_document(document)).collect();
        self
    }

    /// The same problems, each without a cause yet caused by this document.
    #[must_use]
    pub fn because_of(mut self, document: &DocumentId) -> Self {
        self.listed = self.listed.into_iter().map(|problem| problem.because_of(document.clone())).collect();
        self
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// How many there are, listed or not.
    #[must_use]
    pub fn count(&self) -> usize {
        self.listed.len() + self.unlisted
    }

    /// How many were found past the bound.
    #[must_use]
    pub fn unlisted(&self) -> usize {
        self.unlisted
    }

    /// The same problems with so many more that are only counted.
    #[must_use]
    pub fn with_unlisted(mut self, more: usize) -> Self {
        self.unlisted += more;
        self
    }

    /// The same problems with other messages.
    #[must_use]
    pub fn map_messages(&self, message: impl Fn(&str) -> String) -> Self {
        let changed = |problem: &Problem| Problem { message: message(&problem.message), ..problem.clone() };
        Self { listed: self.listed.iter().map(changed).collect(), unlisted: self.unlisted }
    }

    /// The listed ones, in the order they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.listed.iter()
    }

    /// `Ok(value)` when nothing is wrong, else all that is.
    ///
    /// # Errors
    /// `self`, when it is not empty.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self { listed: vec![problem], unlisted: 0 }
    }
}

impl FromIterator<Problem> for Problems {
    fn from_iter<I: IntoIterator<Item = Problem>>(iter: I) -> Self {
        let mut problems = Self::default();
        iter.into_iter().for_each(|problem| problems.add(problem));
        problems
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.listed.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{problem}")?;
        }
        if self.unlisted > 0 {
            write!(f, "; and {} more", self.unlisted)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_escape_as_in_rfc_6901() {
        let place = JsonPointer::root().key("a/b").key("m~n").index(3);
        assert_eq!(place.as_str(), "/a~1b/m~0n/3");
        assert_eq!(
            serde_json::json!({"a/b": {"m~n": [0, 1, 2, 3]}}).pointer(place.as_str()),
            Some(&3.into())
        );
    }

    #[test]
    fn problems_are_listed_to_a_bound_and_counted_past_it() {
        let many = Problems::LISTED_MAX + 5;
        let problems: Problems =
            (0..many).map(|i| Problem::new("x", JsonPointer::root().index(i), "wrong")).collect();
        assert_eq!((problems.iter().count(), problems.count()), (Problems::LISTED_MAX, many));
        assert!(problems.to_string().ends_with("; and 5 more"));
    }

    #[test]
    fn a_problem_keeps_the_first_document_it_was_put_in() {
        let first = DocumentId::new("rules", "a/b").unwrap();
        let second = DocumentId::new("rules", "c/d").unwrap();
        let problem =
            Problem::new("x", JsonPointer::root(), "wrong").in_document(&first).in_document(&second);
        assert_eq!(problem.to_string(), "rules/a/b at the root: wrong");
    }

    #[test]
    fn a_problem_keeps_the_first_document_that_it_hangs_on() {
        let [first, second] = ["a", "b"].map(|name| DocumentId::new("rules", name).unwrap());
        let problems =
            Problems::from(Problem::new("x", JsonPointer::root(), "wrong").because_of(first.clone()));
        let problems = problems.because_of(&second);
        assert_eq!(
            problems.iter().map(|problem| problem.because_of.as_deref()).collect::<Vec<_>>(),
            [Some(&first)]
        );
    }
}
