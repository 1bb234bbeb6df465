//! The config file: its content with the digest that identifies it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use midflight_config::OperatorContents;
use midflight_core::{Change, Digest, DocumentId, Edit, JsonPointer, Owner, Problems, Trigger, cut_reason};
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
    /// Whose documents are the operator's: those that equal the contents of this file.
    contents: OperatorContents,
}

/// One content of it.
#[derive(Debug, Clone)]
pub(crate) struct FileContent {
    /// Of its bytes, so that any other reader of the file can name the content.
    pub(crate) digest: Digest,
    /// Its contents, or what is wrong with it.
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

    /// The owner of the document of the file.
    pub(crate) fn owner(&self) -> Owner {
        Owner::new(&format!("file:{}", self.name))
    }

    /// Reads it.
    pub(crate) fn read(&self) -> Result<FileContent, Vec<FileProblem>> {
        let text = read_text(&self.path, FILE_BYTES_MAX);
        let text = text.map_err(|why| vec![self.problem(format!("cannot be read: {why}"))])?;
        let digest = Digest::of_bytes(text.as_bytes());
        let text = parse_config(&text, &self.name);
        if let Ok(text) = &text {
            self.contents.read(text.body());
        }
        Ok(FileContent { digest, text })
    }

    /// The contents of the file are in effect.
    pub(crate) fn in_effect(&self, body: Digest) {
        self.contents.in_effect(body);
    }

    /// The edit that sets a document to the contents of the file.
    pub(crate) fn edit(&self, id: &DocumentId, text: &ConfigText, trigger: Trigger, by: &str) -> Edit {
        let mut change = Change::put(id.clone(), Value::Null);
        change.body = Some(Arc::clone(text.body()));
        Edit {
            reason: cut_reason(format!("as {} says", self.path.display())),
            owner: Some(self.owner()),
            // The operator points at the file, so it may revert what was changed elsewhere since.
            take_over: true,
            ..Edit::new(by, trigger, [change])
        }
    }

    /// A problem with the file as a whole.
    pub(crate) fn problem(&self, message: String) -> FileProblem {
        whole(&self.name, message)
    }

    /// Problems of the document as problems of the file, with their places.
    pub(crate) fn placed(&self, problems: &Problems, text: Option<&ConfigText>) -> Vec<FileProblem> {
        placed(&self.name, problems, text)
    }
}

/// A problem with something as a whole, by the name of it.
pub(crate) fn whole(name: &Arc<str>, message: String) -> FileProblem {
    let (file, path) = (Arc::clone(name), JsonPointer::root());
    FileProblem { file, line: None, column: None, document: None, path, message }
}

/// Problems of a document as problems of what it was read from, with their places if it is a text.
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
