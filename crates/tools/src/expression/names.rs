//! The names that a formula knows: functions, constants, and the variables that every catalogue uses.

use super::value::{Binary, Unary};

/// The functions.
pub(super) const FUNCTIONS: [&str; 10] =
    ["log", "log10", "log2", "sqrt", "min", "max", "abs", "ceil", "floor", "exp"];

/// The variables with a default, and that default: what a formula is worth where nothing is known of its use.
pub const DEFAULTS: [(&str, f64); 5] =
    [("N", 0.0), ("pages", 1.0), ("p95_latency", 100.0), ("cost", 1.0), ("time_ms", 1000.0)];

/// What a function does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Function {
    One(Unary),
    OneOrTwo(Unary, Binary),
    /// One argument or more, joined from the left.
    Fold(Binary),
}

impl Function {
    pub(super) fn arguments(self) -> &'static str {
        match self {
            Self::One(_) => "1 argument",
            Self::OneOrTwo(..) => "1 or 2 arguments",
            Self::Fold(_) => "1 argument or more",
        }
    }
}

/// The meaning of a name.
#[derive(Debug, Clone, Copy)]
pub(super) enum KnownName {
    Function(Function),
    Number(f64),
    Truth(bool),
    Variable,
    /// A variable that differs from this known name in one character or in case alone.
    Misspelled(&'static str),
}

pub(super) fn named(name: &str) -> KnownName {
    match name {
        "log" => KnownName::Function(Function::OneOrTwo(Unary::Logarithm, Binary::LogarithmToBase)),
        "log10" => KnownName::Function(Function::One(Unary::Logarithm10)),
        "log2" => KnownName::Function(Function::One(Unary::Logarithm2)),
        "sqrt" => KnownName::Function(Function::One(Unary::SquareRoot)),
        "abs" => KnownName::Function(Function::One(Unary::Absolute)),
        "ceil" => KnownName::Function(Function::One(Unary::Ceiling)),
        "floor" => KnownName::Function(Function::One(Unary::Floor)),
        "exp" => KnownName::Function(Function::One(Unary::Exponential)),
        "min" => KnownName::Function(Function::Fold(Binary::Minimum)),
        "max" => KnownName::Function(Function::Fold(Binary::Maximum)),
        "pi" => KnownName::Number(std::f64::consts::PI),
        "e" => KnownName::Number(std::f64::consts::E),
        "True" => KnownName::Truth(true),
        "False" => KnownName::Truth(false),
        _ => misspelled(name).map_or(KnownName::Variable, KnownName::Misspelled),
    }
}

/// The known name that was probably meant: the same in another case, or with one character more, less or other, or two
/// swapped. Names of one and two characters are near to too many others, so for them only the case counts.
fn misspelled(name: &str) -> Option<&'static str> {
    let variables = DEFAULTS.iter().map(|(variable, _)| *variable);
    if variables.clone().any(|variable| variable == name) {
        return None;
    }
    let mut known = variables.chain(FUNCTIONS).chain(["pi", "True", "False"]);
    known.find(|known| *known != name && is_near(name, known))
}

fn is_near(name: &str, known: &str) -> bool {
    let is_same = name.eq_ignore_ascii_case(known);
    let is_short = known.len() < 3 || name.len() < 2;
    // What differs in more than one character differs by more than one step, and needs no table.
    let may_be_near = !is_short && known.len().abs_diff(name.len()) <= 1;
    is_same || (may_be_near && strsim::osa_distance(name, known) == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelled_names_are_distinguished_from_variables() {
        for (name, expected) in [
            ("n", Some("N")),
            ("page", Some("pages")),
            ("lg", Some("log")),
            ("PI", Some("pi")),
            ("true", Some("True")),
            ("Cost", Some("cost")),
            ("p95_latncy", Some("p95_latency")),
            ("x", None),
            ("count", None),
            ("num_files", None),
            ("delay", None),
            ("file_size_kb", None),
        ] {
            let found = match named(name) {
                KnownName::Misspelled(known) => Some(known),
                KnownName::Variable => None,
                other => panic!("{name} is {other:?}"),
            };
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn every_function_and_variable_is_known() {
        for function in FUNCTIONS {
            assert!(matches!(named(function), KnownName::Function(_)), "{function}");
        }
        for (variable, _) in DEFAULTS {
            assert!(matches!(named(variable), KnownName::Variable), "{variable}");
        }
    }
}
