//! Compiles changes into the next snapshot: resolves references between documents and rebuilds what they touch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use midflight_core::{DocumentId, DocumentName, JsonPointer, KindName, Problem, Problems};
use midflight_engine::{KindChange, Work};

use crate::condition::Condition;
use crate::document::{CONDITIONS_FOLDER, ParsedRuleDocument, RuleDocumentName, RulesDocument, named};
use crate::limits::RULESET_REGEX_BYTES_MAX;
use crate::read_rule::RuleDocument;
use crate::read_ruleset::RulesetDocument;
use crate::resolve::{carried, resolved};
use crate::rule::Rule;
use crate::ruleset::{Editor, Ruleset, Unplaced};
use crate::snapshot::RulesSnapshot;

/// The kind's name as text.
pub(crate) const KIND: &str = "rules";

/// The kind's name.
#[expect(clippy::expect_used, reason = "the literal is a name, and a test says so")]
pub(crate) fn kind_name() -> KindName {
    KindName::new(KIND).expect("rules is a kind's name")
}

/// The changes of one compile, by the sort of document. None deletes.
#[derive(Default)]
struct RuleChanges {
    conditions: Vec<(Arc<str>, Option<Arc<Condition>>)>,
    rulesets: Vec<(Arc<str>, Option<RulesetDocument>)>,
    rules: BTreeMap<Arc<str>, Vec<RuleChange>>,
}

struct RuleChange {
    id: Arc<str>,
    to: RuleTo,
}

/// How a rule changes.
enum RuleTo {
    /// It gets this document.
    Document(Box<RuleDocument>),
    /// It is compiled again, for a condition or its ruleset's typing changed.
    Again,
    /// It is deleted.
    Gone,
}

/// A compile under way: the snapshot so far, and what is wrong so far.
struct RuleCompiler<'a> {
    next: RulesSnapshot,
    problems: Problems,
    work: &'a Work,
    /// How many bytes the compiled regular expressions of a ruleset may take.
    regex_bytes_max: usize,
}

/// Makes the next snapshot. Cost follows the changes and the rules that use a changed condition.
///
/// # Errors
/// Every problem, each naming its document.
pub(crate) fn compile(
    previous: &RulesSnapshot,
    changes: Vec<KindChange<RulesDocument>>,
    work: &Work,
) -> Result<RulesSnapshot, Problems> {
    compile_within(previous, changes, work, RULESET_REGEX_BYTES_MAX)
}

/// The same with another bound than [`RULESET_REGEX_BYTES_MAX`].
fn compile_within(
    previous: &RulesSnapshot,
    changes: Vec<KindChange<RulesDocument>>,
    work: &Work,
    regex_bytes_max: usize,
) -> Result<RulesSnapshot, Problems> {
    let mut compiler =
        RuleCompiler { next: previous.clone(), problems: Problems::default(), work, regex_bytes_max };
    let mut changes = compiler.sorted(changes);
    let removed_conditions = compiler.change_conditions(&mut changes);
    let removed_rulesets = compiler.change_rulesets(&mut changes);
    for (ruleset, rules) in changes.rules {
        compiler.change_rules(&ruleset, rules)?;
    }
    compiler.remove_rulesets(&removed_rulesets);
    compiler.check_conditions(&removed_conditions);
    compiler.check_default(previous);
    compiler.problems.or(compiler.next)
}

impl RuleCompiler<'_> {
    fn sorted(&mut self, documents: Vec<KindChange<RulesDocument>>) -> RuleChanges {
        let mut changes = RuleChanges::default();
        let mut ruleset_id: Arc<str> = "".into();
        for KindChange { name, document } in documents {
            let place = match named(&name) {
                Ok(place) => place,
                Err(problem) => {
                    self.add(name, problem);
                    continue;
                }
            };
            match (place, document.map(|document| document.0)) {
                (RuleDocumentName::Condition(id), Some(ParsedRuleDocument::Condition(condition))) => {
                    changes.conditions.push((id.into(), Some(condition)));
                }
                (RuleDocumentName::Condition(id), _) => changes.conditions.push((id.into(), None)),
                (RuleDocumentName::Ruleset(id), Some(ParsedRuleDocument::Ruleset(ruleset))) => {
                    changes.rulesets.push((id.into(), Some(ruleset)));
                }
                (RuleDocumentName::Ruleset(id), _) => changes.rulesets.push((id.into(), None)),
                (RuleDocumentName::Rule(ruleset, id), document) => {
                    let to = match document {
                        Some(ParsedRuleDocument::Rule(rule)) => RuleTo::Document(Box::new(rule)),
                        _ => RuleTo::Gone,
                    };
                    if &*ruleset_id != ruleset {
                        ruleset_id = ruleset.into();
                    }
                    let rules = changes.rules.entry(ruleset_id.clone()).or_default();
                    rules.push(RuleChange { id: id.into(), to });
                }
            }
        }
        changes
    }

    /// Changes the catalogue, and has the rules that use a changed condition compiled again. Answers the deleted ones.
    fn change_conditions(&mut self, changes: &mut RuleChanges) -> Vec<Arc<str>> {
        let mut removed = Vec::new();
        for (id, condition) in std::mem::take(&mut changes.conditions) {
            match condition {
                None => {
                    self.next.conditions.remove(&id);
                    removed.push(id);
                }
                Some(condition) => {
                    self.next.conditions.insert(id.clone(), condition);
                    for (ruleset, rule) in self.next.users.get(&id).into_iter().flatten() {
                        changes.again(ruleset, std::iter::once(rule));
                    }
                }
            }
        }
        removed
    }

    /// Changes the rulesets' own members. Answers the deleted ones, which go once their rules did.
    fn change_rulesets(&mut self, changes: &mut RuleChanges) -> Vec<Arc<str>> {
        let mut removed = Vec::new();
        for (id, document) in std::mem::take(&mut changes.rulesets) {
            let Some(document) = document else {
                removed.push(id);
                continue;
            };
            if document.default {
                self.next.defaults.insert(id.clone());
            } else {
                self.next.defaults.remove(&id);
            }
            let ruleset = match self.next.rulesets.get(&id) {
                None => Ruleset::new(id.clone(), document),
                Some(old) => {
                    if old.document.typing != document.typing {
                        changes.again(&id, old.rules.keys());
                    }
                    old.with(document)
                }
            };
            self.next.rulesets.insert(id, Arc::new(ruleset));
        }
        removed
    }

    fn change_rules(&mut self, id: &Arc<str>, changes: Vec<RuleChange>) -> Result<(), Problems> {
        let Some(ruleset) = self.next.rulesets.get(id) else {
            for change in changes.iter().filter(|change| matches!(change.to, RuleTo::Document(_))) {
                let message =
                    format!("the ruleset {id:?} does not exist; put rules/{id} first, or in the same edit");
                let problem = Problem::new("unknown_ruleset", JsonPointer::root(), message);
                self.add_to_rule(id, &change.id, because_of(problem, id));
            }
            return Ok(());
        };
        let mut editor = Editor::new((**ruleset).clone());
        // What one batch touches twice is changed by its document, which comes before being compiled again.
        let repeats = changes.iter().any(|change| matches!(change.to, RuleTo::Again));
        let mut done = BTreeSet::new();
        let mut adds_regexes = false;
        for RuleChange { id: rule_id, to } in changes {
            self.work.check()?;
            if repeats && !done.insert(rule_id.clone()) {
                continue;
            }
            let typing = editor.ruleset.document.typing;
            let made = match to {
                RuleTo::Gone => {
                    if let Some(old) = editor.remove(&rule_id) {
                        self.unlink(id, &old);
                    }
                    continue;
                }
                RuleTo::Document(document) => resolved(rule_id.clone(), *document, &self.next, id, typing),
                RuleTo::Again => match editor.ruleset.rules.get(&rule_id) {
                    Some(old) => carried(old, &self.next, id, typing),
                    None => continue,
                },
            };
            match made {
                Ok(unplaced) => {
                    adds_regexes |= unplaced.conditions.iter().any(|condition| condition.regex_bytes() > 0);
                    self.place(id, &mut editor, unplaced);
                }
                Err(problems) => {
                    problems.iter().for_each(|problem| self.add_to_rule(id, &rule_id, problem.clone()))
                }
            }
        }
        let ruleset = editor.finish();
        if adds_regexes && ruleset.regex_bytes() > self.regex_bytes_max {
            let message = format!(
                "the regular expressions of the ruleset take {} bytes when compiled and may take {} \
                 (ruleset_regex_bytes_max); lower their counted repetitions, or split the ruleset",
                ruleset.regex_bytes(),
                self.regex_bytes_max
            );
            self.add_to(id, Problem::new("too_many", JsonPointer::root(), message));
        }
        self.next.rulesets.insert(id.clone(), Arc::new(ruleset));
        Ok(())
    }

    fn place(&mut self, ruleset: &Arc<str>, editor: &mut Editor, unplaced: Unplaced) {
        let (new, old) = editor.put(unplaced);
        if let Some(old) = old {
            self.unlink(ruleset, &old);
        }
        for condition in new.named_conditions() {
            let users = self.next.users.entry(condition.clone()).or_default();
            users.insert((ruleset.clone(), new.id.clone()));
        }
    }

    /// Takes a rule off the users of the conditions that it names.
    fn unlink(&mut self, ruleset: &Arc<str>, rule: &Rule) {
        let user = (ruleset.clone(), rule.id.clone());
        for condition in rule.named_conditions() {
            if let Some(users) = self.next.users.get_mut(condition) {
                users.remove(&user);
                if users.is_empty() {
                    self.next.users.remove(condition);
                }
            }
        }
    }

    fn remove_rulesets(&mut self, removed: &[Arc<str>]) {
        for id in removed {
            let Some(ruleset) = self.next.rulesets.get(id) else {
                continue;
            };
            if !ruleset.rules.is_empty() {
                let rules = ruleset.rules.keys().map(|rule| format!("{id}/{rule}"));
                let message = format!(
                    "the ruleset still has {}; delete them first, or in the same edit",
                    some_of(rules, ruleset.rules.len(), "rules")
                );
                let problem = Problem::new("in_use", JsonPointer::root(), message);
                self.add_to(id, problem);
            }
            self.next.rulesets.remove(id);
            self.next.defaults.remove(id);
        }
    }

    fn check_conditions(&mut self, removed: &[Arc<str>]) {
        for id in removed {
            let Some(users) = self.next.users.get(id) else {
                continue;
            };
            let rules = users.iter().map(|(ruleset, rule)| format!("{ruleset}/{rule}"));
            let message = format!(
                "the condition is used by {}; change them first, or in the same edit",
                some_of(rules, users.len(), "rules")
            );
            let problem = Problem::new("in_use", JsonPointer::root(), message);
            self.add_to(&format!("{CONDITIONS_FOLDER}/{id}"), problem);
        }
    }

    /// Refuses a second default, in each ruleset that this edit made one.
    fn check_default(&mut self, previous: &RulesSnapshot) {
        if self.next.defaults.len() < 2 {
            return;
        }
        let all: Vec<_> = self.next.defaults.iter().map(|id| format!("{id:?}")).collect();
        let message = format!("the rulesets {} are all the default; only one may be", all.join(", "));
        let (old, made): (Vec<_>, Vec<_>) =
            self.next.defaults.iter().cloned().partition(|id| previous.defaults.contains(id));
        for id in made {
            let problem =
                Problem::new("duplicate_default", JsonPointer::root().key("default"), message.clone());
            let problem = old.iter().fold(problem, |problem, old| because_of(problem, old));
            self.add_to(&id, problem);
        }
    }

    fn add_to_rule(&mut self, ruleset: &str, rule: &str, problem: Problem) {
        self.add_to(&format!("{ruleset}/{rule}"), problem);
    }

    fn add_to(&mut self, name: &str, problem: Problem) {
        match DocumentName::new(name) {
            Ok(name) => self.add(name, problem),
            Err(_) => self.problems.add(problem),
        }
    }

    fn add(&mut self, name: DocumentName, problem: Problem) {
        let document = DocumentId { kind: kind_name(), name };
        self.problems.add(problem.in_document(&document));
    }
}

/// The problem, caused by the document of this name.
pub(crate) fn because_of(problem: Problem, name: &str) -> Problem {
    match DocumentName::new(name) {
        Ok(name) => problem.because_of(DocumentId { kind: kind_name(), name }),
        Err(_) => problem,
    }
}

impl RuleChanges {
    fn again<'a>(&mut self, ruleset: &Arc<str>, rules: impl Iterator<Item = &'a Arc<str>>) {
        let changes = self.rules.entry(ruleset.clone()).or_default();
        changes.extend(rules.map(|id| RuleChange { id: id.clone(), to: RuleTo::Again }));
    }
}

/// The first few of a list and how many more there are.
fn some_of(names: impl Iterator<Item = String>, count: usize, noun: &str) -> String {
    const SHOWN_MAX: usize = 3;
    let shown: Vec<_> = names.take(SHOWN_MAX).collect();
    match count.checked_sub(shown.len()) {
        None | Some(0) => format!("the {noun} {}", shown.join(", ")),
        Some(more) => format!("the {noun} {} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use midflight_engine::Kind;
    use serde_json::{Value, json};

    use super::*;
    use crate::Rules;

    #[test]
    fn the_expressions_of_a_ruleset_take_so_much_memory_and_no_more() {
        let work = Work::unbounded();
        let compiled = |previous: &RulesSnapshot, documents: &[(&str, Value)], regex_bytes_max| {
            let change = |(name, body): &(&str, Value)| {
                let name = DocumentName::new(name).unwrap();
                let document = Some(Rules.validate(&name, &Arc::new(body.clone()), &work).unwrap());
                KindChange { name, document }
            };
            compile_within(previous, documents.iter().map(change).collect(), &work, regex_bytes_max)
        };
        let rule = |expression: &str| {
            let item = json!({"attribute": "a", "operator": "regex_search", "constant": expression});
            json!({"conditions": {"item": item}})
        };
        let first = [("r", json!({})), ("r/1", rule("[a-z]{100}"))];
        let first = compiled(&Rules.empty(), &first, usize::MAX).unwrap();
        let bytes = first.rulesets.values().map(|ruleset| ruleset.regex_bytes()).sum::<usize>();
        assert!(bytes > 100, "{bytes}");
        // The same expression is there once.
        assert!(compiled(&first, &[("r/2", rule("[a-z]{100}"))], bytes).is_ok());
        let refused = compiled(&first, &[("r/2", rule("[a-z]"))], bytes).unwrap_err();
        assert_eq!(refused.count(), 1);
        let messages = refused.to_string();
        assert!(messages.starts_with("rules/r at the root: "), "{messages}");
        assert!(messages.contains(&format!("may take {bytes} (ruleset_regex_bytes_max)")), "{messages}");
        // Rules without expressions are no matter.
        let item = json!({"attribute": "a", "operator": "equal", "constant": 1});
        assert!(compiled(&first, &[("r/2", json!({"conditions": {"item": item}}))], 0).is_ok());
    }

    #[test]
    fn the_kinds_name_is_one() {
        assert_eq!(kind_name().as_str(), KIND);
    }

    #[test]
    fn long_lists_are_cut() {
        let names = || ["a", "b", "c", "d", "e"].map(str::to_owned).into_iter();
        assert_eq!(some_of(names(), 5, "rules"), "the rules a, b, c and 2 more");
        assert_eq!(some_of(names().take(2), 2, "rules"), "the rules a, b");
    }
}
