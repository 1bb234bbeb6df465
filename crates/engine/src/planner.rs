//! The planner: a pure function from what is served and what is wanted to a plan that leaves no choices.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use midflight_core::{
    Diff, Digest, DocumentId, Effect, KindName, Plan, PlanStep, PlannedDocument, RevisionNumber,
};
use serde_json::Value;

use crate::component::Section;
use crate::last_good_writer::StoredBody;
use crate::load::BaseDocuments;
use crate::served_index::ServedIndex;

/// What is wanted of one document.
#[derive(Debug, Clone)]
pub(crate) struct TargetDocument {
    pub(crate) id: DocumentId,
    /// Its body and digest; none when it is to be deleted.
    pub(crate) body: Option<(Arc<Value>, Digest)>,
}

impl TargetDocument {
    /// Its body, to be kept.
    pub(crate) fn stored(&self) -> StoredBody {
        (self.id.clone(), self.body.as_ref().map(|(body, _)| Arc::clone(body)))
    }
}

/// A component, as far as a plan is concerned.
#[derive(Debug, Clone)]
pub(crate) struct ComponentSpec {
    pub(crate) name: String,
    pub(crate) order: u32,
    pub(crate) sections: Vec<Section>,
}

/// All that a plan depends on.
pub(crate) struct Planning<'a> {
    pub(crate) from: RevisionNumber,
    pub(crate) to: RevisionNumber,
    pub(crate) served: &'a ServedIndex,
    pub(crate) targets: &'a [TargetDocument],
    /// Over nothing, the targets are everything there is; what is served beside them goes.
    pub(crate) base: BaseDocuments,
    /// For an edit, what it changes in the log.
    pub(crate) diff: Option<Diff>,
    pub(crate) parts: &'a [ComponentSpec],
    /// The parts that take part whatever changes.
    pub(crate) behind: &'a BTreeSet<String>,
    /// The kinds that are compiled whatever changes.
    pub(crate) stale: &'a [KindName],
}

/// Makes the plan. Cost: one look-up per target; over nothing, one per served document too.
pub(crate) fn plan(input: Planning<'_>) -> Plan {
    let mut changes: BTreeMap<DocumentId, PlannedDocument> = BTreeMap::new();
    if input.base == BaseDocuments::Empty {
        let kept: HashSet<_> = input.targets.iter().map(|target| &target.id).collect();
        let removed = input.served.documents.keys().filter(|id| !kept.contains(id));
        changes.extend(
            removed.map(|id| {
                (id.clone(), PlannedDocument { id: id.clone(), effect: Effect::Remove, body: None })
            }),
        );
    }
    for target in input.targets {
        if let Some(effect) = effect(input.served, target) {
            let body = target.body.as_ref().map(|(body, _)| Arc::clone(body));
            changes.insert(target.id.clone(), PlannedDocument { id: target.id.clone(), effect, body });
        }
    }
    let changes: Vec<_> = changes.into_values().collect();
    let steps = steps(&input, &changes);
    Plan { from: input.from, to: input.to, changes, diff: input.diff, steps }
}

fn effect(served: &ServedIndex, target: &TargetDocument) -> Option<Effect> {
    match (served.documents.get(&target.id), &target.body) {
        (None, None) => None,
        (None, Some(_)) => Some(Effect::Add),
        (Some(_), None) => Some(Effect::Remove),
        (Some(old), Some((_, new))) if old == new => None,
        (Some(_), Some(_)) => Some(Effect::Change),
    }
}

fn steps(input: &Planning<'_>, changes: &[PlannedDocument]) -> Vec<PlanStep> {
    let mut documents: BTreeMap<KindName, usize> = input.stale.iter().map(|kind| (kind.clone(), 0)).collect();
    let mut touched: BTreeSet<KindName> = input.stale.iter().cloned().collect();
    let compiled: Vec<&DocumentId> = match input.base {
        BaseDocuments::Empty => {
            input.targets.iter().map(|target| &target.id).chain(changes.iter().map(|c| &c.id)).collect()
        }
        BaseDocuments::Served => changes.iter().map(|change| &change.id).collect(),
    };
    for id in compiled {
        touched.insert(id.kind.clone());
        if !id.name.is_check() {
            *documents.entry(id.kind.clone()).or_default() += 1;
        }
    }
    let concerned = |part: &&ComponentSpec| {
        let holds = |change: &PlannedDocument| {
            part.sections.iter().any(|s| s.holds(&change.id.kind, &change.id.name))
        };
        let is_stale = || part.sections.iter().any(|section| input.stale.contains(&section.kind));
        input.behind.contains(&part.name) || changes.iter().any(holds) || is_stale()
    };
    let mut parts: Vec<_> = input.parts.iter().filter(concerned).collect();
    parts.sort_by(|a, b| (a.order, &a.name).cmp(&(b.order, &b.name)));
    let components: Vec<_> = parts.into_iter().map(|part| part.name.clone()).collect();
    let kinds: Vec<_> = documents.keys().cloned().collect();

    let mut steps: Vec<_> =
        documents.into_iter().map(|(kind, documents)| PlanStep::Compile { kind, documents }).collect();
    steps.extend(touched.into_iter().map(|kind| PlanStep::Check { kind }));
    steps.extend(components.iter().map(|name| PlanStep::Prepare { component: name.clone() }));
    if input.diff.is_some() {
        steps.push(PlanStep::Append);
    }
    steps.push(PlanStep::Swap { kinds, components });
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use midflight_core::DocumentName;
    use serde_json::json;

    fn target(id: &str, n: Option<u32>) -> TargetDocument {
        let body = n.map(|n| {
            let body = Arc::new(json!({ "n": n }));
            let digest = Digest::of_body(&body);
            (body, digest)
        });
        TargetDocument { id: id.parse().unwrap(), body }
    }

    fn served(documents: &[(&str, u32)]) -> ServedIndex {
        let mut served_index = ServedIndex::default();
        for target in documents.iter().map(|(id, n)| target(id, Some(*n))) {
            served_index.keep(&target.id, target.body.map(|(_, digest)| digest));
        }
        served_index
    }

    fn made(
        served: &ServedIndex,
        targets: &[TargetDocument],
        base: BaseDocuments,
        parts: &[ComponentSpec],
    ) -> (Vec<String>, Vec<String>) {
        let (from, to) = (RevisionNumber::new(1), RevisionNumber::new(2));
        let (behind, stale) = (&BTreeSet::new(), &[]);
        let plan = plan(Planning { from, to, served, targets, base, diff: None, parts, behind, stale });
        let changes = plan.changes.iter().map(|change| format!("{} {}", change.effect, change.id)).collect();
        let step = |step: &PlanStep| match step {
            PlanStep::Compile { kind, documents } => format!("compile {kind} {documents}"),
            PlanStep::Check { kind } => format!("check {kind}"),
            PlanStep::Prepare { component } => format!("prepare {component}"),
            PlanStep::Append => "append".to_owned(),
            PlanStep::Swap { kinds, components } => format!("swap {} {}", kinds.len(), components.join(",")),
        };
        (changes, plan.steps.iter().map(step).collect())
    }

    #[test]
    fn only_what_differs_is_planned() {
        let served = served(&[("a/x", 1), ("a/y", 1), ("b/z", 1)]);
        let targets =
            [target("a/x", Some(1)), target("a/y", None), target("b/z", Some(2)), target("b/gone", None)];
        let (changes, steps) = made(&served, &targets, BaseDocuments::Served, &[]);
        assert_eq!(changes, ["remove a/y", "change b/z"]);
        assert_eq!(steps, ["compile a 1", "compile b 1", "check a", "check b", "swap 2 "]);
    }

    #[test]
    fn over_nothing_all_is_compiled_and_what_is_not_wanted_is_removed() {
        let served = served(&[("a/x", 1), ("a/y", 1)]);
        let (changes, steps) = made(&served, &[target("a/x", Some(1))], BaseDocuments::Empty, &[]);
        assert_eq!(changes, ["remove a/y"]);
        assert_eq!(steps, ["compile a 2", "check a", "swap 1 "]);
    }

    #[test]
    fn a_check_alone_compiles_nothing_and_components_come_in_order() {
        let section = |kind: &str, name: &str| Section {
            kind: kind.parse().unwrap(),
            name: DocumentName::new(name).ok(),
        };
        let part =
            |name: &str, order, section| ComponentSpec { name: name.into(), order, sections: vec![section] };
        let parts = [
            part("late", 90, section("a", "x")),
            part("early", 10, section("a", "x")),
            part("other", 1, section("a", "unrelated")),
        ];
        let targets = [target("a/x", Some(1)), target("b/checks/c", Some(1))];
        let (_, steps) = made(&ServedIndex::default(), &targets, BaseDocuments::Served, &parts);
        assert_eq!(
            steps,
            ["compile a 1", "check a", "check b", "prepare early", "prepare late", "swap 1 early,late"]
        );
    }
}
