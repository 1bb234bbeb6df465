//! A config in the making: layer on layer, then references resolved.

use std::borrow::Cow;
use std::collections::BTreeMap;

use midflight_core::{JsonPointer, Problem, Problems};
use midflight_engine::{DocumentWriter, Environment, EnvironmentInput, Interrupted};
use serde_json::Value;

use crate::REDACTED;
use crate::keys::{KeyDeclarations, is_under};
use crate::origin::{Masked, Origin, Override};
use crate::pace::Pace;
use crate::reference::{Resolved, has_reference, is_reference, resolve};
use crate::tree::{LeafOrigins, forget_under, lay_over, leaves, put, scalars, texts_of};

/// A config in the making.
#[derive(Clone)]
pub(crate) struct LayeredValue {
    pub(crate) value: Value,
    pub(crate) origins: LeafOrigins,
    pub(crate) masked: Vec<Masked>,
    /// The texts that references were resolved in, as they are written.
    pub(crate) written: BTreeMap<JsonPointer, String>,
    /// The texts that were taken for a number or the like, should the text itself have been meant.
    pub(crate) texts: BTreeMap<JsonPointer, String>,
    pub(crate) given: Vec<EnvironmentInput>,
    /// What references, variables and flags gave, each text as it was given: a number that is made of it may be written
    /// in another way.
    given_texts: Vec<(JsonPointer, String)>,
}

impl LayeredValue {
    /// The defaults and nothing else.
    pub(crate) fn new(defaults: &Value) -> Self {
        let mut origins = LeafOrigins::new();
        leaves(defaults, &JsonPointer::root(), &mut |path, _| drop(origins.insert(path, Origin::Default)));
        Self {
            value: defaults.clone(),
            origins,
            masked: Vec::new(),
            written: BTreeMap::new(),
            texts: BTreeMap::new(),
            given: Vec::new(),
            given_texts: Vec::new(),
        }
    }

    /// Lays the document over it.
    pub(crate) fn say(&mut self, document: &Value, pace: &mut Pace<'_>) -> Result<(), Interrupted> {
        lay_over(&mut self.value, document, &JsonPointer::root(), &Origin::Document, &mut self.origins, pace)
    }

    /// The texts of the document that nothing covers and that refer to something. The values of other layers are taken
    /// as they are.
    fn references(&self, pace: &mut Pace<'_>) -> Result<Vec<(JsonPointer, String)>, Interrupted> {
        let mut texts = Vec::new();
        texts_of(&self.value, &JsonPointer::root(), pace, &mut |path, text| {
            if text.contains("${") && *self.origin(&path) == Origin::Document {
                texts.push((path, text.to_owned()));
            }
        })?;
        Ok(texts)
    }

    /// Resolves the references of the document; those of the log in secrets alone.
    pub(crate) fn resolve(
        &mut self,
        defaults: &Value,
        environment: &dyn Environment,
        by: DocumentWriter,
        keys: &KeyDeclarations,
        pace: &mut Pace<'_>,
    ) -> Result<Problems, Interrupted> {
        let mut problems = Problems::default();
        for (path, text) in self.references(pace)? {
            if by == DocumentWriter::Log && has_reference(&text) && !keys.is_secret(&path) {
                continue;
            }
            // Reading a file takes as long as many other steps.
            pace.long_step()?;
            match resolve(&text, environment, by) {
                Ok(Resolved { text: resolved, texts, given }) => {
                    let is_all = is_reference(&text);
                    let value = match is_all {
                        true => self.value_of(&path, &resolved, defaults.pointer(path.as_str())),
                        false => Value::String(resolved.into_owned()),
                    };
                    if let Some(place) = self.value.pointer_mut(path.as_str()) {
                        *place = value;
                    }
                    self.given.extend(given);
                    self.given_texts.extend(texts.into_iter().map(|given| (path.clone(), given)));
                    self.written.insert(path, text);
                }
                Err(why) => problems.add(Problem::new(REFERENCE, path, why)),
            }
        }
        Ok(problems)
    }

    /// What was resolved at places that turned out not to be secrets, as in a type whose schema depends on its values.
    pub(crate) fn resolved_openly(&self, keys: &KeyDeclarations) -> Problems {
        let open = self.written.iter().filter(|(path, text)| has_reference(text) && !keys.is_secret(path));
        open.map(|(path, _)| no_secret(path.clone())).collect()
    }

    /// Every secret in it that is in no document: what references, variables and flags gave, as it was given and as it
    /// is used, and the defaults of the program. A URL without a password in it is none, unless it was given by a
    /// reference. The contents of a document except its references are in the log for every reader.
    pub(crate) fn secrets(
        &self,
        keys: &KeyDeclarations,
        pace: &mut Pace<'_>,
        secret: &mut impl FnMut(&str),
    ) -> Result<(), Interrupted> {
        for (path, text) in &self.given_texts {
            if keys.is_secret(path) && (self.written.contains_key(path) || !is_open_url(text)) {
                secret(text);
            }
        }
        scalars(&self.value, &JsonPointer::root(), pace, &mut |path, value| {
            if value.is_null() || value.is_boolean() || !keys.is_secret(&path) {
                return;
            }
            let written = path.upwards().find_map(|path| self.written.get(&JsonPointer::parse(path)));
            let is_given = written.is_some_and(|text| is_reference(text));
            if !is_given && *self.origin(&path) == Origin::Document {
                return;
            }
            match value {
                Value::String(text) if is_given || !is_open_url(text) => secret(text),
                Value::Number(number) => secret(&number.to_string()),
                _ => {}
            }
        })
    }

    /// Lays variables and flags over it.
    pub(crate) fn cover(
        &mut self,
        document: Option<&Value>,
        overrides: &[Override],
        defaults: &Value,
        pace: &mut Pace<'_>,
    ) -> Result<(), Interrupted> {
        for cover in overrides {
            let value = self.value_of(&cover.path, &cover.text, defaults.pointer(cover.path.as_str()));
            let output = document.and_then(|document| document.pointer(cover.path.as_str()));
            if output.is_some_and(|output| !output.is_null() && *output != value) {
                // Of a flag and a variable the flag covers both.
                self.masked.retain(|masked| masked.path != cover.path);
                self.masked.push(Masked { path: cover.path.clone(), by: cover.origin.clone() });
            }
            if put(&mut self.value, &cover.path, value) {
                forget_under(&mut self.origins, &cover.path, pace)?;
                self.origins.insert(cover.path.clone(), cover.origin.clone());
                self.given_texts.push((cover.path.clone(), cover.text.clone()));
            }
        }
        Ok(())
    }

    /// A text as the value that belongs where the defaults have `like`. Where they have none it is what it looks like,
    /// and the text itself if that does not fit.
    fn value_of(&mut self, path: &JsonPointer, text: &str, like: Option<&Value>) -> Value {
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
    pub(crate) fn shown(&self, keys: &KeyDeclarations, pace: &mut Pace<'_>) -> Result<Value, Interrupted> {
        let mut shown = self.value.clone();
        for (path, text) in &self.written {
            if let Some(place) = shown.pointer_mut(path.as_str()) {
                *place = Value::String(text.clone());
            }
        }
        let mut secrets = Vec::new();
        scalars(&shown, &JsonPointer::root(), pace, &mut |path, value| {
            let is_empty = value.is_null() || value.as_str().is_some_and(str::is_empty);
            if is_empty || !keys.is_secret(&path) {
                return;
            }
            // A reference that was not resolved here, or that was restored as it is written.
            let is_reference =
                value.as_str().is_some_and(has_reference) && *self.origin(&path) == Origin::Document;
            if !is_reference {
                secrets.push(path);
            }
        })?;
        for path in secrets {
            let place = shown.pointer_mut(path.as_str());
            // A URL without a password in it hides nothing.
            if let Some(place) = place.filter(|place| !place.as_str().is_some_and(is_open_url)) {
                *place = Value::String(REDACTED.to_owned());
            }
        }
        Ok(shown)
    }

    /// Whether the value of a place must not be quoted.
    pub(crate) fn is_hidden(&self, path: &JsonPointer, keys: &KeyDeclarations) -> bool {
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
        let messages: Problems = problems.iter().cloned().map(|problem| self.with_origin(problem)).collect();
        messages.with_unlisted(unlisted)
    }

    /// Where a value comes from: the nearest layer above a place.
    pub(crate) fn origin(&self, path: &JsonPointer) -> Cow<'_, Origin> {
        let nearest = path.upwards().find_map(|path| self.origins.get(&JsonPointer::parse(path)));
        nearest.map_or(Cow::Owned(Origin::Document), Cow::Borrowed)
    }
}

/// The class of the problem that a reference has no value, or is where none may be.
const REFERENCE: &str = "reference";

/// Finds the secrets that are written out in a document.
pub(crate) fn literal_secrets(
    document: &Value,
    keys: &KeyDeclarations,
    pace: &mut Pace<'_>,
    secret: &mut impl FnMut(JsonPointer, &str),
) -> Result<(), Interrupted> {
    texts_of(document, &JsonPointer::root(), pace, &mut |path, text| {
        if !text.is_empty() && keys.is_secret(&path) && !has_reference(text) && !is_open_url(text) {
            secret(path, text);
        }
    })
}

/// Refuses secrets that are written out in a document, which the log keeps for ever.
pub(crate) fn refuse_literal_secrets(
    document: &Value,
    keys: &KeyDeclarations,
    pace: &mut Pace<'_>,
) -> Result<Problems, Interrupted> {
    let mut problems = Problems::default();
    literal_secrets(document, keys, pace, &mut |path, _| problems.add(literal_secret(path)))?;
    Ok(problems)
}

/// The problem that a secret is written out at a place of a document.
pub(crate) fn literal_secret(path: JsonPointer) -> Problem {
    let key = path.split_last().unwrap_or_default().1;
    let message = format!(
        "{key} is a secret, and the log keeps what a document contains: use ${{env:NAME}} or \
         ${{file:PATH}}, or set it by a variable"
    );
    Problem::new(Problem::LITERAL_SECRET, path, message)
}

/// Refuses references that are not in a secret, also where another layer overrides them here. What is not a secret is
/// shown to every caller, and would show what it refers to.
pub(crate) fn refuse_open_references(
    document: &Value,
    keys: &KeyDeclarations,
    pace: &mut Pace<'_>,
) -> Result<Problems, Interrupted> {
    let mut problems = Problems::default();
    texts_of(document, &JsonPointer::root(), pace, &mut |path, text| {
        if text.contains("${") && has_reference(text) && !keys.is_secret(&path) {
            problems.add(no_secret(path));
        }
    })?;
    Ok(problems)
}

/// A URL that has no password in it.
fn is_open_url(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let names_password = rest.split_once('?').is_some_and(|(_, query)| query.contains("password"));
    !names_password && authority.rsplit_once('@').is_none_or(|(user, _)| !user.contains(':'))
}

fn no_secret(path: JsonPointer) -> Problem {
    let message = "only a secret may refer to a variable or a file, and this is not a secret: write the \
                   value itself, or set it by a variable or a flag of the process";
    Problem::new(REFERENCE, path, message)
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
