//! Compares a JSON Schema with the reader of the same documents, so that the two cannot drift: what one accepts the
//! other accepts.

use std::collections::BTreeSet;

use jsonschema::Validator;
use midflight_core::JsonPointer;
use serde_json::{Map, Value, json};

use crate::mutate::{Seeded, places, strange};

/// How many documents are generated from the schema.
const GENERATED: usize = 2_000;
/// How deep a generated document is, after which everything that need not be there is left out.
const DEPTH_MAX: usize = 5;

/// A schema, and what reads the documents that it describes.
pub struct SchemaComparison<'a> {
    /// The schema.
    pub schema: &'a Value,
    /// Valid documents, which are broken in every place.
    pub documents: &'a [Value],
    /// Reads a document. The error is the codes of its problems.
    pub read: &'a dyn Fn(&Value) -> Result<(), Vec<String>>,
    /// The codes of problems that no schema can express, as a regular expression that does not compile.
    pub reader_only: &'a [&'a str],
}

/// How many documents were compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compared {
    /// Broken copies of the documents.
    pub broken: usize,
    /// How many of those were refused.
    pub refused: usize,
    /// Documents that were generated from the schema, and that it accepts.
    pub generated: usize,
    /// How many of those the reader read.
    pub read: usize,
}

impl SchemaComparison<'_> {
    /// Compares them for the documents, for copies of these with each member left out, with one too many, and with
    /// something strange in every place, and for documents that are generated from the schema.
    ///
    /// # Panics
    /// A document is accepted by one and refused by the other.
    pub fn run(&self) -> Compared {
        let validator = jsonschema::validator_for(self.schema).unwrap();
        let mut compared = Compared::default();
        for document in self.documents {
            assert!(self.agree(&validator, document), "an example is refused: {document}");
            for broken in broken_copies(document) {
                compared.broken += 1;
                compared.refused += usize::from(!self.agree(&validator, &broken));
            }
        }
        let mut generator = Generator { root: self.schema, seeded: Seeded::new(42) };
        for _ in 0..GENERATED {
            let document = generator.value(self.schema, 0);
            if validator.is_valid(&document) {
                compared.generated += 1;
                compared.read += usize::from(self.agree(&validator, &document));
            }
        }
        compared
    }

    /// Whether the reader reads the document; the schema has to agree.
    fn agree(&self, validator: &Validator, document: &Value) -> bool {
        let by_schema = validator.validate(document);
        match ((self.read)(document), by_schema) {
            (Ok(()), by_schema) => {
                by_schema.unwrap_or_else(|error| {
                    panic!("the reader reads what the schema refuses, {error}: {}", short(document))
                });
                true
            }
            (Err(_), Err(_)) => false,
            (Err(codes), Ok(())) => {
                let is_expected = codes.iter().all(|code| self.reader_only.contains(&code.as_str()));
                assert!(
                    is_expected,
                    "the schema accepts what the reader refuses, {codes:?}: {}",
                    short(document)
                );
                false
            }
        }
    }
}

/// Enough of a document to see what is wrong with it.
fn short(document: &Value) -> String {
    document.to_string().chars().take(2_000).collect()
}

/// A document with each member left out, with an unknown one in each object, and with something strange in each place.
fn broken_copies(document: &Value) -> Vec<Value> {
    let strange = strange();
    let mut copies = Vec::new();
    let mut copy = |change: &dyn Fn(&mut Value)| {
        let mut copy = document.clone();
        change(&mut copy);
        copies.push(copy);
    };
    let at = |copy: &mut Value, place: &JsonPointer, change: &dyn Fn(&mut Value)| {
        copy.pointer_mut(place.as_str()).into_iter().for_each(change);
    };
    for place in places(document) {
        for other in &strange {
            copy(&|copy| at(copy, &place, &|part| *part = other.clone()));
        }
        let members = document.pointer(place.as_str()).and_then(Value::as_object);
        for key in members.into_iter().flat_map(Map::keys) {
            copy(&|copy| at(copy, &place, &|part| drop(part.as_object_mut().unwrap().remove(key))));
        }
        if members.is_some() {
            copy(&|copy| at(copy, &place, &|part| part["unknown_member"] = json!(1)));
        }
    }
    copies
}

/// Makes documents that a schema describes. Not all are valid: what it does not know, as `pattern`, is left to chance.
struct Generator<'a> {
    root: &'a Value,
    seeded: Seeded,
}

impl Generator<'_> {
    fn chance(&mut self, of: usize) -> bool {
        self.seeded.below(of) == 0
    }

    fn value(&mut self, schema: &Value, depth: usize) -> Value {
        let Some(keywords) = schema.as_object() else { return self.anything() };
        if let Some(constant) = keywords.get("const") {
            return constant.clone();
        }
        if let Some(Value::Array(options)) = keywords.get("enum") {
            return self.seeded.one(options).clone();
        }
        if !keywords.contains_key("type") && !keywords.contains_key("properties") {
            if let Some(target) = keywords.get("$ref").and_then(Value::as_str) {
                let target = self.root.pointer(target.trim_start_matches('#'));
                return target.cloned().map_or(Value::Null, |target| self.value(&target, depth + 1));
            }
            for key in ["oneOf", "anyOf"] {
                if let Some(Value::Array(branches)) = keywords.get(key) {
                    let branch = self.seeded.one(branches).clone();
                    return self.value(&branch, depth + 1);
                }
            }
        }
        let kind = match keywords.get("type") {
            Some(Value::Array(kinds)) => self.seeded.one(kinds).as_str().unwrap_or_default().to_owned(),
            Some(Value::String(kind)) => kind.clone(),
            _ if keywords.contains_key("properties") => "object".to_owned(),
            _ => return self.anything(),
        };
        match kind.as_str() {
            "object" => self.object(keywords, depth),
            "array" => self.array(keywords, depth),
            "string" => self.text(keywords),
            "integer" => self.integer(keywords),
            "number" if self.chance(2) => self.integer(keywords),
            "number" => json!(limit(keywords, "minimum").unwrap_or(0.0) + 0.25),
            "boolean" => json!(self.chance(2)),
            _ => Value::Null,
        }
    }

    fn anything(&mut self) -> Value {
        let some =
            [json!(null), json!(true), json!(3), json!(0.5), json!("a"), json!(["a"]), json!({"a": 1})];
        self.seeded.one(&some).clone()
    }

    fn object(&mut self, keywords: &Map<String, Value>, depth: usize) -> Value {
        let mut required = BTreeSet::new();
        self.add_required(keywords, &mut required);
        let mut members = Map::new();
        let mut names: Vec<_> = required.into_iter().collect();
        let properties = keywords.get("properties").and_then(Value::as_object);
        let optional = properties.into_iter().flat_map(Map::keys).cloned();
        if depth < DEPTH_MAX {
            let few = self.seeded.below(6) + 1;
            names.extend(optional.filter(|_| self.chance(few)));
        }
        for name in names {
            let schema = properties.and_then(|properties| properties.get(&name));
            let value = self.value(schema.unwrap_or(&Value::Bool(true)), depth + 1);
            members.insert(name, value);
        }
        let others = keywords.get("additionalProperties").filter(|others| others.is_object());
        let fewest = count(keywords, "minProperties").unwrap_or(0);
        let wanted = fewest.max(self.seeded.below(3));
        for name in ["A", "b", "c1"].iter().take(wanted).filter(|_| others.is_some()) {
            let value = others.map_or(Value::Null, |others| self.value(others, depth + 1));
            members.insert((*name).to_owned(), value);
        }
        Value::Object(members)
    }

    /// The members that must be there, by the schema itself, one of its alternatives, and all that it joins.
    fn add_required(&mut self, keywords: &Map<String, Value>, required: &mut BTreeSet<String>) {
        let own = keywords.get("required").and_then(Value::as_array);
        required.extend(own.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
        for key in ["oneOf", "anyOf"] {
            if let Some(Value::Array(branches)) = keywords.get(key)
                && let Some(branch) = self.seeded.one(branches).clone().as_object()
            {
                self.add_required(branch, required);
            }
        }
        let all = keywords.get("allOf").and_then(Value::as_array);
        for part in all.into_iter().flatten().filter_map(Value::as_object) {
            self.add_required(part, required);
        }
    }

    fn array(&mut self, keywords: &Map<String, Value>, depth: usize) -> Value {
        let fewest = count(keywords, "minItems").unwrap_or(0);
        let most = count(keywords, "maxItems").unwrap_or(usize::MAX).min(fewest + 2);
        let length = if depth < DEPTH_MAX { fewest + self.seeded.below(most - fewest + 1) } else { fewest };
        let items = keywords.get("items").cloned().unwrap_or(Value::Bool(true));
        (0..length).map(|_| self.value(&items, depth + 1)).collect()
    }

    fn text(&mut self, keywords: &Map<String, Value>) -> Value {
        let fewest = count(keywords, "minLength").unwrap_or(0);
        let most = count(keywords, "maxLength").unwrap_or(usize::MAX);
        let usual = ["a", "a1", "it", "1.0.0", "a.b", "2030-01-02T03:04:05Z", "0 3 * * *", "1h", "é"];
        if let Some(Value::Array(examples)) = keywords.get("examples")
            && self.chance(2)
        {
            return self.seeded.one(examples).clone();
        }
        match self.seeded.below(8) {
            // The shortest and the longest that may be.
            0 => json!("a".repeat(fewest)),
            1 if most < 100_000 => json!("a".repeat(most)),
            _ => json!(self.seeded.one(&usual)),
        }
    }

    fn integer(&mut self, keywords: &Map<String, Value>) -> Value {
        let of = |key: &str| keywords.get(key).filter(|it| it.is_i64() || it.is_u64()).cloned();
        let above = limit(keywords, "exclusiveMinimum").map(|it| json!(it as i64 + 1));
        match (self.seeded.below(4), of("minimum").or(above), of("maximum")) {
            (0, Some(least), _) => least,
            (1, _, Some(most)) => most,
            (_, Some(least), _) if least.as_i64().is_some_and(|least| least > 1) => least,
            _ => json!(1),
        }
    }
}

fn limit(keywords: &Map<String, Value>, key: &str) -> Option<f64> {
    keywords.get(key).and_then(Value::as_f64)
}

fn count(keywords: &Map<String, Value>, key: &str) -> Option<usize> {
    keywords.get(key).and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok())
}
