//! Runs a compiled formula. Nothing is allocated but an error.

use super::program::{FormulaProgram, Instruction};
use super::value::{ArithmeticFault, Numeric};
use crate::limits::FORMULA_STACK_MAX;

/// The instruction that has no result, and why.
pub(super) type RunFault = (usize, ArithmeticFault);

/// Runs a program; `variables` has a value for each of its variables, in order.
pub(super) fn run(program: &FormulaProgram, variables: &[Numeric]) -> Result<Numeric, RunFault> {
    // A small stack costs less to set up, and nearly every formula fits.
    match program.stack {
        0..=4 => run_within::<4>(program, variables),
        5..=16 => run_within::<16>(program, variables),
        _ => run_within::<FORMULA_STACK_MAX>(program, variables),
    }
}

fn run_within<const SIZE: usize>(
    program: &FormulaProgram,
    variables: &[Numeric],
) -> Result<Numeric, RunFault> {
    let mut stack = [Numeric::Integer(0); SIZE];
    // How many values are on the stack.
    let mut size = 0;
    let mut at = 0;
    while let Some(instruction) = program.instructions.get(at) {
        at += 1;
        let fault = |fault| (at - 1, fault);
        match *instruction {
            Instruction::Constant(value) => {
                stack[size] = value;
                size += 1;
            }
            Instruction::Load(place) => {
                stack[size] = variables[usize::from(place)];
                size += 1;
            }
            Instruction::Unary(unary) => stack[size - 1] = unary.apply(stack[size - 1]).map_err(fault)?,
            Instruction::Binary(binary) => {
                size -= 1;
                stack[size - 1] = binary.apply(stack[size - 1], stack[size]).map_err(fault)?;
            }
            Instruction::BinaryConstant(binary, constant) => {
                stack[size - 1] = binary.apply(stack[size - 1], constant).map_err(fault)?;
            }
            Instruction::Compare(comparison) => {
                size -= 1;
                stack[size - 1] = truth(comparison.is_true(stack[size - 1], stack[size]));
            }
            Instruction::CompareChained(comparison, end) => {
                size -= 1;
                if comparison.is_true(stack[size - 1], stack[size]) {
                    stack[size - 1] = stack[size];
                } else {
                    stack[size - 1] = truth(false);
                    at = usize::from(end);
                }
            }
            Instruction::JumpIfFalse(end) if !is_true(stack[size - 1]) => at = usize::from(end),
            Instruction::JumpIfTrue(end) if is_true(stack[size - 1]) => at = usize::from(end),
            Instruction::JumpIfFalse(_) | Instruction::JumpIfTrue(_) => size -= 1,
            Instruction::Not => stack[size - 1] = truth(!is_true(stack[size - 1])),
        }
    }
    Ok(stack[0])
}

#[inline]
fn truth(is_true: bool) -> Numeric {
    Numeric::Integer(i64::from(is_true))
}

#[inline]
fn is_true(value: Numeric) -> bool {
    matches!(value, Numeric::Integer(1))
}
