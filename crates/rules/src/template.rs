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
    Filled(Arc<[Part]>),
}

/// A piece of a template.
#[derive(Debug)]
pub(crate) enum Part {
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
            parts.push(Part::Value(Attribute::new(path.trim())?));
            rest = after;
        }
        add_text(&mut parts, rest)?;
        Ok(Self::Filled(parts.into()))
    }

    /// Fills the template.
    ///
    /// # Errors
    /// [`Truth::Missing`] or [`Truth::WrongType`] for the first value that cannot be written out, and the reason.
    pub(crate) fn fill(&self, data: &Value, out: &mut String) -> Result<(), (Truth, String)> {
        match self {
            Self::Letter(letter) => out.push(*letter),
            Self::Fixed(text) => out.push_str(text),
            Self::Filled(parts) => {
                let start = out.len();
                for part in parts.iter() {
                    if let Err(reason) = part.fill(data, out) {
                        out.truncate(start);
                        return Err(reason);
                    }
                }
            }
        }
        Ok(())
    }
}

fn add_text(parts: &mut Vec<Part>, text: &str) -> Result<(), String> {
    if text.contains("}}") {
        return Err("}} closes nothing; write {{attribute}}".to_owned());
    }
    if !text.is_empty() {
        parts.push(Part::Text(text.into()));
    }
    Ok(())
}

impl Part {
    fn fill(&self, data: &Value, out: &mut String) -> Result<(), (Truth, String)> {
        let path = match self {
            Self::Text(text) => {
                out.push_str(text);
                return Ok(());
            }
            Self::Value(path) => path,
        };
        let name = path.as_str();
        match path.find(data) {
            None => {
                return Err((Truth::Missing, format!("{name}, which action_result writes out, is missing")));
            }
            Some(Value::String(text)) => out.push_str(text),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => out.push_str(&value.to_string()),
            Some(value) => {
                let found = JsonType::of(value).word();
                let reason = format!("{name} is {found}, which action_result cannot write out");
                return Err((Truth::WrongType, reason));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn filled(text: &str) -> Result<String, Truth> {
        let data = json!({"a": {"b": 2.5}, "s": "text", "t": true, "n": null, "l": [1]});
        let mut out = String::from("-");
        let result = Template::parse(text).unwrap().fill(&data, &mut out);
        result.map(|()| out).map_err(|(truth, _)| truth)
    }

    #[test]
    fn templates_are_filled_with_scalars() {
        assert_eq!(filled("Y"), Ok("-Y".to_owned()));
        assert_eq!(filled("<{{s}}:{{ a.b }}:{{l.0}}:{{t}}>"), Ok("-<text:2.5:1:true>".to_owned()));
        assert_eq!(filled("{{gone}}"), Err(Truth::Missing));
        assert_eq!(filled("{{l}}"), Err(Truth::WrongType));
        assert_eq!(filled("{{n}}"), Err(Truth::WrongType));
        assert_eq!(filled("{single}"), Ok("-{single}".to_owned()));
    }

    #[test]
    fn unbalanced_braces_are_refused() {
        for text in ["{{a", "a}}", "{{a}}}}", "{{}}", "{{a..b}}"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }
}
