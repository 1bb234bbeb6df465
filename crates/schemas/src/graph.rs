//! A JSON Schema as a graph: which subschema evaluates which others, and on which part of an instance.

use std::collections::HashMap;
use std::sync::Arc;

use jsonschema::{Draft, Registry, Uri};
use midflight_core::{JsonPointer, Problem};
use serde_json::{Map, Value};

use crate::limits::{SCHEMA_PATHS_BYTES_MAX, SCHEMA_REGEXES_MAX, SUBSCHEMAS_MAX};
use crate::{TOO_LARGE, UNREADABLE};

/// The base URI of a schema that does not have one, as the validator calls it.
const BASE_URI: &str = "json-schema:///";
/// How many nodes or bytes of a constant count as one evaluation.
const NODES_PER_STEP: u64 = 8;
const BYTES_PER_STEP: u64 = 64;

/// The subschemas that a schema can evaluate. The first is the schema itself.
pub(crate) struct Graph {
    pub(crate) nodes: Vec<SchemaNode>,
    /// Its regular expressions, each with its place.
    pub(crate) patterns: Vec<(JsonPointer, Box<str>)>,
}

/// A subschema.
#[derive(Default)]
pub(crate) struct SchemaNode {
    /// Its place in the schema document.
    pub(crate) place: JsonPointer,
    /// What evaluating its own keywords costs, whatever the instance.
    pub(crate) own: u64,
    /// Whether it matches texts with a regular expression.
    pub(crate) matches_texts: bool,
    /// Whether it matches the keys of objects with regular expressions, and with how many.
    pub(crate) key_patterns: u64,
    /// Whether it compares the items of arrays with each other.
    pub(crate) compares_items: bool,
    /// Whether it asks what its other keywords have evaluated.
    pub(crate) tracks: bool,
    pub(crate) edges: Vec<EvaluationEdge>,
}

/// That a subschema evaluates another one.
pub(crate) struct EvaluationEdge {
    pub(crate) how: EdgeKind,
    /// One of these; which one, the instance may decide.
    pub(crate) to: Vec<usize>,
    /// The place of the keyword, if it is a reference.
    pub(crate) reference: Option<JsonPointer>,
}

/// On which part of an instance, and how often.
pub(crate) enum EdgeKind {
    /// At the same place, by a reference.
    Reference,
    /// At the same place: `allOf`.
    All,
    /// At the same place: `anyOf`, `oneOf`.
    Any,
    /// At the same place, for its truth alone: `not`, `if`.
    Test,
    /// At the same place if something else is so: `then`, `else`, `dependentSchemas`.
    Then,
    /// On one member of an object.
    Property(Box<str>),
    /// On every member of an object.
    EveryProperty,
    /// On every key of an object.
    EveryKey,
    /// On one item of an array.
    Item(usize),
    /// On every item of an array.
    EveryItem,
    /// On every item of an array, for its truth alone.
    Contains,
    /// On every member that nothing else evaluated.
    UnevaluatedProperty,
    /// On every item that nothing else evaluated.
    UnevaluatedItem,
}

impl EdgeKind {
    /// Whether the other one is evaluated at the same place of the instance.
    pub(crate) fn is_in_place(&self) -> bool {
        matches!(self, Self::Reference | Self::All | Self::Any | Self::Test | Self::Then)
    }
}

/// A subschema that is still to be read.
struct PendingSubschema<'s> {
    node: usize,
    schema: &'s Value,
    base: Arc<Uri<String>>,
    draft: Draft,
}

/// A schema that is being read.
struct GraphBuilder<'r, 's> {
    registry: &'r Registry<'s>,
    nodes: Vec<SchemaNode>,
    /// The nodes by the addresses of their schemas.
    known: HashMap<usize, usize>,
    waiting: Vec<PendingSubschema<'r>>,
    /// The nodes that a dynamic reference may lead to, by its name; those of `$recursiveAnchor` have none.
    anchors: HashMap<&'r str, Vec<usize>>,
    /// Dynamic references: the node, which of its edges, and the name.
    dynamic: Vec<(usize, usize, String)>,
    patterns: Vec<(JsonPointer, Box<str>)>,
    paths_bytes: usize,
}

impl Graph {
    /// Reads a schema. Cost: linear in its size.
    ///
    /// # Errors
    /// `invalid_schema` when it cannot be read, `schema_too_large` past a bound.
    pub(crate) fn read(schema: &Value) -> Result<Self, Problem> {
        let draft = Draft::default().detect(schema);
        let resource = draft.create_resource_ref(schema);
        let id = resource.id().unwrap_or(BASE_URI).trim_end_matches('#');
        let base = jsonschema::uri::from_str(id).map_err(|error| unreadable(&error))?;
        let base = match base.scheme().as_str() {
            "" => jsonschema::uri::from_str(BASE_URI).map_err(|error| unreadable(&error))?,
            _ => base,
        };
        let registry = Registry::new().draft(draft).add(base.as_str(), schema);
        let registry =
            registry.and_then(jsonschema::RegistryBuilder::prepare).map_err(|error| unreadable(&error))?;
        let mut reading = GraphBuilder {
            registry: &registry,
            nodes: Vec::new(),
            known: HashMap::new(),
            waiting: Vec::new(),
            anchors: HashMap::new(),
            dynamic: Vec::new(),
            patterns: Vec::new(),
            paths_bytes: 0,
        };
        reading.node(schema, &Arc::new(base), draft, JsonPointer::root)?;
        while let Some(next) = reading.waiting.pop() {
            reading.read(next)?;
        }
        reading.link_dynamic();
        Ok(Self { nodes: reading.nodes, patterns: reading.patterns })
    }
}

impl Graph {
    /// The place of the reference that an edge is, or else leads to; the place of the subschema where there is none.
    pub(crate) fn blamed<'g>(&'g self, edge: &'g EvaluationEdge) -> &'g JsonPointer {
        /// How far a reference is looked for: an item of a list, within properties or items.
        const FAR: usize = 4;
        let mut at = edge;
        for _ in 0..FAR {
            if let Some(reference) = &at.reference {
                return reference;
            }
            let Some(node) = at.to.first().map(|to| &self.nodes[*to]) else { break };
            let Some(next) = node.edges.iter().find(|edge| edge.reference.is_some()).or(node.edges.first())
            else {
                return &node.place;
            };
            at = next;
        }
        edge.to.first().map_or(&self.nodes[0].place, |to| &self.nodes[*to].place)
    }
}

impl<'r> GraphBuilder<'r, '_> {
    /// The node of a subschema, which is read later if it is new.
    fn node(
        &mut self,
        schema: &'r Value,
        base: &Arc<Uri<String>>,
        draft: Draft,
        place: impl FnOnce() -> JsonPointer,
    ) -> Result<usize, Problem> {
        let address = std::ptr::from_ref(schema).addr();
        if let Some(known) = self.known.get(&address) {
            return Ok(*known);
        }
        let node = self.nodes.len();
        let place = place();
        if node >= SUBSCHEMAS_MAX {
            let message = format!(
                "the schema has more than {SUBSCHEMAS_MAX} subschemas (subschemas_max); describe less in it, or split what it describes"
            );
            return Err(too_large(place, message));
        }
        let keywords = 1 + schema.as_object().map_or(0, Map::len);
        self.paths_bytes = self.paths_bytes.saturating_add(keywords * (place.as_str().len() + 16));
        if self.paths_bytes > SCHEMA_PATHS_BYTES_MAX {
            let message = format!(
                "the places of the schema's keywords take more than {SCHEMA_PATHS_BYTES_MAX} bytes (schema_paths_bytes_max); \
                 use shorter keys, or nest less"
            );
            return Err(too_large(place, message));
        }
        self.nodes.push(SchemaNode { place, own: 1, ..SchemaNode::default() });
        self.known.insert(address, node);
        self.waiting.push(PendingSubschema { node, schema, base: Arc::clone(base), draft });
        Ok(node)
    }

    fn read(&mut self, waiting: PendingSubschema<'r>) -> Result<(), Problem> {
        let PendingSubschema { node, schema, mut base, draft } = waiting;
        let Some(keywords) = schema.as_object() else { return Ok(()) };
        let resource = draft.create_resource_ref(schema);
        if resource.id().is_some() {
            let resolver = self.registry.resolver((*base).clone());
            base = resolver.in_subresource(resource).map_err(|error| unreadable(&error))?.base_uri();
        }
        for (key, value) in keywords {
            self.keyword(node, key, value, &base, draft)?;
        }
        let edges = self.nodes[node].edges.len() as u64;
        self.nodes[node].own += edges / NODES_PER_STEP;
        Ok(())
    }

    fn keyword(
        &mut self,
        node: usize,
        key: &'r str,
        value: &'r Value,
        base: &Arc<Uri<String>>,
        draft: Draft,
    ) -> Result<(), Problem> {
        let place = self.nodes[node].place.key(key);
        let one = |how| (how, value, place.clone());
        let listed = |how: fn(usize) -> EdgeKind| {
            let items = value.as_array().into_iter().flatten().enumerate();
            items.map(|(i, item)| (how(i), item, place.index(i))).collect::<Vec<_>>()
        };
        let mapped = |how: fn(&str) -> EdgeKind| {
            let members =
                value.as_object().into_iter().flatten().filter(|(_, it)| it.is_object() || it.is_boolean());
            members.map(|(name, it)| (how(name), it, place.key(name))).collect::<Vec<_>>()
        };
        let edges = match key {
            "$ref" | "$dynamicRef" | "$recursiveRef" => return self.reference(node, key, value, base, place),
            "$dynamicAnchor" => {
                self.anchors.entry(value.as_str().unwrap_or_default()).or_default().push(node);
                return Ok(());
            }
            "$recursiveAnchor" => {
                self.anchors.entry("").or_default().push(node);
                return Ok(());
            }
            "allOf" => listed(|_| EdgeKind::All),
            "anyOf" | "oneOf" => listed(|_| EdgeKind::Any),
            "not" | "if" => vec![one(EdgeKind::Test)],
            "then" | "else" => vec![one(EdgeKind::Then)],
            "dependentSchemas" | "dependencies" => mapped(|_| EdgeKind::Then),
            "properties" => mapped(|name| EdgeKind::Property(name.into())),
            "patternProperties" => mapped(|_| EdgeKind::EveryProperty),
            "additionalProperties" => vec![one(EdgeKind::EveryProperty)],
            "propertyNames" => vec![one(EdgeKind::EveryKey)],
            "prefixItems" => listed(EdgeKind::Item),
            "items" if value.is_array() => listed(EdgeKind::Item),
            "items" | "additionalItems" => vec![one(EdgeKind::EveryItem)],
            "contains" => vec![one(EdgeKind::Contains)],
            "unevaluatedProperties" => vec![one(EdgeKind::UnevaluatedProperty)],
            "unevaluatedItems" => vec![one(EdgeKind::UnevaluatedItem)],
            _ => Vec::new(),
        };
        self.note(node, key, value, place)?;
        for (how, schema, place) in edges {
            let to = vec![self.node(schema, base, draft, || place)?];
            self.nodes[node].edges.push(EvaluationEdge { how, to, reference: None });
        }
        Ok(())
    }

    /// Notes what a keyword costs beside the subschemas that it evaluates.
    fn note(&mut self, node: usize, key: &str, value: &Value, place: JsonPointer) -> Result<(), Problem> {
        let entry = &mut self.nodes[node];
        let patterns: Vec<&str> = match key {
            "pattern" => value.as_str().into_iter().collect(),
            "patternProperties" => {
                value.as_object().into_iter().flat_map(Map::keys).map(String::as_str).collect()
            }
            _ => Vec::new(),
        };
        entry.tracks |= matches!(key, "unevaluatedProperties" | "unevaluatedItems");
        entry.compares_items |= key == "uniqueItems" && *value == Value::Bool(true);
        entry.matches_texts |= matches!(key, "pattern" | "format" | "contentEncoding" | "contentMediaType");
        entry.key_patterns += if key == "patternProperties" { patterns.len() as u64 } else { 0 };
        entry.own += match key {
            "enum" | "const" | "required" | "dependentRequired" | "dependencies" => 1 + size(value),
            "title" | "description" | "default" | "examples" | "$comment" | "$id" | "$schema" | "$anchor"
            | "$defs" | "definitions" => 0,
            _ => 1,
        };
        self.patterns.extend(patterns.into_iter().map(|pattern| (place.clone(), pattern.into())));
        if self.patterns.len() > SCHEMA_REGEXES_MAX {
            let message = format!(
                "the schema has more than {SCHEMA_REGEXES_MAX} regular expressions (schema_regexes_max); join some with |"
            );
            return Err(too_large(place, message));
        }
        Ok(())
    }

    fn reference(
        &mut self,
        node: usize,
        key: &str,
        value: &Value,
        base: &Arc<Uri<String>>,
        place: JsonPointer,
    ) -> Result<(), Problem> {
        let Some(text) = value.as_str() else { return Ok(()) };
        // What cannot be followed cannot be estimated either.
        let resolved = self.registry.resolver((**base).clone()).lookup(text);
        let resolved = resolved.map_err(|error| Problem { path: place.clone(), ..unreadable(&error) })?;
        let (schema, resolver, draft) = resolved.into_inner();
        let fragment = text.rsplit_once('#').map_or("", |(_, fragment)| fragment);
        let target_place = match text.strip_prefix('#') {
            Some(pointer) => JsonPointer::parse(pointer),
            None => JsonPointer::parse(text),
        };
        let to = vec![self.node(schema, &resolver.base_uri(), draft, || target_place)?];
        let edge = self.nodes[node].edges.len();
        match key {
            "$dynamicRef" => self.dynamic.push((node, edge, fragment.to_owned())),
            "$recursiveRef" => self.dynamic.push((node, edge, String::new())),
            _ => {}
        }
        self.nodes[node].own += 1;
        self.nodes[node].edges.push(EvaluationEdge { how: EdgeKind::Reference, to, reference: Some(place) });
        Ok(())
    }

    /// A dynamic reference may lead to any anchor of its name.
    fn link_dynamic(&mut self) {
        for (node, edge, name) in std::mem::take(&mut self.dynamic) {
            let anchors = self.anchors.get(name.as_str()).map_or(&[][..], Vec::as_slice);
            let to = &mut self.nodes[node].edges[edge].to;
            to.extend(anchors);
            to.sort_unstable();
            to.dedup();
        }
    }
}

/// The size of a constant, in evaluations.
fn size(value: &Value) -> u64 {
    let (mut nodes, mut bytes) = (0, 0);
    let mut waiting = vec![value];
    while let Some(next) = waiting.pop() {
        nodes += 1;
        match next {
            Value::String(text) => bytes += text.len() as u64,
            Value::Array(items) => waiting.extend(items),
            Value::Object(members) => {
                bytes += members.keys().map(|key| key.len() as u64).sum::<u64>();
                waiting.extend(members.values());
            }
            _ => {}
        }
    }
    nodes / NODES_PER_STEP + bytes / BYTES_PER_STEP
}

fn unreadable(error: &dyn std::fmt::Display) -> Problem {
    Problem::new(UNREADABLE, JsonPointer::root(), format!("invalid JSON Schema: {error}"))
}

fn too_large(place: JsonPointer, message: String) -> Problem {
    Problem::new(TOO_LARGE, place, message)
}
