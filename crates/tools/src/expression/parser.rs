//! From the text of a formula to its program, in one pass: Python's grammar and precedence, types checked on the way.

use std::ops::Range;

use midflight_core::clip;

use super::emit::place;
use super::error::{FormulaError, FormulaFault};
use super::lexer::{self, Lexeme};
use super::program::{FormulaProgram, Instruction};
use super::value::{Binary, Comparison, Unary};
use crate::limits::{FORMULA_BYTES_MAX, FORMULA_DEPTH_MAX, FORMULA_STACK_MAX};

/// What a formula or a part of it gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FormulaType {
    Number,
    Condition,
}

pub(super) type ParsedPart = Result<(FormulaType, Range<usize>), FormulaError>;

pub(super) struct Parser<'t> {
    pub(super) text: &'t str,
    /// Whether a name is an input of the pattern, and so no misspelled variable.
    pub(super) is_declared: &'t dyn Fn(&str) -> bool,
    /// The lexeme to read next.
    pub(super) lexeme: Lexeme,
    pub(super) span: Range<usize>,
    depth: usize,
    pub(super) instructions: Vec<Instruction>,
    pub(super) spans: Vec<Range<u16>>,
    pub(super) height: usize,
    pub(super) stack: usize,
    pub(super) variables: Vec<Box<str>>,
}

/// Parses and compiles `text`, which is to give a `wanted`.
pub(super) fn compile(
    text: &str,
    wanted: FormulaType,
    is_declared: &dyn Fn(&str) -> bool,
) -> Result<FormulaProgram, FormulaError> {
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
    Ok(FormulaProgram {
        instructions: parser.instructions.into(),
        spans: parser.spans.into(),
        stack: parser.stack,
        variables: parser.variables.into(),
    })
}

impl Parser<'_> {
    pub(super) fn error(
        &self,
        span: Range<usize>,
        fault: FormulaFault,
        message: impl Into<String>,
    ) -> FormulaError {
        FormulaError::new(self.text, span, fault, message)
    }

    pub(super) fn syntax(&self, message: impl Into<String>) -> FormulaError {
        self.error(self.span.clone(), FormulaFault::Syntax, message)
    }

    pub(super) fn unexpected(&self, expected: &str) -> String {
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

    pub(super) fn advance(&mut self) -> Result<Range<usize>, FormulaError> {
        let (lexeme, span) = lexer::next(self.text, self.span.end)?;
        self.lexeme = lexeme;
        Ok(std::mem::replace(&mut self.span, span))
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.lexeme, Lexeme::Name) && &self.text[self.span.clone()] == word
    }

    pub(super) fn expect_kind(
        &self,
        wanted: FormulaType,
        found: FormulaType,
        span: &Range<usize>,
    ) -> Result<(), FormulaError> {
        let message = match (wanted, found) {
            (FormulaType::Number, FormulaType::Condition) => {
                "found a condition where a number is expected; remove the comparison"
            }
            (FormulaType::Condition, FormulaType::Number) => {
                "found a number where a condition is expected; compare it, as in N > 50"
            }
            _ => return Ok(()),
        };
        Err(self.error(span.clone(), FormulaFault::Type, message))
    }

    /// Counts a level of nesting around `inner`.
    pub(super) fn nested(&mut self, inner: impl FnOnce(&mut Self) -> ParsedPart) -> ParsedPart {
        self.depth += 1;
        if self.depth > FORMULA_DEPTH_MAX {
            let message = format!("nested deeper than {FORMULA_DEPTH_MAX} levels; simplify the expression");
            return Err(self.error(self.span.clone(), FormulaFault::TooLarge, message));
        }
        let parsed = inner(self)?;
        self.depth -= 1;
        Ok(parsed)
    }

    pub(super) fn disjunction(&mut self) -> ParsedPart {
        self.joined("or", Self::conjunction, Instruction::JumpIfTrue)
    }

    fn conjunction(&mut self) -> ParsedPart {
        self.joined("and", Self::negation, Instruction::JumpIfFalse)
    }

    fn joined(
        &mut self,
        word: &str,
        part: fn(&mut Self) -> ParsedPart,
        jump: fn(u16) -> Instruction,
    ) -> ParsedPart {
        let (kind, mut span) = part(self)?;
        let mut jumps = Vec::new();
        while self.is_word(word) {
            self.expect_kind(FormulaType::Condition, kind, &span)?;
            let word_span = self.advance()?;
            jumps.push(self.instructions.len());
            self.emit(jump(0), &word_span, -1);
            let (right, right_span) = part(self)?;
            self.expect_kind(FormulaType::Condition, right, &right_span)?;
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

    fn negation(&mut self) -> ParsedPart {
        if !self.is_word("not") {
            return self.comparison();
        }
        let start = self.advance()?;
        self.nested(|parser| {
            let (kind, span) = parser.negation()?;
            parser.expect_kind(FormulaType::Condition, kind, &span)?;
            let span = start.start..span.end;
            parser.emit(Instruction::Not, &span, 0);
            Ok((FormulaType::Condition, span))
        })
    }

    fn comparison(&mut self) -> ParsedPart {
        let (mut kind, mut span) = self.sum()?;
        let mut chained: Vec<(usize, Comparison)> = Vec::new();
        let mut left = (kind, span.clone());
        let mut pending: Option<(Comparison, Range<usize>)> = None;
        while let Some(comparison) = self.comparison_sign() {
            let sign = self.advance()?;
            self.expect_kind(FormulaType::Number, left.0, &left.1)?;
            if let Some((before, sign)) = pending.replace((comparison, sign.clone())) {
                chained.push((self.instructions.len(), before));
                self.emit(Instruction::CompareChained(before, 0), &sign, -1);
            }
            left = self.sum()?;
            self.expect_kind(FormulaType::Number, left.0, &left.1)?;
            (kind, span.end) = (FormulaType::Condition, left.1.end);
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

    fn sum(&mut self) -> ParsedPart {
        self.chain(Self::product, |sign| match sign {
            "+" => Some(Binary::Add),
            "-" => Some(Binary::Subtract),
            _ => None,
        })
    }

    fn product(&mut self) -> ParsedPart {
        self.chain(Self::signed, |sign| match sign {
            "*" => Some(Binary::Multiply),
            "/" => Some(Binary::Divide),
            "//" => Some(Binary::FloorDivide),
            "%" => Some(Binary::Modulo),
            _ => None,
        })
    }

    /// Operands joined by operators of one precedence, from the left.
    fn chain(
        &mut self,
        part: fn(&mut Self) -> ParsedPart,
        operator: fn(&str) -> Option<Binary>,
    ) -> ParsedPart {
        let (kind, mut span) = part(self)?;
        while let Lexeme::Sign(sign) = self.lexeme
            && let Some(binary) = operator(sign)
        {
            self.expect_kind(FormulaType::Number, kind, &span)?;
            let sign = self.advance()?;
            let (right, right_span) = part(self)?;
            self.expect_kind(FormulaType::Number, right, &right_span)?;
            span.end = right_span.end;
            self.binary(binary, sign.start..right_span.end)?;
        }
        Ok((kind, span))
    }

    fn signed(&mut self) -> ParsedPart {
        let Lexeme::Sign(sign @ ("+" | "-")) = self.lexeme else { return self.power() };
        let start = self.advance()?;
        self.nested(|parser| {
            let (kind, span) = parser.signed()?;
            parser.expect_kind(FormulaType::Number, kind, &span)?;
            let span = start.start..span.end;
            if sign == "-" {
                parser.unary(Unary::Negate, span.clone())?;
            }
            Ok((FormulaType::Number, span))
        })
    }

    fn power(&mut self) -> ParsedPart {
        let (kind, span) = self.atom()?;
        if !matches!(self.lexeme, Lexeme::Sign("**")) {
            return Ok((kind, span));
        }
        self.expect_kind(FormulaType::Number, kind, &span)?;
        let sign = self.advance()?;
        self.nested(|parser| {
            let (kind, right) = parser.signed()?;
            parser.expect_kind(FormulaType::Number, kind, &right)?;
            parser.binary(Binary::Power, sign.start..right.end)?;
            Ok((FormulaType::Number, span.start..right.end))
        })
    }
}
