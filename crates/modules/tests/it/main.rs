//! The kind as the engine uses it: what manifests are refused for, and what migrations make of states.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod kind;
mod migrations;
mod problems;

use std::sync::Arc;

use midflight_core::{DocumentName, Problems};
use midflight_engine::{Kind as _, KindChange, Work};
use midflight_modules::{Manifest, Modules, ModulesSnapshot};
use serde_json::{Value, json};

fn name(text: &str) -> DocumentName {
    DocumentName::new(text).unwrap()
}

/// A manifest with these members beside the ones that it needs.
fn manifest(members: Value) -> Result<Manifest, Problems> {
    let mut body = json!({"native": "counter", "version": "1.0.0", "schema": 1});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    Manifest::read(&name("counter"), &Arc::new(body))
}

fn compile(modules: &[(&str, Value)]) -> Result<ModulesSnapshot, Problems> {
    let work = Work::unbounded();
    let change = |(module, members): &(&str, Value)| {
        let mut body = json!({"native": "counter", "version": "1.0.0", "schema": 1});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let document = Modules.validate(&name(module), &Arc::new(body), &work).unwrap();
        KindChange { name: name(module), document: Some(document) }
    };
    Modules.compile(&Modules.empty(), modules.iter().map(change).collect(), &work)
}
