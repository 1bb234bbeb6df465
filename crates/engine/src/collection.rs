//! Documents of any type that serde reads, as a kind.

use std::fmt;
use std::sync::Arc;

use imbl::OrdMap;
use midflight_core::{DocumentName, JsonPointer, KindName, NameError, Problem, Problems};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{DocumentSchema, Kind, KindChange, Work};

/// A kind whose documents are values of a type that serde reads, found by name.
///
/// A document that the type does not take is refused with its place and the words of serde. Cost of an edit: its
/// documents; the others are shared.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use midflight_core::Edit;
/// use midflight_engine::{Collection, Engine};
/// use serde_json::json;
///
/// #[derive(serde::Deserialize)]
/// struct Limit { max: u64 }
///
/// let mut builder = Engine::builder().memory();
/// let limits = builder.kind(Collection::<Limit>::new("limits")?);
/// let engine = builder.start().await?;
/// let limits = engine.live(limits);
/// engine.apply(Edit::by("ann").put("limits/uploads", json!({"max": 10}))).await?;
/// assert_eq!(limits.load().get("uploads").map(|limit| limit.max), Some(10));
///
/// let refused = engine.apply(Edit::by("ann").put("limits/uploads", json!({"max": "ten"}))).await.unwrap_err();
/// assert!(refused.to_string().contains("/max: invalid type: string \"ten\", expected u64"));
/// # Ok(())
/// # }
/// ```
pub struct Collection<T> {
    name: KindName,
    schemas: Vec<DocumentSchema>,
    check: Option<CollectionCheck<T>>,
}

type CollectionCheck<T> = Box<dyn Fn(&DocumentName, &T) -> Result<(), Problems> + Send + Sync>;

impl<T> Collection<T> {
    /// A kind of that name.
    ///
    /// # Errors
    /// [`NameError`] when it is no name of a kind.
    pub fn new(name: &str) -> Result<Self, NameError> {
        Ok(Self { name: KindName::new(name)?, schemas: Vec::new(), check: None })
    }

    /// Refuses documents that are of the type and wrong all the same; `check` gives every problem. It is pure, as all
    /// of a [`Kind`] is.
    #[must_use]
    pub fn checked(
        mut self,
        check: impl Fn(&DocumentName, &T) -> Result<(), Problems> + Send + Sync + 'static,
    ) -> Self {
        self.check = Some(Box::new(check));
        self
    }

    /// States the JSON Schema of its documents, for editors; it is not what they are validated against. It holds for
    /// names of one segment.
    #[must_use]
    pub fn with_schema(mut self, schema: Value) -> Self {
        self.schemas = vec![DocumentSchema { title: "document", names: "{name}", schema }];
        self
    }

    /// States the JSON Schema that `schemars` derives from the type, as [`Self::with_schema`] does.
    #[cfg(feature = "schema")]
    #[must_use]
    pub fn with_derived_schema(self) -> Self
    where
        T: schemars::JsonSchema,
    {
        self.with_schema(schemars::schema_for!(T).to_value())
    }
}

impl<T> fmt::Debug for Collection<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collection").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A document of a [`Collection`], found valid.
#[derive(Debug)]
pub struct CollectionItem<T> {
    value: Arc<T>,
    body: Arc<Value>,
}

impl<T> Clone for CollectionItem<T> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), body: Arc::clone(&self.body) }
    }
}

/// The documents of a [`Collection`] at a revision, by name. A clone shares everything.
#[derive(Debug)]
pub struct CollectionItems<T>(OrdMap<Arc<str>, CollectionItem<T>>);

impl<T> Clone for CollectionItems<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> CollectionItems<T> {
    /// The value of a document. Cost: logarithmic in their number.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&T> {
        self.0.get(name).map(|item| &*item.value)
    }

    /// The same, to keep.
    #[must_use]
    pub fn get_shared(&self, name: &str) -> Option<&Arc<T>> {
        self.0.get(name).map(|item| &item.value)
    }

    /// The documents in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(name, item)| (&**name, &*item.value))
    }

    /// How many documents there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T: DeserializeOwned + Send + Sync + 'static> Kind for Collection<T> {
    type Document = CollectionItem<T>;
    type Snapshot = CollectionItems<T>;

    fn name(&self) -> KindName {
        self.name.clone()
    }

    fn empty(&self) -> CollectionItems<T> {
        CollectionItems(OrdMap::new())
    }

    fn validate(
        &self,
        name: &DocumentName,
        body: &Arc<Value>,
        _: &Work,
    ) -> Result<CollectionItem<T>, Problems> {
        let value: T = serde_path_to_error::deserialize(&**body).map_err(|error| {
            Problem::new("invalid_value", JsonPointer::from(error.path()), error.inner().to_string())
        })?;
        if let Some(check) = &self.check {
            check(name, &value)?;
        }
        Ok(CollectionItem { value: Arc::new(value), body: Arc::clone(body) })
    }

    fn compile(
        &self,
        previous: &CollectionItems<T>,
        changes: Vec<KindChange<CollectionItem<T>>>,
        work: &Work,
    ) -> Result<CollectionItems<T>, Problems> {
        let mut next = previous.clone();
        for KindChange { name, document } in changes {
            work.check()?;
            match document {
                Some(item) => drop(next.0.insert(name.as_str().into(), item)),
                None => drop(next.0.remove(name.as_str())),
            }
        }
        Ok(next)
    }

    fn body<'a>(&self, snapshot: &'a CollectionItems<T>, name: &DocumentName) -> Option<&'a Arc<Value>> {
        snapshot.0.get(name.as_str()).map(|item| &item.body)
    }

    /// Takes a name and gives the body of that document, or null.
    fn answer(&self, snapshot: &CollectionItems<T>, input: &Value) -> Result<Value, Problem> {
        let Some(name) = input.as_str() else {
            let message = "the input is the name of a document, as a text";
            return Err(Problem::new("wrong_type", JsonPointer::root(), message));
        };
        Ok(snapshot.0.get(name).map_or(Value::Null, |item| Value::clone(&item.body)))
    }

    fn schemas(&self) -> Vec<DocumentSchema> {
        self.schemas.clone()
    }

    fn figures(&self, snapshot: &CollectionItems<T>) -> Vec<(&'static str, u64)> {
        vec![("documents", snapshot.len() as u64)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::try_kind;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Limit {
        max: u64,
        #[serde(default)]
        hosts: Vec<String>,
    }

    fn name(text: &str) -> DocumentName {
        DocumentName::new(text).unwrap()
    }

    fn limits() -> Collection<Limit> {
        let check = |_: &DocumentName, limit: &Limit| match limit.max {
            0 => {
                Err(Problem::new("too_small", JsonPointer::root().key("max"), "write a number from 1 up")
                    .into())
            }
            _ => Ok(()),
        };
        Collection::new("limits").unwrap().checked(check)
    }

    #[test]
    fn it_is_the_pure_function_that_a_kind_is() {
        let documents = [(name("a"), json!({"max": 1})), (name("b/c"), json!({"max": 2, "hosts": ["h"]}))];
        try_kind(&limits(), &documents, &[json!("a"), json!("b/c"), json!("d"), json!(7)]).unwrap();
        assert!(Collection::<Limit>::new("Not a name").is_err());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (body, messages) in [
            (json!({"max": 1, "hosts": ["a", 7]}), "/hosts/1: invalid type: integer `7`, expected a string"),
            (json!({"max": 1, "mx": 2}), "unknown field `mx`"),
            (json!({}), "missing field `max`"),
            (json!({"max": 0}), "/max: write a number from 1 up"),
        ] {
            let problems = limits().validate(&name("a"), &Arc::new(body), &Work::unbounded()).unwrap_err();
            assert!(problems.to_string().contains(messages), "{problems}");
        }
    }

    #[test]
    fn documents_are_found_by_name_and_keep_their_bodies() {
        let (kind, body) = (limits(), Arc::new(json!({"max": 3})));
        let document = kind.validate(&name("a/b"), &body, &Work::unbounded()).unwrap();
        let change = KindChange { name: name("a/b"), document: Some(document) };
        let items = kind.compile(&kind.empty(), vec![change], &Work::unbounded()).unwrap();
        assert_eq!((items.get("a/b").unwrap().max, items.len(), items.is_empty()), (3, 1, false));
        assert_eq!(
            items.iter().map(|(name, limit)| (name, limit.hosts.len())).collect::<Vec<_>>(),
            [("a/b", 0)]
        );
        assert!(items.get("a").is_none() && items.get_shared("a/b").is_some());
        assert!(Arc::ptr_eq(kind.body(&items, &name("a/b")).unwrap(), &body));
        assert_eq!(kind.figures(&items), [("documents", 1)]);
    }
}
