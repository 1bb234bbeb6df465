//! From TOML text to nodes. A file is one table.

use ::toml::Spanned;
use ::toml::de::{DeFloat, DeInteger, DeTable, DeValue};
use serde_json::{Number, Value};

use crate::node::{Fault, MapMember, NodeContent, TextNode, TextPosition};

/// Reads a text. An empty one has no node.
///
/// Integers keep 64 bits; dates and times are texts, as they are written in RFC 3339. Depth is bounded by the parser.
pub(crate) fn read(text: &str) -> Result<Vec<TextNode>, Fault> {
    let places = LineIndex::new(text);
    let table = DeTable::parse(text).map_err(|error| Fault {
        place: error.span().map_or_else(TextPosition::default, |span| places.at(span.start)),
        message: error.message().replace('\n', "; "),
    })?;
    if table.get_ref().is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![TextNode { place: places.at(0), content: members(table.get_ref(), &places)? }])
}

fn members(table: &DeTable<'_>, places: &LineIndex<'_>) -> Result<NodeContent, Fault> {
    let mut members = Vec::with_capacity(table.len());
    for (key, value) in table {
        let key_place = places.at(key.span().start);
        // A table that only its members make has no place of its own.
        let value_place = if value.span().is_empty() { key_place } else { places.at(value.span().start) };
        let value = node(value, value_place, places)?;
        members.push(MapMember { key: key.get_ref().to_string(), place: key_place, value });
    }
    Ok(NodeContent::Map(members))
}

fn node(
    value: &Spanned<DeValue<'_>>,
    place: TextPosition,
    places: &LineIndex<'_>,
) -> Result<TextNode, Fault> {
    let refused = |message: String| Fault { place, message };
    let content = match value.get_ref() {
        DeValue::String(text) => NodeContent::Leaf(Value::String(text.to_string())),
        DeValue::Boolean(boolean) => NodeContent::Leaf((*boolean).into()),
        DeValue::Datetime(time) => NodeContent::Leaf(time.to_string().into()),
        DeValue::Integer(written) => {
            let integer = integer(written).ok_or_else(|| {
                refused(format!("{written} does not fit into 64 bits; quote it if it is a text"))
            })?;
            NodeContent::Leaf(integer)
        }
        DeValue::Float(written) => {
            let float = float(written).ok_or_else(|| {
                let written = written.as_str();
                refused(format!(
                    "{written} is not a finite number, and nothing else can be kept; quote it if it is a text"
                ))
            })?;
            NodeContent::Leaf(float)
        }
        DeValue::Array(items) => {
            let item = |item: &Spanned<DeValue<'_>>| node(item, places.at(item.span().start), places);
            NodeContent::List(items.iter().map(item).collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => members(table, places)?,
    };
    Ok(TextNode { place, content })
}

fn integer(written: &DeInteger<'_>) -> Option<Value> {
    let (digits, radix) = (written.as_str(), written.radix());
    let signed = i64::from_str_radix(digits, radix).ok().map(Value::from);
    signed.or_else(|| u64::from_str_radix(digits, radix).ok().map(Value::from))
}

fn float(written: &DeFloat<'_>) -> Option<Value> {
    let float = written.as_str().parse().ok()?;
    Number::from_f64(float).map(Value::Number)
}

/// Finds the line and the column of a byte. Cost of each: a search of the lines and a step per byte of a block.
struct LineIndex<'a> {
    text: &'a str,
    /// Where each line begins, in bytes.
    lines: Vec<usize>,
    /// How many characters come before each block.
    blocks: Vec<usize>,
}

/// How many bytes a block has.
const BLOCK_BYTES: usize = 256;

impl<'a> LineIndex<'a> {
    fn new(text: &'a str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = [0].into_iter().chain(ends.map(|(at, _)| at + 1)).collect();
        let mut blocks = vec![0];
        let mut before = 0;
        for block in text.as_bytes().chunks(BLOCK_BYTES) {
            before += characters(block);
            blocks.push(before);
        }
        Self { text, lines, blocks }
    }

    fn at(&self, byte: usize) -> TextPosition {
        let byte = byte.min(self.text.len());
        let line = self.lines.partition_point(|start| *start <= byte);
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or_default();
        let column = self.characters_before(byte) - self.characters_before(start) + 1;
        TextPosition { line: line as u64, column: column as u64 }
    }

    fn characters_before(&self, byte: usize) -> usize {
        let block = byte / BLOCK_BYTES;
        let rest = self.text.as_bytes().get(block * BLOCK_BYTES..byte).unwrap_or_default();
        self.blocks.get(block).copied().unwrap_or_default() + characters(rest)
    }
}

/// How many characters begin in a part of a text.
fn characters(bytes: &[u8]) -> usize {
    const CONTINUES: u8 = 0b1000_0000;
    bytes.iter().filter(|byte| **byte & 0b1100_0000 != CONTINUES).count()
}

#[cfg(test)]
mod tests {
    use midflight_core::JsonPointer;

    use super::*;
    use serde_json::json;

    fn value(text: &str) -> Value {
        read(text).unwrap().remove(0).into_value()
    }

    #[test]
    fn tables_are_objects_and_values_keep_their_types() {
        let text = "n = 18_446\nmax = 9223372036854775807\nhex = 0xff\nf = 1.5\nt = \"é\"\nb = true\n\
                    at = 2026-01-02T03:04:05Z\nlist = [1, \"a\"]\n[log]\nlevel = \"info\"\n[[receivers]]\nname = \"a\"\n";
        let expected = json!({"n": 18446, "max": i64::MAX, "hex": 255, "f": 1.5, "t": "é", "b": true,
            "at": "2026-01-02T03:04:05Z", "list": [1, "a"], "log": {"level": "info"}, "receivers": [{"name": "a"}]});
        assert_eq!(value(text), expected);
        assert_eq!(value("a.b.c = 1"), json!({"a": {"b": {"c": 1}}}));
        assert_eq!(read("# nothing\n"), Ok(Vec::new()));
    }

    #[test]
    fn places_are_those_of_the_values() {
        let text = "# é\n\"é\" = \"ü\"\n[log]\nlevel = [\"ä\", \"b\"]\n";
        let node = read(text).unwrap().remove(0);
        let place = |path: &str| {
            let place = node.locate(&JsonPointer::parse(path));
            (place.line, place.column)
        };
        assert_eq!(place("/é"), (2, 7));
        assert_eq!(place("/log/level"), (4, 9));
        assert_eq!(place("/log/level/1"), (4, 15));
        assert_eq!(place("/log/missing").0, 3);
        let long =
            format!("a = \"{}\"\nb = \"{}\"\nc = {{d = 1, e = 2}}\n", "é".repeat(300), "x".repeat(300));
        let node = read(&long).unwrap().remove(0);
        assert_eq!(node.locate(&JsonPointer::parse("/c/e")), TextPosition { line: 3, column: 17 });
    }

    #[test]
    fn what_json_cannot_express_and_invalid_toml_are_refused_with_their_place() {
        for (text, line, message) in [
            ("a = 1\nb = nan", 2, "nan is not a finite number"),
            ("a = inf", 1, "inf is not a finite number"),
            ("a = 99999999999999999999", 1, "does not fit into 64 bits"),
            ("a = 1\na = 2", 2, "duplicate key"),
            ("a = ", 1, ""),
            ("log: {level: info}", 1, ""),
        ] {
            let fault = read(text).unwrap_err();
            assert!(fault.message.contains(message) && fault.place.line == line, "{text}: {fault:?}");
        }
        for deep in [format!("a = {}", "[".repeat(100_000)), format!("{}a = 1", "a.".repeat(100_000))] {
            assert!(read(&deep).is_err());
        }
    }
}
