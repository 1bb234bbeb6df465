//! Resolves the conditions of a rule: from the catalogue by id, and typed as its ruleset types constants.

use std::sync::Arc;

use midflight_core::{JsonPointer, Problem, Problems};

use crate::compile::because_of;
use crate::condition::Condition;
use crate::document::CONDITIONS_FOLDER;
use crate::original::Typing;
use crate::read_rule::{Item, RuleDocument, at_item};
use crate::rule::Rule;
use crate::ruleset::Unplaced;
use crate::snapshot::RulesSnapshot;
use midflight_core::{clip, hint};

/// How many names of the catalogue are compared with one that is not in it.
const COMPARED_MAX: usize = 10_000;

/// A rule from its document.
///
/// # Errors
/// Every condition that is not in the catalogue or does not fit the ruleset's typing.
pub(crate) fn resolved(
    id: Arc<str>,
    document: RuleDocument,
    snapshot: &RulesSnapshot,
    ruleset: &str,
    typing: Typing,
) -> Result<Unplaced, Problems> {
    let mut problems = Problems::default();
    let mut conditions = Vec::with_capacity(document.items.len());
    for item in document.items {
        let (condition, place) = match item {
            Item::Inline(condition, place) => (condition, place),
            Item::Named(name, place) => match snapshot.conditions.get(&name) {
                Some(condition) => (condition.clone(), place),
                None => {
                    problems.add(at_item(&place, unknown(&name, snapshot)));
                    continue;
                }
            },
        };
        match typed(condition, ruleset, typing) {
            Ok(condition) => conditions.push(condition),
            Err(problem) => problems.add(at_item(&place, problem)),
        }
    }
    let rule = Rule {
        id,
        name: document.name,
        status: document.status,
        priority: document.priority,
        point: document.point,
        weight: document.weight,
        action: document.action,
        expression: document.expression,
        leaves: Box::default(),
        rows: Box::default(),
    };
    problems.or(Unplaced { rule, conditions })
}

/// A rule again, with the catalogue's conditions as they are now and typed as its ruleset types them now.
///
/// # Errors
/// Every condition that does not fit any more.
pub(crate) fn carried(
    old: &Rule,
    snapshot: &RulesSnapshot,
    ruleset: &str,
    typing: Typing,
) -> Result<Unplaced, Problems> {
    let mut problems = Problems::default();
    let mut conditions = Vec::with_capacity(old.leaves.len());
    for leaf in &old.leaves {
        let own = &leaf.condition;
        let current = own.id.as_ref().and_then(|id| snapshot.conditions.get(id)).unwrap_or(own);
        match typed(current.clone(), ruleset, typing) {
            Ok(condition) => conditions.push(condition),
            // The rule did not change, so its own text has no place to point at.
            Err(problem) => problems.add(Problem { path: JsonPointer::root().key("conditions"), ..problem }),
        }
    }
    let rule = Rule {
        id: old.id.clone(),
        name: old.name.clone(),
        status: old.status,
        priority: old.priority,
        point: old.point,
        weight: old.weight,
        action: old.action.clone(),
        expression: old.expression.clone(),
        leaves: Box::default(),
        rows: Box::default(),
    };
    problems.or(Unplaced { rule, conditions })
}

fn typed(condition: Arc<Condition>, ruleset: &str, typing: Typing) -> Result<Arc<Condition>, Problem> {
    condition.typed(typing).map_err(|problem| {
        let which = condition
            .id
            .as_ref()
            .map_or_else(|| "the condition".to_owned(), |id| format!("the condition {id:?}"));
        let cure = match typing {
            Typing::Strict => format!("fix the constant, or set compat: original on the ruleset {ruleset:?}"),
            Typing::Original => {
                format!("fix the constant, or take compat: original off the ruleset {ruleset:?}")
            }
        };
        let message = format!("{which} does not fit: {}; {cure}", problem.message);
        let problem = Problem::new(problem.code, JsonPointer::root(), message);
        condition.id.iter().fold(problem, |problem, id| because_of_condition(problem, id))
    })
}

fn unknown(name: &str, snapshot: &RulesSnapshot) -> Problem {
    let near = hint(name, snapshot.conditions.keys().take(COMPARED_MAX).map(|id| &**id));
    let near = if near.is_empty() {
        "; put it first, in the same edit, or write the condition out here".to_owned()
    } else {
        near
    };
    let message = format!("the catalogue has no condition {:?}{near}", clip(name));
    because_of_condition(Problem::new("unknown_condition", JsonPointer::root(), message), name)
}

fn because_of_condition(problem: Problem, id: &str) -> Problem {
    because_of(problem, &format!("{CONDITIONS_FOLDER}/{id}"))
}
