//! From the text of a formula to its program, in one pass: Python's grammar and precedence, types checked on the way.

use std::ops::Range;

use midflight_core::clip;

use super::error::{FormulaError, FormulaFault};
use super::lexer::{self, Lexeme};
use super::names::{self, Named};
use super::program::{Instruction, Program};
use super::value::{Binary, Comparison, Numeric, Unary};
use crate::limits::{FORMULA_BYTES_MAX, FORMULA_DEPTH_MAX, FORMULA_STACK_MAX, FORMULA_VARIABLES_MAX};

/// What a formula or a part of it gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Condition,
}

type Parsed = Result<(Kind, Range<usize>), FormulaError>;

pub(super) struct Parser<'t> {
    text: &'t str,
    /// Whether a name is an input of the pattern, and so no misspelled variable.
    is_declared: &'t dyn Fn(&str) -> bool,
    /// The lexeme to read next.
    lexeme: Lexeme,
    span: Range<usize>,
    depth: usize,
    instructions: Vec<Instruction>,
    spans: Vec<Range<u16>>,
    height: usize,
    stack: usize,
    variables: Vec<Box<str>>,
}

/// Parses and compiles `text`, which is to give a `wanted`.
pub(super) fn compile(
    text: &str,
    wanted: Kind,
    is_declared: &dyn Fn(&str) -> bool,
) -> Result<Program, FormulaError> {
    if text.len() > FORMULA_BYTES_MAX {
        let message =
            format!("the expression has {} bytes and may have {FORMULA_BYTES_MAX}; shorten it", text.len());
        return Err(FormulaError::new(text, 0..0, FormulaFault::TooLarge, message));
    }
    let (lexeme, span) = lexer::next(text, 0)?;
    let mut parser = Parser {
        text,
        is_declared,
        lexeme,
        span,
        depth: 0,
        instructions: Vec::new(),
        spans: Vec::new(),
        height: 0,
        stack: 0,
        variables: Vec::new(),
    };
    if matches!(parser.lexeme, Lexeme::End) {
        return Err(parser.syntax("the expression is empty; write a number, as 200"));
    }
    let (found, span) = parser.disjunction()?;
    if !matches!(parser.lexeme, Lexeme::End) {
        let message = parser.unexpected("an operator or the end");
        return Err(parser.syntax(message));
    }
    parser.expect_kind(wanted, found, &span)?;
    if parser.stack > FORMULA_STACK_MAX {
        return Err(parser.error(
            span,
            FormulaFault::TooLarge,
            "the expression holds too many values at once; nest it less",
        ));
    }
    Ok(Program {
        instructions: parser.instructions.into(),
        spans: parser.spans.into(),
        stack: parser.stack,
        variables: parser.variables.into(),
    })
}

impl Parser<'_> {
    fn error(&self, span: Range<usize>, fault: FormulaFault, message: impl Into<String>) -> FormulaError {
        FormulaError::new(self.text, span, fault, message)
    }

    fn syntax(&self, message: impl Into<String>) -> FormulaError {
        self.error(self.span.clone(), FormulaFault::Syntax, message)
    }

    fn unexpected(&self, expected: &str) -> String {
        match (self.lexeme, &self.text[self.span.clone()]) {
            (Lexeme::End, _) => format!("the expression ends too early; expected {expected}"),
            (Lexeme::Sign("="), _) => "unexpected \"=\"; compare with ==".to_owned(),
            (_, "if" | "else" | "lambda" | "for" | "is" | "in") => {
                format!(
                    "{:?} is not supported; use numbers, functions and comparisons",
                    &self.text[self.span.clone()]
                )
            }
            (_, found) => format!("unexpected {:?}; expected {expected}", clip(found)),
        }
    }

    fn advance(&mut self) -> Result<Range<usize>, FormulaError> {
        let (lexeme, span) = lexer::next(self.text, self.span.end)?;
        self.lexeme = lexeme;
        Ok(std::mem::replace(&mut self.span, span))
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.lexeme, Lexeme::Name) && &self.text[self.span.clone()] == word
    }

    fn expect_kind(&self, wanted: Kind, found: Kind, span: &Range<usize>) -> Result<(), FormulaError> {
        let message = match (wanted, found) {
            (Kind::Number, Kind::Condition) => {
                "a condition stands where a number is expected; remove the comparison"
            }
            (Kind::Condition, Kind::Number) => {
                "a number stands where a condition is expected; compare it, as in N > 50"
            }
            _ => return Ok(()),
        };
        Err(self.error(span.clone(), FormulaFault::Type, message))
    }

    /// Counts a level of nesting around `inner`.
    fn nested(&mut self, inner: impl FnOnce(&mut Self) -> Parsed) -> Parsed {
        self.depth += 1;
        if self.depth > FORMULA_DEPTH_MAX {
            let message = format!("nested deeper than {FORMULA_DEPTH_MAX} levels; simplify the expression");
            return Err(self.error(self.span.clone(), FormulaFault::TooLarge, message));
        }
        let parsed = inner(self)?;
        self.depth -= 1;
        Ok(parsed)
    }

    fn disjunction(&mut self) -> Parsed {
        self.joined("or", Self::conjunction, Instruction::JumpIfTrue)
    }

    fn conjunction(&mut self) -> Parsed {
        self.joined("and", Self::negation, Instruction::JumpIfFalse)
    }

    fn joined(&mut self, word: &str, part: fn(&mut Self) -> Parsed, jump: fn(u16) -> Instruction) -> Parsed {
        let (kind, mut span) = part(self)?;
        let mut jumps = Vec::new();
        while self.is_word(word) {
            self.expect_kind(Kind::Condition, kind, &span)?;
            let word_span = self.advance()?;
            jumps.push(self.instructions.len());
            self.emit(jump(0), &word_span, -1);
            let (right, right_span) = part(self)?;
            self.expect_kind(Kind::Condition, right, &right_span)?;
            span.end = right_span.end;
        }
        self.land(&jumps, jump);
        Ok((kind, span))
    }

    /// Lets jumps end here.
    fn land(&mut self, jumps: &[usize], jump: impl Fn(u16) -> Instruction) {
        let end = place(self.instructions.len());
        for at in jumps {
            self.instructions[*at] = jump(end);
        }
    }

    fn negation(&mut self) -> Parsed {
        if !self.is_word("not") {
            return self.comparison();
        }
        let start = self.advance()?;
        self.nested(|parser| {
            let (kind, span) = parser.negation()?;
            parser.expect_kind(Kind::Condition, kind, &span)?;
            let span = start.start..span.end;
            parser.emit(Instruction::Not, &span, 0);
            Ok((Kind::Condition, span))
        })
    }

    fn comparison(&mut self) -> Parsed {
        let (mut kind, mut span) = self.sum()?;
        let mut chained: Vec<(usize, Comparison)> = Vec::new();
        let mut left = (kind, span.clone());
        let mut pending: Option<(Comparison, Range<usize>)> = None;
        while let Some(comparison) = self.comparison_sign() {
            let sign = self.advance()?;
            self.expect_kind(Kind::Number, left.0, &left.1)?;
            if let Some((before, sign)) = pending.replace((comparison, sign.clone())) {
                chained.push((self.instructions.len(), before));
                self.emit(Instruction::CompareChained(before, 0), &sign, -1);
            }
            left = self.sum()?;
            self.expect_kind(Kind::Number, left.0, &left.1)?;
            (kind, span.end) = (Kind::Condition, left.1.end);
        }
        if let Some((comparison, sign)) = pending {
            self.emit(Instruction::Compare(comparison), &sign, -1);
        }
        let end = place(self.instructions.len());
        for (at, comparison) in chained {
            self.instructions[at] = Instruction::CompareChained(comparison, end);
        }
        Ok((kind, span))
    }

    fn comparison_sign(&self) -> Option<Comparison> {
        let Lexeme::Sign(sign) = self.lexeme else { return None };
        Some(match sign {
            "==" => Comparison::Equal,
            "!=" => Comparison::NotEqual,
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterOrEqual,
            _ => return None,
        })
    }

    fn sum(&mut self) -> Parsed {
        self.chain(Self::product, |sign| match sign {
            "+" => Some(Binary::Add),
            "-" => Some(Binary::Subtract),
            _ => None,
        })
    }

    fn product(&mut self) -> Parsed {
        self.chain(Self::signed, |sign| match sign {
            "*" => Some(Binary::Multiply),
            "/" => Some(Binary::Divide),
            "//" => Some(Binary::FloorDivide),
            "%" => Some(Binary::Modulo),
            _ => None,
        })
    }

    /// Operands joined by operators of one precedence, from the left.
    fn chain(&mut self, part: fn(&mut Self) -> Parsed, operator: fn(&str) -> Option<Binary>) -> Parsed {
        let (kind, mut span) = part(self)?;
        while let Lexeme::Sign(sign) = self.lexeme
            && let Some(binary) = operator(sign)
        {
            self.expect_kind(Kind::Number, kind, &span)?;
            let sign = self.advance()?;
            let (right, right_span) = part(self)?;
            self.expect_kind(Kind::Number, right, &right_span)?;
            span.end = right_span.end;
            self.binary(binary, sign.start..right_span.end)?;
        }
        Ok((kind, span))
    }

    fn signed(&mut self) -> Parsed {
        let Lexeme::Sign(sign @ ("+" | "-")) = self.lexeme else { return self.power() };
        let start = self.advance()?;
        self.nested(|parser| {
            let (kind, span) = parser.signed()?;
            parser.expect_kind(Kind::Number, kind, &span)?;
            let span = start.start..span.end;
            if sign == "-" {
                parser.unary(Unary::Negate, span.clone())?;
            }
            Ok((Kind::Number, span))
        })
    }

    fn power(&mut self) -> Parsed {
        let (kind, span) = self.atom()?;
        if !matches!(self.lexeme, Lexeme::Sign("**")) {
            return Ok((kind, span));
        }
        self.expect_kind(Kind::Number, kind, &span)?;
        let sign = self.advance()?;
        self.nested(|parser| {
            let (kind, right) = parser.signed()?;
            parser.expect_kind(Kind::Number, kind, &right)?;
            parser.binary(Binary::Power, sign.start..right.end)?;
            Ok((Kind::Number, span.start..right.end))
        })
    }

    fn atom(&mut self) -> Parsed {
        match self.lexeme {
            Lexeme::Number(value) => {
                let span = self.advance()?;
                self.emit(Instruction::Constant(value), &span, 1);
                Ok((Kind::Number, span))
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

    fn name(&mut self) -> Parsed {
        let span = self.advance()?;
        let text = self.text;
        let name = &text[span.clone()];
        let is_called = matches!(self.lexeme, Lexeme::Sign("("));
        let constant = |value| Instruction::Constant(value);
        let named = if (self.is_declared)(name) && !is_called { Named::Variable } else { names::named(name) };
        match named {
            Named::Function(function) if is_called => self.call(name, function, &span),
            Named::Function(_) => {
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
            Named::Number(value) => {
                self.emit(constant(Numeric::Float(value)), &span, 1);
                Ok((Kind::Number, span))
            }
            Named::Truth(value) => {
                self.emit(constant(Numeric::Integer(i64::from(value))), &span, 1);
                Ok((Kind::Condition, span))
            }
            Named::Misspelled(known) => {
                let message = format!(
                    "unknown variable {name:?}; did you mean {known:?}? If not, declare it in required_inputs or optional_inputs"
                );
                Err(self.error(span, FormulaFault::Misspelled, message))
            }
            Named::Variable => {
                let place = self.variable(name, &span)?;
                self.emit(Instruction::Load(place), &span, 1);
                Ok((Kind::Number, span))
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

    fn call(&mut self, name: &str, function: names::Function, span: &Range<usize>) -> Parsed {
        self.advance()?;
        let mut count = 0;
        if !matches!(self.lexeme, Lexeme::Sign(")")) {
            loop {
                let (kind, argument) = self.nested(Self::disjunction)?;
                self.expect_kind(Kind::Number, kind, &argument)?;
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
        Ok((Kind::Number, whole))
    }

    fn emit(&mut self, instruction: Instruction, span: &Range<usize>, grows: isize) {
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
    fn unary(&mut self, unary: Unary, span: Range<usize>) -> Result<(), FormulaError> {
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
    fn binary(&mut self, binary: Binary, span: Range<usize>) -> Result<(), FormulaError> {
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

    fn arithmetic(&self, span: &Range<usize>, fault: super::value::ArithmeticFault) -> FormulaError {
        self.error(span.clone(), FormulaFault::Arithmetic(fault), fault.to_string())
    }
}

/// A place in a formula, which has at most [`FORMULA_BYTES_MAX`] bytes and no more instructions than that.
fn place(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}
