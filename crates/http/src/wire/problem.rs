//! What is wrong, item by item.

use midflight_core::{Problem, Problems};
use midflight_wire::problem::ProblemItem;

/// A problem.
pub fn problem_item(problem: &Problem) -> ProblemItem {
    ProblemItem {
        path: problem.path.as_str().to_owned(),
        message: problem.message.clone(),
        code: Some(problem.code.to_string()),
        document: problem.document.as_ref().map(ToString::to_string),
        ..ProblemItem::default()
    }
}

/// The listed problems, and how many there are beside them.
pub(crate) fn problem_items(problems: &Problems) -> Vec<ProblemItem> {
    let listed = problems.iter().map(problem_item);
    let more = (problems.unlisted() > 0).then(|| {
        let message = format!("and {} more problems that are not listed", problems.unlisted());
        ProblemItem { message, code: Some("unlisted".to_owned()), ..ProblemItem::default() }
    });
    listed.chain(more).collect()
}
