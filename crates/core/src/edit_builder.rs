//! An edit as a sentence: by whom, because of what, and what it changes.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::{Change, DocumentId, Edit, JsonPointer, Precondition, Problem, Problems, Trigger};

/// Puts an edit together; [`Edit::by`] begins one. What is wrong with it is collected and reported when it is made.
///
/// ```
/// use midflight_core::Edit;
/// use serde_json::json;
///
/// let edit = Edit::by("ann").because("more room").put("limits/uploads", json!({"max": 10})).delete("limits/old");
/// assert_eq!(edit.build()?.changes.len(), 2);
///
/// let refused = Edit::by("ann").put("limits", json!({})).build().unwrap_err();
/// assert!(refused.to_string().contains("/changes/0"));
/// # Ok::<(), midflight_core::Problems>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "an edit changes nothing until it is applied"]
pub struct EditBuilder {
    edit: Edit,
    problems: Problems,
    /// How many changes were asked for, those that are wrong among them.
    asked: usize,
}

impl Edit {
    /// Begins an edit that a caller requests.
    pub fn by(author: impl Into<String>) -> EditBuilder {
        EditBuilder { edit: Self::new(author, Trigger::Manual, []), problems: Problems::default(), asked: 0 }
    }
}

impl EditBuilder {
    /// Sets the reason, at most [`crate::REASON_BYTES_MAX`] bytes.
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.edit.reason = reason.into();
        self
    }

    /// Puts a document, named `kind/name`, whatever was there. The body is any value that serializes as a JSON object.
    pub fn put(self, id: &str, body: impl Serialize) -> Self {
        self.put_if(id, Precondition::None, body)
    }

    /// Puts a document as [`Self::put`] does, under a precondition.
    pub fn put_if(self, id: &str, precondition: Precondition, body: impl Serialize) -> Self {
        match serde_json::to_value(body) {
            Ok(body) => self.change(id, Some(body), precondition),
            Err(error) => {
                let message = format!("the body of {id:?} does not serialize as JSON: {error}");
                self.refuse("invalid_body", message)
            }
        }
    }

    /// Deletes a document, named `kind/name`, if it is there.
    pub fn delete(self, id: &str) -> Self {
        self.change(id, None, Precondition::None)
    }

    /// The edit.
    ///
    /// # Errors
    /// A problem for each name that is invalid and each body that is no JSON, at `/changes/N`.
    pub fn build(self) -> Result<Edit, Problems> {
        self.problems.or(self.edit)
    }

    fn change(mut self, id: &str, body: Option<Value>, precondition: Precondition) -> Self {
        match id.parse::<DocumentId>() {
            Ok(id) => {
                self.asked += 1;
                self.edit.changes.push(Change { id, body: body.map(Arc::new), precondition });
                self
            }
            Err(error) => self.refuse("invalid_name", error.to_string()),
        }
    }

    fn refuse(mut self, code: &'static str, message: String) -> Self {
        let place = JsonPointer::root().key("changes").index(self.asked);
        self.problems.add(Problem::new(code, place, message));
        self.asked += 1;
        self
    }
}

/// What can be applied: an [`Edit`], or an [`EditBuilder`].
pub trait IntoEdit {
    /// The edit.
    ///
    /// # Errors
    /// What is wrong with how it was put together.
    fn into_edit(self) -> Result<Edit, Problems>;
}

impl IntoEdit for Edit {
    fn into_edit(self) -> Result<Edit, Problems> {
        Ok(self)
    }
}

impl IntoEdit for EditBuilder {
    fn into_edit(self) -> Result<Edit, Problems> {
        self.build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_has_what_was_said() {
        let built = Edit::by("ann").because("more room").put("limits/uploads", json!({"max": 10}));
        let built =
            built.put_if("limits/new", Precondition::Absent, json!({})).delete("limits/a/b").build().unwrap();
        let id = |text: &str| text.parse::<DocumentId>().unwrap();
        let changes = [
            Change::put(id("limits/uploads"), json!({"max": 10})),
            Change::put(id("limits/new"), json!({})).when(Precondition::Absent),
            Change::delete(id("limits/a/b")),
        ];
        assert_eq!(
            built,
            Edit { reason: "more room".to_owned(), ..Edit::new("ann", Trigger::Manual, changes) }
        );
    }

    #[test]
    fn each_thing_that_is_wrong_is_told_with_its_place() {
        let wrong = std::collections::BTreeMap::from([((1, 2), 3)]);
        let edit = Edit::by("ann")
            .put("limits/a", json!({}))
            .delete("no-slash")
            .put("limits/b", wrong)
            .put("a//b", 1);
        let problems = edit.build().unwrap_err();
        let places: Vec<_> =
            problems.iter().map(|problem| (problem.code.as_ref(), problem.path.as_str())).collect();
        let expected =
            [("invalid_name", "/changes/1"), ("invalid_body", "/changes/2"), ("invalid_name", "/changes/3")];
        assert_eq!(places, expected);
    }
}
