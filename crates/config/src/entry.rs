//! One config as it is in effect: every layer in one value, with where each part comes from.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use midflight_core::{Digest, JsonPointer};
use midflight_engine::{Environment, EnvironmentInput, InputName};
use serde_json::{Map, Value};

use crate::REDACTED;
use crate::keys::{ApplyMode, KeyDeclarations};
use crate::kind::ConfigValues;
use crate::layered_value::LayeredValue;
use crate::named_secrets::is_literal;
use crate::origin::{Masked, Origin};
use crate::redactor::SecretGuard;
use crate::tree::{LeafOrigins, leaves};

/// A config in effect. Immutable and shared.
#[derive(Clone)]
pub struct ConfigEntry {
    pub(crate) document: Option<Arc<Value>>,
    /// The digest of the document, computed once: lists show it for every config.
    pub(crate) digest: Option<Digest>,
    /// With references as they are written, and secrets of other layers hidden.
    pub(crate) shown: Arc<Value>,
    /// With what references give. It is never shown.
    pub(crate) used: Arc<Value>,
    pub(crate) origins: LeafOrigins,
    pub(crate) masked: Vec<Masked>,
    pub(crate) given: Vec<EnvironmentInput>,
    pub(crate) keys: Arc<KeyDeclarations>,
    pub(crate) typed: Option<Arc<dyn Any + Send + Sync>>,
    /// The secrets that are written out, the first of them.
    pub(crate) literal_secrets: Vec<JsonPointer>,
    /// Keeps its secrets out of messages as long as it is there.
    #[expect(dead_code, reason = "its being there is what keeps them hidden")]
    pub(crate) in_use: SecretGuard,
}

impl ConfigEntry {
    /// The body of the document; none when everything comes from elsewhere.
    #[must_use]
    pub fn document(&self) -> Option<&Arc<Value>> {
        self.document.as_ref()
    }

    /// The body of the document, with its digest.
    pub(crate) fn values(&self) -> Option<ConfigValues> {
        let (body, digest) = self.document.clone().zip(self.digest)?;
        Some(ConfigValues { body, digest, named: None })
    }

    /// The digest of the body of the document. Cost: none, it is computed when the config is made.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// The value in effect: references as they are written, secrets that were given in another way as `***`.
    #[must_use]
    pub fn effective(&self) -> &Value {
        &self.shown
    }

    /// Where each leaf of the value in effect comes from, ordered by path.
    pub fn origins(&self) -> impl Iterator<Item = (&JsonPointer, &Origin)> {
        self.origins.iter()
    }

    /// What has no effect in the document, since a variable or a flag overrides it.
    #[must_use]
    pub fn masked(&self) -> &[Masked] {
        &self.masked
    }

    /// How a change of a key is applied.
    #[must_use]
    pub fn takes(&self, path: &JsonPointer) -> ApplyMode {
        self.keys.takes(path)
    }

    /// Whether the value of a key is never shown.
    #[must_use]
    pub fn is_secret(&self, path: &JsonPointer) -> bool {
        self.keys.is_secret(path)
    }

    /// The secrets that are written out in the document, which the log keeps: the first of those that have the name of
    /// one in a config without a schema. Where secrets are declared, they are refused.
    #[must_use]
    pub fn literal_secrets(&self) -> &[JsonPointer] {
        &self.literal_secrets
    }

    /// A value of a version of the document at a place, as it may be shown. Cost: a pointer for each value in it.
    #[must_use]
    pub fn redacted(&self, path: &JsonPointer, value: Value) -> Value {
        match value {
            Value::Object(members) => {
                let redacted = |(key, value): (String, Value)| {
                    let value = self.redacted(&path.key(&key), value);
                    (key, value)
                };
                Value::Object(members.into_iter().map(redacted).collect())
            }
            Value::Array(items) => {
                let items = items.into_iter().enumerate();
                Value::Array(items.map(|(n, item)| self.redacted(&path.index(n), item)).collect())
            }
            value if is_literal(&value) && self.is_secret(path) => Value::String(REDACTED.to_owned()),
            value => value,
        }
    }

    /// The keys in effect only after the next start whose value here is another than in `running`, by path. Values are
    /// not reported. It is empty again when they agree.
    #[must_use]
    pub fn restart_required(&self, running: &Self) -> Vec<JsonPointer> {
        let mut wanted = BTreeMap::new();
        let mut add = |entry: &Self, side: usize| {
            leaves(&entry.used, &JsonPointer::root(), &mut |path, value| {
                if self.keys.takes(&path) == ApplyMode::Restart {
                    wanted.entry(path).or_insert([None, None])[side] = Some(value.clone());
                }
            });
        };
        add(running, 0);
        add(self, 1);
        wanted.into_iter().filter(|(_, [running, wanted])| running != wanted).map(|(path, _)| path).collect()
    }

    /// What is different in effect from `old` to this one, by path.
    #[must_use]
    pub fn changes_since(&self, old: &Self) -> Vec<KeyChange> {
        let mut paths = BTreeSet::new();
        for entry in [old, self] {
            leaves(&entry.used, &JsonPointer::root(), &mut |path, _| {
                paths.insert(path);
            });
        }
        let at = |entry: &Self, path: &JsonPointer| entry.used.pointer(path.as_str()).cloned();
        let shown = |entry: &Self, path: &JsonPointer| entry.shown.pointer(path.as_str()).cloned();
        let changed = paths.into_iter().filter(|path| at(old, path) != at(self, path));
        let change = |path: JsonPointer| KeyChange {
            from: shown(old, &path),
            to: shown(self, &path),
            takes: self.keys.takes(&path),
            origin: self.origins.get(&path).cloned(),
            path,
        };
        changed.map(change).collect()
    }

    /// The value as the type that it was declared with; none when it was declared with another, or with none.
    #[must_use]
    pub fn typed<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.typed.clone()?.downcast().ok()
    }

    /// The files that it refers to.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.given.iter().filter_map(|input| match &input.name {
            InputName::File(path) => Some(path.as_str()),
            InputName::Variable(_) => None,
        })
    }

    /// Whether something that it refers to gives something else by now.
    #[must_use]
    pub fn is_stale(&self, environment: &dyn Environment) -> bool {
        self.given.iter().any(|input| input.is_stale(environment))
    }

    /// An entry without a typed value, of the layers and of what is shown of them. Both values are shared with the
    /// document or with each other where they are the same.
    pub(crate) fn new(
        document: Option<(&Arc<Value>, Digest)>,
        layers: LayeredValue,
        shown: Value,
        keys: Arc<KeyDeclarations>,
    ) -> Self {
        let LayeredValue { value: used, origins, masked, given, .. } = layers;
        let (document, digest) = document.unzip();
        let same = |known: Option<&Arc<Value>>, value: Value| match known.filter(|known| ***known == value) {
            Some(known) => Arc::clone(known),
            None => Arc::new(value),
        };
        let shown = same(document, shown);
        let used = same(Some(&shown), used);
        Self {
            document: document.cloned(),
            digest,
            shown,
            used,
            origins,
            masked,
            given,
            keys,
            typed: None,
            literal_secrets: Vec::new(),
            in_use: SecretGuard::default(),
        }
    }

    /// An empty object, for a config that has no settings.
    pub(crate) fn nothing() -> Value {
        Value::Object(Map::new())
    }
}

/// Without values: they may be secret.
impl fmt::Debug for ConfigEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("masked", &self.masked).finish_non_exhaustive()
    }
}

/// A key whose value in effect changed, with the values as they may be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyChange {
    /// Which key.
    pub path: JsonPointer,
    /// What it was; none when it was not there.
    pub from: Option<Value>,
    /// What it is; none when it no longer exists. It may look the same: a reference that gives something else.
    pub to: Option<Value>,
    /// Whether it is in effect already.
    pub takes: ApplyMode,
    /// Where the new value comes from.
    pub origin: Option<Origin>,
}

/// A key that differs between two documents, or that one of them does not have.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyDifference {
    /// Which key.
    pub path: JsonPointer,
    /// The value of the old one.
    pub from: Option<Value>,
    /// The value of the new one.
    pub to: Option<Value>,
}

/// What is different from one document to another, leaf by leaf, ordered by path.
#[must_use]
pub fn differences(old: &Value, new: &Value) -> Vec<KeyDifference> {
    let mut paths = BTreeSet::new();
    for value in [old, new] {
        leaves(value, &JsonPointer::root(), &mut |path, _| {
            paths.insert(path);
        });
    }
    let at =
        |value: &Value, path: &JsonPointer| value.pointer(path.as_str()).filter(|it| !it.is_null()).cloned();
    let difference = |path: JsonPointer| KeyDifference { from: at(old, &path), to: at(new, &path), path };
    paths.into_iter().map(difference).filter(|it| it.from != it.to).collect()
}
