//! What a formula is compiled to: instructions of a stack machine, in one list.

use std::ops::Range;

use super::value::{Binary, Comparison, Numeric, Unary};

/// One step. A condition is an integer on the stack: 0 or 1. Jumps only go forward, so every program ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum Instruction {
    Constant(Numeric),
    /// Pushes the variable of this place in the list of variables.
    Load(u16),
    Unary(Unary),
    Binary(Binary),
    /// The same with a constant on the right, the commonest case, in one step.
    BinaryConstant(Binary, Numeric),
    Compare(Comparison),
    /// Compares the upper two values: true leaves the upper one, for the next comparison of a chain; false leaves false
    /// and jumps.
    CompareChained(Comparison, u16),
    /// Jumps and keeps a false value; else drops a true one.
    JumpIfFalse(u16),
    /// Jumps and keeps a true value; else drops a false one.
    JumpIfTrue(u16),
    Not,
}

/// A compiled formula. The parser made sure that the stack never grows past `stack` nor shrinks below nothing.
#[derive(Debug, Clone)]
pub(super) struct FormulaProgram {
    pub(super) instructions: Box<[Instruction]>,
    /// Where each instruction comes from, for errors.
    pub(super) spans: Box<[Range<u16>]>,
    pub(super) stack: usize,
    /// The names of its variables, in the order of their first use.
    pub(super) variables: Box<[Box<str>]>,
}
