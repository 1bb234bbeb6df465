//! Compares a JSON Schema with the reader of the same documents, so that the two cannot drift: what one accepts the
//! other accepts.

use std::collections::{BTreeMap, BTreeSet};

use jsonschema::Validator;
use midflight_core::{JsonPointer, Problem, Problems};
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
    /// Reads a document. The error is what [`codes_of`] answers for its problems.
    pub read: &'a dyn Fn(&Value) -> Result<(), Vec<String>>,
    /// The problems that no schema can express, as a regular expression that does not compile: a code, or a code and
    /// the last key of the place. Each is needed by a document, or the comparison fails: a list that is too wide hides
    /// what the schema lacks.
    pub reader_only: &'a [&'a str],
}

/// How many documents were compared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Compared {
    /// Broken copies of the documents.
    pub broken: usize,
    /// How many of those were refused.
    pub refused: usize,
    /// Documents that were generated from the schema, and that it accepts.
    pub generated: usize,
    /// How many of those the reader read.
    pub read: usize,
    /// The entries of `reader_only` that a document needed.
    needed: BTreeSet<String>,
}

impl Compared {
    fn assert_needed(&self, reader_only: &[&str]) {
        let unused: Vec<_> = reader_only.iter().filter(|only| !self.needed.contains(**only)).collect();
        assert!(unused.is_empty(), "no document needs these of reader_only: {unused:?}; remove them");
    }
}

/// Reads the document of a name: none, or the codes of its problems.
pub type NamedReader<'a> = dyn Fn(&str, &Value) -> Result<(), Vec<String>> + 'a;

/// Compares all schemas of a kind with its reader, which gets the name of the document too. `schemas` are the names that
/// each is for, as `{ruleset}/{rule_id}`, and the schema; every schema needs one of the documents.
///
/// # Panics
/// A document is accepted by one and refused by the other, or so few documents that it says little.
pub fn compare_kind(
    schemas: &[(&str, Value)],
    documents: &[(&str, Value)],
    read: &NamedReader<'_>,
    reader_only: &[&str],
) {
    let mut all = Compared::default();
    for (names, schema) in schemas {
        let of_sort = documents.iter().filter(|(name, _)| names_of(name, schemas) == Some(*names));
        let (of_sort, bodies): (Vec<_>, Vec<_>) = of_sort.cloned().unzip();
        let name = of_sort.first().unwrap_or_else(|| panic!("no document is of {names}"));
        let read = |body: &Value| read(name, body);
        let comparison = SchemaComparison { schema, documents: &bodies, read: &read, reader_only };
        let compared = comparison.compare();
        assert!(compared.refused * 2 > compared.broken, "{names}: {compared:?}");
        assert!(compared.generated > 100 && compared.read > 20, "{names}: {compared:?}");
        all.needed.extend(compared.needed);
    }
    all.assert_needed(reader_only);
}

/// The names among which a name is: those with the fewest variables, as `conditions/{id}` before `{ruleset}/{id}`.
fn names_of<'a>(name: &str, schemas: &[(&'a str, Value)]) -> Option<&'a str> {
    let is_variable = |segment: &str| segment.starts_with('{');
    let is_of = |names: &str| {
        let both = names.split('/').zip(name.split('/'));
        names.split('/').count() == name.split('/').count()
            && both.into_iter().all(|(expected, segment)| is_variable(expected) || expected == segment)
    };
    let fitting = schemas.iter().map(|(names, _)| *names).filter(|names| is_of(names));
    fitting.min_by_key(|names| names.split('/').filter(|segment| is_variable(segment)).count())
}

impl SchemaComparison<'_> {
    /// Compares them for the documents, for copies of these with each member left out, with one too many, and with
    /// something strange in every place, and for documents that are generated from the schema.
    ///
    /// # Panics
    /// A document is accepted by one and refused by the other, or an entry of `reader_only` is not needed.
    pub fn run(&self) -> Compared {
        let compared = self.compare();
        compared.assert_needed(self.reader_only);
        compared
    }

    fn compare(&self) -> Compared {
        let validator = jsonschema::validator_for(self.schema).unwrap();
        let (mut compared, mut mismatches) = (Compared::default(), BTreeMap::new());
        for document in self.documents {
            let is_read = self.agree(&validator, document, &mut compared.needed, &mut mismatches);
            assert!(is_read, "an example is refused: {document} {mismatches:?}");
            for broken in broken_copies(document) {
                compared.broken += 1;
                let is_read = self.agree(&validator, &broken, &mut compared.needed, &mut mismatches);
                compared.refused += usize::from(!is_read);
            }
        }
        let mut generator = Generator { root: self.schema, seeded: Seeded::new(42) };
        for _ in 0..GENERATED {
            let document = generator.value(self.schema, 0);
            if validator.is_valid(&document) {
                compared.generated += 1;
                let is_read = self.agree(&validator, &document, &mut compared.needed, &mut mismatches);
                compared.read += usize::from(is_read);
            }
        }
        let listed: Vec<_> =
            mismatches.iter().map(|(what, document)| format!("{what}: {document}")).collect();
        assert!(listed.is_empty(), "{}", listed.join("\n"));
        compared
    }

    /// The entry of `reader_only` for a code with the last key of its place.
    fn reader_only(&self, code: &str) -> Option<String> {
        let word = code.split(' ').next().unwrap_or_default();
        self.reader_only.iter().find(|only| **only == code || **only == word).map(|only| (*only).to_owned())
    }

    /// Whether the reader reads the document. Where the schema does not agree, that is added to `mismatches`, once for
    /// each place of the schema and each set of codes; where `reader_only` says so, its entries are added to `needed`.
    fn agree(
        &self,
        validator: &Validator,
        document: &Value,
        needed: &mut BTreeSet<String>,
        mismatches: &mut BTreeMap<String, String>,
    ) -> bool {
        let mismatch = match ((self.read)(document), validator.validate(document)) {
            (Ok(()), Ok(())) => return true,
            (Err(_), Err(_)) => return false,
            (Ok(()), Err(error)) => {
                let place = error.schema_path().as_str().to_owned();
                mismatches.entry(format!("the reader reads what {place} refuses"))
            }
            (Err(codes), Ok(())) => {
                let entries: Option<Vec<_>> = codes.iter().map(|code| self.reader_only(code)).collect();
                if let Some(entries) = entries {
                    needed.extend(entries);
                    return false;
                }
                mismatches.entry(format!("the schema accepts what the reader refuses by {codes:?}"))
            }
        };
        mismatch.or_insert_with(|| short(document));
        false
    }
}

/// The code of each problem with the last key of its place.
#[must_use]
pub fn codes_of(problems: &Problems) -> Vec<String> {
    let code = |problem: &Problem| {
        let key = problem.path.split_last().unwrap_or_default().1;
        format!("{} {key}", problem.code)
    };
    problems.iter().map(code).collect()
}

/// Enough of a document to see what is wrong with it.
fn short(document: &Value) -> String {
    document.to_string().chars().take(400).collect()
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
