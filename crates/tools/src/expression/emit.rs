//! Writes the instructions of a formula, and evaluates what has only constants.

use std::ops::Range;

use super::error::{FormulaError, FormulaFault};
use super::parser::Parser;
use super::program::Instruction;
use super::value::{ArithmeticFault, Binary, Unary};

impl Parser<'_> {
    pub(super) fn emit(&mut self, instruction: Instruction, span: &Range<usize>, grows: isize) {
        self.instructions.push(instruction);
        self.spans.push(place(span.start)..place(span.end));
        self.height = self.height.saturating_add_signed(grows);
        self.stack = self.stack.max(self.height);
    }

    fn drop_last(&mut self) {
        self.instructions.pop();
        self.spans.pop();
        self.height = self.height.saturating_sub(1);
    }

    /// Emits a unary operation, or its result where the operand is a constant.
    pub(super) fn unary(&mut self, unary: Unary, span: Range<usize>) -> Result<(), FormulaError> {
        if let Some(Instruction::Constant(operand)) = self.instructions.last() {
            let value = unary.apply(*operand).map_err(|fault| self.arithmetic(&span, fault))?;
            self.drop_last();
            self.emit(Instruction::Constant(value), &span, 1);
        } else {
            self.emit(Instruction::Unary(unary), &span, 0);
        }
        Ok(())
    }

    /// Emits a binary operation, or its result where both operands are constants: the same operation on the same
    /// numbers, so the result is the same. An operand whose last instruction is a constant is that constant alone.
    pub(super) fn binary(&mut self, binary: Binary, span: Range<usize>) -> Result<(), FormulaError> {
        match *self.instructions.as_slice() {
            [.., Instruction::Constant(left), Instruction::Constant(right)] => {
                let value = binary.apply(left, right).map_err(|fault| self.arithmetic(&span, fault))?;
                self.drop_last();
                self.drop_last();
                self.emit(Instruction::Constant(value), &span, 1);
            }
            [.., Instruction::Constant(right)] => {
                self.drop_last();
                self.emit(Instruction::BinaryConstant(binary, right), &span, 0);
            }
            _ => self.emit(Instruction::Binary(binary), &span, -1),
        }
        Ok(())
    }

    fn arithmetic(&self, span: &Range<usize>, fault: ArithmeticFault) -> FormulaError {
        self.error(span.clone(), FormulaFault::Arithmetic(fault), fault.to_string())
    }
}

/// A place in a formula, which has at most [`FORMULA_BYTES_MAX`] bytes and no more instructions than that.
pub(super) fn place(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}
