//! Reads the members of an object by type and collects every problem instead of stopping at the first.

use serde_json::{Map, Value};

use crate::{JsonPath, Problem, Problems, clip, hint, nearest};

/// The longest text that a reader takes, in bytes.
pub const TEXT_BYTES_MAX: usize = 10_000;
/// The most tags of a document.
pub const TAGS_MAX: usize = 100;

/// A JSON type. Types are strict: `"35"` is not a number and `1` is not a boolean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonType {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// A string.
    Text,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl JsonType {
    /// The type of a value.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Boolean,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::Text,
            Value::Array(_) => Self::Array,
            Value::Object(_) => Self::Object,
        }
    }

    /// The word for it, with its article.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::Text => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }
}

/// An object of a body that is being read. What it gives lives as long as the body.
pub struct ObjectReader<'v, 'p> {
    /// What the object is, with its article: "a rule".
    noun: &'static str,
    members: &'v Map<String, Value>,
    place: &'p JsonPath<'p>,
    problems: &'p mut Problems,
}

impl<'v, 'p> ObjectReader<'v, 'p> {
    /// Starts reading `value`; a value that is no object is a problem and reads as one without members would not.
    pub fn open(
        noun: &'static str,
        value: &'v Value,
        place: &'p JsonPath<'p>,
        problems: &'p mut Problems,
    ) -> Option<Self> {
        let Value::Object(members) = value else {
            let message = format!("{noun} is an object, not {}", JsonType::of(value).word());
            problems.add(Problem::new("wrong_type", place.pointer(), message));
            return None;
        };
        Some(Self { noun, members, place, problems })
    }

    /// Refuses every member that is not one of `fields`.
    pub fn only(&mut self, fields: &[&str]) {
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

    /// The member `key` as it is.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'v Value> {
        self.members.get(key)
    }

    /// Reports a problem with the member `key`.
    pub fn refuse(&mut self, key: &str, code: &'static str, message: impl Into<String>) {
        let pointer = self.place.key(key).pointer();
        self.problems.add(Problem::new(code, pointer, message));
    }

    /// Reports a problem with the member `inner` of the member `key`.
    pub fn refuse_in(&mut self, key: &str, inner: &str, code: &'static str, message: impl Into<String>) {
        let pointer = self.place.key(key).pointer().key(inner);
        self.problems.add(Problem::new(code, pointer, message));
    }

    /// Reports that the member `key` is not there.
    pub fn missing(&mut self, key: &str, cure: &str) {
        let message = format!("{} needs {key:?}: {cure}", self.noun);
        self.problems.add(Problem::new("missing_field", self.place.pointer(), message));
    }

    /// Where the problems go.
    pub fn problems(&mut self) -> &mut Problems {
        self.problems
    }

    /// Reports that the member `key` is of another type than `expected`, which is a word with its article.
    pub fn wrong_type(&mut self, key: &str, expected: &str, value: &Value) {
        self.refuse(key, "wrong_type", format!("{key} is {expected}, not {}", JsonType::of(value).word()));
    }

    /// A text of at most [`TEXT_BYTES_MAX`] bytes.
    pub fn text(&mut self, key: &str) -> Option<&'v str> {
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

    /// A number.
    pub fn number(&mut self, key: &str) -> Option<f64> {
        let value = self.get(key)?;
        let number = value.as_f64();
        if number.is_none() {
            self.wrong_type(key, "a number", value);
        }
        number
    }

    /// A whole number of 64 bits; `10.0` is one too.
    pub fn integer(&mut self, key: &str) -> Option<i64> {
        let value = self.get(key)?;
        let integer = value.as_i64().or_else(|| value.as_f64().and_then(whole));
        match (integer, value) {
            (None, Value::Number(_)) => {
                self.refuse(key, "bad_number", format!("{key} is a whole number of 64 bits"));
            }
            (None, _) => self.wrong_type(key, "a whole number", value),
            _ => {}
        }
        integer
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &str) -> Option<bool> {
        let value = self.get(key)?;
        if !value.is_boolean() {
            self.wrong_type(key, "true or false", value);
        }
        value.as_bool()
    }

    /// One of a few words.
    pub fn word<T: Copy>(&mut self, key: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let near = hint(text, names.iter().copied());
            let message =
                format!("{:?} is not a valid {key}; use one of {}{near}", clip(text), names.join(", "));
            self.refuse(key, "unknown_value", message);
        }
        found
    }

    /// A list of at most `max` texts, each with its place in the list; empty when it is not there.
    pub fn texts(&mut self, key: &str, max: usize) -> Vec<&'v str> {
        let items = match self.get(key) {
            None => return Vec::new(),
            Some(Value::Array(items)) if items.len() <= max => items,
            Some(Value::Array(items)) => {
                let message = format!("{key} has {} texts and may have {max}; keep fewer", items.len());
                self.refuse(key, "too_many", message);
                return Vec::new();
            }
            Some(value) => {
                self.wrong_type(key, "an array of texts", value);
                return Vec::new();
            }
        };
        let mut texts = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            match item {
                Value::String(text) if text.len() <= TEXT_BYTES_MAX => texts.push(text.as_str()),
                Value::String(_) => {
                    let message = format!("the text has more than {TEXT_BYTES_MAX} bytes; shorten it");
                    self.refuse_in(key, &i.to_string(), "too_long", message);
                }
                value => {
                    let message = format!("expected a text, not {}", JsonType::of(value).word());
                    self.refuse_in(key, &i.to_string(), "wrong_type", message);
                }
            }
        }
        texts
    }

    /// Checks a member `tags`: an array of strings. Tags are for people, so nothing keeps them.
    pub fn check_tags(&mut self) {
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

/// The whole number that a float is, where floats still distinguish all of them.
fn whole(float: f64) -> Option<i64> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and within the bounds of both")]
    let whole = (float.fract() == 0.0 && float.abs() <= EXACT_MAX).then_some(float as i64);
    whole
}
