//! The config file: its content with the digest that says which content it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use midflight_config::OperatorContents;
use midflight_core::{Change, Digest, DocumentId, Edit, Owner, Pointer, Problems, Trigger, cut_reason};
use midflight_source::{ConfigText, FileProblem, parse_config};
use serde_json::Value;

use crate::process::read_text;

/// The largest config file, in bytes. The log takes no larger document either.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The file that a config is read from.
#[derive(Debug, Clone)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    name: Arc<str>,
    /// Whose documents are the operator's: those that say what this file does.
    contents: OperatorContents,
}

/// One content of it.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    /// Of its bytes, so that whoever else reads the file can say which content it means.
    pub(crate) digest: Digest,
    /// What it says, or what is wrong with it.
    pub(crate) text: Result<ConfigText, Vec<FileProblem>>,
}

impl ConfigFile {
    pub(crate) fn new(path: PathBuf, contents: OperatorContents) -> Self {
        let name = path.to_string_lossy().into();
        Self { path, name, contents }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Who owns the document that the file says.
    pub(crate) fn owner(&self) -> Owner {
        Owner::new(&format!("file:{}", self.name))
    }

    /// Reads it.
    pub(crate) fn read(&self) -> Result<Content, Vec<FileProblem>> {
        let text = read_text(&self.path, FILE_BYTES_MAX);
        let text = text.map_err(|why| vec![self.problem(format!("cannot be read: {why}"))])?;
        let digest = Digest::of_bytes(text.as_bytes());
        let text = parse_config(&text, &self.name);
        if let Ok(text) = &text {
            self.contents.read(text.body());
        }
        Ok(Content { digest, text })
    }

    /// What the file says is in effect.
    pub(crate) fn in_effect(&self, body: Digest) {
        self.contents.in_effect(body);
    }

    /// The edit that makes a document what the file says.
    pub(crate) fn edit(&self, id: &DocumentId, text: &ConfigText, trigger: Trigger, by: &str) -> Edit {
        let mut change = Change::put(id.clone(), Value::Null);
        change.body = Some(Arc::clone(text.body()));
        Edit {
            reason: cut_reason(format!("as {} says", self.path.display())),
            owner: Some(self.owner()),
            // The file is what its operator points at, so it may take back what was changed past it.
            take_over: true,
            ..Edit::new(by, trigger, [change])
        }
    }

    /// A problem with the file as a whole.
    pub(crate) fn problem(&self, message: String) -> FileProblem {
        whole(&self.name, message)
    }

    /// Problems of the document as problems of the file, with the places where they stand.
    pub(crate) fn placed(&self, problems: &Problems, text: Option<&ConfigText>) -> Vec<FileProblem> {
        placed(&self.name, problems, text)
    }
}

/// A problem with something as a whole, by the name of it.
pub(crate) fn whole(name: &Arc<str>, message: String) -> FileProblem {
    let (file, path) = (Arc::clone(name), Pointer::root());
    FileProblem { file, line: None, column: None, document: None, path, message }
}

/// Problems of a document as problems of what it was read from, with the places where they stand if it is a text.
pub(crate) fn placed(name: &Arc<str>, problems: &Problems, text: Option<&ConfigText>) -> Vec<FileProblem> {
    let placed = problems.iter().map(|problem| {
        let place = text.and_then(|text| text.locate(&problem.path));
        FileProblem {
            line: place.map(|(line, _)| line),
            column: place.map(|(_, column)| column),
            path: problem.path.clone(),
            ..whole(name, problem.message.clone())
        }
    });
    placed.collect()
}
