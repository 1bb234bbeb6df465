//! Configs with a JSON Schema: what it allows, which defaults it has, and what it declares of keys.

use std::sync::Arc;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use midflight_core::{JsonPointer, Problem, Problems, hint};
use midflight_engine::{Interrupted, Work};
use midflight_schemas::{BoundedSchema, MeasuredSchema, SchemaStop, UNREADABLE, Verdict};
use serde_json::{Map, Value};

use crate::REDACTED;
use crate::entry::ConfigEntry;
use crate::keys::{ApplyMode, KeyDeclarations};
use crate::kind::ConfigValues;
use crate::layered_value::{LayeredValue, refuse_literal_secrets};
use crate::limits::{CONFIG_PATHS_BYTES_MAX, LITERAL_SECRETS_MAX};
use crate::named_secrets::NamedSecrets;
use crate::origin::Origin;
use crate::pace::Pace;
use crate::redactor::SecretGuard;
use crate::reference::has_reference;
use crate::tree::{LeafOrigins, leaves, paths_bytes};

/// How deep a schema is read for defaults and declarations. What refers to itself ends here.
const DEPTH_MAX: usize = 32;
/// How many keys the defaults and declarations of a schema are read of.
const KEYS_MAX: usize = 10_000;
/// How much of an error's text is reported, in characters: it quotes the value, which may be large.
const ERROR_CHARS_MAX: usize = 500;
/// The keyword that declares how a change is applied.
const TAKES: &str = "x-reload";

/// A JSON Schema (2020-12), ready to be asked.
///
/// In addition to the standard: an object that lists `properties` takes no others without `additionalProperties`,
/// `writeOnly` makes a secret of a key, and `x-reload` (`live`, `restart`, `ignored`) declares how a change is applied.
pub(crate) struct Schema {
    bounded: BoundedSchema,
    schema: Arc<Value>,
    defaults: Value,
    keys: Arc<KeyDeclarations>,
    /// How much memory its regular expressions take, in bytes.
    pub(crate) regex_bytes: usize,
}

impl Schema {
    /// Reads the schema that a document is.
    ///
    /// # Errors
    /// Also when validating by it could take long whatever the config: a few references can be a great many
    /// evaluations. And when it takes more memory than its bound or than the budget has.
    pub(crate) fn new(schema: Arc<Value>, work: &Work) -> Result<Self, Problems> {
        let measured = MeasuredSchema::read(&schema, work)?;
        let regex_bytes = measured.regex_bytes();
        work.charge(regex_bytes as u64)?;
        let bounded = measured.compile(&schema)?;
        let mut reading = SchemaWalk {
            root: &schema,
            keys: KeyDeclarations::default(),
            read: 0,
            problems: Problems::default(),
        };
        let defaults = reading.read(&schema, &JsonPointer::root(), &JsonPointer::root(), 0);
        let keys = Arc::new(reading.keys);
        reading.problems.or(())?;
        let defaults = if defaults.is_object() { defaults } else { ConfigEntry::nothing() };
        check_paths(&defaults, &mut Pace::new(work))?;
        Ok(Self { bounded, defaults, keys, schema, regex_bytes })
    }

    /// Makes the config of a document. References stay as they are: they are resolved where the config is used.
    ///
    /// The validator cannot be interrupted, so what it takes is estimated before, within the budget.
    pub(crate) fn build(&self, values: &ConfigValues, work: &Work) -> Result<ConfigEntry, Problems> {
        let (document, mut pace) = (&*values.body, Pace::new(work));
        let mut problems = refuse_literal_secrets(document, &self.keys, &mut pace)?;
        let mut draft = LayeredValue::new(&self.defaults);
        draft.say(document, &mut pace)?;
        let mut unknown = UnknownKeys { root: &self.schema, problems: &mut problems, pace: &mut pace };
        unknown.find(&draft.value, &self.schema, &JsonPointer::root(), 0)?;
        self.validate(&draft.value, work, &mut problems)?;
        problems.or(())?;
        let shown = draft.shown(&self.keys, &mut pace)?;
        let document = Some((&values.body, values.digest));
        Ok(ConfigEntry::new(document, draft, shown, Arc::clone(&self.keys)))
    }

    fn validate(&self, value: &Value, work: &Work, problems: &mut Problems) -> Result<(), Problems> {
        let errors = match self.bounded.validate(value, work) {
            Ok(Verdict::Valid) => return Ok(()),
            Ok(Verdict::Invalid(errors)) => errors,
            Ok(Verdict::TooManyErrors) => {
                let message = "it does not match its schema, and is too large to list each error; split it, or \
                               try a part of it in a separate config (references count as errors here)";
                problems.add(Problem::new("invalid_value", JsonPointer::root(), message));
                return Ok(());
            }
            Err(SchemaStop::Refused(problem)) => {
                problems.add(problem);
                return Ok(());
            }
            Err(stop) => return Err(stop.into()),
        };
        for error in errors {
            if let Some(problem) = self.problem(&error, problems) {
                problems.add(problem);
            }
        }
        Ok(())
    }

    /// What an error of the validator is to the author of the config; none for what is no error.
    fn problem(&self, error: &ValidationError<'_>, problems: &Problems) -> Option<Problem> {
        let names_a_key = matches!(error.kind(), ValidationErrorKind::AdditionalProperties { .. });
        let is_open = error.instance().as_str().is_some_and(has_reference);
        // The value of a reference is not known here, and a key without a place was reported already.
        if is_open || (names_a_key && problems.iter().any(|known| known.code == "unknown_key")) {
            return None;
        }
        let path = JsonPointer::parse(error.instance_path().as_str());
        // Past the bound it is only counted; its text would be made for nothing.
        if problems.count() >= Problems::LISTED_MAX {
            return Some(Problem::new("invalid_value", path, ""));
        }
        let is_hidden = self.keys.is_secret(&path);
        let message = if is_hidden { error.masked().to_string() } else { error.to_string() };
        Some(Problem::new("invalid_value", path, cut(message)))
    }
}

fn cut(message: String) -> String {
    match message.char_indices().nth(ERROR_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &message[..end]),
        None => message,
    }
}

/// Makes the config of a document that has no schema: there are no other layers, so that it is in effect as it is. What
/// is a secret by its name is not shown.
pub(crate) fn build_without(values: &ConfigValues, work: &Work) -> Result<ConfigEntry, Interrupted> {
    let document = &values.body;
    let named = match &values.named {
        Some(named) => Arc::clone(named),
        None => Arc::new(NamedSecrets::of(document, &mut Pace::new(work))?),
    };
    let NamedSecrets { keys, mut literals } = Arc::unwrap_or_clone(named);
    let mut shown = Arc::clone(document);
    if !literals.is_empty() {
        let shown = Arc::make_mut(&mut shown);
        for path in &literals {
            if let Some(place) = shown.pointer_mut(path.as_str()) {
                *place = Value::String(REDACTED.to_owned());
            }
        }
    }
    literals.truncate(LITERAL_SECRETS_MAX);
    let mut origins = LeafOrigins::new();
    leaves(document, &JsonPointer::root(), &mut |path, value| {
        // A null has no value.
        if !value.is_null() {
            origins.insert(path, Origin::Document);
        }
    });
    Ok(ConfigEntry {
        document: Some(Arc::clone(document)),
        digest: Some(values.digest),
        shown,
        used: Arc::clone(document),
        origins,
        masked: Vec::new(),
        given: Vec::new(),
        keys: Arc::new(keys),
        literal_secrets: literals,
        typed: None,
        in_use: SecretGuard::default(),
    })
}

/// Refuses a config whose places take too much memory.
///
/// # Errors
/// `too_large`; that the budget has ended.
pub(crate) fn check_paths(value: &Value, pace: &mut Pace<'_>) -> Result<(), Problems> {
    let bytes = paths_bytes(value, 0, pace)?;
    if bytes <= CONFIG_PATHS_BYTES_MAX {
        return Ok(());
    }
    let message = format!(
        "the places of the values take {bytes} bytes and may take {CONFIG_PATHS_BYTES_MAX} (config_paths_bytes_max); use \
         shorter keys, nest less, or split the config"
    );
    Err(Problem::new("too_large", JsonPointer::root(), message).into())
}

/// A walk through a schema along its properties.
struct SchemaWalk<'a> {
    root: &'a Value,
    keys: KeyDeclarations,
    read: usize,
    problems: Problems,
}

impl SchemaWalk<'_> {
    /// The defaults under a place, noting what is declared of it. `at` is the place in a config, `of` that in the
    /// schema.
    fn read(&mut self, schema: &Value, at: &JsonPointer, of: &JsonPointer, depth: usize) -> Value {
        self.read += 1;
        if depth > DEPTH_MAX || self.read > KEYS_MAX {
            return Value::Null;
        }
        if schema.get("writeOnly") == Some(&Value::Bool(true)) {
            self.keys.keep_secret(at);
        }
        match schema.get(TAKES).map(|word| word.as_str().and_then(ApplyMode::of_word)) {
            Some(Some(takes)) => self.keys.declare(at, takes),
            Some(None) => {
                let message = "write \"live\", \"restart\" or \"ignored\"";
                self.problems.add(Problem::new(UNREADABLE, of.key(TAKES), message));
            }
            None => {}
        }
        let target = target(schema, self.root);
        let mut value = schema.get("default").or_else(|| target.get("default")).cloned().unwrap_or_default();
        if let Some(properties) = target.get("properties").and_then(Value::as_object) {
            for (key, schema) in properties {
                let of = of.key("properties").key(key);
                let default = self.read(schema, &at.key(key), &of, depth + 1);
                if !default.is_null() {
                    let members = match &mut value {
                        Value::Object(members) => members,
                        other => {
                            *other = Value::Object(Map::new());
                            let Value::Object(members) = other else { continue };
                            members
                        }
                    };
                    members.entry(key).or_insert(default);
                }
            }
        }
        value
    }
}

/// What a schema refers to within its document, or itself.
fn target<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    let mut schema = schema;
    for _ in 0..DEPTH_MAX {
        let reference = schema.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'));
        match reference.and_then(|pointer| root.pointer(pointer)) {
            Some(found) => schema = found,
            None => break,
        }
    }
    schema
}

/// Reports every key that no schema knows, with a suggestion.
struct UnknownKeys<'a, 'w> {
    root: &'a Value,
    problems: &'a mut Problems,
    pace: &'a mut Pace<'w>,
}

impl UnknownKeys<'_, '_> {
    fn find(
        &mut self,
        value: &Value,
        schema: &Value,
        at: &JsonPointer,
        depth: usize,
    ) -> Result<(), Interrupted> {
        let Some(members) = value.as_object().filter(|_| depth <= DEPTH_MAX) else { return Ok(()) };
        let root = self.root;
        let schema = target(schema, root);
        let Some(known) = schema.get("properties").and_then(Value::as_object) else { return Ok(()) };
        // Keys may be known by other means than a list; then the validator alone judges.
        let others = [
            "additionalProperties",
            "patternProperties",
            "unevaluatedProperties",
            "allOf",
            "anyOf",
            "oneOf",
            "if",
        ];
        let is_open = others.iter().any(|keyword| match schema.get(*keyword) {
            Some(Value::Bool(open)) => *open,
            Some(_) => true,
            None => false,
        });
        for (key, value) in members {
            self.pace.step()?;
            match known.get(key) {
                Some(schema) => self.find(value, schema, &at.key(key), depth + 1)?,
                None if is_open => {}
                None => self.add(key, known, at)?,
            }
        }
        Ok(())
    }

    fn add(&mut self, key: &str, known: &Map<String, Value>, at: &JsonPointer) -> Result<(), Interrupted> {
        // Past the bound it is only counted: what was meant is looked for among thousands of names.
        if self.problems.count() >= Problems::LISTED_MAX {
            self.problems.add(Problem::new("unknown_key", JsonPointer::root(), ""));
            return Ok(());
        }
        self.pace.long_step()?;
        let hint = hint(key, known.keys().map(String::as_str));
        let message = format!("unknown key {key:?}{hint}");
        self.problems.add(Problem::new("unknown_key", at.key(key), message));
        Ok(())
    }
}
