//! Values without an envelope: the value of a text in YAML, JSON or TOML, and a value as YAML.

use std::sync::Arc;

use serde_json::Value;

use crate::FileProblem;
use crate::chunk::{self, ChunkProblem, TextChunk, TextFormat};
use crate::parse::problems_of;
use crate::write::Sorted;

/// A value of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct FileValue {
    /// The value.
    pub value: Value,
    /// The line at which it begins, counted from 1; none where it is not known, as in JSON.
    pub line: Option<u64>,
}

/// Why a value was not written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write it as YAML: {0}")]
pub struct ValueError(String);

/// Reads the values of a text, read and bounded as [`crate::parse_documents`] reads documents: in YAML a stream of
/// them, in JSON one or several, in TOML one. `file` is its name in problems, and its extension the format.
///
/// # Errors
/// Every part that cannot be read, with its line and column.
///
/// ```
/// let values = midflight_source::parse_values("a: 1\n---\n- b\n", "f.yaml").unwrap();
/// assert_eq!((values.len(), values[1].line), (2, Some(3)));
/// assert_eq!(values[1].value, serde_json::json!(["b"]));
/// ```
pub fn parse_values(text: &str, file: &str) -> Result<Vec<FileValue>, Vec<FileProblem>> {
    let file: Arc<str> = file.into();
    let (mut values, mut problems) = (Vec::new(), Vec::new());
    for part in chunk::chunks(text, TextFormat::of_name(&file)) {
        let TextChunk { text, format, lines_before } = part;
        match chunk::nodes(text, format) {
            Ok(nodes) => values.extend(nodes.into_iter().map(|node| {
                let line = (node.place.line > 0).then_some(node.place.line + lines_before);
                FileValue { value: node.into_value(), line }
            })),
            Err(fault) => problems.extend(problems_of([ChunkProblem::from(fault)], part, &file)),
        }
    }
    if problems.is_empty() { Ok(values) } else { Err(problems) }
}

/// Writes a value as a YAML text that [`parse_values`] reads back as the same value. Keys are sorted: equal values make
/// the same text.
///
/// # Errors
/// [`ValueError`] when YAML cannot express it.
///
/// ```
/// let text = midflight_source::write_value(&serde_json::json!([{"b": "no", "a": 1}])).unwrap();
/// assert_eq!(midflight_source::parse_values(&text, "f.yaml").unwrap()[0].value[0]["b"], "no");
/// ```
pub fn write_value(value: &Value) -> Result<String, ValueError> {
    let mut text = String::new();
    serde_saphyr::to_fmt_writer(&mut text, &Sorted(value)).map_err(|error| ValueError(error.to_string()))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_unreadable_part_is_reported_with_its_line() {
        let problems = parse_values("a: 1\n---\nb: [\n---\nc: {\n", "f.yaml").unwrap_err();
        let message: Vec<_> = problems.iter().map(|problem| problem.line).collect();
        assert_eq!(message, [Some(3), Some(5)]);
        let bomb = format!(
            "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n{}",
            (1..9)
                .map(|i| format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(",")))
                .collect::<String>()
        );
        let problem = parse_values(&bomb, "f.yaml").unwrap_err()[0].to_string();
        assert!(problem.contains("aliases of this file stand for more than"), "{problem}");
    }

    #[test]
    fn what_is_written_reads_back() {
        let value =
            json!([{"tool_name": "no", "n": 1.5, "t": "a: b\n- c\n", "none": null, "list": [], "map": {}}]);
        let text = write_value(&value).unwrap();
        assert_eq!(parse_values(&text, "f.yaml").unwrap()[0].value, value, "{text}");
        assert_eq!(parse_values("", "f.yaml").unwrap(), []);
    }
}
