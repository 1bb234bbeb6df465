//! The kind `config`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use midflight_core::{Digest, DocumentId, DocumentName, JsonPointer, KindName, Problem, Problems, hint};
use midflight_engine::{DocumentSchema, Environment, EnvironmentInput, Kind, KindChange, Work};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::config_schema::{AnyShape, ConfigSchema};
use crate::entry::ConfigEntry;
use crate::limits::CONFIG_REGEX_BYTES_MAX;
use crate::named_secrets::NamedSecrets;
use crate::pace::Pace;
use crate::schema::{Schema, build_without, check_paths};
use crate::snapshot::Configs;

/// The folder of the documents that are schemas of others.
pub const SCHEMAS_FOLDER: &str = "schemas/";

/// The kind `config`: a document `{name}` is a config, whatever object it is; a document `schemas/{name}` is the JSON
/// Schema that it must hold to. Configs that this process reads itself are declared with a [`ConfigSchema`].
#[derive(Default)]
pub struct Config {
    shapes: BTreeMap<DocumentName, Arc<dyn AnyShape>>,
}

impl Config {
    /// The kind without any config of this process's own.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares a config that this process reads itself. It is there without a document too, made of all else.
    /// References in it are resolved by the environment of the engine (`EngineBuilder::environment`).
    #[must_use]
    pub fn with<T>(mut self, name: DocumentName, shape: impl Into<Arc<ConfigSchema<T>>>) -> Self
    where
        T: Default + Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        self.shapes.insert(name, shape.into());
        self
    }

    /// Builds a config again, from its document if it has one.
    fn build(
        &self,
        name: &DocumentName,
        document: Option<&ConfigValues>,
        next: &Configs,
        work: &Work,
    ) -> Result<Option<ConfigEntry>, Problems> {
        if let Some(shape) = self.shapes.get(name) {
            return shape.build_within(document.map(|values| &values.body), work).map(Some);
        }
        let Some(document) = document else { return Ok(None) };
        match next.schemas.get(name) {
            Some(schema) => schema.build(document, work).map(Some),
            None => Ok(Some(build_without(document, work)?)),
        }
    }
}

/// A document of the kind `config`.
pub enum ConfigDocument {
    /// The values of a config.
    Values(ConfigValues),
    /// What another one must hold to, and how it is called.
    #[doc(hidden)]
    Schema(SchemaDocument),
}

/// The values of a config, with what is computed of them when it is validated, where no other edit waits for it.
#[derive(Clone)]
pub struct ConfigValues {
    pub(crate) body: Arc<Value>,
    pub(crate) digest: Digest,
    /// What is a secret in it by its name, for a config without a schema; none when that has to be found yet.
    pub(crate) named: Option<Arc<NamedSecrets>>,
}

impl ConfigValues {
    /// With the digest of the body. Cost: linear in it.
    #[must_use]
    pub fn new(body: Arc<Value>) -> Self {
        let digest = Digest::of_body(&body);
        Self { body, digest, named: None }
    }
}

/// A schema that was read.
pub struct SchemaDocument(Arc<Schema>);

impl Kind for Config {
    type Document = ConfigDocument;
    type Snapshot = Configs;

    fn name(&self) -> KindName {
        #[expect(clippy::expect_used, reason = "the name is written here, and a test makes one")]
        KindName::new("config").expect("is the name of a kind")
    }

    fn empty(&self) -> Configs {
        Configs::default()
    }

    fn validate(
        &self,
        name: &DocumentName,
        body: &Arc<Value>,
        work: &Work,
    ) -> Result<ConfigDocument, Problems> {
        let Some(of) = name.as_str().strip_prefix(SCHEMAS_FOLDER) else {
            let mut pace = Pace::new(work);
            check_paths(body, &mut pace)?;
            let named = Some(Arc::new(NamedSecrets::of(body, &mut pace)?));
            return Ok(ConfigDocument::Values(ConfigValues { named, ..ConfigValues::new(Arc::clone(body)) }));
        };
        if self.shapes.keys().any(|shape| shape.as_str() == of) {
            let message = format!("the config {of} belongs to this program and has a built-in schema");
            return Err(Problem::new("invalid_schema", JsonPointer::root(), message).into());
        }
        let schema = Schema::new(Arc::clone(body), work)?;
        Ok(ConfigDocument::Schema(SchemaDocument(Arc::new(schema))))
    }

    fn compile(
        &self,
        previous: &Configs,
        changes: Vec<KindChange<ConfigDocument>>,
        work: &Work,
    ) -> Result<Configs, Problems> {
        let mut next = previous.clone();
        let mut documents: BTreeMap<DocumentName, Option<ConfigValues>> = BTreeMap::new();
        let mut again: BTreeSet<DocumentName> = BTreeSet::new();
        let mut put_schemas = Vec::new();
        for change in changes {
            work.check()?;
            let of = change.name.as_str().strip_prefix(SCHEMAS_FOLDER);
            let of = of.and_then(|name| DocumentName::new(name).ok());
            match (of, change.document) {
                (Some(of), Some(ConfigDocument::Schema(schema))) => {
                    put_schemas.push((change.name, schema.0.regex_bytes));
                    next.schemas.insert(of.clone(), schema.0);
                    again.insert(of);
                }
                (Some(of), _) => {
                    next.schemas.remove(&of);
                    again.insert(of);
                }
                (None, Some(ConfigDocument::Values(values))) => {
                    drop(documents.insert(change.name, Some(values)))
                }
                (None, _) => drop(documents.insert(change.name, None)),
            }
        }
        again.extend(self.shapes.keys().filter(|name| !next.entries.contains_key(*name)).cloned());
        let stale = next.entries.iter().filter(|(_, entry)| entry.is_stale(work.inputs()));
        again.extend(stale.map(|(name, _)| name.clone()));
        for name in again {
            let document = || next.entries.get(&name).and_then(|entry| entry.values());
            let document = document();
            documents.entry(name).or_insert(document);
        }
        let mut problems = check_regexes(&next, &put_schemas);
        for (name, document) in documents {
            work.check()?;
            match self.build(&name, document.as_ref(), &next, work) {
                Ok(Some(entry)) => drop(next.entries.insert(name, Arc::new(entry))),
                Ok(None) => drop(next.entries.remove(&name)),
                Err(found) => problems.append(because_of_schema(found, &name).in_document(&id(&name))),
            }
        }
        problems.or(next)
    }

    fn inputs(&self, snapshot: &Configs) -> Vec<EnvironmentInput> {
        let own = self.shapes.keys().filter_map(|name| snapshot.entries.get(name));
        own.flat_map(|entry| entry.given.iter().cloned()).collect()
    }

    /// Also when a config of this process is not there yet.
    fn is_stale(&self, snapshot: &Configs, environment: &dyn Environment) -> bool {
        let is_stale = |name| snapshot.entries.get(name).is_none_or(|entry| entry.is_stale(environment));
        self.shapes.keys().any(is_stale)
    }

    fn body<'a>(&self, snapshot: &'a Configs, name: &DocumentName) -> Option<&'a Arc<Value>> {
        snapshot.get(name)?.document()
    }

    /// Asked `{"config": NAME, "path": POINTER}`, answers the value in effect there, as it may be shown.
    fn answer(&self, snapshot: &Configs, input: &Value) -> Result<Value, Problem> {
        let wanted = input.get("config").and_then(Value::as_str);
        let Some(wanted) = wanted else {
            let place = JsonPointer::root().key("config");
            return Err(Problem::new("missing_field", place, "write the name of a config"));
        };
        let entry = snapshot.entries.iter().find(|(name, _)| name.as_str() == wanted);
        let Some((_, entry)) = entry else {
            let known = snapshot.entries.keys().map(DocumentName::as_str);
            let message = format!("unknown config {wanted:?}{}", hint(wanted, known));
            return Err(Problem::new("not_found", JsonPointer::root().key("config"), message));
        };
        let path = input.get("path").and_then(Value::as_str).unwrap_or_default();
        Ok(entry.shown.pointer(path).cloned().unwrap_or_default())
    }

    fn schemas(&self) -> Vec<DocumentSchema> {
        let dialect = "https://json-schema.org/draft/2020-12/schema";
        let config = json!({
            "$schema": dialect, "title": "config", "type": "object",
            "description": "The configuration of a program. Secrets refer to ${env:NAME} or ${file:PATH}."
        });
        let schema = json!({
            "$schema": dialect, "title": "schema", "$ref": dialect, "type": "object",
            "description": "The JSON Schema that the config of the same name must match."
        });
        vec![
            DocumentSchema { title: "config", names: "{name}", schema: config },
            DocumentSchema { title: "schema", names: "schemas/{name}", schema },
        ]
    }

    fn figures(&self, snapshot: &Configs) -> Vec<(&'static str, u64)> {
        vec![("configs", snapshot.entries.len() as u64), ("schemas", snapshot.schemas.len() as u64)]
    }
}

/// Refuses the schemas with regular expressions that were put when all schemas have too many of them.
fn check_regexes(next: &Configs, put: &[(DocumentName, usize)]) -> Problems {
    if put.iter().all(|(_, bytes)| *bytes == 0) {
        return Problems::default();
    }
    let bytes: usize = next.schemas.values().map(|schema| schema.regex_bytes).sum();
    if bytes <= CONFIG_REGEX_BYTES_MAX {
        return Problems::default();
    }
    let message = format!(
        "the regular expressions of all schemas take {bytes} bytes when compiled and may take {CONFIG_REGEX_BYTES_MAX} \
         (config_regex_bytes_max); lower their counted repetitions, or delete schemas that nothing needs"
    );
    let problem = Problem::new("too_many", JsonPointer::root(), message);
    let with_regexes = put.iter().filter(|(_, bytes)| *bytes > 0);
    with_regexes.map(|(name, _)| problem.clone().in_document(&id(name))).collect()
}

/// The problems of a config, which depend on its schema: with another one, or without one, there may be others.
fn because_of_schema(problems: Problems, name: &DocumentName) -> Problems {
    match DocumentName::new(&format!("{SCHEMAS_FOLDER}{name}")) {
        Ok(schema) => problems.because_of(&id(&schema)),
        Err(_) => problems,
    }
}

fn id(name: &DocumentName) -> DocumentId {
    #[expect(clippy::expect_used, reason = "the name is written here, and a test makes one")]
    let kind = KindName::new("config").expect("is the name of a kind");
    DocumentId { kind, name: name.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expressions_of_all_schemas_take_so_much_memory_and_no_more() {
        let (kind, work) = (Config::new(), Work::unbounded());
        let change = |name: &str, regex_bytes: usize| {
            let mut schema = Schema::new(Arc::new(json!({})), &work).unwrap();
            schema.regex_bytes = regex_bytes;
            let document = Some(ConfigDocument::Schema(SchemaDocument(Arc::new(schema))));
            KindChange { name: DocumentName::new(name).unwrap(), document }
        };
        let half = CONFIG_REGEX_BYTES_MAX / 2;
        let full = vec![change("schemas/a", half), change("schemas/b", half)];
        let full = kind.compile(&kind.empty(), full, &work).unwrap();
        let more = vec![change("schemas/c", 1), change("schemas/d", 0)];
        let refused = kind.compile(&full, more, &work).unwrap_err();
        assert_eq!(refused.count(), 1);
        let messages = refused.to_string();
        assert!(messages.starts_with("config/schemas/c at the root: "), "{messages}");
        assert!(messages.contains("(config_regex_bytes_max)"), "{messages}");
        kind.compile(&full, vec![change("schemas/d", 0)], &work).unwrap();
        kind.compile(&full, vec![change("schemas/a", 0), change("schemas/c", half)], &work).unwrap();
    }
}
