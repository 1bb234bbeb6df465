//! Python's numbers and the operations on them: integers of 64 bits and IEEE doubles.
//!
//! An operation on two integers gives an integer, except `/` and a negative power; any other gives a double, as Python
//! does. Where Python continues with an integer past 64 bits, an infinity or NaN, there is a fault instead.

use std::cmp::Ordering;

use crate::limits::EXPONENT_MAX;

/// A number of a formula.
#[derive(Debug, Clone, Copy)]
pub enum Numeric {
    /// Python's `int`, bounded to 64 bits.
    Integer(i64),
    /// Python's `float`.
    Float(f64),
}

use Numeric::{Float, Integer};

/// Why an operation on numbers has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArithmeticFault {
    /// `/`, `//` or `%` by zero, or a negative power of zero.
    #[error("division by zero; guard the divisor, as in max(N, 1)")]
    DivisionByZero,
    /// An integer past 64 bits.
    #[error("the integer is outside 64 bits; write one operand as a decimal, as in 2.0 ** 70")]
    IntegerOverflow,
    /// A double past the largest one.
    #[error("the result is too large for a number; use smaller operands")]
    Overflow,
    /// A double that is no number.
    #[error("the result is not a number; check the operands")]
    NotANumber,
    /// An exponent past the bound.
    #[error("the exponent is outside -{EXPONENT_MAX} to {EXPONENT_MAX}; use a smaller one")]
    Exponent,
    /// A root of a negative number.
    #[error("a negative number to a fractional power is not a real number; use abs or max")]
    Complex,
    /// A logarithm of zero or less.
    #[error("the logarithm of zero or a negative number does not exist; guard it, as in log(max(N, 1))")]
    Logarithm,
    /// A square root of a negative number.
    #[error("the square root of a negative number does not exist; use abs or max")]
    SquareRoot,
}

type ArithmeticResult = Result<Numeric, ArithmeticFault>;

/// `x` unless it is infinite or NaN.
fn finite(x: f64) -> ArithmeticResult {
    if x.is_finite() {
        Ok(Float(x))
    } else if x.is_nan() {
        Err(ArithmeticFault::NotANumber)
    } else {
        Err(ArithmeticFault::Overflow)
    }
}

fn integer(x: Option<i64>) -> ArithmeticResult {
    x.map(Integer).ok_or(ArithmeticFault::IntegerOverflow)
}

/// Operations on two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Modulo,
    Power,
    Minimum,
    Maximum,
    LogarithmToBase,
}

/// Operations on one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unary {
    Negate,
    Absolute,
    Ceiling,
    Floor,
    Exponential,
    SquareRoot,
    Logarithm,
    Logarithm10,
    Logarithm2,
}

/// Comparisons of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Numeric {
    /// The nearest double.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "Python rounds to the nearest double too")]
    pub fn as_f64(self) -> f64 {
        match self {
            Integer(value) => value as f64,
            Float(value) => value,
        }
    }

    /// The number that a JSON number is: an integer where it is written as one of 64 bits, else a double.
    #[must_use]
    pub fn of_json(number: &serde_json::Number) -> Option<Self> {
        number.as_i64().map(Integer).or_else(|| number.as_f64().filter(|value| value.is_finite()).map(Float))
    }

    /// Python's order: exact between integers and doubles.
    pub(crate) fn order(self, other: Self) -> Ordering {
        match (self, other) {
            (Integer(a), Integer(b)) => a.cmp(&b),
            (Integer(a), Float(b)) => order_mixed(a, b),
            (Float(a), Integer(b)) => order_mixed(b, a).reverse(),
            (Float(a), Float(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        }
    }
}

impl Comparison {
    #[inline]
    pub(crate) fn is_true(self, a: Numeric, b: Numeric) -> bool {
        let order = a.order(b);
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// 2 to the power of 63: the first double past 64 bits.
const INTEGER_END: f64 = 9_223_372_036_854_775_808.0;

fn order_mixed(a: i64, b: f64) -> Ordering {
    if b >= INTEGER_END {
        return Ordering::Less;
    }
    if b < -INTEGER_END {
        return Ordering::Greater;
    }
    let fraction = b.fract();
    a.cmp(&truncated(b)).then_with(|| 0.0.partial_cmp(&fraction).unwrap_or(Ordering::Equal))
}

#[expect(clippy::cast_possible_truncation, reason = "the caller looked that it lies within 64 bits")]
fn truncated(x: f64) -> i64 {
    x as i64
}

/// A double that is whole, as an integer.
fn whole(x: f64) -> ArithmeticResult {
    let is_within = (-INTEGER_END..INTEGER_END).contains(&x);
    integer(is_within.then(|| truncated(x)))
}

impl Unary {
    #[inline]
    pub(crate) fn apply(self, x: Numeric) -> ArithmeticResult {
        match (self, x) {
            (Self::Negate, Integer(x)) => integer(x.checked_neg()),
            (Self::Negate, Float(x)) => Ok(Float(-x)),
            (Self::Absolute, Integer(x)) => integer(x.checked_abs()),
            (Self::Absolute, Float(x)) => Ok(Float(x.abs())),
            (Self::Ceiling | Self::Floor, Integer(_)) => Ok(x),
            (Self::Ceiling, Float(x)) => whole(x.ceil()),
            (Self::Floor, Float(x)) => whole(x.floor()),
            (Self::Exponential, x) => finite(x.as_f64().exp()),
            (Self::SquareRoot, x) => match x.as_f64() {
                x if x < 0.0 => Err(ArithmeticFault::SquareRoot),
                x => finite(x.sqrt()),
            },
            (Self::Logarithm, x) => logarithm(x, f64::ln),
            (Self::Logarithm10, x) => logarithm(x, f64::log10),
            (Self::Logarithm2, x) => logarithm(x, f64::log2),
        }
    }
}

#[inline]
fn logarithm(x: Numeric, of: impl Fn(f64) -> f64) -> ArithmeticResult {
    match x.as_f64() {
        x if x <= 0.0 => Err(ArithmeticFault::Logarithm),
        x => finite(of(x)),
    }
}

impl Binary {
    #[inline]
    pub(crate) fn apply(self, a: Numeric, b: Numeric) -> ArithmeticResult {
        match self {
            Self::Add => match (a, b) {
                (Integer(a), Integer(b)) => integer(a.checked_add(b)),
                _ => finite(a.as_f64() + b.as_f64()),
            },
            Self::Subtract => match (a, b) {
                (Integer(a), Integer(b)) => integer(a.checked_sub(b)),
                _ => finite(a.as_f64() - b.as_f64()),
            },
            Self::Multiply => match (a, b) {
                (Integer(a), Integer(b)) => integer(a.checked_mul(b)),
                _ => finite(a.as_f64() * b.as_f64()),
            },
            Self::Divide => divide(a, b),
            Self::FloorDivide => floor_divide(a, b),
            Self::Modulo => modulo(a, b),
            Self::Power => power(a, b),
            // Python keeps the first of two that are equal.
            Self::Minimum => Ok(if b.order(a).is_lt() { b } else { a }),
            Self::Maximum => Ok(if b.order(a).is_gt() { b } else { a }),
            Self::LogarithmToBase => {
                let base = logarithm(b, f64::ln)?.as_f64();
                let value = logarithm(a, f64::ln)?.as_f64();
                if base == 0.0 { Err(ArithmeticFault::DivisionByZero) } else { finite(value / base) }
            }
        }
    }
}

fn divide(a: Numeric, b: Numeric) -> ArithmeticResult {
    const EXACT: u64 = 1 << f64::MANTISSA_DIGITS;
    if b.as_f64() == 0.0 {
        return Err(ArithmeticFault::DivisionByZero);
    }
    match (a, b) {
        (Integer(a), Integer(b)) if a.unsigned_abs() > EXACT || b.unsigned_abs() > EXACT => {
            Ok(Float(divide_large(a, b)))
        }
        _ => finite(a.as_f64() / b.as_f64()),
    }
}

/// The double nearest to the quotient of two integers that are not doubles themselves, as Python gives it. `b` is not
/// 0.
#[expect(clippy::cast_precision_loss, reason = "the one rounding that is wanted, to nearest even")]
fn divide_large(a: i64, b: i64) -> f64 {
    let (wide, divisor) = (u128::from(a.unsigned_abs()), u128::from(b.unsigned_abs()));
    if wide == 0 {
        return 0.0;
    }
    let shift = wide.leading_zeros() - 1;
    let (quotient, rest) = ((wide << shift) / divisor, (wide << shift) % divisor);
    // The quotient has 62 bits at least, so its last one is below those that a double keeps: it only means "and more".
    let rounded = (quotient | u128::from(rest != 0)) as f64;
    let scale = f64::from(shift).exp2();
    let magnitude = rounded / scale;
    if (a < 0) == (b < 0) { magnitude } else { -magnitude }
}

pub(super) fn floor_divide(a: Numeric, b: Numeric) -> ArithmeticResult {
    if b.as_f64() == 0.0 {
        return Err(ArithmeticFault::DivisionByZero);
    }
    if let (Integer(a), Integer(b)) = (a, b) {
        let quotient = a.checked_div(b).ok_or(ArithmeticFault::IntegerOverflow)?;
        let is_rounded_up = a.checked_rem(b).unwrap_or(0) != 0 && (a < 0) != (b < 0);
        return Ok(Integer(quotient - i64::from(is_rounded_up)));
    }
    // As CPython's float_floor_div.
    let (a, b) = (a.as_f64(), b.as_f64());
    let rest = a % b;
    let mut quotient = (a - rest) / b;
    if rest != 0.0 && (b < 0.0) != (rest < 0.0) {
        quotient -= 1.0;
    }
    let mut floor = quotient.floor();
    if quotient == 0.0 {
        floor = 0.0_f64.copysign(a / b);
    } else if quotient - floor > 0.5 {
        floor += 1.0;
    }
    finite(floor)
}

pub(super) fn modulo(a: Numeric, b: Numeric) -> ArithmeticResult {
    if b.as_f64() == 0.0 {
        return Err(ArithmeticFault::DivisionByZero);
    }
    if let (Integer(a), Integer(b)) = (a, b) {
        let rest = a.checked_rem(b).unwrap_or(0);
        return Ok(Integer(if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }));
    }
    // As CPython's float_rem.
    let (a, b) = (a.as_f64(), b.as_f64());
    let rest = a % b;
    if rest == 0.0 {
        return Ok(Float(0.0_f64.copysign(b)));
    }
    finite(if (b < 0.0) == (rest < 0.0) { rest } else { rest + b })
}

fn power(a: Numeric, b: Numeric) -> ArithmeticResult {
    let exponent = b.as_f64();
    if exponent.abs() > f64::from(EXPONENT_MAX) {
        return Err(ArithmeticFault::Exponent);
    }
    if let (Integer(a), Integer(b)) = (a, b)
        && let Ok(exponent) = u32::try_from(b)
    {
        return integer(a.checked_pow(exponent));
    }
    let base = a.as_f64();
    if base == 0.0 && exponent < 0.0 {
        return Err(ArithmeticFault::DivisionByZero);
    }
    if base < 0.0 && exponent.fract() != 0.0 {
        return Err(ArithmeticFault::Complex);
    }
    finite(base.powf(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_and_doubles_are_ordered_exactly() {
        let large = 9_007_199_254_740_993; // 2**53 + 1 is no double.
        assert!(Integer(large).order(Float(9_007_199_254_740_992.0)).is_gt());
        assert!(Float(9_007_199_254_740_992.0).order(Integer(large)).is_lt());
        assert!(Integer(i64::MAX).order(Float(INTEGER_END)).is_lt());
        assert!(Integer(i64::MIN).order(Float(-INTEGER_END)).is_eq());
        assert!(Integer(i64::MIN).order(Float(-1e300)).is_gt());
        assert!(Integer(-2).order(Float(-2.5)).is_gt() && Integer(2).order(Float(2.5)).is_lt());
    }

    /// The expected values are Python's `a / b`.
    #[test]
    fn large_integers_divide_to_the_nearest_double() {
        for (a, b, expected) in [
            (9_223_372_036_854_775_807, 9_223_372_036_854_775_806, 1.0),
            (9_007_199_254_740_993, 3, 3_002_399_751_580_331.0),
            (9_223_372_036_854_775_807, 10, 9.223_372_036_854_776e17),
            (-9_223_372_036_854_775_807, 7, -1.317_624_576_693_539_4e18),
            (1, 9_223_372_036_854_775_807, 1.084_202_172_485_504_4e-19),
            (i64::MIN, i64::MIN, 1.0),
            (0, i64::MIN, 0.0),
        ] {
            assert_eq!(divide(Integer(a), Integer(b)).unwrap().as_f64(), expected, "{a} / {b}");
        }
    }

    #[test]
    fn faults_are_distinguished() {
        let fault = |binary: Binary, a, b| binary.apply(a, b).unwrap_err();
        assert_eq!(
            fault(Binary::FloorDivide, Integer(i64::MIN), Integer(-1)),
            ArithmeticFault::IntegerOverflow
        );
        assert_eq!(fault(Binary::Modulo, Integer(1), Float(0.0)), ArithmeticFault::DivisionByZero);
        assert_eq!(fault(Binary::Multiply, Float(1e308), Integer(10)), ArithmeticFault::Overflow);
        assert_eq!(fault(Binary::Power, Integer(10), Integer(1000)), ArithmeticFault::Exponent);
        assert_eq!(fault(Binary::Power, Integer(0), Integer(-1)), ArithmeticFault::DivisionByZero);
        assert_eq!(fault(Binary::Power, Integer(-8), Float(0.5)), ArithmeticFault::Complex);
        assert_eq!(fault(Binary::LogarithmToBase, Integer(8), Integer(1)), ArithmeticFault::DivisionByZero);
        assert_eq!(Binary::Modulo.apply(Integer(i64::MIN), Integer(-1)).unwrap().as_f64(), 0.0);
        assert_eq!(Unary::Ceiling.apply(Float(1e19)).unwrap_err(), ArithmeticFault::IntegerOverflow);
        assert_eq!(Unary::Negate.apply(Integer(i64::MIN)).unwrap_err(), ArithmeticFault::IntegerOverflow);
    }
}
