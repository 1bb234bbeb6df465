//! What the tests of the tools kind share.

use std::path::{Path, PathBuf};

use midflight_core::Problems;
use midflight_engine::Kind as _;
use midflight_engine::testing::edit_snapshot;
use midflight_tools::import::ToolsImport;
use midflight_tools::{Tools, ToolsSnapshot};
use serde_json::Value;

/// Puts documents and deletes those whose body is null, on top of a snapshot.
pub(crate) fn edit(previous: &ToolsSnapshot, documents: &[(&str, Value)]) -> Result<ToolsSnapshot, Problems> {
    edit_snapshot(&Tools, previous, documents)
}

/// A snapshot of documents.
pub(crate) fn snapshot(documents: &[(&str, Value)]) -> ToolsSnapshot {
    edit(&Tools.empty(), documents).unwrap_or_else(|problems| panic!("{problems}"))
}

/// What was imported, as documents for an edit.
pub(crate) fn documents(imported: &ToolsImport) -> Vec<(&str, Value)> {
    imported.tools.iter().map(|tool| (tool.name.as_str(), tool.body.clone())).collect()
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
