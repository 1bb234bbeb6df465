//! The common case of an evaluation: doubles alone, without errors.
//!
//! While every number stays below 2^53, doubles hold integers exactly, and each operation on them gives the double of
//! what Python's mix of integers and doubles gives. So a formula is also kept as nested functions on doubles, whose
//! values pass in registers. A number that leaves that range becomes NaN and stays so (an infinity, a division by zero
//! and a variable that was not given do likewise); then the exact program decides, and names what is wrong.

use std::fmt;
use std::sync::Arc;

use super::names::DEFAULTS;
use super::program::{FormulaProgram, Instruction};
use super::value::{Binary, Comparison, Numeric, Unary, floor_divide, modulo};
use super::variables::{FormulaVariables, known_place};
use crate::limits::EXPONENT_MAX;

/// How many values of variables a formula that is evaluated this way can reach: those with a default, and beside them
/// as many others as fit. A power of two, so that a mask bounds an index.
pub(super) const SLOTS: usize = 16;
/// Below this every integer is a double of its own; 2^53 itself is also what 2^53 + 1 is rounded to.
const EXACT_END: f64 = 9_007_199_254_740_992.0;

/// The values of variables: those with a default in their order, then the others of a formula; NaN for one that was not
/// given.
pub(super) type FastVariables = [f64; SLOTS];

/// A formula on doubles: one call for each operation, with operands that are constants or variables built into it.
#[derive(Clone)]
pub(super) struct FastFormula {
    evaluator: Arc<FastEvaluator>,
    /// The variables without a default, in the order of their slots. Mostly there is none, and then the values are read
    /// where they are.
    others: Arc<[Box<str>]>,
}

type FastEvaluator = dyn Fn(&FastVariables) -> f64 + Send + Sync;

impl fmt::Debug for FastFormula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FastFormula")
    }
}

impl FastFormula {
    /// Translates a program; none for one with too many variables, too deep, or with a constant past 2^53.
    pub(super) fn of(program: &FormulaProgram) -> Option<Self> {
        let mut others = Vec::new();
        let slots = program.variables.iter().map(|name| match known_place(name) {
            Some(place) => place,
            None => {
                others.push(name.clone());
                DEFAULTS.len() + others.len() - 1
            }
        });
        let slots: Vec<u8> = slots.map(|slot| u8::try_from(slot).ok()).collect::<Option<_>>()?;
        if DEFAULTS.len() + others.len() > SLOTS {
            return None;
        }
        let mut translator = Translator { slots, ..Translator::default() };
        for (at, instruction) in program.instructions.iter().enumerate() {
            translator.join(at)?;
            translator.translate(instruction)?;
        }
        translator.join(program.instructions.len())?;
        let (node, _) = translator.stack.pop()?;
        Some(Self { evaluator: node.build().into(), others: others.into() })
    }

    /// The value; NaN where only the exact program knows it.
    #[inline]
    pub(super) fn run(&self, variables: &FormulaVariables) -> f64 {
        if self.others.is_empty() {
            return (self.evaluator)(variables.known());
        }
        self.run_with_others(variables)
    }

    fn run_with_others(&self, variables: &FormulaVariables) -> f64 {
        let mut values = *variables.known();
        for (value, name) in values[DEFAULTS.len()..].iter_mut().zip(&*self.others) {
            *value = variables.get(name).map_or(f64::NAN, |value| exact(value.as_f64()));
        }
        (self.evaluator)(&values)
    }
}

/// A part of a formula while it is translated.
enum FastNode {
    Constant(f64),
    Variable(u8),
    Unary(Unary, Box<FastNode>),
    Binary(Binary, Box<(FastNode, FastNode)>),
    /// A chain of comparisons: the first operand, and each comparison with its right operand.
    Compare(Box<FastNode>, ChainLinks),
    And(Box<(FastNode, FastNode)>),
    Or(Box<(FastNode, FastNode)>),
    Not(Box<FastNode>),
}

impl FastNode {
    fn build(self) -> Box<FastEvaluator> {
        match self {
            Self::Constant(value) => Box::new(move |_| value),
            Self::Variable(place) => Box::new(move |variables| variable(variables, place)),
            Self::Unary(unary, node) => build_unary(None, unary, *node),
            Self::Binary(binary, nodes) => match binary {
                Binary::Add => build_sum(*nodes),
                Binary::Subtract => build_binary(|a, b| a - b, *nodes),
                Binary::Multiply => build_product(*nodes),
                Binary::Divide => build_binary(|a, b| a / b, *nodes),
                Binary::Maximum => build_binary(maximum, *nodes),
                Binary::Minimum => build_binary(|a, b| -maximum(-a, -b), *nodes),
                rare => build_binary(move |a, b| apply_rare(rare, a, b), *nodes),
            },
            Self::Compare(first, links) => {
                let first = first.build();
                let links: Vec<_> =
                    links.into_iter().map(|(comparison, node)| (comparison, node.build())).collect();
                Box::new(move |variables| compare(&*first, &links, variables))
            }
            Self::And(nodes) => {
                let (left, right) = (nodes.0.build(), nodes.1.build());
                Box::new(move |variables| match left(variables) {
                    1.0 => right(variables),
                    left => left,
                })
            }
            Self::Or(nodes) => {
                let (left, right) = (nodes.0.build(), nodes.1.build());
                Box::new(move |variables| match left(variables) {
                    0.0 => right(variables),
                    left => left,
                })
            }
            Self::Not(node) => {
                let node = node.build();
                Box::new(move |variables| 1.0 - node(variables))
            }
        }
    }
}

/// The value of a variable; a mask bounds the index.
#[inline(always)]
fn variable(variables: &FastVariables, place: u8) -> f64 {
    variables[usize::from(place) % SLOTS]
}

fn build_binary(
    operation: impl Fn(f64, f64) -> f64 + Send + Sync + 'static,
    nodes: (FastNode, FastNode),
) -> Box<FastEvaluator> {
    match nodes {
        (FastNode::Variable(a), FastNode::Constant(b)) => {
            Box::new(move |variables| exact(operation(variable(variables, a), b)))
        }
        (FastNode::Constant(a), FastNode::Variable(b)) => {
            Box::new(move |variables| exact(operation(a, variable(variables, b))))
        }
        (FastNode::Variable(a), FastNode::Variable(b)) => {
            Box::new(move |variables| exact(operation(variable(variables, a), variable(variables, b))))
        }
        (a, FastNode::Constant(b)) => {
            let a = a.build();
            Box::new(move |variables| exact(operation(a(variables), b)))
        }
        (FastNode::Constant(a), b) => {
            let b = b.build();
            Box::new(move |variables| exact(operation(a, b(variables))))
        }
        (a, b) => {
            let (a, b) = (a.build(), b.build());
            Box::new(move |variables| exact(operation(a(variables), b(variables))))
        }
    }
}

/// A sum. In estimates its operands from the right are mostly multiples of variables, as in `200 + 5 * N + 0.1 * p95`:
/// those take no call of their own, and one look at the end tells whether any of them was past 2^53.
fn build_sum((left, right): (FastNode, FastNode)) -> Box<FastEvaluator> {
    let last = match multiple(right) {
        Ok(last) => last,
        Err(right) => return build_binary(|a, b| a + b, (left, right)),
    };
    let (mut first, mut multiples) = (left, vec![last]);
    while let FastNode::Binary(Binary::Add, nodes) = first {
        let (left, right) = *nodes;
        match multiple(right) {
            Ok(before) => {
                multiples.push(before);
                first = left;
            }
            Err(right) => {
                first = FastNode::Binary(Binary::Add, Box::new((left, right)));
                break;
            }
        }
    }
    multiples.reverse();
    match (multiple(first), &*multiples) {
        (Err(FastNode::Constant(constant)), [(factor, place)]) => {
            let (factor, place) = (*factor, *place);
            Box::new(move |variables| exact(constant + exact(factor * variable(variables, place))))
        }
        (Err(FastNode::Constant(constant)), _) => build_multiples(move |_| constant, multiples),
        (Ok((factor, place)), _) => {
            build_multiples(move |variables| factor * variable(variables, place), multiples)
        }
        (Err(first), _) => build_multiples(first.build(), multiples),
    }
}

/// The sum of a part and multiples of variables, from the left.
fn build_multiples(
    first: impl Fn(&FastVariables) -> f64 + Send + Sync + 'static,
    multiples: Vec<(f64, u8)>,
) -> Box<FastEvaluator> {
    let multiples: Box<[(f64, u8)]> = multiples.into();
    Box::new(move |variables| {
        let mut sum = first(variables);
        // No sum on the way is larger than this, so all of them are exact while it is.
        let mut bound = sum.abs();
        for (factor, place) in &multiples {
            let multiple = factor * variable(variables, *place);
            sum += multiple;
            bound += multiple.abs();
        }
        if bound < EXACT_END { sum } else { f64::NAN }
    })
}

/// A factor and the place of a variable, where a node is their product or the variable alone; else the node as it is.
/// The order of factors does not change a product of doubles.
fn multiple(node: FastNode) -> Result<(f64, u8), FastNode> {
    match node {
        FastNode::Variable(place) => Ok((1.0, place)),
        FastNode::Binary(Binary::Multiply, nodes) => match *nodes {
            (FastNode::Constant(factor), FastNode::Variable(place))
            | (FastNode::Variable(place), FastNode::Constant(factor)) => Ok((factor, place)),
            nodes => Err(FastNode::Binary(Binary::Multiply, Box::new(nodes))),
        },
        node => Err(node),
    }
}

/// A product. That of a constant and a function, `300 * ceil(N / 100)`, takes one call for both.
fn build_product(nodes: (FastNode, FastNode)) -> Box<FastEvaluator> {
    match nodes {
        (FastNode::Constant(factor), FastNode::Unary(unary, node))
        | (FastNode::Unary(unary, node), FastNode::Constant(factor)) => {
            build_unary(Some(factor), unary, *node)
        }
        nodes => build_binary(|a, b| a * b, nodes),
    }
}

/// A function of one operand, and a factor of its value.
fn build_unary(factor: Option<f64>, unary: Unary, node: FastNode) -> Box<FastEvaluator> {
    fn times(
        factor: Option<f64>,
        operation: impl Fn(f64) -> f64 + Send + Sync + 'static,
        node: FastNode,
    ) -> Box<FastEvaluator> {
        match factor {
            Some(factor) => over(move |x| factor * exact(operation(x)), node),
            None => over(operation, node),
        }
    }
    /// `ceil(N / 100)` and `log(max(N, 1))` are so common that their operands take no call of their own.
    fn over(operation: impl Fn(f64) -> f64 + Send + Sync + 'static, node: FastNode) -> Box<FastEvaluator> {
        if let FastNode::Binary(binary @ (Binary::Divide | Binary::Maximum), nodes) = &node
            && let (FastNode::Variable(place), FastNode::Constant(constant)) = **nodes
        {
            if *binary == Binary::Divide {
                return Box::new(move |variables| {
                    exact(operation(exact(variable(variables, place) / constant)))
                });
            }
            return Box::new(move |variables| {
                exact(operation(maximum(variable(variables, place), constant)))
            });
        }
        let node = node.build();
        Box::new(move |variables| exact(operation(node(variables))))
    }
    match unary {
        Unary::Negate => times(factor, |x| -x, node),
        Unary::Absolute => times(factor, f64::abs, node),
        Unary::Ceiling => times(factor, ceiling, node),
        Unary::Floor => times(factor, |x| -ceiling(-x), node),
        Unary::Exponential => times(factor, f64::exp, node),
        Unary::SquareRoot => times(factor, f64::sqrt, node),
        Unary::Logarithm => times(factor, f64::ln, node),
        Unary::Logarithm10 => times(factor, f64::log10, node),
        Unary::Logarithm2 => times(factor, f64::log2, node),
    }
}

/// The next whole number from `x` on, by way of an integer: targets without an instruction for it call a function. What
/// is past 64 bits is past 2^53 as well, and so left to the exact program.
#[inline(always)]
fn ceiling(x: f64) -> f64 {
    let whole = x as i64 as f64;
    let ceiling = if whole < x { whole + 1.0 } else { whole };
    if x.is_nan() { x } else { ceiling }
}

/// Python's `max`, which keeps the first of two that are equal; NaN with either of them.
#[inline(always)]
fn maximum(a: f64, b: f64) -> f64 {
    match (is_either_nan(a, b), b > a) {
        (true, _) => f64::NAN,
        (false, true) => b,
        (false, false) => a,
    }
}

fn compare(
    first: &FastEvaluator,
    links: &[(Comparison, Box<FastEvaluator>)],
    variables: &FastVariables,
) -> f64 {
    let mut left = first(variables);
    for (comparison, node) in links {
        let right = node(variables);
        if is_either_nan(left, right) {
            return f64::NAN;
        }
        let is_true = match comparison {
            Comparison::Equal => left == right,
            Comparison::NotEqual => left != right,
            Comparison::Less => left < right,
            Comparison::LessOrEqual => left <= right,
            Comparison::Greater => left > right,
            Comparison::GreaterOrEqual => left >= right,
        };
        if !is_true {
            return 0.0;
        }
        left = right;
    }
    1.0
}

/// The value while doubles are exact there, else NaN.
#[inline(always)]
pub(super) fn exact(value: f64) -> f64 {
    if value.abs() < EXACT_END { value } else { f64::NAN }
}

/// Both are finite or NaN, so their sum is NaN only with one of them.
#[inline(always)]
fn is_either_nan(a: f64, b: f64) -> bool {
    (a + b).is_nan()
}

fn apply_rare(binary: Binary, a: f64, b: f64) -> f64 {
    let number = |outcome: Result<Numeric, _>| outcome.map_or(f64::NAN, Numeric::as_f64);
    match binary {
        _ if is_either_nan(a, b) => f64::NAN,
        Binary::FloorDivide => number(floor_divide(Numeric::Float(a), Numeric::Float(b))),
        Binary::Modulo => number(modulo(Numeric::Float(a), Numeric::Float(b))),
        Binary::Power if b.abs() <= f64::from(EXPONENT_MAX) => a.powf(b),
        Binary::LogarithmToBase if a > 0.0 && b > 0.0 => a.ln() / b.ln(),
        // The others are built where they are translated.
        _ => f64::NAN,
    }
}

/// The deepest formula that is kept this way: each level is a call within a call. 40: a chain of as many terms.
const DEPTH_MAX: usize = 40;

/// The comparisons of a chain, each with its right operand.
type ChainLinks = Vec<(Comparison, FastNode)>;

/// A part of a formula with its depth.
type FormulaPart = (FastNode, usize);

/// What the exact program would have on its stack, as trees.
#[derive(Default)]
struct Translator {
    /// The slot of each variable of the program.
    slots: Vec<u8>,
    stack: Vec<FormulaPart>,
    /// What waits for the instruction at a place, to be joined with what is on the stack then; whether by `and`.
    waiting: Vec<(usize, FormulaPart, bool)>,
    /// The chain of comparisons under way: its first operand, and each comparison with its right one; and its depth.
    chain: Option<(FastNode, ChainLinks, usize)>,
}

impl Translator {
    /// Adds a tree; none for one that is too deep.
    fn push(&mut self, node: FastNode, depth: usize) -> Option<()> {
        (depth <= DEPTH_MAX).then(|| self.stack.push((node, depth)))
    }

    fn join(&mut self, at: usize) -> Option<()> {
        while let Some((_, (left, depth), is_and)) = self.waiting.pop_if(|(end, ..)| *end == at) {
            let (right, other) = self.stack.pop()?;
            let both = Box::new((left, right));
            self.push(if is_and { FastNode::And(both) } else { FastNode::Or(both) }, 1 + depth.max(other))?;
        }
        Some(())
    }

    fn binary(&mut self, binary: Binary) -> Option<()> {
        let ((b, depth), (a, other)) = (self.stack.pop()?, self.stack.pop()?);
        self.push(FastNode::Binary(binary, Box::new((a, b))), 1 + depth.max(other))
    }

    /// Takes the operands of a comparison into the chain under way, or into a new one. Operands are numbers, so nothing
    /// nested in them is a chain, and one chain is under way at most.
    fn link(&mut self, comparison: Comparison) -> Option<()> {
        let (right, depth) = self.stack.pop()?;
        if self.chain.is_none() {
            let (first, depth) = self.stack.pop()?;
            self.chain = Some((first, Vec::new(), depth));
        }
        let (_, links, deepest) = self.chain.as_mut()?;
        links.push((comparison, right));
        *deepest = depth.max(*deepest);
        Some(())
    }

    fn translate(&mut self, instruction: &Instruction) -> Option<()> {
        match *instruction {
            Instruction::Constant(value) => self.push(FastNode::Constant(constant(value)?), 1),
            Instruction::Load(variable) => {
                let slot = *self.slots.get(usize::from(variable))?;
                self.push(FastNode::Variable(slot), 1)
            }
            Instruction::Unary(unary) => {
                let (node, depth) = self.stack.pop()?;
                self.push(FastNode::Unary(unary, Box::new(node)), 1 + depth)
            }
            Instruction::Binary(binary) => self.binary(binary),
            Instruction::BinaryConstant(binary, value) => {
                self.push(FastNode::Constant(constant(value)?), 1)?;
                self.binary(binary)
            }
            Instruction::CompareChained(comparison, _) => self.link(comparison),
            Instruction::Compare(comparison) => {
                self.link(comparison)?;
                let (first, links, depth) = self.chain.take()?;
                self.push(FastNode::Compare(Box::new(first), links), 1 + depth)
            }
            Instruction::JumpIfFalse(end) | Instruction::JumpIfTrue(end) => {
                let is_and = matches!(instruction, Instruction::JumpIfFalse(_));
                let left = self.stack.pop()?;
                self.waiting.push((usize::from(end), left, is_and));
                Some(())
            }
            Instruction::Not => {
                let (node, depth) = self.stack.pop()?;
                self.push(FastNode::Not(Box::new(node)), 1 + depth)
            }
        }
    }
}

fn constant(value: Numeric) -> Option<f64> {
    Some(value.as_f64()).filter(|value| value.abs() < EXACT_END)
}
