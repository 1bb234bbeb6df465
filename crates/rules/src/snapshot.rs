//! The snapshot: every ruleset and the catalogue, compiled, immutable and shared.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};

use crate::condition::Condition;
use crate::rule::Rule;
use crate::ruleset::Ruleset;
use crate::status::RuleStatus;

/// A rule by its ruleset and its id.
pub(crate) type RuleRef = (Arc<str>, Arc<str>);

/// All rulesets, rules and conditions at one revision, ready to execute. A clone shares everything and costs the
/// same however large it is.
#[derive(Debug, Clone, Default)]
pub struct RulesSnapshot {
    pub(crate) rulesets: OrdMap<Arc<str>, Arc<Ruleset>>,
    pub(crate) conditions: OrdMap<Arc<str>, Arc<Condition>>,
    /// The rules that name each condition of the catalogue; those that are named by none are not in it.
    pub(crate) users: OrdMap<Arc<str>, OrdSet<RuleRef>>,
    /// The rulesets that are the default; at most one in a snapshot that was compiled.
    pub(crate) defaults: OrdSet<Arc<str>>,
}

/// A ruleset, for a list of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesetInfo<'s> {
    /// Its id, the name of its document.
    pub id: &'s str,
    /// What people call it.
    pub name: Option<&'s str>,
    /// Where it is in its life.
    pub status: RuleStatus,
    /// Whether it executes when a request names none.
    pub default: bool,
    /// How many rules it has.
    pub rules: usize,
    /// How many of them execute.
    pub active_rules: usize,
}

/// A rule, for a list of them.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleInfo<'s> {
    /// Its id, the last part of its document's name.
    pub id: &'s str,
    /// What people call it.
    pub name: Option<&'s str>,
    /// Where it is in its life.
    pub status: RuleStatus,
    /// Rules execute in ascending priority.
    pub priority: i64,
    /// What a match is worth.
    pub rule_point: f64,
    /// What its points are multiplied with.
    pub weight: f64,
    /// Its conditions in words.
    pub condition: String,
}

impl RulesSnapshot {
    /// How many rulesets there are.
    #[must_use]
    pub fn ruleset_count(&self) -> usize {
        self.rulesets.len()
    }

    /// How many rules there are in all rulesets, whatever their status. Cost: one step per ruleset.
    #[must_use]
    pub fn rule_count(&self) -> usize {
        self.rulesets.values().map(|ruleset| ruleset.rules.len()).sum()
    }

    /// How many conditions the catalogue has.
    #[must_use]
    pub fn condition_count(&self) -> usize {
        self.conditions.len()
    }

    /// The rulesets by id.
    pub fn rulesets(&self) -> impl Iterator<Item = RulesetInfo<'_>> {
        self.rulesets.values().map(|ruleset| info(ruleset))
    }

    /// One ruleset.
    #[must_use]
    pub fn ruleset(&self, id: &str) -> Option<RulesetInfo<'_>> {
        self.rulesets.get(id).map(|ruleset| info(ruleset))
    }

    /// The ruleset that executes when a request names none.
    #[must_use]
    pub fn default_ruleset(&self) -> Option<&str> {
        self.defaults.get_min().map(|id| &**id)
    }

    /// The rules of a ruleset in execution order, whatever their status; none when there is no such ruleset. Cost:
    /// sorts them and writes their conditions out.
    #[must_use]
    pub fn rules(&self, ruleset: &str) -> Option<Vec<RuleInfo<'_>>> {
        let rules = self.rulesets.get(ruleset)?.in_order();
        Some(rules.into_iter().map(|rule| rule_info(rule)).collect())
    }

    /// The ids of the conditions of the catalogue, ascending.
    pub fn conditions(&self) -> impl Iterator<Item = &str> {
        self.conditions.keys().map(|id| &**id)
    }

    /// The rules that name a condition of the catalogue, each as its ruleset and its id.
    pub fn users(&self, condition: &str) -> impl Iterator<Item = (&str, &str)> {
        let users = self.users.get(condition).into_iter().flatten();
        users.map(|(ruleset, rule)| (&**ruleset, &**rule))
    }
}

fn info(ruleset: &Ruleset) -> RulesetInfo<'_> {
    let document = &ruleset.document;
    RulesetInfo {
        id: &ruleset.id,
        name: document.name.as_deref(),
        status: document.status,
        default: document.default,
        rules: ruleset.rules.len(),
        active_rules: ruleset.active,
    }
}

fn rule_info(rule: &Rule) -> RuleInfo<'_> {
    RuleInfo {
        id: &rule.id,
        name: rule.name.as_deref(),
        status: rule.status,
        priority: rule.priority,
        rule_point: rule.point,
        weight: rule.weight,
        condition: rule.describe(),
    }
}
