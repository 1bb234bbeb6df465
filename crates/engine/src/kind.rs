//! What a kind is: a pure function from documents to a snapshot.

use std::sync::Arc;

use midflight_core::{DocumentName, KindName, Problem, Problems};
use serde_json::Value;

use crate::{Environment, EnvironmentInput, Work};

/// A kind of document, and how to serve it.
///
/// A kind is a pure function. It does no I/O and reads no clock and no randomness: the same documents make the same
/// snapshot on the replica that takes an edit, on every other one, in a dry run and in a test. So an edit can be
/// compiled and checked before it is accepted, and a kind is tested without a server. Documents that refer to variables
/// or files of the process get them as a second input, [`Work::inputs`]; a replica reports digests of what it got.
///
/// # How to write one
/// ```
/// use midflight_core::{DocumentName, KindName, JsonPointer, Problem, Problems};
/// use midflight_engine::{Kind, KindChange, Work};
/// use serde_json::{Value, json};
/// use std::collections::BTreeMap;
/// use std::sync::Arc;
///
/// /// Greetings by language: documents `{"text": "Hello"}`, named by language.
/// struct Greetings;
///
/// impl Kind for Greetings {
///     type Document = String;
///     type Snapshot = BTreeMap<DocumentName, String>;
///
///     fn name(&self) -> KindName {
///         KindName::new("greetings").expect("a valid name")
///     }
///
///     fn empty(&self) -> Self::Snapshot {
///         BTreeMap::new()
///     }
///
///     fn validate(&self, _: &DocumentName, body: &Arc<Value>, _: &Work) -> Result<String, Problems> {
///         let text = body.get("text").and_then(Value::as_str);
///         let place = JsonPointer::root().key("text");
///         text.map(str::to_owned).ok_or_else(|| Problem::new("wrong_type", place, "write a string").into())
///     }
///
///     fn compile(
///         &self,
///         previous: &Self::Snapshot,
///         changes: Vec<KindChange<String>>,
///         work: &Work,
///     ) -> Result<Self::Snapshot, Problems> {
///         let mut next = previous.clone();
///         for change in changes {
///             work.check()?;
///             match change.document {
///                 Some(text) => next.insert(change.name, text),
///                 None => next.remove(&change.name),
///             };
///         }
///         Ok(next)
///     }
///
///     fn answer(&self, snapshot: &Self::Snapshot, input: &Value) -> Result<Value, Problem> {
///         let name = input.as_str().and_then(|text| DocumentName::new(text).ok());
///         Ok(name.and_then(|name| snapshot.get(&name)).map_or(Value::Null, |text| json!(text)))
///     }
/// }
/// ```
///
/// The common mistake is to keep something in `self` and change it in [`Kind::compile`]: a snapshot that is never
/// published would leave its traces. All that a kind knows is in its arguments.
pub trait Kind: Send + Sync + 'static {
    /// A document that was found valid by itself.
    type Document: Send + Sync + 'static;
    /// What readers use: immutable and shared. Sharing what did not change (an `Arc` or a persistent map) is what
    /// makes [`Kind::compile`] cost what the change costs.
    type Snapshot: Send + Sync + 'static;

    /// The kind's name, always the same.
    fn name(&self) -> KindName;

    /// The snapshot of no documents, from which every start is a change.
    fn empty(&self) -> Self::Snapshot;

    /// Looks at one document by itself and parses it.
    ///
    /// The body is an object nested at most [`midflight_core::BODY_DEPTH_MAX`] deep; checks (names under `checks/`)
    /// are the engine's and never come here. A kind that keeps the body keeps the `Arc`, so that it is in memory once.
    ///
    /// # Errors
    /// Every problem that it has, each with its path; not only the first.
    fn validate(
        &self,
        name: &DocumentName,
        body: &Arc<Value>,
        work: &Work,
    ) -> Result<Self::Document, Problems>;

    /// Makes the next snapshot from the previous one and the documents that change, ordered by name, none twice.
    ///
    /// Here is where documents meet: a reference to one that is missing, a name taken twice. The previous snapshot is
    /// what is served and stays as it is.
    ///
    /// # Errors
    /// Every problem, each naming its document (also one that did not change but lost what it refers to).
    fn compile(
        &self,
        previous: &Self::Snapshot,
        changes: Vec<KindChange<Self::Document>>,
        work: &Work,
    ) -> Result<Self::Snapshot, Problems>;

    /// The inputs of which the snapshot was made beside its documents: the answers of [`Work::inputs`] to
    /// [`Kind::compile`]. By default none. It is asked after each reload that compiled the kind, so it costs what the
    /// inputs cost.
    fn inputs(&self, _snapshot: &Self::Snapshot) -> Vec<EnvironmentInput> {
        Vec::new()
    }

    /// Whether the snapshot has to be made again of the same documents: then [`Kind::compile`] is asked without any
    /// change. It is asked at every look at the log. By default it is so when the contents of one of [`Kind::inputs`]
    /// changed.
    fn is_stale(&self, snapshot: &Self::Snapshot, environment: &dyn Environment) -> bool {
        self.inputs(snapshot).iter().any(|input| input.is_stale(environment))
    }

    /// The body of a document as it was put, if the snapshot has it. A reload of everything then has what did not
    /// change in memory once, and does not parse it. By default none.
    fn body<'a>(&self, _snapshot: &'a Self::Snapshot, _name: &DocumentName) -> Option<&'a Arc<Value>> {
        None
    }

    /// Answers an input the way its readers would be answered, so that a check can compare it. Leaves out whatever is
    /// not determined by snapshot and input, as the time taken.
    ///
    /// # Errors
    /// What is wrong with the input, with a path into it.
    fn answer(&self, snapshot: &Self::Snapshot, input: &Value) -> Result<Value, Problem>;

    /// The JSON Schemas of its documents. By default none.
    fn schemas(&self) -> Vec<DocumentSchema> {
        Vec::new()
    }

    /// Figures about a snapshot for status pages, as `("rules", 120)`. By default none.
    fn figures(&self, _snapshot: &Self::Snapshot) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}

/// A document of a kind that changes from one snapshot to the next.
#[derive(Debug, Clone, PartialEq)]
pub struct KindChange<D> {
    /// Which one.
    pub name: DocumentName,
    /// Its current body; none when it no longer exists.
    pub document: Option<D>,
}

/// The JSON Schema of one sort of document.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentSchema {
    /// A word for the sort, as `rule`.
    pub title: &'static str,
    /// The names it holds for, as `{ruleset}/{rule_id}`: segments as in a name, of which those in braces are variables.
    pub names: &'static str,
    /// The schema (JSON Schema 2020-12).
    pub schema: Value,
}

impl DocumentSchema {
    /// The variables of [`Self::names`] with their values in a name, in order; none for a name of another sort. A
    /// variable is one segment of the name, so a name with more or fewer segments is of another sort.
    ///
    /// ```
    /// # use midflight_core::DocumentName;
    /// # use midflight_engine::DocumentSchema;
    /// let rule = DocumentSchema { title: "rule", names: "{ruleset}/{rule_id}", schema: true.into() };
    /// let name = DocumentName::new("loans/R1")?;
    /// assert_eq!(rule.ids(&name), Some(vec![("ruleset", "loans"), ("rule_id", "R1")]));
    /// assert_eq!(rule.ids(&DocumentName::new("loans")?), None);
    /// # Ok::<_, midflight_core::NameError>(())
    /// ```
    #[must_use]
    pub fn ids<'n>(&self, name: &'n DocumentName) -> Option<Vec<(&'static str, &'n str)>> {
        let (mut sort, mut segments) = (self.names.split('/'), name.segments());
        let mut ids = Vec::new();
        loop {
            match (sort.next(), segments.next()) {
                (None, None) => return Some(ids),
                (Some(expected), Some(segment)) => match variable(expected) {
                    Some(variable) => ids.push((variable, segment)),
                    None if expected == segment => {}
                    None => return None,
                },
                _ => return None,
            }
        }
    }
}

/// The name of the variable that a segment of [`DocumentSchema::names`] is; none when it is literal.
fn variable(segment: &'static str) -> Option<&'static str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_a_sort_describe_the_segments_of_a_name() {
        let schema = |names| DocumentSchema { title: "sort", names, schema: Value::Null };
        type Ids = Option<&'static [(&'static str, &'static str)]>;
        let table: [(&'static str, &str, Ids); 10] = [
            ("{ruleset}", "loans", Some(&[("ruleset", "loans")])),
            ("{ruleset}", "loans/R1", None),
            ("{ruleset}/{rule_id}", "loans/R1", Some(&[("ruleset", "loans"), ("rule_id", "R1")])),
            ("{ruleset}/{rule_id}", "loans", None),
            ("{ruleset}/{rule_id}", "loans/R1/x", None),
            ("conditions/{condition_id}", "conditions/C1", Some(&[("condition_id", "C1")])),
            ("conditions/{condition_id}", "condition/C1", None),
            ("conditions/{condition_id}", "conditions", None),
            ("settings", "settings", Some(&[])),
            ("settings", "setting", None),
        ];
        for (names, name, expected) in table {
            let document = DocumentName::new(name).unwrap();
            assert_eq!(schema(names).ids(&document).as_deref(), expected, "{names} {name}");
        }
    }
}
