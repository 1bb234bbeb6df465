//! A file in chunks: each a part that is read by itself, so that one broken document does not hide the others and one
//! changed document of a long file costs only itself.

use std::collections::HashMap;
use std::sync::Arc;

use midflight_core::{Digest, DocumentId, JsonPointer, NameError};
use serde_json::Value;

use crate::node::{Fault, MapMember, NodeContent, TextNode, TextPosition};
use crate::{json, toml, yaml};

/// How a text is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum TextFormat {
    Json,
    Yaml,
    Toml,
    /// Unknown: JSON when it is JSON.
    Unknown,
}

impl TextFormat {
    /// By the file's ending.
    pub(crate) fn of_name(name: &str) -> Self {
        match name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("json") => Self::Json,
            Some("yaml" | "yml") => Self::Yaml,
            Some("toml") => Self::Toml,
            _ => Self::Unknown,
        }
    }
}

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TextChunk<'a> {
    pub(crate) text: &'a str,
    pub(crate) format: TextFormat,
    /// How many lines come before it.
    pub(crate) lines_before: u64,
}

/// Cuts a text where YAML begins a new document: at a line of three dashes, which nothing within a document can be.
/// JSON and TOML are one chunk, and so is a YAML text with directives, for those belong to the document after them.
pub(crate) fn chunks(text: &str, format: TextFormat) -> Vec<TextChunk<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let whole = vec![TextChunk { text, format, lines_before: 0 }];
    let looks_like_json = text.trim_start().starts_with(['{', '[']);
    if matches!(format, TextFormat::Json | TextFormat::Toml)
        || (format == TextFormat::Unknown && looks_like_json)
    {
        return whole;
    }
    if text.starts_with('%') || text.contains("\n%") {
        return whole;
    }
    let mut cut = Vec::new();
    let (mut start, mut start_line, mut place) = (0, 0, 0);
    for (line, content) in text.split_inclusive('\n').enumerate() {
        if place > start && begins_document(content) {
            cut.push((start, place, start_line));
            (start, start_line) = (place, line as u64);
        }
        place += content.len();
    }
    cut.push((start, place, start_line));
    let chunk = |(start, end, lines_before): (usize, usize, u64)| TextChunk {
        text: &text[start..end],
        format: TextFormat::Yaml,
        lines_before,
    };
    cut.into_iter().map(chunk).collect()
}

fn begins_document(line: &str) -> bool {
    let rest = line.strip_prefix("---");
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// What a chunk holds. Lines count from the chunk's beginning.
#[derive(Debug, Default)]
pub(crate) struct ReadChunk {
    pub(crate) documents: Vec<ChunkDocument>,
    pub(crate) problems: Vec<ChunkProblem>,
}

/// A document of a chunk.
#[derive(Debug)]
pub(crate) struct ChunkDocument {
    pub(crate) id: DocumentId,
    pub(crate) body: Arc<Value>,
    pub(crate) digest: Digest,
    pub(crate) place: TextPosition,
}

/// Something wrong with a chunk.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChunkProblem {
    pub(crate) place: TextPosition,
    pub(crate) document: Option<DocumentId>,
    pub(crate) path: JsonPointer,
    pub(crate) message: String,
}

impl From<Fault> for ChunkProblem {
    fn from(fault: Fault) -> Self {
        Self { place: fault.place, document: None, path: JsonPointer::root(), message: fault.message }
    }
}

/// The values of a text.
pub(crate) fn nodes(text: &str, format: TextFormat) -> Result<Vec<TextNode>, Fault> {
    match format {
        TextFormat::Json => json::read(text),
        TextFormat::Yaml => yaml::read(text),
        TextFormat::Toml => toml::read(text),
        // YAML in braces looks like JSON, so what is not JSON gets its second chance.
        TextFormat::Unknown => json::read(text).or_else(|_| yaml::read(text)),
    }
}

/// Reads the documents of a chunk. A list is read as the documents in it.
pub(crate) fn read(chunk: TextChunk<'_>) -> ReadChunk {
    let mut read = ReadChunk::default();
    match nodes(chunk.text, chunk.format) {
        Err(fault) => read.problems.push(fault.into()),
        Ok(nodes) => nodes.into_iter().flat_map(documents_of).for_each(|node| {
            let place = node.place;
            match document(node) {
                Ok((id, body)) => read.documents.push(ChunkDocument {
                    id,
                    digest: Digest::of_body(&body),
                    body: Arc::new(body),
                    place,
                }),
                Err(problems) => read.problems.extend(problems),
            }
        }),
    }
    read
}

/// Places to look for, by document.
pub(crate) struct WantedPlaces<'a> {
    places: &'a [(DocumentId, JsonPointer)],
    /// The places in each document, by its kind and its name.
    of_document: HashMap<(&'a str, &'a str), Vec<usize>>,
}

impl<'a> WantedPlaces<'a> {
    pub(crate) fn new(places: &'a [(DocumentId, JsonPointer)]) -> Self {
        let mut of_document: HashMap<_, Vec<_>> = HashMap::new();
        for (place, (id, _)) in places.iter().enumerate() {
            of_document.entry((id.kind.as_str(), id.name.as_str())).or_default().push(place);
        }
        Self { places, of_document }
    }
}

/// Where each path of each document is in a chunk, by lines of the chunk; none for paths that it does not have. Cost:
/// reads the chunk once.
pub(crate) fn locate(chunk: TextChunk<'_>, wanted: &WantedPlaces<'_>) -> Vec<(usize, TextPosition)> {
    let nodes = match chunk.format {
        TextFormat::Toml => toml::read(chunk.text),
        // JSON is YAML but for rare details, and the YAML reader knows places.
        _ => yaml::read(chunk.text),
    };
    let body = JsonPointer::root().key("body");
    let mut found = Vec::new();
    for node in nodes.unwrap_or_default().into_iter().flat_map(documents_of) {
        let id = member_text(&node, "kind").zip(member_text(&node, "name"));
        let here = id.and_then(|id| wanted.of_document.get(&id));
        found.extend(here.into_iter().flatten().map(|place| {
            let path = body.join(&wanted.places[*place].1);
            (*place, node.locate(&path))
        }));
    }
    found
}

/// The text of a member of a map.
fn member_text<'a>(node: &'a TextNode, key: &str) -> Option<&'a str> {
    let NodeContent::Map(members) = &node.content else { return None };
    match &members.iter().find(|member| member.key == key)?.value.content {
        NodeContent::Leaf(Value::String(text)) => Some(text),
        _ => None,
    }
}

fn documents_of(node: TextNode) -> Vec<TextNode> {
    match node.content {
        NodeContent::List(items) => items,
        _ => vec![node],
    }
}

/// Takes `{kind, name, body}` apart.
fn document(node: TextNode) -> Result<(DocumentId, Value), Vec<ChunkProblem>> {
    let place = node.place;
    let problem = |place: TextPosition, message: String| ChunkProblem {
        place,
        document: None,
        path: JsonPointer::root(),
        message,
    };
    let found = node.type_word();
    let NodeContent::Map(members) = node.content else {
        let message = format!("a document is a map of kind, name and body, not {found}");
        return Err(vec![problem(place, message)]);
    };
    let mut problems = Vec::new();
    let (mut kind, mut name, mut body) = (None, None, None);
    for MapMember { key, place, value } in members {
        match key.as_str() {
            "kind" => kind = Some(value),
            "name" => name = Some(value),
            "body" => body = Some(value),
            _ => {
                let message = format!(
                    "unknown field {key:?}: a document has kind, name and body; put its contents under body"
                );
                problems.push(problem(place, message));
            }
        }
    }
    for (field, missing) in [("kind", kind.is_none()), ("name", name.is_none()), ("body", body.is_none())] {
        if missing {
            let message = format!("the document has no {field:?}; write kind, name and body");
            problems.push(problem(place, message));
        }
    }
    let kind = kind.and_then(|node| text(node, "kind", &mut problems));
    let name = name.and_then(|node| text(node, "name", &mut problems));
    let id = match (kind, name) {
        (Some((kind, at)), Some((name, name_at))) => match DocumentId::new(&kind, &name) {
            Ok(id) => Some(id),
            Err(error) => {
                let at = if matches!(error, NameError::Kind(_)) { at } else { name_at };
                problems.push(problem(at, error.to_string()));
                None
            }
        },
        _ => None,
    };
    if let Some(body) = body.as_ref().filter(|body| !matches!(body.content, NodeContent::Map(_))) {
        problems.push(ChunkProblem {
            place: body.place,
            document: id.clone(),
            path: JsonPointer::root(),
            message: format!("a body is a map, not {}", body.type_word()),
        });
    }
    match (id, body) {
        (Some(id), Some(body)) if problems.is_empty() => Ok((id, body.into_value())),
        _ => Err(problems),
    }
}

fn text(node: TextNode, field: &str, problems: &mut Vec<ChunkProblem>) -> Option<(String, TextPosition)> {
    let (place, found) = (node.place, node.type_word());
    if let NodeContent::Leaf(Value::String(text)) = node.content {
        return Some((text, place));
    }
    problems.push(ChunkProblem {
        place,
        document: None,
        path: JsonPointer::root(),
        message: format!("{field} is a text, not {found}; quote it"),
    });
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_only_between_documents() {
        let text = "a: 1\n---\nb: |\n  ---\n  x\n--- # c\nc: 1\n----\n";
        let parts: Vec<_> =
            chunks(text, TextFormat::Yaml).iter().map(|chunk| (chunk.lines_before, chunk.text)).collect();
        assert_eq!(parts, [(0, "a: 1\n"), (1, "---\nb: |\n  ---\n  x\n"), (5, "--- # c\nc: 1\n----\n")]);
        assert_eq!(chunks("%YAML 1.2\n---\na: 1\n---\nb: 1\n", TextFormat::Yaml).len(), 1);
        assert_eq!(chunks("[1,\n---\n2]", TextFormat::Unknown).len(), 1);
        assert_eq!(chunks("", TextFormat::Yaml).len(), 1);
    }
}
