//! The operands of a formula: numbers, variables, parentheses and calls.

use std::ops::Range;

use midflight_core::clip;

use super::emit::place;
use super::error::{FormulaError, FormulaFault};
use super::lexer::Lexeme;
use super::names::{self, KnownName};
use super::parser::{FormulaType, ParsedPart, Parser};
use super::program::Instruction;
use super::value::Numeric;
use crate::limits::FORMULA_VARIABLES_MAX;

impl Parser<'_> {
    pub(super) fn atom(&mut self) -> ParsedPart {
        match self.lexeme {
            Lexeme::Number(value) => {
                let span = self.advance()?;
                self.emit(Instruction::Constant(value), &span, 1);
                Ok((FormulaType::Number, span))
            }
            Lexeme::Sign("(") => {
                let start = self.advance()?;
                let (kind, _) = self.nested(Self::disjunction)?;
                let end = self.close("(", &start)?;
                Ok((kind, start.start..end))
            }
            Lexeme::Name
                if !matches!(
                    &self.text[self.span.clone()],
                    "and" | "or" | "not" | "if" | "else" | "in" | "is"
                ) =>
            {
                self.name()
            }
            _ => {
                let message = self.unexpected("a number, a variable, a function or (");
                Err(self.syntax(message))
            }
        }
    }

    /// Reads the parenthesis that closes what was opened at `start`.
    fn close(&mut self, opened: &str, start: &Range<usize>) -> Result<usize, FormulaError> {
        if matches!(self.lexeme, Lexeme::Sign(")")) {
            return Ok(self.advance()?.end);
        }
        if matches!(self.lexeme, Lexeme::End) {
            let message = format!("{opened:?} is never closed; write ) at its end");
            return Err(self.error(start.clone(), FormulaFault::Syntax, message));
        }
        let message = self.unexpected("an operator or )");
        Err(self.syntax(message))
    }

    fn name(&mut self) -> ParsedPart {
        let span = self.advance()?;
        let text = self.text;
        let name = &text[span.clone()];
        let is_called = matches!(self.lexeme, Lexeme::Sign("("));
        let constant = |value| Instruction::Constant(value);
        let named =
            if (self.is_declared)(name) && !is_called { KnownName::Variable } else { names::named(name) };
        match named {
            KnownName::Function(function) if is_called => self.call(name, function, &span),
            KnownName::Function(_) => {
                let message = format!("{name} is a function; write {name}(...)");
                Err(self.error(span, FormulaFault::Function, message))
            }
            _ if is_called => {
                let message = format!(
                    "unknown function {:?}{}; the functions are {}",
                    clip(name),
                    midflight_core::hint(name, names::FUNCTIONS),
                    names::FUNCTIONS.join(", ")
                );
                Err(self.error(span, FormulaFault::Function, message))
            }
            KnownName::Number(value) => {
                self.emit(constant(Numeric::Float(value)), &span, 1);
                Ok((FormulaType::Number, span))
            }
            KnownName::Truth(value) => {
                self.emit(constant(Numeric::Integer(i64::from(value))), &span, 1);
                Ok((FormulaType::Condition, span))
            }
            KnownName::Misspelled(known) => {
                let message = format!(
                    "unknown variable {name:?}; did you mean {known:?}? If not, declare it in required_inputs or optional_inputs"
                );
                Err(self.error(span, FormulaFault::Misspelled, message))
            }
            KnownName::Variable => {
                let place = self.variable(name, &span)?;
                self.emit(Instruction::Load(place), &span, 1);
                Ok((FormulaType::Number, span))
            }
        }
    }

    fn variable(&mut self, name: &str, span: &Range<usize>) -> Result<u16, FormulaError> {
        let found = self.variables.iter().position(|known| **known == *name);
        let at = found.unwrap_or(self.variables.len());
        if at == FORMULA_VARIABLES_MAX {
            let message = format!("an expression has at most {FORMULA_VARIABLES_MAX} variables; use fewer");
            return Err(self.error(span.clone(), FormulaFault::TooLarge, message));
        }
        if found.is_none() {
            self.variables.push(name.into());
        }
        Ok(place(at))
    }

    fn call(&mut self, name: &str, function: names::Function, span: &Range<usize>) -> ParsedPart {
        self.advance()?;
        let mut count = 0;
        if !matches!(self.lexeme, Lexeme::Sign(")")) {
            loop {
                let (kind, argument) = self.nested(Self::disjunction)?;
                self.expect_kind(FormulaType::Number, kind, &argument)?;
                count += 1;
                if let (names::Function::Fold(binary), 2..) = (function, count) {
                    self.binary(binary, span.start..argument.end)?;
                }
                if !matches!(self.lexeme, Lexeme::Sign(",")) {
                    break;
                }
                self.advance()?;
            }
        }
        let end = self.close(&format!("{name}("), &(span.start..span.end + 1))?;
        let whole = span.start..end;
        match (function, count) {
            (names::Function::Fold(_), 1..) => {}
            (names::Function::One(unary) | names::Function::OneOrTwo(unary, _), 1) => {
                self.unary(unary, whole.clone())?
            }
            (names::Function::OneOrTwo(_, binary), 2) => self.binary(binary, whole.clone())?,
            _ => {
                let wanted = function.arguments();
                let message = format!("{name} takes {wanted}, not {count}; write {name}(x)");
                return Err(self.error(whole, FormulaFault::Function, message));
            }
        }
        Ok((FormulaType::Number, whole))
    }
}
