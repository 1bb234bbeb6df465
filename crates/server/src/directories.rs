//! The watched directories: started with the server, shown in its status.

use std::path::PathBuf;

use midflight_engine::Engine;
use midflight_source::{DirectoryOptions, DirectorySource, DirectoryStatus, FileProblem, SourceError};
use tokio::sync::watch;

use crate::wire::{DirectoryAnswer, DirectoryProblem, stamp};

/// What each directory says of itself.
pub(crate) type Statuses = Vec<watch::Receiver<DirectoryStatus>>;

/// Starts to watch; each directory is in step with the log when this returns.
pub(crate) async fn start(engine: &Engine, dirs: &[PathBuf]) -> Result<Vec<DirectorySource>, SourceError> {
    let mut sources = Vec::with_capacity(dirs.len());
    for dir in dirs {
        let options = DirectoryOptions::default();
        sources.push(DirectorySource::start(engine.clone(), dir.clone(), options).await?);
    }
    Ok(sources)
}

/// The state of every directory, for the status page.
pub(crate) fn answers(statuses: &Statuses) -> Vec<DirectoryAnswer> {
    statuses.iter().map(|status| answer(&status.borrow())).collect()
}

fn answer(status: &DirectoryStatus) -> DirectoryAnswer {
    DirectoryAnswer {
        dir: status.dir.display().to_string(),
        owner: status.owner.to_string(),
        notified: status.notified,
        files: status.files,
        documents: status.documents,
        last_sync_at: status.synced_at.map(stamp),
        revision: status.revision.map(|revision| revision.get()),
        problems: status.problems.iter().map(problem).collect(),
    }
}

fn problem(problem: &FileProblem) -> DirectoryProblem {
    DirectoryProblem {
        file: problem.file.to_string(),
        line: problem.line,
        column: problem.column,
        document: problem.document.as_ref().map(ToString::to_string),
        path: problem.path.as_str().to_owned(),
        message: problem.message.clone(),
    }
}
