//! Plans of edits, and what they made.

use midflight_core::{Document, Plan, PlanStep};
use midflight_wire::edits::{PlanAnswer, Written};

/// A plan, its steps in words.
pub(crate) fn plan_answer(plan: &Plan) -> PlanAnswer {
    PlanAnswer { from: plan.from.get(), to: plan.to.get(), steps: plan.steps.iter().map(step).collect() }
}

fn step(step: &PlanStep) -> String {
    match step {
        PlanStep::Compile { kind, documents: 1 } => format!("compile {kind} from 1 changed document"),
        PlanStep::Compile { kind, documents } => format!("compile {kind} from {documents} changed documents"),
        PlanStep::Check { kind } => format!("check {kind}"),
        PlanStep::Prepare { component } => format!("prepare {component}"),
        PlanStep::Append => "append the revision to the log".to_owned(),
        PlanStep::Swap { kinds, components } => {
            let kinds = kinds.iter().map(ToString::to_string);
            let names: Vec<_> = kinds.chain(components.iter().cloned()).collect();
            format!("swap {}", names.join(", "))
        }
    }
}

/// The version of a document that an edit made.
pub(crate) fn written(document: &Document) -> Written {
    Written {
        kind: document.id.kind.to_string(),
        name: document.id.name.to_string(),
        version: document.version,
        deleted: document.body.is_none(),
    }
}
