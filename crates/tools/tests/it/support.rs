//! What the tests of the tools kind share.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use midflight_core::{DocumentName, Problems};
use midflight_engine::{Kind, KindChange, Work};
use midflight_tools::import::ToolsImport;
use midflight_tools::{Tools, ToolsSnapshot};
use serde_json::Value;

/// Puts documents and deletes those whose body is null, on top of a snapshot.
pub(crate) fn edit(previous: &ToolsSnapshot, documents: &[(&str, Value)]) -> Result<ToolsSnapshot, Problems> {
    let work = Work::unbounded();
    let mut changes = Vec::new();
    for (name, body) in documents {
        let name = DocumentName::new(name).expect("a name");
        let document = match body {
            Value::Null => None,
            body => Some(Tools.validate(&name, &Arc::new(body.clone()), &work)?),
        };
        changes.push(KindChange { name, document });
    }
    changes.sort_by(|a, b| a.name.cmp(&b.name));
    Tools.compile(previous, changes, &work)
}

/// A snapshot of documents.
pub(crate) fn snapshot(documents: &[(&str, Value)]) -> ToolsSnapshot {
    edit(&Tools.empty(), documents).unwrap_or_else(|problems| panic!("{problems}"))
}

/// What was imported, as documents for an edit.
pub(crate) fn documents(imported: &ToolsImport) -> Vec<(&str, Value)> {
    imported.tools.iter().map(|tool| (tool.name.as_str(), tool.body.clone())).collect()
}

/// A generator of numbers from a seed (splitmix64), so that every run breaks the same documents.
pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }
}

/// The folder of the original's files; none, with a line that says so, where they are not available.
pub(crate) fn original() -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/tools");
    if !path.is_dir() {
        eprintln!("SKIPPED: the original's catalogue is not at {}", path.display());
        return None;
    }
    Some(path)
}

/// Every YAML file below a folder, by path, with its documents.
pub(crate) fn yaml_files(folder: &Path) -> Vec<(PathBuf, Vec<Value>)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                let documents = yaml(&path);
                files.push((path, documents));
            }
        }
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files
}

pub(crate) fn yaml(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
