//! From the text of a config file to its values, and to their places.

use std::sync::Arc;

use midflight_core::JsonPointer;
use serde_json::Value;

use crate::FileProblem;
use crate::chunk::{TextFormat, nodes};
use crate::node::{Fault, NodeContent, TextNode};

/// The values of a config file.
#[derive(Debug, Clone)]
pub struct ConfigText {
    body: Arc<Value>,
    node: TextNode,
}

impl ConfigText {
    /// The whole of it, an object.
    #[must_use]
    pub fn body(&self) -> &Arc<Value> {
        &self.body
    }

    /// The line and the column, counted from 1, of a place, or of the nearest part around it that is there. None when
    /// it is not known, as in JSON.
    #[must_use]
    pub fn locate(&self, path: &JsonPointer) -> Option<(u64, u64)> {
        let place = self.node.locate(path);
        (place.line > 0).then_some((place.line, place.column))
    }
}

/// Reads a file that is one config: a map in YAML, an object in JSON or a table in TOML, as [`crate::parse_documents`]
/// reads them. `file` is its name in problems, and its extension the format. An empty file is refused: it is more often
/// one that is just being written than an intended one.
///
/// # Errors
/// What is wrong with it, with line and column where they are known.
pub fn parse_config(text: &str, file: &str) -> Result<ConfigText, Vec<FileProblem>> {
    let file: Arc<str> = file.into();
    let problem = |fault: Fault| {
        vec![FileProblem {
            line: (fault.place.line > 0).then_some(fault.place.line),
            column: (fault.place.line > 0).then_some(fault.place.column),
            ..FileProblem::of_file(&file, fault.message)
        }]
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut nodes = nodes(text, TextFormat::of_name(&file)).map_err(problem)?;
    let node = match (nodes.pop(), nodes.is_empty()) {
        (Some(node), true) => node,
        (None, _) => {
            let message = "is empty; write {} for a config with defaults only";
            return Err(vec![FileProblem::of_file(&file, message)]);
        }
        (Some(second), false) => {
            let message = "has more than one document; a config file has one".to_owned();
            return Err(problem(Fault { place: second.place, message }));
        }
    };
    if !matches!(node.content, NodeContent::Map(_)) {
        let message = format!("a config is a map of keys, not {}", node.type_word());
        return Err(problem(Fault { place: node.place, message }));
    }
    Ok(ConfigText { body: Arc::new(node.clone().into_value()), node })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_is_one_map_and_its_places_are_known() {
        let text = "# why\nlog:\n  level: debug\n  tags: [a, b]\n";
        let config = parse_config(text, "app.yaml").unwrap();
        assert_eq!(**config.body(), serde_json::json!({"log": {"level": "debug", "tags": ["a", "b"]}}));
        assert_eq!(config.locate(&JsonPointer::parse("/log/level")), Some((3, 10)));
        assert_eq!(config.locate(&JsonPointer::parse("/log/tags/1")), Some((4, 13)));
        assert_eq!(config.locate(&JsonPointer::parse("/log/missing")), Some((3, 3)));
        assert!(parse_config("{\"a\": 1}", "app.json").is_ok() && parse_config("{}", "app").is_ok());
    }

    #[test]
    fn a_config_in_toml_is_the_same_config() {
        let text = "# why\n[log]\nlevel = \"debug\"\ntags = [\"a\", \"b\"]\n";
        let config = parse_config(text, "app.toml").unwrap();
        assert_eq!(**config.body(), serde_json::json!({"log": {"level": "debug", "tags": ["a", "b"]}}));
        assert_eq!(config.locate(&JsonPointer::parse("/log/tags/1")), Some((4, 14)));
        let messages = |text| parse_config(text, "app.toml").unwrap_err()[0].to_string();
        assert_eq!(messages("# nothing"), "app.toml: is empty; write {} for a config with defaults only");
        assert!(messages("a = 1\nb: 2").starts_with("app.toml:2:"), "{}", messages("a = 1\nb: 2"));
    }

    #[test]
    fn an_invalid_config_is_reported() {
        let bomb = format!(
            "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n{}",
            (1..9)
                .map(|i| format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(",")))
                .collect::<String>()
        );
        for (text, expected) in [
            ("", "app.yaml: is empty; write {}"),
            ("# only a comment\n", "app.yaml: is empty"),
            ("- a\n", "app.yaml:1:1: a config is a map of keys, not a list"),
            ("just words", "app.yaml:1:1: a config is a map of keys, not a string"),
            ("a: 1\n---\nb: 2\n", "app.yaml:3:1: has more than one document"),
            ("a: [1", "app.yaml:1:4: "),
            ("a: 1\na: 2\n", "app.yaml:2:1: "),
            (bomb.as_str(), "app.yaml:"),
        ] {
            let problem = parse_config(text, "app.yaml").unwrap_err()[0].to_string();
            assert!(problem.starts_with(expected), "{text:.40}: {problem}");
        }
    }
}
