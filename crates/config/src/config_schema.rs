//! A config that a program reads as a type of its own: plain serde types, and what is declared of their keys.

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use midflight_core::{Digest, JsonPointer, Problem, Problems, hint};
use midflight_engine::{DocumentWriter, Environment, Interrupted, Work};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::REDACTED;
use crate::entry::ConfigEntry;
use crate::keys::{ApplyMode, KeyDeclarations};
use crate::layered_value::{
    LayeredValue, literal_secret, literal_secrets, refuse_literal_secrets, refuse_open_references,
};
use crate::limits::CONFIG_SECRETS_MAX;
use crate::operator::OperatorContents;
use crate::origin::{Origin, Override};
use crate::pace::Pace;
use crate::parse::{parse, parse_mended};
use crate::redactor::{Redactor, SecretGuard};
use crate::tree::{leaves, texts_of};

/// Of how many secrets that are written out in a document the place is reported, not only the count. Past it nothing
/// else is looked for, since a message could quote them: as many as are listed.
const LITERALS_MAX: usize = Problems::LISTED_MAX;

/// What is asked of a value beyond its type.
type ValueCheck<T> = Arc<dyn Fn(&T) -> Problems + Send + Sync>;

/// What a program knows of its own config: a serde type whose `Default` is the lowest layer, and what is declared of
/// its keys. Every key is live unless it is declared otherwise.
///
/// ```
/// use midflight_config::{Secret, ConfigSchema};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// #[serde(default)]
/// struct Settings {
///     port: u16,
///     level: String,
///     key: Secret,
/// }
///
/// impl Default for Settings {
///     fn default() -> Self {
///         Self { port: 8080, level: "info".to_owned(), key: Secret::default() }
///     }
/// }
///
/// let shape = ConfigSchema::<Settings>::new().restart("/port");
/// # let _ = shape;
/// ```
///
/// The type takes its defaults by `#[serde(default)]`, so that a document may leave members out. A field of the type
/// [`Secret`](crate::Secret) is a secret without a declaration.
pub struct ConfigSchema<T> {
    defaults: Value,
    keys: KeyDeclarations,
    overrides: Vec<Override>,
    /// What is wrong with the variables; reported when a value is built.
    wrong: Problems,
    check: Option<ValueCheck<T>>,
    redactor: Redactor,
    operator: OperatorContents,
    value: PhantomData<fn() -> T>,
}

impl<T: Default + Serialize + DeserializeOwned + Send + Sync + 'static> ConfigSchema<T> {
    /// The type alone. A default that cannot be serialised counts as none.
    #[must_use]
    pub fn new() -> Self {
        let mut defaults = serde_json::to_value(T::default()).unwrap_or_else(|_| ConfigEntry::nothing());
        let mut keys = KeyDeclarations::default();
        let mut secrets = Vec::new();
        leaves(&defaults, &JsonPointer::root(), &mut |path, value| {
            if value.as_str() == Some(REDACTED) {
                secrets.push(path);
            }
        });
        for path in secrets {
            if let Some(place) = defaults.pointer_mut(path.as_str()) {
                *place = Value::String(String::new());
            }
            keys.keep_secret(&path);
        }
        let (overrides, wrong) = (Vec::new(), Problems::default());
        let (redactor, operator) = (Redactor::default(), OperatorContents::default());
        Self { defaults, keys, overrides, wrong, check: None, redactor, operator, value: PhantomData }
    }

    /// Declares that a key and what is below it are in effect after the next start only. `path` is a JSON Pointer.
    #[must_use]
    pub fn restart(mut self, path: &str) -> Self {
        self.keys.declare(&JsonPointer::parse(path), ApplyMode::Restart);
        self
    }

    /// Declares that a key and what is below it have no effect in this program.
    #[must_use]
    pub fn ignored(mut self, path: &str) -> Self {
        self.keys.declare(&JsonPointer::parse(path), ApplyMode::Ignored);
        self
    }

    /// Declares a key a secret: documents may only refer to it, and it is never shown.
    #[must_use]
    pub fn secret(mut self, path: &str) -> Self {
        self.keys.keep_secret(&JsonPointer::parse(path));
        self
    }

    /// Sets what is asked of a value beyond its type. It lists all problems, each with its path.
    #[must_use]
    pub fn check(mut self, check: impl Fn(&T) -> Problems + Send + Sync + 'static) -> Self {
        self.check = Some(Arc::new(check));
        self
    }

    /// Sets what learns every secret that references, variables, flags and the operator's file give, so that messages
    /// can be kept free of them. What an editor's document has written out is refused, and is not learned.
    #[must_use]
    pub fn redacted_by(mut self, redactor: Redactor) -> Self {
        self.redactor = redactor;
        self
    }

    /// What knows every secret of the values that were made.
    #[must_use]
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Sets which documents are the operator's own: they may refer to anything, in any key.
    #[must_use]
    pub fn operated_by(mut self, contents: OperatorContents) -> Self {
        self.operator = contents;
        self
    }

    /// Which documents are the operator's own.
    #[must_use]
    pub fn operator(&self) -> &OperatorContents {
        &self.operator
    }

    /// Lays variables of the environment over the document: with the prefix `SHOP`, `SHOP_PORT` is `/port` and
    /// `SHOP_LOG__LEVEL` is `/log/level`. A variable of that prefix that is not a key is not ours, unless it has two
    /// underscores in it: then it is refused. A key that is a group of others has no variable.
    #[must_use]
    pub fn env(mut self, prefix: &str, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let start = format!("{prefix}_");
        let mut found = Vec::new();
        for (name, text) in variables {
            let Some(rest) = name.strip_prefix(&start).filter(|rest| !rest.is_empty()) else { continue };
            let rest = rest.to_lowercase();
            let path = rest.split("__").fold(JsonPointer::root(), |at, key| at.key(key));
            match self.knows(&path) {
                Ok(()) => found.push(Override { path, text, origin: Origin::Env(name) }),
                Err(hint) if rest.contains("__") => {
                    let message = format!("the variable {name} is not a key of this config{hint}");
                    self.wrong.add(Problem::new("unknown_variable", path, message));
                }
                Err(_) => {}
            }
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        // Below whatever was laid over already: a flag covers a variable.
        found.append(&mut self.overrides);
        self.overrides = found;
        self
    }

    /// Lays one value over the document and over the variables, as a flag of the command line does.
    #[must_use]
    pub fn cover(mut self, path: &str, text: impl Into<String>, origin: Origin) -> Self {
        self.overrides.push(Override { path: JsonPointer::parse(path), text: text.into(), origin });
        self
    }

    /// Whether the type has a key, as far as its default shows; else what may have been meant.
    fn knows(&self, path: &JsonPointer) -> Result<(), String> {
        let mut here = &self.defaults;
        for key in path.steps() {
            let members = match here {
                Value::Object(members) if !members.is_empty() => members,
                // Nothing is known of what would be here.
                Value::Object(_) | Value::Null => return Ok(()),
                _ => return Err(String::new()),
            };
            match members.get(&*key) {
                Some(value) => here = value,
                None => return Err(hint(&key, members.keys().map(String::as_str))),
            }
        }
        match here {
            // A whole group of keys is no value that a text could be.
            Value::Object(members) if !members.is_empty() => Err(String::new()),
            _ => Ok(()),
        }
    }

    /// Makes the config of a document, or of everything else alone.
    ///
    /// # Errors
    /// All that is wrong with it, each problem with its path and without a secret.
    pub fn build(
        &self,
        document: Option<&Arc<Value>>,
        environment: &dyn Environment,
    ) -> Result<ConfigEntry, Problems> {
        self.build_from(document, environment, &Work::unbounded())
    }

    /// The same within a budget, and of its inputs.
    ///
    /// # Errors
    /// As [`ConfigSchema::build`]; and that the budget has ended.
    pub fn build_within(&self, document: Option<&Arc<Value>>, work: &Work) -> Result<ConfigEntry, Problems> {
        self.build_from(document, work.inputs(), work)
    }

    fn build_from(
        &self,
        document: Option<&Arc<Value>>,
        environment: &dyn Environment,
        work: &Work,
    ) -> Result<ConfigEntry, Problems> {
        let mut making = LayerContext { environment, pace: Pace::new(work), literals: Vec::new() };
        let made = self.make(document, &mut making);
        made.map_err(|problems| self.redactor.problems_without(&making.literals, &problems))
    }

    fn make(
        &self,
        document: Option<&Arc<Value>>,
        making: &mut LayerContext<'_, '_>,
    ) -> Result<ConfigEntry, Problems> {
        let digest = document.map(|document| Digest::of_body(document));
        let writer = match digest {
            Some(digest) if self.operator.wrote_digest(digest) => DocumentWriter::Operator,
            _ => DocumentWriter::Log,
        };
        let (mut draft, draft_keys, mut problems) = self.draft(document.map(|it| &**it), writer, making)?;
        let messages: Vec<_> = problems.iter().map(|problem| problem.path.clone()).collect();
        // What a reference did not give is no second problem.
        let is_new = |problem: &&Problem| !messages.contains(&problem.path);
        let new_of = |found: &Problems| {
            let new: Problems = found.iter().filter(is_new).cloned().collect();
            new.with_unlisted(found.unlisted())
        };
        let pace = &mut making.pace;
        let typed = match parse::<T>(&mut draft, &self.defaults, &draft_keys, pace)? {
            Ok(typed) => Arc::new(typed),
            Err(found) => {
                problems.append(new_of(&found));
                return Err(problems);
            }
        };
        let keys = self.keys_of(&typed, pace)?;
        // A list that a reference gave may have secrets in it that did not show before.
        let mut all_keys = keys.clone();
        all_keys.keep_secrets_of(&draft_keys);
        let in_use = self.hide(&draft, &all_keys, pace)?;
        if let Some(check) = &self.check {
            let found = draft.with_origins(check(&typed));
            problems.append(new_of(&found));
        }
        problems.or(())?;
        if let Some(document) = document {
            refuse_literal_secrets(document, &keys, pace)?.or(())?;
        }
        if writer == DocumentWriter::Log {
            draft.resolved_openly(&keys).or(())?;
        }
        let shown = draft.shown(&keys, pace)?;
        let entry = ConfigEntry::new(document.zip(digest), draft, shown, Arc::new(keys));
        Ok(ConfigEntry { typed: Some(typed), in_use, ..entry })
    }

    /// The layers in one value, the keys with the secrets among them, and what is wrong so far.
    fn draft(
        &self,
        document: Option<&Value>,
        by: DocumentWriter,
        making: &mut LayerContext<'_, '_>,
    ) -> Result<(LayeredValue, KeyDeclarations, Problems), Problems> {
        let LayerContext { environment, pace, literals } = making;
        let mut draft = LayeredValue::new(&self.defaults);
        let mut problems = self.wrong.clone();
        if let Some(document) = document {
            draft.say(document, pace)?;
        }
        let mut of_document = self.keys_in(&draft, pace)?;
        draft.cover(document, &self.overrides, &self.defaults, pace)?;
        let keys = self.keys_in(&draft, pace)?;
        // What a variable covers here is a secret all the same.
        of_document.keep_secrets_of(&keys);
        if let Some(document) = document {
            literal_secrets(document, &of_document, pace, &mut |path, text| {
                problems.add(literal_secret(path));
                if literals.len() <= LITERALS_MAX {
                    literals.push(text.to_owned());
                }
            })?;
            if by == DocumentWriter::Operator {
                // The operator may use it elsewhere.
                self.redactor.hide_in_use(literals.iter().map(String::as_str));
            }
            if literals.len() > LITERALS_MAX {
                return Err(problems);
            }
            if by == DocumentWriter::Log {
                problems.append(refuse_open_references(document, &of_document, pace)?);
            }
        }
        problems.append(draft.resolve(&self.defaults, *environment, by, &keys, pace)?);
        self.hide(&draft, &keys, pace)?;
        Ok((draft, keys, problems))
    }

    /// Keeps the secrets of a draft out of messages.
    fn hide(
        &self,
        draft: &LayeredValue,
        keys: &KeyDeclarations,
        pace: &mut Pace<'_>,
    ) -> Result<SecretGuard, Problems> {
        let mut secrets = BTreeSet::new();
        draft.secrets(keys, pace, &mut |secret| {
            if secrets.len() <= CONFIG_SECRETS_MAX {
                secrets.insert(secret.to_owned());
            }
        })?;
        if secrets.len() > CONFIG_SECRETS_MAX {
            let message = format!(
                "it is given more than {CONFIG_SECRETS_MAX} secrets (config_secrets_max); split the config, or give one secret \
                 to several keys"
            );
            return Err(Problem::new("too_many_secrets", JsonPointer::root(), message).into());
        }
        Ok(self.redactor.hide_in_use(secrets.iter().map(String::as_str)))
    }

    /// Which keys of a draft are secrets, before anything in it is resolved. A secret in an option or a map shows only
    /// in a value, so one is made in which references are the texts that they are written as.
    fn keys_in(&self, draft: &LayeredValue, pace: &mut Pace<'_>) -> Result<KeyDeclarations, Interrupted> {
        match parse_mended::<T>(&mut draft.clone(), &self.defaults, &self.keys, pace)? {
            (Some(typed), _) => self.keys_of(&typed, pace),
            (None, _) => Ok(self.keys.clone()),
        }
    }

    /// What is declared of keys, with the secrets that only a whole value shows, as in an option that the default
    /// leaves out.
    fn keys_of(&self, typed: &T, pace: &mut Pace<'_>) -> Result<KeyDeclarations, Interrupted> {
        let mut keys = self.keys.clone();
        let value = serde_json::to_value(typed).unwrap_or_default();
        texts_of(&value, &JsonPointer::root(), pace, &mut |path, text| {
            if text == REDACTED {
                keys.keep_secret(&path);
            }
        })?;
        Ok(keys)
    }
}

/// What a config is made with.
struct LayerContext<'a, 'w> {
    environment: &'a dyn Environment,
    pace: Pace<'w>,
    /// The secrets that are written out in the document, which is refused for them.
    literals: Vec<String>,
}

impl<T: Default + Serialize + DeserializeOwned + Send + Sync + 'static> Default for ConfigSchema<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for ConfigSchema<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shape").field("overrides", &self.overrides).finish_non_exhaustive()
    }
}

/// [`ConfigSchema`] without its type.
pub(crate) trait AnyShape: Send + Sync {
    fn build_within(&self, document: Option<&Arc<Value>>, work: &Work) -> Result<ConfigEntry, Problems>;
}

impl<T: Default + Serialize + DeserializeOwned + Send + Sync + 'static> AnyShape for ConfigSchema<T> {
    fn build_within(&self, document: Option<&Arc<Value>>, work: &Work) -> Result<ConfigEntry, Problems> {
        Self::build_within(self, document, work)
    }
}
