//! Action results: a fixed text, or a template with `{{dotted.path}}` filled from the input.

use std::sync::Arc;

use serde_json::Value;

use crate::attribute::Attribute;
use crate::truth::Truth;
use midflight_core::JsonType;

/// What a matched rule adds to the pattern result.
#[derive(Debug, Clone)]
pub(crate) enum Template {
    /// One character, as nearly every rule has; it needs no memory of its own.
    Letter(char),
    /// The same text every time.
    Fixed(Arc<str>),
    /// Texts and values in turn.
    Filled(Arc<[TemplatePart]>),
}

/// Why a template was not filled. Nothing of it is written then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unfilled {
    /// A value cannot be written out: [`Truth::Missing`] or [`Truth::WrongType`], and the reason.
    Value(Truth, String),
    /// It would be longer than what is left of the bound.
    TooLong,
}

/// A piece of a template.
#[derive(Debug)]
pub(crate) enum TemplatePart {
    Text(Box<str>),
    Value(Attribute),
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if !text.contains("{{") && !text.contains("}}") {
            let mut chars = text.chars();
            return Ok(match (chars.next(), chars.next()) {
                (Some(letter), None) => Self::Letter(letter),
                _ => Self::Fixed(text.into()),
            });
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            add_text(&mut parts, before)?;
            let (path, after) = after.split_once("}}").ok_or("{{ is not closed; write {{attribute}}")?;
            parts.push(TemplatePart::Value(Attribute::new(path.trim())?));
            rest = after;
        }
        add_text(&mut parts, rest)?;
        Ok(Self::Filled(parts.into()))
    }

    /// Fills the template, and takes what it writes off `bytes_left`. A single character is not counted: it is as long
    /// as the `-` of a rule that did not match.
    ///
    /// # Errors
    /// [`Unfilled::Value`] for the first value that cannot be written out, [`Unfilled::TooLong`] before anything is
    /// written that is longer than `bytes_left`.
    pub(crate) fn fill(
        &self,
        data: &Value,
        out: &mut String,
        bytes_left: &mut usize,
    ) -> Result<(), Unfilled> {
        match self {
            Self::Letter(letter) => out.push(*letter),
            Self::Fixed(text) => push(text, out, bytes_left)?,
            Self::Filled(parts) => {
                let (start, left) = (out.len(), *bytes_left);
                for part in parts.iter() {
                    if let Err(reason) = part.fill(data, out, bytes_left) {
                        out.truncate(start);
                        *bytes_left = left;
                        return Err(reason);
                    }
                }
            }
        }
        Ok(())
    }
}

fn push(text: &str, out: &mut String, bytes_left: &mut usize) -> Result<(), Unfilled> {
    *bytes_left = bytes_left.checked_sub(text.len()).ok_or(Unfilled::TooLong)?;
    out.push_str(text);
    Ok(())
}

fn add_text(parts: &mut Vec<TemplatePart>, text: &str) -> Result<(), String> {
    if text.contains("}}") {
        return Err("}} closes nothing; write {{attribute}}".to_owned());
    }
    if !text.is_empty() {
        parts.push(TemplatePart::Text(text.into()));
    }
    Ok(())
}

impl TemplatePart {
    fn fill(&self, data: &Value, out: &mut String, bytes_left: &mut usize) -> Result<(), Unfilled> {
        let path = match self {
            Self::Text(text) => return push(text, out, bytes_left),
            Self::Value(path) => path,
        };
        let name = path.as_str();
        match path.find(data) {
            None => {
                let reason = format!("{name}, which action_result writes out, is missing");
                Err(Unfilled::Value(Truth::Missing, reason))
            }
            Some(Value::String(text)) => push(text, out, bytes_left),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => push(&value.to_string(), out, bytes_left),
            Some(value) => {
                let found = JsonType::of(value).word();
                let reason = format!("{name} is {found}, which action_result cannot write out");
                Err(Unfilled::Value(Truth::WrongType, reason))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn filled(text: &str) -> Result<String, Truth> {
        let data = json!({"a": {"b": 2.5}, "s": "text", "t": true, "n": null, "l": [1]});
        let mut out = String::from("-");
        let result = Template::parse(text).unwrap().fill(&data, &mut out, &mut 100);
        result.map(|()| out).map_err(|unfilled| match unfilled {
            Unfilled::Value(truth, _) => truth,
            Unfilled::TooLong => panic!("{text} is too long"),
        })
    }

    #[test]
    fn templates_are_filled_with_scalars() {
        assert_eq!(filled("Y"), Ok("-Y".to_owned()));
        assert_eq!(filled("<{{s}}:{{ a.b }}:{{l.0}}:{{t}}>"), Ok("-<text:2.5:1:true>".to_owned()));
        assert_eq!(filled("{{removed}}"), Err(Truth::Missing));
        assert_eq!(filled("{{l}}"), Err(Truth::WrongType));
        assert_eq!(filled("{{n}}"), Err(Truth::WrongType));
        assert_eq!(filled("{single}"), Ok("-{single}".to_owned()));
    }

    #[test]
    fn a_template_that_is_longer_than_what_is_left_writes_nothing() {
        let data = json!({"s": "0123456789"});
        let (mut out, mut left) = (String::from("-"), 25);
        let mut fill = |text: &str| Template::parse(text).unwrap().fill(&data, &mut out, &mut left);
        assert_eq!(fill("{{s}},{{s}},{{s}}"), Err(Unfilled::TooLong));
        assert_eq!(fill("{{s}},{{s}}"), Ok(()));
        assert_eq!(fill("abcde"), Err(Unfilled::TooLong));
        assert_eq!(fill("abcd"), Ok(()));
        assert_eq!(fill("Y"), Ok(()));
        assert_eq!((out.as_str(), left), ("-0123456789,0123456789abcdY", 0));
    }

    #[test]
    fn unbalanced_braces_are_refused() {
        for text in ["{{a", "a}}", "{{a}}}}", "{{}}", "{{a..b}}"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }
}
