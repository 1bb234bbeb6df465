//! Watched directories.

use midflight_source::{DirectoryStatus, FileProblem, HeldLoss};
use midflight_wire::directories::{DirectoryAnswer, DirectoryProblem, HeldLossAnswer};

use super::time::stamp;

/// The state of a directory.
pub(crate) fn directory_answer(status: &DirectoryStatus) -> DirectoryAnswer {
    DirectoryAnswer {
        name: status.name.clone(),
        dir: status.dir.display().to_string(),
        owner: status.owner.to_string(),
        notified: status.notified,
        files: status.files,
        documents: status.documents,
        last_sync_at: status.synced_at.map(stamp),
        revision: status.revision.map(|revision| revision.get()),
        blocked: status.blocked,
        held_loss: status.held.map(held_loss_answer),
        problems: status.problems.iter().map(directory_problem).collect(),
    }
}

fn held_loss_answer(loss: HeldLoss) -> HeldLossAnswer {
    HeldLossAnswer { deleted: loss.deleted, owned: loss.owned, empty: loss.empty }
}

fn directory_problem(problem: &FileProblem) -> DirectoryProblem {
    DirectoryProblem {
        file: problem.file.to_string(),
        line: problem.line,
        column: problem.column,
        document: problem.document.as_ref().map(ToString::to_string),
        path: problem.path.as_str().to_owned(),
        message: problem.message.clone(),
    }
}
