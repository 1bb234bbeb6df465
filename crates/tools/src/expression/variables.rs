//! The values of variables, looked up once for many formulas.

use super::fast::{FastVariables, SLOTS, exact};
use super::names::DEFAULTS;
use super::value::Numeric;

/// The values of variables. Those with a default in every catalogue ([`DEFAULTS`]) are found by index, any other by
/// name.
///
/// ```
/// use midflight_tools::expression::{Formula, FormulaVariables, Numeric};
///
/// let mut variables = FormulaVariables::default();
/// variables.set("N", Numeric::Integer(250));
/// let formula = Formula::number("300 * ceil(N / 100) + 5 * N", &|_| false)?;
/// assert_eq!(formula.evaluate_with(&variables), Ok(2150.0));
/// # Ok::<_, midflight_tools::expression::FormulaError>(())
/// ```
#[derive(Debug, Clone)]
pub struct FormulaVariables {
    /// Those with a default, as the fast evaluation takes them; NaN for what is not given, or past 2^53.
    known: FastVariables,
    exact: [Option<Numeric>; DEFAULTS.len()],
    others: Vec<(String, Numeric)>,
}

impl Default for FormulaVariables {
    /// No variable has a value.
    fn default() -> Self {
        Self { known: [f64::NAN; SLOTS], exact: [None; DEFAULTS.len()], others: Vec::new() }
    }
}

impl FormulaVariables {
    /// The known variables at their defaults: what a formula is worth where nothing is known of its use.
    #[must_use]
    pub fn defaults() -> Self {
        let mut variables = Self::default();
        for (name, _) in DEFAULTS {
            if let Some(value) = super::default_of(name) {
                variables.set(name, value);
            }
        }
        variables
    }

    /// Gives a variable a value, in place of one that it has.
    pub fn set(&mut self, name: &str, value: Numeric) {
        match known_place(name) {
            Some(place) => {
                self.known[place] = exact(value.as_f64());
                self.exact[place] = Some(value);
            }
            None => match self.others.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => *known = value,
                None => self.others.push((name.to_owned(), value)),
            },
        }
    }

    /// The value of a variable. Cost: a comparison for each variable that has no default.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Numeric> {
        match known_place(name) {
            Some(place) => self.exact[place],
            None => self.others.iter().find(|(known, _)| known == name).map(|(_, value)| *value),
        }
    }

    /// As the fast evaluation takes them: those with a default, and room for others.
    #[inline]
    pub(super) fn known(&self) -> &FastVariables {
        &self.known
    }
}

/// The place of a variable in [`DEFAULTS`].
pub(super) fn known_place(name: &str) -> Option<usize> {
    DEFAULTS.iter().position(|(known, _)| *known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_has_the_last_value_that_it_was_given() {
        let mut variables = FormulaVariables::default();
        assert!(variables.get("N").is_none() && variables.get("size").is_none());
        for (name, value) in [("N", 1), ("size", 2), ("N", 3), ("size", 4), ("other", 5)] {
            variables.set(name, Numeric::Integer(value));
        }
        let value = |name: &str| variables.get(name).map(Numeric::as_f64);
        assert_eq!(
            (value("N"), value("size"), value("other"), value("pages")),
            (Some(3.0), Some(4.0), Some(5.0), None)
        );
        let defaults = FormulaVariables::defaults();
        assert!(DEFAULTS.iter().all(|(name, value)| defaults.get(name).map(Numeric::as_f64) == Some(*value)));
    }

    #[test]
    fn a_value_beyond_doubles_is_left_to_the_exact_evaluation() {
        let mut variables = FormulaVariables::default();
        variables.set("N", Numeric::Integer(9_007_199_254_740_993));
        let formula = super::super::Formula::number("N - 9007199254740992", &|_| false).unwrap();
        assert_eq!(formula.evaluate_with(&variables), Ok(1.0));
    }
}
