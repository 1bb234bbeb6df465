//! Formulas of estimates and conditions, with Python's semantics: parsed, type-checked and compiled when a document is
//! validated, evaluated without an allocation.
//!
//! Numbers, variables, `+ - * / // % **`, signs, parentheses; `log` (of one or two arguments), `log10`, `log2`, `sqrt`,
//! `min`, `max`, `abs`, `ceil`, `floor`, `exp`; `pi`, `e`. A condition compares numbers (`0 < N <= 50`) and joins with
//! `and`, `or`, `not`; it knows `True` and `False`. Precedence, associativity, short circuits and results are Python's,
//! with these differences, each an error: integers past 64 bits, infinities and NaN, exponents past 100, a condition
//! used as a number or the reverse. `min` and `max` also take a single number. A part of constants alone that has no
//! result (`1 / 0`) is refused when it is compiled, also where a short circuit would skip it.
//!
//! Any name is a variable, so that a catalogue can use what its callers know. A name that looks like a misspelled
//! function or known variable (`n`, `page`, `lg`) is refused, unless it is declared as an input of the pattern.

mod emit;
mod error;
mod eval;
mod fast;
mod lexer;
mod names;
mod operands;
mod parser;
mod program;
mod value;
mod variables;

pub use error::{FormulaError, FormulaFault};
pub use names::DEFAULTS;
pub use value::{ArithmeticFault, Numeric};
pub use variables::FormulaVariables;

use crate::limits::FORMULA_VARIABLES_MAX;
use fast::FastFormula;
use parser::FormulaType;
use program::{FormulaProgram, Instruction};

/// A compiled formula: a number or a condition, by the function that made it.
#[derive(Debug, Clone)]
pub struct Formula {
    text: Box<str>,
    program: FormulaProgram,
    /// The same on doubles alone, where it fits.
    fast: Option<FastFormula>,
}

/// Why a formula has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluationError {
    /// A variable was not given.
    #[error("the variable {variable:?} of {formula:?} was not given")]
    MissingVariable {
        /// Which one.
        variable: String,
        /// The formula.
        formula: String,
    },
    /// An operation has no result.
    #[error("{0}")]
    Arithmetic(#[source] Box<FormulaError>),
}

impl Formula {
    /// Compiles a formula that gives a number. `is_declared` tests whether a name is an input of the pattern.
    ///
    /// ```
    /// use midflight_tools::expression::{Formula, Numeric};
    ///
    /// let formula = Formula::number("300 * ceil(N / 100) + 5 * N", &|_| false)?;
    /// assert_eq!(formula.variables().collect::<Vec<_>>(), ["N"]);
    /// let value = formula.evaluate(|_| Some(Numeric::Integer(250)))?;
    /// assert_eq!(value.as_f64(), 2150.0);
    /// let error = Formula::number("200 + 5 * n", &|_| false).unwrap_err();
    /// assert!(error.to_string().contains("did you mean \"N\"?"));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`FormulaError`] for the first thing that is wrong, with its place. A part of constants alone is evaluated here,
    /// so `1 / 0` is refused. Cost: linear in the text.
    pub fn number(text: &str, is_declared: &dyn Fn(&str) -> bool) -> Result<Self, FormulaError> {
        Ok(Self::of(text, parser::compile(text, FormulaType::Number, is_declared)?))
    }

    /// Compiles a condition, as `N > 50 and pages < 3`.
    ///
    /// # Errors
    /// As [`Formula::number`].
    pub fn condition(text: &str, is_declared: &dyn Fn(&str) -> bool) -> Result<Self, FormulaError> {
        Ok(Self::of(text, parser::compile(text, FormulaType::Condition, is_declared)?))
    }

    /// The formula that is this number.
    #[must_use]
    pub fn constant(value: Numeric) -> Self {
        let text = match value {
            Numeric::Integer(value) => value.to_string(),
            Numeric::Float(value) => format!("{value:?}"),
        };
        let program = FormulaProgram {
            instructions: [Instruction::Constant(value)].into(),
            spans: Box::default(),
            stack: 1,
            variables: [].into(),
        };
        Self::of(&text, program)
    }

    fn of(text: &str, program: FormulaProgram) -> Self {
        let fast = FastFormula::of(&program);
        Self { text: text.into(), program, fast }
    }

    /// The formula as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The variables that it needs, in the order of their first use.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.program.variables.iter().map(|variable| &**variable)
    }

    /// Evaluates it with the variables that `value_of` gives. Every variable is asked for once, also one that a short
    /// circuit would skip. Cost: some ns per operation; allocates for an error only.
    ///
    /// # Errors
    /// [`EvaluationError`] for the first variable that is not given, or an operation that has no result.
    pub fn evaluate(
        &self,
        mut value_of: impl FnMut(&str) -> Option<Numeric>,
    ) -> Result<Numeric, EvaluationError> {
        if let [Instruction::Constant(value)] = *self.program.instructions {
            return Ok(value);
        }
        let missing = |variable: &str| EvaluationError::MissingVariable {
            variable: variable.to_owned(),
            formula: self.text.to_string(),
        };
        let names = &self.program.variables;
        // Few have more than these, and setting up places for all that a formula may have costs more than evaluating it.
        let mut few = [Numeric::Integer(0); 4];
        let mut many = [Numeric::Integer(0); 0];
        let mut most;
        let values: &mut [Numeric] = match names.len() {
            0 => &mut many,
            1..=4 => &mut few,
            _ => {
                most = [Numeric::Integer(0); FORMULA_VARIABLES_MAX];
                &mut most
            }
        };
        for (value, name) in values.iter_mut().zip(names) {
            *value = value_of(name).ok_or_else(|| missing(name))?;
        }
        eval::run(&self.program, values).map_err(|(at, fault)| self.fault(at, fault))
    }

    /// The value as a double: that of [`Formula::evaluate`], several times as fast while no number is past 2^53. An
    /// integer zero may come back as -0.0.
    ///
    /// # Errors
    /// As [`Formula::evaluate`].
    #[inline]
    pub fn evaluate_with(&self, variables: &FormulaVariables) -> Result<f64, EvaluationError> {
        if let Some(formula) = &self.fast {
            let value = formula.run(variables);
            if !value.is_nan() {
                return Ok(value);
            }
        }
        self.evaluate_exactly(variables)
    }

    #[cold]
    fn evaluate_exactly(&self, variables: &FormulaVariables) -> Result<f64, EvaluationError> {
        self.evaluate(|name| variables.get(name)).map(Numeric::as_f64)
    }

    /// Evaluates a condition. For a formula that gives a number it is whether that is 1.
    ///
    /// # Errors
    /// As [`Formula::evaluate`].
    pub fn is_true(&self, variables: &FormulaVariables) -> Result<bool, EvaluationError> {
        self.evaluate_with(variables).map(|value| value == 1.0)
    }

    #[cold]
    fn fault(&self, at: usize, fault: ArithmeticFault) -> EvaluationError {
        let span = self.program.spans.get(at).cloned().unwrap_or(0..0);
        let span = usize::from(span.start)..usize::from(span.end);
        let error = FormulaError::new(&self.text, span, FormulaFault::Arithmetic(fault), fault.to_string());
        EvaluationError::Arithmetic(Box::new(error))
    }

    /// An estimate of the memory that it takes, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        (384 + self.text.len() + 48 * self.program.instructions.len() + 40 * self.program.variables.len())
            as u64
    }
}

/// The default of a known variable, as [`DEFAULTS`] has it: what to evaluate a formula with where nothing is known of
/// its use.
#[must_use]
pub fn default_of(variable: &str) -> Option<Numeric> {
    let (_, value) = DEFAULTS.iter().find(|(known, _)| *known == variable)?;
    // They are whole numbers, and as such they are integers in Python too.
    #[expect(clippy::cast_possible_truncation, reason = "the defaults are small whole numbers")]
    let value = *value as i64;
    Some(Numeric::Integer(value))
}

#[cfg(test)]
mod tests;
