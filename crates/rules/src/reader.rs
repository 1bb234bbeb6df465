//! Reads the members of an object by type and collects every problem instead of stopping at the first.

use midflight_core::{Problem, Problems};
use serde_json::{Map, Value};

use crate::limits::{TAGS_MAX, TEXT_BYTES_MAX};
use crate::place::Place;
use crate::scalar::Type;
use midflight_core::{clip, hint, nearest};

/// An object of a body that is being read.
pub(crate) struct Reader<'a> {
    /// What the object is, with its article: "a rule".
    noun: &'static str,
    members: &'a Map<String, Value>,
    place: &'a Place<'a>,
    problems: &'a mut Problems,
}

impl<'a> Reader<'a> {
    /// Starts reading `value`; a value that is no object is a problem and reads as one without members would not.
    pub(crate) fn open(
        noun: &'static str,
        value: &'a Value,
        place: &'a Place<'a>,
        problems: &'a mut Problems,
    ) -> Option<Self> {
        let Value::Object(members) = value else {
            let message = format!("{noun} is an object, not {}", Type::of(value).word());
            problems.add(Problem::new("wrong_type", place.pointer(), message));
            return None;
        };
        Some(Self { noun, members, place, problems })
    }

    /// Refuses every member that is not one of `fields`.
    pub(crate) fn only(&mut self, fields: &[&str]) {
        for key in self.members.keys().filter(|key| !fields.contains(&key.as_str())) {
            let help = nearest(key, fields.iter().copied()).map_or_else(
                || format!("; it has {}", fields.join(", ")),
                |near| format!("; did you mean {near:?}?"),
            );
            let message = format!("{} has no field {:?}{help}", self.noun, clip(key));
            let pointer = self.place.key(key).pointer();
            self.problems.add(Problem::new("unknown_field", pointer, message));
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        self.members.get(key)
    }

    /// Reports a problem with the member `key`.
    pub(crate) fn refuse(&mut self, key: &str, code: &'static str, message: impl Into<String>) {
        let pointer = self.place.key(key).pointer();
        self.problems.add(Problem::new(code, pointer, message));
    }

    /// Reports a problem with the member `inner` of the member `key`.
    pub(crate) fn refuse_in(
        &mut self,
        key: &str,
        inner: &str,
        code: &'static str,
        message: impl Into<String>,
    ) {
        let pointer = self.place.key(key).pointer().key(inner);
        self.problems.add(Problem::new(code, pointer, message));
    }

    /// Reports that the member `key` is not there.
    pub(crate) fn missing(&mut self, key: &str, cure: &str) {
        let message = format!("{} needs {key:?}: {cure}", self.noun);
        self.problems.add(Problem::new("missing_field", self.place.pointer(), message));
    }

    pub(crate) fn problems(&mut self) -> &mut Problems {
        self.problems
    }

    fn wrong_type(&mut self, key: &str, expected: &str, value: &Value) {
        self.refuse(key, "wrong_type", format!("{key} is {expected}, not {}", Type::of(value).word()));
    }

    /// A text of at most [`TEXT_BYTES_MAX`] bytes.
    pub(crate) fn text(&mut self, key: &str) -> Option<&'a str> {
        match self.get(key)? {
            Value::String(text) if text.len() <= TEXT_BYTES_MAX => Some(text),
            Value::String(_) => {
                self.refuse(
                    key,
                    "too_long",
                    format!("{key} has more than {TEXT_BYTES_MAX} bytes; shorten it"),
                );
                None
            }
            value => {
                self.wrong_type(key, "a string", value);
                None
            }
        }
    }

    pub(crate) fn number(&mut self, key: &str) -> Option<f64> {
        let value = self.get(key)?;
        let number = value.as_f64();
        if number.is_none() {
            self.wrong_type(key, "a number", value);
        }
        number
    }

    /// A whole number of 64 bits; `10.0` is one too.
    pub(crate) fn integer(&mut self, key: &str) -> Option<i64> {
        let value = self.get(key)?;
        let integer =
            value.as_number().and_then(|number| crate::number::Exact::of(number).to_json().as_i64());
        match (integer, value) {
            (None, Value::Number(_)) => {
                self.refuse(key, "bad_number", format!("{key} is a whole number of 64 bits"));
            }
            (None, _) => self.wrong_type(key, "a whole number", value),
            _ => {}
        }
        integer
    }

    pub(crate) fn boolean(&mut self, key: &str) -> Option<bool> {
        let value = self.get(key)?;
        if !value.is_boolean() {
            self.wrong_type(key, "true or false", value);
        }
        value.as_bool()
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let near = hint(text, names.iter().copied());
            let message = format!("{:?} is no {key}; write one of {}{near}", clip(text), names.join(", "));
            self.refuse(key, "unknown_value", message);
        }
        found
    }

    /// Checks a member `tags`: an array of strings. Tags are for people, so nothing keeps them.
    pub(crate) fn check_tags(&mut self) {
        match self.get("tags") {
            None => {}
            Some(Value::Array(tags)) if tags.len() > TAGS_MAX => {
                self.refuse("tags", "too_many", format!("more than {TAGS_MAX} tags; keep fewer"));
            }
            Some(Value::Array(tags)) => {
                for (i, tag) in tags.iter().enumerate() {
                    if tag.as_str().is_none_or(|tag| tag.len() > TEXT_BYTES_MAX) {
                        let tags = self.place.key("tags");
                        let message = format!("a tag is a string of at most {TEXT_BYTES_MAX} bytes");
                        self.problems.add(Problem::new("wrong_type", tags.index(i).pointer(), message));
                    }
                }
            }
            Some(value) => self.wrong_type("tags", "an array of strings", value),
        }
    }
}
