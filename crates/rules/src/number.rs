//! Numbers compared exactly by value: 64-bit integers and floats in one order, without rounding one to the other.

use std::cmp::Ordering;
use std::fmt;

use serde_json::{Number, Value};

/// The integers of this magnitude and less are doubles without a rest.
const EXACT_MAX: u64 = 1 << 53;

/// A number as the nearest double and what is left of an integer after rounding to it.
///
/// Rounding keeps order, so comparing the pair is comparing the numbers. The rest of a 64-bit integer is at most 1024.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exact {
    rounded: f64,
    rest: i16,
}

impl Exact {
    /// The value of a JSON number.
    pub(crate) fn of(number: &Number) -> Self {
        if let Some(integer) = number.as_i64() {
            Self::of_integer(integer.into(), integer.unsigned_abs() <= EXACT_MAX)
        } else if let Some(integer) = number.as_u64() {
            Self::of_integer(integer.into(), integer <= EXACT_MAX)
        } else {
            // serde_json refuses what no double holds; a build with arbitrary precision lets it through.
            let infinite =
                if number.to_string().starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY };
            Self::of_float(number.as_f64().unwrap_or(infinite))
        }
    }

    fn of_float(float: f64) -> Self {
        // Adding zero turns -0.0 into 0.0, which are one value and would be two hashes.
        Self { rounded: float + 0.0, rest: 0 }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the rest of a 64-bit integer is at most 1024")]
    #[expect(clippy::cast_precision_loss, reason = "what the rounding loses is the rest")]
    fn of_integer(integer: i128, exact: bool) -> Self {
        let rounded = integer as f64;
        let rest = if exact { 0 } else { (integer - rounded as i128) as i16 };
        Self { rounded, rest }
    }

    /// The number again, as JSON.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "only taken where the double is a small enough integer"
    )]
    pub(crate) fn to_json(self) -> Value {
        if self.rounded.fract() == 0.0 && self.rounded.abs() <= 2.0_f64.powi(64) {
            let integer = self.rounded as i128 + i128::from(self.rest);
            if let Ok(small) = i64::try_from(integer) {
                return small.into();
            }
            if let Ok(large) = u64::try_from(integer) {
                return large.into();
            }
        }
        Number::from_f64(self.rounded).map_or(Value::Null, Value::Number)
    }

    /// A hash that spreads over the low bits; equal numbers have equal hashes.
    pub(crate) fn spread(self) -> u64 {
        let bits = self.rounded.to_bits() ^ u64::from(self.rest.unsigned_abs());
        let mixed = (bits ^ (bits >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed ^ (mixed >> 32)
    }
}

impl PartialEq for Exact {
    fn eq(&self, other: &Self) -> bool {
        self.rounded == other.rounded && self.rest == other.rest
    }
}

impl Eq for Exact {}

impl PartialOrd for Exact {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Exact {
    fn cmp(&self, other: &Self) -> Ordering {
        // There is no NaN and no -0.0 here, so the total order is the numeric one.
        self.rounded.total_cmp(&other.rounded).then(self.rest.cmp(&other.rest))
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_json())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exact(text: &str) -> Exact {
        Exact::of(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn integers_and_floats_share_one_exact_order() {
        let ascending = [
            "-1e300",
            "-9223372036854775808",
            "-9007199254740993",
            "-9007199254740992.0",
            "-0.5",
            "0",
            "1e-9",
            "9007199254740992.0",
            "9007199254740993",
            "9223372036854775807",
            "9223372036854775808.0",
            "18446744073709551615",
            "18446744073709551616.0",
        ];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(exact(a).cmp(&exact(b)), i.cmp(&j), "{a} and {b}");
            }
        }
        assert_eq!(exact("-0.0"), exact("0"));
        assert_eq!(exact("-0.0").spread(), exact("0").spread());
        assert_eq!(exact("30.0"), exact("30"));
    }

    proptest! {
        #[test]
        fn integers_compare_as_integers_and_come_back(a: i64, b: u64) {
            let (x, y) = (Exact::of(&a.into()), Exact::of(&b.into()));
            prop_assert_eq!(x.cmp(&y), i128::from(a).cmp(&i128::from(b)));
            prop_assert_eq!(x.to_json(), Value::from(a));
            prop_assert_eq!(y.to_json(), Value::from(b));
        }
    }
}
