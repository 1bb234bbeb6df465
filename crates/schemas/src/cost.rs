//! How many evaluations of subschemas a validation takes, computed before it is done: the validator can neither be
//! interrupted nor be given a bound.
//!
//! Every keyword counts as if it evaluated all that it may, so the validator takes fewer. A subschema is looked at once
//! for each part of an instance, whatever the number of ways to it, so computing the number takes fewer steps.

use std::collections::HashMap;

use midflight_core::{JsonPointer, Problem};
use midflight_engine::Work;
use serde_json::Value;

use crate::graph::{EdgeKind, Graph, SchemaNode};
use crate::limits::{
    ERROR_EVALUATIONS_MAX, PLACE_EVALUATIONS_MAX, REGEX_INPUT_BYTES_MAX, SCHEMA_DEPTH_MAX,
    SCHEMA_EVALUATIONS_MAX,
};
use crate::{SchemaStop, TOO_EXPENSIVE};

/// How many evaluations of subschemas may be nested, whatever the instance: the validator recurses.
const LEVELS_MAX: usize = 1_000;
/// How many bytes of a text count as one evaluation where a regular expression is matched or a path is written.
const BYTES_PER_STEP: u64 = 32;
/// How many steps are taken between two looks at the budget.
const STEPS_PER_LOOK: u64 = 1_024;

/// How many evaluations a validation takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    /// To find whether it is valid.
    pub(crate) valid: u64,
    /// To find every error.
    pub(crate) errors: u64,
    /// To find which parts were evaluated, for `unevaluatedProperties` and `unevaluatedItems`.
    marks: u64,
}

impl Cost {
    const ONE: Self = Self { valid: 1, errors: 1, marks: 0 };

    /// Adds what another subschema costs that is evaluated in this way. As the validator does it: what is tested for
    /// its truth is evaluated twice when errors are looked for.
    fn add(&mut self, how: &EdgeKind, other: Self) {
        let Self { valid, errors, marks } = other;
        let (more_errors, more_marks) = match how {
            EdgeKind::Reference | EdgeKind::Then => (errors, marks),
            EdgeKind::All => (errors, valid.saturating_add(marks)),
            EdgeKind::Any => (valid.saturating_mul(2).saturating_add(errors), valid.saturating_add(marks)),
            EdgeKind::Test => (valid.saturating_mul(2), valid.saturating_add(marks)),
            EdgeKind::Property(_)
            | EdgeKind::EveryProperty
            | EdgeKind::EveryKey
            | EdgeKind::Item(_)
            | EdgeKind::EveryItem => (errors, 1),
            EdgeKind::Contains => (valid.saturating_mul(2), valid),
            EdgeKind::UnevaluatedProperty | EdgeKind::UnevaluatedItem => {
                (valid.saturating_add(errors), valid)
            }
        };
        self.valid = self.valid.saturating_add(valid);
        self.errors = self.errors.saturating_add(more_errors);
        self.marks = self.marks.saturating_add(more_marks);
    }

    /// Adds the cost of finding which parts were evaluated, where that is needed.
    fn finish(mut self, node: &SchemaNode) -> Self {
        if node.tracks {
            self.valid = self.valid.saturating_add(self.marks);
            self.errors = self.errors.saturating_add(self.marks);
        }
        self
    }

    /// The larger of each.
    fn or(self, other: Self) -> Self {
        Self {
            valid: self.valid.max(other.valid),
            errors: self.errors.max(other.errors),
            marks: self.marks.max(other.marks),
        }
    }
}

/// Refuses a schema that evaluates too much at one place of an instance, or itself without end.
///
/// # Errors
/// `schema_too_expensive`, at the reference that contributes most.
pub(crate) fn check_places(graph: &Graph) -> Result<(), Problem> {
    let mut places = CostWalk { graph, known: vec![NodeCost::No; graph.nodes.len()] };
    (0..graph.nodes.len()).try_for_each(|node| places.cost(node, 0).map(drop))
}

struct CostWalk<'g> {
    graph: &'g Graph,
    known: Vec<NodeCost>,
}

#[derive(Clone, Copy)]
enum NodeCost {
    No,
    /// Its cost is being computed.
    Begun,
    /// Its cost, and how deep it is nested.
    Done(Cost, usize),
}

impl CostWalk<'_> {
    fn cost(&mut self, number: usize, above: usize) -> Result<(Cost, usize), Problem> {
        let node = &self.graph.nodes[number];
        match self.known[number] {
            NodeCost::Done(cost, depth) => return Ok((cost, depth)),
            NodeCost::Begun => {
                let message = "the schema evaluates itself at the same place of a value, without end; refer to it from \
                               within properties or items, or take the reference out";
                return Err(Problem::new(TOO_EXPENSIVE, node.place.clone(), message));
            }
            NodeCost::No => self.known[number] = NodeCost::Begun,
        }
        let mut total = Cost { valid: node.own, errors: 2 * node.own, marks: 1 };
        let (mut depth, mut worst) = (1, (0, &node.place));
        for edge in &node.edges {
            let mut one = Cost::ONE;
            if edge.how.is_in_place() {
                if above >= SCHEMA_DEPTH_MAX {
                    return Err(too_deep(&node.place));
                }
                for to in &edge.to {
                    let (cost, below) = self.cost(*to, above + 1)?;
                    (one, depth) = (one.or(cost), depth.max(below + 1));
                }
                if one.valid > worst.0 {
                    worst = (one.valid, self.graph.blamed(edge));
                }
            }
            total.add(&edge.how, one);
        }
        if depth > SCHEMA_DEPTH_MAX {
            return Err(too_deep(&node.place));
        }
        let total = total.finish(node);
        if total.valid > PLACE_EVALUATIONS_MAX {
            let message = format!(
                "a place of a value takes {} evaluations of subschemas and may take {PLACE_EVALUATIONS_MAX} \
                 (place_evaluations_max), most of them by this; refer to a subschema once, not several times within allOf, \
                 anyOf or oneOf",
                total.valid
            );
            return Err(Problem::new(TOO_EXPENSIVE, worst.1.clone(), message));
        }
        self.known[number] = NodeCost::Done(total, depth);
        Ok((total, depth))
    }
}

fn too_deep(place: &JsonPointer) -> Problem {
    let message = format!(
        "references, allOf, anyOf, oneOf, not and if are nested deeper than {SCHEMA_DEPTH_MAX} (schema_depth_max); nest less"
    );
    Problem::new(TOO_EXPENSIVE, place.clone(), message)
}

/// How many evaluations it takes to validate an instance.
///
/// # Errors
/// [`SchemaStop::Refused`] when they are too many, naming the reference that contributes most;
/// [`SchemaStop::Interrupted`] when the budget ends.
pub(crate) fn cost(graph: &Graph, instance: &Value, work: &Work) -> Result<Cost, SchemaStop> {
    let mut estimate = Estimate { graph, work, known: HashMap::new(), steps: 0, next_look: STEPS_PER_LOOK };
    estimate.cost(0, InstancePart::Value(instance), PartContext { levels: 0, path_bytes: 0 })
}

/// A part of an instance: a value, or the key of a member.
#[derive(Clone, Copy)]
enum InstancePart<'a> {
    Value(&'a Value),
    Key(&'a str),
}

/// What is above a part.
#[derive(Clone, Copy)]
struct PartContext {
    /// How many evaluations are nested.
    levels: usize,
    /// How long the path to it is.
    path_bytes: u64,
}

struct Estimate<'a> {
    graph: &'a Graph,
    work: &'a Work,
    /// By subschema and the address of the part.
    known: HashMap<(usize, usize), Cost>,
    steps: u64,
    next_look: u64,
}

impl<'a> Estimate<'a> {
    fn cost(
        &mut self,
        number: usize,
        part: InstancePart<'a>,
        above: PartContext,
    ) -> Result<Cost, SchemaStop> {
        let address = match part {
            InstancePart::Value(value) => std::ptr::from_ref(value).addr(),
            InstancePart::Key(key) => key.as_ptr().addr(),
        };
        if let Some(known) = self.known.get(&(number, address)) {
            return Ok(*known);
        }
        let graph = self.graph;
        let node = &graph.nodes[number];
        if above.levels > LEVELS_MAX {
            let message = format!(
                "checking it by its schema nests more than {LEVELS_MAX} evaluations (schema_levels_max); nest the value less"
            );
            return Err(refused(message));
        }
        let own = own(node, part, above.path_bytes)?;
        self.step(own, &node.place)?;
        let mut total = Cost { valid: own, errors: 2 * own, marks: 1 };
        let mut worst = (0, &node.place);
        for edge in &node.edges {
            let before = total;
            for to in &edge.to {
                let mut with = before;
                self.edge(&edge.how, *to, part, above, &mut with)?;
                total = total.or(with);
            }
            if total.valid - before.valid > worst.0 {
                worst = (total.valid - before.valid, graph.blamed(edge));
            }
        }
        let total = total.finish(node);
        if total.valid > SCHEMA_EVALUATIONS_MAX {
            return Err(too_many(worst.1));
        }
        self.known.insert((number, address), total);
        Ok(total)
    }

    /// Adds what an edge costs.
    fn edge(
        &mut self,
        how: &EdgeKind,
        to: usize,
        part: InstancePart<'a>,
        above: PartContext,
        total: &mut Cost,
    ) -> Result<(), SchemaStop> {
        let PartContext { levels, path_bytes } = above;
        if how.is_in_place() {
            let one = self.cost(to, part, PartContext { levels: levels + 1, path_bytes })?;
            total.add(how, one);
            return Ok(());
        }
        let InstancePart::Value(value) = part else { return Ok(()) };
        let below = |bytes: usize| PartContext { levels: levels + 1, path_bytes: path_bytes + bytes as u64 };
        match (how, value) {
            (EdgeKind::Property(name), Value::Object(members)) => {
                if let Some(member) = members.get(&**name) {
                    total.add(how, self.cost(to, InstancePart::Value(member), below(name.len()))?);
                }
            }
            (EdgeKind::EveryProperty | EdgeKind::UnevaluatedProperty, Value::Object(members)) => {
                for (name, member) in members {
                    total.add(how, self.cost(to, InstancePart::Value(member), below(name.len()))?);
                }
            }
            (EdgeKind::EveryKey, Value::Object(members)) => {
                for name in members.keys() {
                    total.add(how, self.cost(to, InstancePart::Key(name), below(0))?);
                }
            }
            (EdgeKind::Item(i), Value::Array(items)) => {
                if let Some(item) = items.get(*i) {
                    total.add(how, self.cost(to, InstancePart::Value(item), below(4))?);
                }
            }
            (EdgeKind::EveryItem | EdgeKind::Contains | EdgeKind::UnevaluatedItem, Value::Array(items)) => {
                for item in items {
                    total.add(how, self.cost(to, InstancePart::Value(item), below(4))?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Each step is one evaluation at least, so they are as many at most.
    fn step(&mut self, steps: u64, place: &JsonPointer) -> Result<(), SchemaStop> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > SCHEMA_EVALUATIONS_MAX {
            return Err(too_many(place));
        }
        if self.steps >= self.next_look {
            self.next_look = self.steps + STEPS_PER_LOOK;
            self.work.check()?;
        }
        Ok(())
    }
}

/// What a subschema's own keywords cost at a part.
fn own(node: &SchemaNode, part: InstancePart<'_>, path_bytes: u64) -> Result<u64, SchemaStop> {
    let text = match part {
        InstancePart::Key(text) => Some(text),
        InstancePart::Value(value) => value.as_str(),
    };
    // An error keeps the path to its part.
    let mut own = node.own + path_bytes / BYTES_PER_STEP / 4;
    if let Some(text) = text.filter(|_| node.matches_texts) {
        own += matched(text, &node.place)?;
    }
    if let InstancePart::Value(Value::Object(members)) = part
        && node.key_patterns > 0
    {
        for key in members.keys() {
            own = own.saturating_add((1 + matched(key, &node.place)?).saturating_mul(node.key_patterns));
        }
    }
    if let InstancePart::Value(Value::Array(items)) = part
        && node.compares_items
    {
        own = items.iter().fold(own, |own, item| own.saturating_add(nodes(item)));
    }
    Ok(own)
}

/// What it costs to match a text.
fn matched(text: &str, place: &JsonPointer) -> Result<u64, SchemaStop> {
    if text.len() <= REGEX_INPUT_BYTES_MAX {
        return Ok(text.len() as u64 / BYTES_PER_STEP);
    }
    let message = format!(
        "a text of {} bytes is to be matched with a regular expression or a format (at {place} of the schema), and may have \
         {REGEX_INPUT_BYTES_MAX} (regex_input_bytes_max); shorten it, or take pattern and format out there",
        text.len()
    );
    Err(refused(message))
}

/// How many values there are within a value, itself included. Bodies are not nested deep.
fn nodes(value: &Value) -> u64 {
    1 + match value {
        Value::Array(items) => items.iter().map(nodes).sum(),
        Value::Object(members) => members.values().map(nodes).sum(),
        Value::String(text) => text.len() as u64 / BYTES_PER_STEP,
        _ => 0,
    }
}

fn too_many(place: &JsonPointer) -> SchemaStop {
    refused(format!(
        "checking it by its schema takes more than {SCHEMA_EVALUATIONS_MAX} evaluations of subschemas \
         (schema_evaluations_max), most of them by {place} of the schema; make the value smaller, or the schema simpler there"
    ))
}

fn refused(message: String) -> SchemaStop {
    SchemaStop::Refused(Problem::new(TOO_EXPENSIVE, JsonPointer::root(), message))
}

impl Cost {
    /// Whether every error may be looked for: each takes memory.
    pub(crate) fn allows_errors(&self) -> bool {
        self.errors <= ERROR_EVALUATIONS_MAX
    }
}
