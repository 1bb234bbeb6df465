//! A toy kind whose documents refer to variables, and an environment that can change.
#![expect(clippy::unwrap_used, unreachable_pub, reason = "the support of tests, in a file of its own")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use midflight_core::{DocumentName, JsonPointer, KindName, Problem, Problems};
use midflight_engine::{DocumentWriter, Environment, EnvironmentInput, InputName, Kind, KindChange, Work};
use serde_json::{Value, json};

/// What variables say, by the names of the documents `{"variable": "NAME"}`.
pub struct Variables;

#[derive(Debug, Clone)]
pub struct Said {
    pub text: String,
    input: EnvironmentInput,
}

pub type VariableMap = BTreeMap<DocumentName, Said>;

fn read(name: &str, work: &Work) -> Result<Said, Problems> {
    let wrong = |why: String| Problem::new("unset", JsonPointer::root().key("variable"), why);
    let text = work.inputs().variable(name, DocumentWriter::Log).map_err(wrong)?;
    let text = text.ok_or_else(|| wrong(format!("{name} is not set")))?;
    let input = EnvironmentInput::new(InputName::Variable(name.to_owned()), DocumentWriter::Log, &text);
    Ok(Said { text, input })
}

impl Kind for Variables {
    type Document = String;
    type Snapshot = VariableMap;

    fn name(&self) -> KindName {
        KindName::new("variables").unwrap()
    }

    fn empty(&self) -> VariableMap {
        VariableMap::new()
    }

    fn validate(&self, _: &DocumentName, body: &Arc<Value>, _: &Work) -> Result<String, Problems> {
        let name = body.get("variable").and_then(Value::as_str);
        let wrong = || Problem::new("wrong_type", JsonPointer::root().key("variable"), "write a string");
        Ok(name.map(str::to_owned).ok_or_else(wrong)?)
    }

    fn compile(
        &self,
        previous: &VariableMap,
        changes: Vec<KindChange<String>>,
        work: &Work,
    ) -> Result<VariableMap, Problems> {
        let mut next = VariableMap::new();
        for (document, output) in previous {
            let InputName::Variable(name) = &output.input.name else { continue };
            next.insert(document.clone(), read(name, work)?);
        }
        for KindChange { name, document } in changes {
            match document {
                Some(variable) => next.insert(name, read(&variable, work)?),
                None => next.remove(&name),
            };
        }
        Ok(next)
    }

    fn inputs(&self, snapshot: &VariableMap) -> Vec<EnvironmentInput> {
        snapshot.values().map(|output| output.input.clone()).collect()
    }

    fn answer(&self, snapshot: &VariableMap, input: &Value) -> Result<Value, Problem> {
        let name = input.as_str().and_then(|text| DocumentName::new(text).ok());
        Ok(name.and_then(|name| snapshot.get(&name)).map_or(Value::Null, |output| json!(output.text)))
    }
}

/// Every variable says the same text, which a test changes as it goes.
#[derive(Debug, Clone)]
pub struct Changing(Arc<Mutex<String>>);

impl Changing {
    pub fn new(text: &str) -> Self {
        Self(Arc::new(Mutex::new(text.to_owned())))
    }

    pub fn set(&self, text: &str) {
        text.clone_into(&mut self.0.lock().unwrap());
    }
}

impl Environment for Changing {
    fn variable(&self, _: &str, _: DocumentWriter) -> Result<Option<String>, String> {
        Ok(Some(self.0.lock().unwrap().clone()))
    }

    fn file(&self, path: &str, by: DocumentWriter) -> Result<String, String> {
        self.variable(path, by).map(Option::unwrap_or_default)
    }
}
