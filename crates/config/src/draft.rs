//! A config in the making: layer on layer, then references resolved.

use std::borrow::Cow;
use std::collections::BTreeMap;

use midflight_core::{Pointer, Problem, Problems};
use serde_json::Value;

use crate::REDACTED;
use crate::keys::{Keys, is_under};
use crate::origin::{Masked, Origin, Override};
use crate::reference::{Given, Surroundings, Writer, has_reference, is_reference, resolve};
use crate::tree::{Origins, keys_of, lay_over, leaves, put};

/// A config in the making.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) value: Value,
    pub(crate) origins: Origins,
    pub(crate) masked: Vec<Masked>,
    /// The texts that references were resolved in, as they are written.
    pub(crate) written: BTreeMap<Pointer, String>,
    /// The texts that were taken for a number or the like, should the text itself have been meant.
    pub(crate) texts: BTreeMap<Pointer, String>,
    pub(crate) given: Vec<Given>,
}

impl Draft {
    /// The defaults and nothing else.
    pub(crate) fn new(defaults: &Value) -> Self {
        let mut origins = Origins::new();
        leaves(defaults, &Pointer::root(), &mut |path, _| drop(origins.insert(path, Origin::Default)));
        Self {
            value: defaults.clone(),
            origins,
            masked: Vec::new(),
            written: BTreeMap::new(),
            texts: BTreeMap::new(),
            given: Vec::new(),
        }
    }

    /// Lays the document over it.
    pub(crate) fn say(&mut self, document: &Value) {
        lay_over(&mut self.value, document, &Pointer::root(), &Origin::Document, &mut self.origins);
    }

    /// The texts of the document that nothing covers and that refer to something. What another layer says is taken as it is.
    fn references(&self) -> Vec<(Pointer, String)> {
        let mut texts = Vec::new();
        texts_of(&self.value, &Pointer::root(), &mut |path, text| {
            if text.contains("${") && *self.origin(&path) == Origin::Document {
                texts.push((path, text.to_owned()));
            }
        });
        texts
    }

    /// Resolves the references of the document; those of the log in secrets alone.
    pub(crate) fn resolve(
        &mut self,
        defaults: &Value,
        around: &dyn Surroundings,
        by: Writer,
        keys: &Keys,
    ) -> Problems {
        let mut problems = Problems::default();
        for (path, text) in self.references() {
            if by == Writer::Log && has_reference(&text) && !keys.is_secret(&path) {
                continue;
            }
            match resolve(&text, around, by) {
                Ok((resolved, given)) => {
                    let is_all = is_reference(&text);
                    let value = match is_all {
                        true => self.value_of(&path, &resolved, defaults.pointer(path.as_str())),
                        false => Value::String(resolved.into_owned()),
                    };
                    if let Some(place) = self.value.pointer_mut(path.as_str()) {
                        *place = value;
                    }
                    self.given.extend(given);
                    self.written.insert(path, text);
                }
                Err(why) => problems.add(Problem::new(REFERENCE, path, why)),
            }
        }
        problems
    }

    /// What was resolved at places that turned out to be no secrets, as in a type whose shape hangs on its values.
    pub(crate) fn resolved_openly(&self, keys: &Keys) -> Problems {
        let open = self.written.iter().filter(|(path, text)| has_reference(text) && !keys.is_secret(path));
        open.map(|(path, _)| no_secret(path.clone())).collect()
    }

    /// Every secret in it, as it is used. A URL without a password in it is none, unless it was given by a reference.
    pub(crate) fn secrets(&self, keys: &Keys, secret: &mut impl FnMut(&str)) {
        scalars(&self.value, &Pointer::root(), &mut |path, value| match value {
            _ if !keys.is_secret(&path) => {}
            Value::String(text) if is_open_url(text) && !self.written.contains_key(&path) => {}
            Value::String(text) => secret(text),
            Value::Number(number) => secret(&number.to_string()),
            _ => {}
        });
    }

    /// Lays variables and flags over it.
    pub(crate) fn cover(&mut self, document: Option<&Value>, overrides: &[Override], defaults: &Value) {
        for cover in overrides {
            let value = self.value_of(&cover.path, &cover.text, defaults.pointer(cover.path.as_str()));
            let said = document.and_then(|document| document.pointer(cover.path.as_str()));
            if said.is_some_and(|said| !said.is_null() && *said != value) {
                // Of a flag and a variable the flag covers both.
                self.masked.retain(|masked| masked.path != cover.path);
                self.masked.push(Masked { path: cover.path.clone(), by: cover.origin.clone() });
            }
            if put(&mut self.value, &cover.path, value) {
                self.origins.retain(|path, _| !is_under(path, &cover.path));
                self.origins.insert(cover.path.clone(), cover.origin.clone());
            }
        }
    }

    /// A text as the value that belongs where the defaults have `like`. Where they have none it is what it looks like, and
    /// the text itself if that does not fit.
    fn value_of(&mut self, path: &Pointer, text: &str, like: Option<&Value>) -> Value {
        let text = match like {
            Some(Value::String(_)) => return Value::String(text.to_owned()),
            Some(Value::Number(_) | Value::Bool(_)) => text.trim(),
            _ => text,
        };
        let looks_like = serde_json::from_str(text).ok().filter(|value: &Value| !value.is_string());
        if let Some(value) = looks_like {
            self.texts.insert(path.clone(), text.to_owned());
            return value;
        }
        match like {
            Some(Value::Array(_)) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
            }
            _ => Value::String(text.to_owned()),
        }
    }

    /// The value as it may be shown.
    pub(crate) fn shown(&self, keys: &Keys) -> Value {
        let mut shown = self.value.clone();
        for (path, text) in &self.written {
            if let Some(place) = shown.pointer_mut(path.as_str()) {
                *place = Value::String(text.clone());
            }
        }
        let mut secrets = Vec::new();
        scalars(&shown, &Pointer::root(), &mut |path, value| {
            let is_empty = value.is_null() || value.as_str().is_some_and(str::is_empty);
            // A reference that nobody resolved here, or that was put back as it is written.
            let is_reference =
                *self.origin(&path) == Origin::Document && value.as_str().is_some_and(has_reference);
            if keys.is_secret(&path) && !is_reference && !is_empty {
                secrets.push(path);
            }
        });
        for path in secrets {
            let place = shown.pointer_mut(path.as_str());
            // A URL without a password in it hides nothing.
            if let Some(place) = place.filter(|place| !place.as_str().is_some_and(is_open_url)) {
                *place = Value::String(REDACTED.to_owned());
            }
        }
        shown
    }

    /// Whether what stands at a place must not be quoted.
    pub(crate) fn is_hidden(&self, path: &Pointer, keys: &Keys) -> bool {
        keys.is_secret(path)
            || self.written.keys().any(|written| is_under(written, path) || is_under(path, written))
    }

    /// The same problem, with the variable or the flag that the value comes from.
    pub(crate) fn with_origin(&self, problem: Problem) -> Problem {
        let message = match &*self.origin(&problem.path) {
            origin @ (Origin::Env(_) | Origin::Flag(_)) => format!("{} (from {origin})", problem.message),
            _ => return problem,
        };
        Problem { message, ..problem }
    }

    /// The same problems, each with where its value comes from.
    pub(crate) fn with_origins(&self, problems: Problems) -> Problems {
        let unlisted = problems.unlisted();
        let told: Problems = problems.iter().cloned().map(|problem| self.with_origin(problem)).collect();
        told.with_unlisted(unlisted)
    }

    /// Where a value comes from: the nearest layer above a place.
    pub(crate) fn origin(&self, path: &Pointer) -> Cow<'_, Origin> {
        let above = self.origins.iter().filter(|(known, _)| is_under(path, known));
        let nearest = above.max_by_key(|(known, _)| known.as_str().len());
        nearest.map_or(Cow::Owned(Origin::Document), |(_, origin)| Cow::Borrowed(origin))
    }
}

/// The class of the problem that a reference gives nothing, or stands where none may.
const REFERENCE: &str = "reference";

/// The class of the problem that a document has a secret written out in it. What such a document says is not to be repeated.
pub const LITERAL_SECRET: &str = "literal_secret";

/// Refuses secrets that are written out in a document, which the log keeps for ever.
pub(crate) fn refuse_literal_secrets(document: &Value, keys: &Keys) -> Problems {
    let mut problems = Problems::default();
    texts_of(document, &Pointer::root(), &mut |path, text| {
        if keys.is_secret(&path) && !text.is_empty() && !has_reference(text) && !is_open_url(text) {
            let key = keys_of(&path).last().unwrap_or_default();
            let message = format!(
                "{key} is a secret, and what is written in a document stays in the log: write ${{env:NAME}} or \
                 ${{file:PATH}}, or set it by a variable"
            );
            problems.add(Problem::new(LITERAL_SECRET, path, message));
        }
    });
    problems
}

/// Refuses references that stand in no secret, also where another layer covers them here. Whatever is no secret is shown to
/// whoever asks, and would show what it refers to.
pub(crate) fn refuse_open_references(document: &Value, keys: &Keys) -> Problems {
    let mut problems = Problems::default();
    texts_of(document, &Pointer::root(), &mut |path, text| {
        if text.contains("${") && has_reference(text) && !keys.is_secret(&path) {
            problems.add(no_secret(path));
        }
    });
    problems
}

/// A URL that has no password in it.
fn is_open_url(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let names_password = rest.split_once('?').is_some_and(|(_, query)| query.contains("password"));
    !names_password && authority.rsplit_once('@').is_none_or(|(user, _)| !user.contains(':'))
}

fn no_secret(path: Pointer) -> Problem {
    let message = "only a secret may refer to a variable or a file, and this is none: write the value itself, or set it by a \
                   variable or a flag where the process is started";
    Problem::new(REFERENCE, path, message)
}

/// Every text in a value, in lists too.
pub(crate) fn texts_of(value: &Value, at: &Pointer, text: &mut impl FnMut(Pointer, &str)) {
    scalars(value, at, &mut |path, value| {
        if let Value::String(it) = value {
            text(path, it);
        }
    });
}

/// Everything in a value that is neither a list nor an object.
fn scalars(value: &Value, at: &Pointer, scalar: &mut impl FnMut(Pointer, &Value)) {
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| scalars(item, &at.index(i), scalar));
        }
        Value::Object(members) => {
            members.iter().for_each(|(key, value)| scalars(value, &at.key(key), scalar));
        }
        value => scalar(at.clone(), value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_hides_something_when_it_has_a_password() {
        for open in ["redis://h:1", "postgres://anna@h/db", "http://h/a:b@c"] {
            assert!(is_open_url(open), "{open}");
        }
        for closed in ["postgres://anna:pw@h/db", "hunter2", "redis://:pw@h", "postgres://h/db?password=x"] {
            assert!(!is_open_url(closed), "{closed}");
        }
    }
}
