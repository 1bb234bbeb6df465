//! The common case of an evaluation: doubles alone, without errors.
//!
//! While every number stays below 2^53, doubles hold integers exactly, and each operation on them gives the double of
//! what Python's mix of integers and doubles gives. So a formula is also kept as nested functions on doubles, whose
//! values pass in registers. A number that leaves that range becomes NaN and stays so (an infinity, a division by zero
//! and a variable that was not given do likewise); then the exact program decides, and names what is wrong.

use std::fmt;
use std::sync::Arc;

use super::program::{FormulaProgram, Instruction};
use super::value::{Binary, Comparison, Numeric, Unary, floor_divide, modulo};
use crate::limits::EXPONENT_MAX;

/// The most variables of a formula that is evaluated this way; a power of two, so that a mask bounds an index.
pub(super) const VARIABLES_MAX: usize = 8;
/// Below this every integer is a double of its own; 2^53 itself is also what 2^53 + 1 is rounded to.
const EXACT_END: f64 = 9_007_199_254_740_992.0;

/// The values of a formula's variables, in order; NaN for one that was not given.
pub(super) type FastVariables = [f64; VARIABLES_MAX];

/// A formula on doubles: one call for each operation, with operands that are constants or variables built into it.
#[derive(Clone)]
pub(super) struct FastFormula(Arc<FastEvaluator>);

type FastEvaluator = dyn Fn(&FastVariables) -> f64 + Send + Sync;

impl fmt::Debug for FastFormula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FastFormula")
    }
}

impl FastFormula {
    /// Translates a program; none for one with too many variables, too deep, or with a constant past 2^53.
    pub(super) fn of(program: &FormulaProgram) -> Option<Self> {
        if program.variables.len() > VARIABLES_MAX {
            return None;
        }
        let mut translator = Translator::default();
        for (at, instruction) in program.instructions.iter().enumerate() {
            translator.join(at)?;
            translator.translate(instruction)?;
        }
        translator.join(program.instructions.len())?;
        translator.stack.pop().map(|(node, _)| Self(node.build().into()))
    }

    /// The value; NaN where only the exact program knows it.
    #[inline]
    pub(super) fn run(&self, variables: &FastVariables) -> f64 {
        (self.0)(variables)
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
            Self::Unary(unary, node) => build_unary(unary, *node),
            Self::Binary(binary, nodes) => match binary {
                Binary::Add => build_sum(*nodes),
                Binary::Subtract => build_binary(|a, b| a - b, *nodes),
                Binary::Multiply => build_binary(|a, b| a * b, *nodes),
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
    variables[usize::from(place) % VARIABLES_MAX]
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

/// A sum. In estimates the right operand is mostly a multiple, `200 + 5 * N`, which takes no call of its own then.
fn build_sum((left, right): (FastNode, FastNode)) -> Box<FastEvaluator> {
    let (factor, inner) = match multiple(right) {
        Ok(multiple) => multiple,
        Err(right) => return build_binary(|a, b| a + b, (left, right)),
    };
    match (left, inner) {
        (FastNode::Constant(constant), FastNode::Variable(place)) => {
            Box::new(move |variables| exact(constant + exact(factor * variable(variables, place))))
        }
        (FastNode::Constant(constant), inner) => {
            let inner = inner.build();
            Box::new(move |variables| exact(constant + exact(factor * inner(variables))))
        }
        (left, FastNode::Variable(place)) => {
            let left = left.build();
            Box::new(move |variables| exact(left(variables) + exact(factor * variable(variables, place))))
        }
        (left, inner) => {
            let (left, inner) = (left.build(), inner.build());
            Box::new(move |variables| exact(left(variables) + exact(factor * inner(variables))))
        }
    }
}

/// The constant factor and the other one of a product that has one; else the node as it is. The order of factors does
/// not change a product of doubles.
fn multiple(node: FastNode) -> Result<(f64, FastNode), FastNode> {
    match node {
        FastNode::Binary(Binary::Multiply, nodes) => match *nodes {
            (FastNode::Constant(factor), inner) | (inner, FastNode::Constant(factor)) => Ok((factor, inner)),
            nodes => Err(FastNode::Binary(Binary::Multiply, Box::new(nodes))),
        },
        node => Err(node),
    }
}

fn build_unary(unary: Unary, node: FastNode) -> Box<FastEvaluator> {
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
        Unary::Negate => over(|x| -x, node),
        Unary::Absolute => over(f64::abs, node),
        Unary::Ceiling => over(ceiling, node),
        Unary::Floor => over(|x| -ceiling(-x), node),
        Unary::Exponential => over(f64::exp, node),
        Unary::SquareRoot => over(f64::sqrt, node),
        Unary::Logarithm => over(f64::ln, node),
        Unary::Logarithm10 => over(f64::log10, node),
        Unary::Logarithm2 => over(f64::log2, node),
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
            Instruction::Load(variable) => self.push(FastNode::Variable(u8::try_from(variable).ok()?), 1),
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
