//! From YAML text to nodes, with bounds on what a small text may grow to.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use midflight_core::BODY_DEPTH_MAX;
use serde_json::Value;
use serde_saphyr::granit_parser::{self, Event, Parser, ScalarStyle, Span, StrInput, Tag};

use crate::node::{Fault, MapMember, NodeContent, TextNode, TextPosition};
use crate::scalar::{self, NotAValue};

/// Some levels more than a body may have, for what is round it. A body that is too deep is the engine's to refuse,
/// with its path; this only keeps recursion in bounds.
const DEPTH_MAX: usize = BODY_DEPTH_MAX + 6;
/// How many nodes the aliases of one text may add up to: a few lines can ask for billions.
const ALIASED_NODES_MAX: usize = 100_000;

/// Reads every document of a YAML stream. Empty documents are left out.
pub(crate) fn read(text: &str) -> Result<Vec<TextNode>, Fault> {
    let mut options = granit_parser::Options::default();
    options.set_emit_comments(false);
    let mut composer = Composer {
        parser: Parser::new_from_str_with_options(text, options),
        anchors: HashMap::new(),
        size: 0,
        aliased: 0,
    };
    let mut nodes = Vec::new();
    while let Some((event, span)) = composer.next()? {
        match event {
            Event::DocumentStart(..) => composer.anchors.clear(),
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            event => {
                let node = composer.node(event, span, 0)?;
                if node.content != NodeContent::Leaf(Value::Null) {
                    nodes.push(node);
                }
            }
        }
    }
    Ok(nodes)
}

struct Composer<'a> {
    parser: Parser<'a, StrInput<'a>>,
    /// The expansion of each anchor of the document, and how many nodes that is.
    anchors: HashMap<usize, (TextNode, usize)>,
    /// How many nodes were made.
    size: usize,
    /// How many of them by aliases.
    aliased: usize,
}

impl<'a> Composer<'a> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, Fault> {
        let next = self.parser.next_event().transpose();
        next.map_err(|error| Fault { place: place_of(*error.marker()), message: error.info() })
    }

    /// The next event within a document; a text that ends here was reported by the parser already.
    fn next_inside(&mut self) -> Result<(Event<'a>, Span), Fault> {
        self.next()?.ok_or_else(|| Fault {
            place: TextPosition::default(),
            message: "the text ends in the middle of a document".to_owned(),
        })
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<TextNode, Fault> {
        let place = place_of(span.start);
        if depth > DEPTH_MAX {
            let message = format!("nested deeper than {DEPTH_MAX} levels; flatten it");
            return Err(Fault { place, message });
        }
        let before = self.size;
        self.size += 1;
        let (anchor, content) = match event {
            Event::Alias(id) => return self.alias(id, place),
            Event::Scalar(text, style, anchor, tag) => {
                (anchor, NodeContent::Leaf(leaf(text, style, tag.as_deref(), place)?))
            }
            Event::SequenceStart(_, anchor, tag) => {
                check_tag(tag.as_deref(), "seq", place)?;
                (anchor, NodeContent::List(self.items(depth)?))
            }
            Event::MappingStart(_, anchor, tag) => {
                check_tag(tag.as_deref(), "map", place)?;
                (anchor, NodeContent::Map(self.members(depth)?))
            }
            other => {
                let message = format!("expected a value, not {other:?}");
                return Err(Fault { place, message });
            }
        };
        let node = TextNode { place, content };
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), self.size - before));
        }
        Ok(node)
    }

    fn alias(&mut self, id: usize, place: TextPosition) -> Result<TextNode, Fault> {
        let Some((node, size)) = self.anchors.get(&id) else {
            let message = "an alias refers to itself".to_owned();
            return Err(Fault { place, message });
        };
        // Counted before it is copied.
        self.aliased += size;
        self.size += size;
        if self.aliased > ALIASED_NODES_MAX {
            let message = format!(
                "the aliases of this file stand for more than {ALIASED_NODES_MAX} values; write fewer"
            );
            return Err(Fault { place, message });
        }
        Ok(TextNode { place, content: node.content.clone() })
    }

    fn items(&mut self, depth: usize) -> Result<Vec<TextNode>, Fault> {
        let mut items = Vec::new();
        loop {
            match self.next_inside()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn members(&mut self, depth: usize) -> Result<Vec<MapMember>, Fault> {
        let mut members: Vec<MapMember> = Vec::new();
        let mut keys = DuplicateKeys::default();
        loop {
            let (event, span) = self.next_inside()?;
            let place = place_of(span.start);
            let key = match event {
                Event::MappingEnd => return Ok(members),
                Event::Scalar(text, style, 0, tag) => key(text, style, tag.as_deref(), place)?,
                _ => {
                    let message = "a key is a text without an anchor; write it out".to_owned();
                    return Err(Fault { place, message });
                }
            };
            if let Some(first) = keys.seen_at(&key, &members) {
                let message = format!("duplicate key {key:?}; the first is on line {}", first.line);
                return Err(Fault { place, message });
            }
            let (event, span) = self.next_inside()?;
            let value = self.node(event, span, depth + 1)?;
            members.push(MapMember { key, place, value });
        }
    }
}

/// Finds keys that are there twice. Most maps are small enough to look through; a large one must not cost its square.
#[derive(Default)]
struct DuplicateKeys {
    seen: HashSet<String>,
}

impl DuplicateKeys {
    const LOOKED_THROUGH_MAX: usize = 16;

    fn seen_at(&mut self, key: &str, members: &[MapMember]) -> Option<TextPosition> {
        let find = || members.iter().find(|member| member.key == key);
        if members.len() < Self::LOOKED_THROUGH_MAX {
            return find().map(|member| member.place);
        }
        if self.seen.is_empty() {
            self.seen = members.iter().map(|member| member.key.clone()).collect();
        }
        if self.seen.insert(key.to_owned()) {
            return None;
        }
        find().map(|member| member.place)
    }
}

fn key(
    text: Cow<'_, str>,
    style: ScalarStyle,
    tag: Option<&Tag>,
    place: TextPosition,
) -> Result<String, Fault> {
    let is_plain = style == ScalarStyle::Plain && tag.is_none();
    let message = match text.as_ref() {
        "" if is_plain => "a key is missing before the colon",
        "<<" if is_plain => {
            "YAML 1.2 has no merge keys; write the fields out, or quote \"<<\" when it is a key of that name"
        }
        _ => return Ok(text.into_owned()),
    };
    Err(Fault { place, message: message.to_owned() })
}

fn leaf(
    text: Cow<'_, str>,
    style: ScalarStyle,
    tag: Option<&Tag>,
    place: TextPosition,
) -> Result<Value, Fault> {
    let value = match tag {
        None if style == ScalarStyle::Plain => scalar::plain(&text),
        None => return Ok(Value::String(text.into_owned())),
        // A lone `!` means: a text, whatever it looks like.
        Some(tag) if tag.handle().is_empty() && tag.suffix() == "!" => {
            return Ok(Value::String(text.into_owned()));
        }
        Some(tag) => match tag.core_suffix() {
            Some(core) => scalar::tagged(core, &text),
            None => return Err(unknown_tag(tag, place)),
        },
    };
    value.map_err(|reason| Fault {
        place,
        message: match reason {
            NotAValue::NonFinite => format!(
                "{text} is not a finite number, and nothing else can be kept; quote it if it is a text"
            ),
            NotAValue::WrongTag => format!("{text:?} is not of the type that its tag names"),
        },
    })
}

/// A list or a map may carry the tag of its own type, and no other.
fn check_tag(tag: Option<&Tag>, own: &str, place: TextPosition) -> Result<(), Fault> {
    match tag {
        Some(tag) if tag.core_suffix() != Some(own) => Err(unknown_tag(tag, place)),
        _ => Ok(()),
    }
}

fn unknown_tag(tag: &Tag, place: TextPosition) -> Fault {
    Fault { place, message: format!("unknown tag {}; remove it", tag.original()) }
}

fn place_of(marker: granit_parser::Marker) -> TextPosition {
    TextPosition { line: marker.line() as u64, column: marker.col() as u64 + 1 }
}
