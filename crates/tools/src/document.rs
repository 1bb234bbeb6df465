//! The sorts of document, distinguished by their names.

use std::sync::Arc;

use midflight_core::{CHECKS_FOLDER, DocumentName, JsonPointer, Problem, Problems};
use midflight_engine::Work;
use serde_json::Value;

use crate::corrections::{EstimateCorrections, read_corrections};
use crate::read_tool::read_tool;
use crate::settings::{SelectionSettings, read_settings};
use crate::tool::Tool;

/// The first segment of the name of every document of settings.
pub const SETTINGS_FOLDER: &str = "settings";
/// The name, within the settings, of how tools are selected.
pub const SELECTION_SETTINGS: &str = "selection";
/// The first segment of the name of the corrections of a tool's estimates.
pub const CORRECTIONS_FOLDER: &str = "corrections";

/// The names that no tool's document may have.
pub(crate) const FOLDERS: [&str; 3] = [SETTINGS_FOLDER, CORRECTIONS_FOLDER, CHECKS_FOLDER];

/// A document of the kind `tools` that was found valid by itself.
#[derive(Debug)]
pub struct ToolsDocument(pub(crate) ParsedToolDocument);

#[derive(Debug)]
pub(crate) enum ParsedToolDocument {
    Tool(Arc<Tool>),
    Settings(Arc<SelectionSettings>),
    Corrections(Arc<EstimateCorrections>),
}

/// Which document a name is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ToolDocumentName<'a> {
    Tool(&'a str),
    Settings,
    Corrections(&'a str),
}

/// Which sort of document `name` is of.
///
/// # Errors
/// For a name that is of none, why not.
pub(crate) fn named(name: &DocumentName) -> Result<ToolDocumentName<'_>, Problem> {
    let mut segments = name.segments();
    let first = segments.next().unwrap_or_default();
    let bad = |code: &'static str, message: String| Err(Problem::new(code, JsonPointer::root(), message));
    match (first, segments.next(), segments.next()) {
        (SETTINGS_FOLDER, Some(SELECTION_SETTINGS), None) => Ok(ToolDocumentName::Settings),
        (SETTINGS_FOLDER, Some(other), None) => {
            let near = midflight_core::hint(other, [SELECTION_SETTINGS]);
            bad("bad_name", format!("there are no settings {other:?}{near}; use settings/selection"))
        }
        (CORRECTIONS_FOLDER, Some(tool), None) => Ok(ToolDocumentName::Corrections(tool)),
        (folder, None, _) if FOLDERS.contains(&folder) => bad(
            "reserved_name",
            format!("{folder} is a folder of other documents; use another name for the tool"),
        ),
        (tool, None, _) => Ok(ToolDocumentName::Tool(tool)),
        _ => bad(
            "bad_name",
            format!("invalid name {name}: expected {{tool}}, settings/selection or corrections/{{tool}}"),
        ),
    }
}

/// Reads a document.
///
/// # Errors
/// Every problem that it has by itself; that the budget has ended.
pub(crate) fn read(name: &DocumentName, body: &Arc<Value>, work: &Work) -> Result<ToolsDocument, Problems> {
    let parsed = match named(name)? {
        ToolDocumentName::Tool(id) => ParsedToolDocument::Tool(Arc::new(read_tool(id, body, work)?)),
        ToolDocumentName::Settings => ParsedToolDocument::Settings(Arc::new(read_settings(body)?)),
        ToolDocumentName::Corrections(_) => {
            ParsedToolDocument::Corrections(Arc::new(read_corrections(body)?))
        }
    };
    Ok(ToolsDocument(parsed))
}

impl ToolsDocument {
    /// The tool that it is; none for settings and corrections.
    #[must_use]
    pub fn tool(&self) -> Option<&Arc<Tool>> {
        match &self.0 {
            ParsedToolDocument::Tool(tool) => Some(tool),
            ParsedToolDocument::Settings(_) | ParsedToolDocument::Corrections(_) => None,
        }
    }

    /// An estimate of the memory that it holds, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        match &self.0 {
            ParsedToolDocument::Tool(tool) => tool.bytes(),
            ParsedToolDocument::Settings(_) => 512,
            ParsedToolDocument::Corrections(corrections) => corrections.bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Result<ToolDocumentName<'_>, &str>) {
        let name = DocumentName::new(name).unwrap();
        let found = named(&name).map_err(|problem| problem.code.to_string());
        assert_eq!(found, expected.map_err(str::to_owned));
    }

    #[test]
    fn names_identify_their_document() {
        check("grep", Ok(ToolDocumentName::Tool("grep")));
        check("settings/selection", Ok(ToolDocumentName::Settings));
        check("corrections/grep", Ok(ToolDocumentName::Corrections("grep")));
        for folder in FOLDERS {
            check(folder, Err("reserved_name"));
        }
        check("settings/selecton", Err("bad_name"));
        check("a/b", Err("bad_name"));
        check("corrections/a/b", Err("bad_name"));
    }
}
