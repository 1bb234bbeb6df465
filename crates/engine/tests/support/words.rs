//! A toy kind: words by name.
#![expect(clippy::unwrap_used, unreachable_pub, reason = "the support of tests, in a file of its own")]

use std::collections::BTreeMap;
use std::sync::Arc;

use midflight_core::{
    Change, DocumentId, DocumentName, Edit, JsonPointer, KindName, Problem, Problems, Trigger,
};
use midflight_engine::{Kind, KindChange, Work};
use serde_json::{Value, json};

/// Words by name: `{"text": "hello", "needs": "other"}`. Some texts misbehave on purpose.
pub struct Words;

#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    pub text: String,
    pub needs: Option<DocumentName>,
}

pub type WordMap = BTreeMap<DocumentName, Word>;

impl Kind for Words {
    type Document = Word;
    type Snapshot = WordMap;

    fn name(&self) -> KindName {
        KindName::new("words").unwrap()
    }

    fn empty(&self) -> WordMap {
        WordMap::new()
    }

    fn validate(&self, _: &DocumentName, body: &Arc<Value>, work: &Work) -> Result<Word, Problems> {
        let wrong = |key: &str| Problem::new("wrong_type", JsonPointer::root().key(key), "write a string");
        let text = body.get("text").and_then(Value::as_str).ok_or_else(|| wrong("text"))?;
        if text == "panic in validate" {
            panic!("told to");
        }
        work.charge(text.len() as u64)?;
        let needs = match body.get("needs") {
            None => None,
            Some(name) => {
                let name = name.as_str().ok_or_else(|| wrong("needs"))?;
                Some(DocumentName::new(name).map_err(|_| wrong("needs"))?)
            }
        };
        Ok(Word { text: text.to_owned(), needs })
    }

    fn compile(
        &self,
        previous: &WordMap,
        changes: Vec<KindChange<Word>>,
        work: &Work,
    ) -> Result<WordMap, Problems> {
        let mut next = previous.clone();
        for change in changes {
            work.check()?;
            if let Some(word) = &change.document {
                match word.text.as_str() {
                    "panic" => panic!("told to"),
                    "for ever" => loop {
                        std::hint::spin_loop();
                    },
                    "for ever, asking" => loop {
                        work.check()?;
                    },
                    "memory" => work.charge(u64::MAX / 2).and_then(|()| work.charge(u64::MAX / 2 + 2))?,
                    _ => {}
                }
            }
            match change.document {
                Some(word) => next.insert(change.name, word),
                None => next.remove(&change.name),
            };
        }
        let problems: Problems = next
            .iter()
            .filter_map(|(name, word)| {
                let missing = word.needs.as_ref().filter(|needs| !next.contains_key(*needs))?;
                let id = |name: &DocumentName| DocumentId { kind: Kind::name(self), name: name.clone() };
                let place = JsonPointer::root().key("needs");
                let problem = Problem::new("missing", place, format!("{missing} is not there"));
                Some(problem.in_document(&id(name)).because_of(id(missing)))
            })
            .collect();
        problems.or(next)
    }

    fn answer(&self, snapshot: &WordMap, input: &Value) -> Result<Value, Problem> {
        let wrong = || Problem::new("wrong_type", JsonPointer::root(), "ask for a name");
        let name = DocumentName::new(input.as_str().ok_or_else(wrong)?).map_err(|_| wrong())?;
        Ok(snapshot.get(&name).map_or(Value::Null, |word| json!(word.text)))
    }

    fn figures(&self, snapshot: &WordMap) -> Vec<(&'static str, u64)> {
        vec![("words", snapshot.len() as u64)]
    }
}

pub fn id(name: &str) -> DocumentId {
    DocumentId::new("words", name).unwrap()
}

pub fn put(name: &str, text: &str) -> Change {
    Change::put(id(name), json!({ "text": text }))
}

pub fn edit(changes: impl IntoIterator<Item = Change>) -> Edit {
    Edit::new("tester", Trigger::ApiUpdate, changes)
}
