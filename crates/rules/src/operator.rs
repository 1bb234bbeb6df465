//! The operators of conditions and their names.

use midflight_core::{clip, nearest};

/// What a condition does with a value and a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    GreaterThan,
    GreaterThanOrEqual,
    LessThan,
    LessThanOrEqual,
    In,
    NotIn,
    Range,
    Contains,
    RegexMatch,
    RegexSearch,
    RegexNotMatch,
    RegexNotSearch,
    IsNull,
    StartsWith,
    EndsWith,
}

/// Every name an operator goes by; its own name comes before its aliases.
pub(crate) const NAMES: [(&str, Operator); 18] = [
    ("equal", Operator::Equal),
    ("not_equal", Operator::NotEqual),
    ("greater_than", Operator::GreaterThan),
    ("greater_than_or_equal", Operator::GreaterThanOrEqual),
    ("less_than", Operator::LessThan),
    ("less_than_or_equal", Operator::LessThanOrEqual),
    ("in", Operator::In),
    ("not_in", Operator::NotIn),
    ("range", Operator::Range),
    ("contains", Operator::Contains),
    ("regex_match", Operator::RegexMatch),
    ("regex_search", Operator::RegexSearch),
    ("regex", Operator::RegexSearch),
    ("regex_not_match", Operator::RegexNotMatch),
    ("regex_not_search", Operator::RegexNotSearch),
    ("is_null", Operator::IsNull),
    ("starts_with", Operator::StartsWith),
    ("ends_with", Operator::EndsWith),
];

impl Operator {
    /// The operator of that name.
    ///
    /// # Errors
    /// A sentence with the nearest name and all of them.
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        let found = NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, operator)| *operator).ok_or_else(|| {
            let names = || NAMES.iter().map(|(known, _)| *known);
            let near = nearest(name, names());
            let near =
                near.map_or_else(|| "; the".to_owned(), |near| format!("; did you mean {near:?}? The"));
            let all = names().collect::<Vec<_>>().join(", ");
            format!("unknown operator {:?}{near} operators are {all}", clip(name))
        })
    }

    pub(crate) fn name(self) -> &'static str {
        NAMES.iter().find(|(_, operator)| *operator == self).map_or("", |(name, _)| name)
    }

    /// Whether this is the opposite of the test it makes: `not_in` tests as `in` does and turns the answer round.
    pub(crate) fn is_opposite(self) -> bool {
        matches!(self, Self::NotEqual | Self::NotIn | Self::RegexNotMatch | Self::RegexNotSearch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_parsed_and_an_operator_prints_its_own() {
        for (name, operator) in NAMES {
            assert_eq!(Operator::parse(name), Ok(operator));
            assert!(name == operator.name() || name == "regex");
        }
    }

    #[test]
    fn an_unknown_one_gets_a_suggestion_and_the_list() {
        let refused = Operator::parse("grater_than").unwrap_err();
        assert!(
            refused.starts_with(
                "unknown operator \"grater_than\"; did you mean \"greater_than\"? The operators are equal, "
            ),
            "{refused}"
        );
        let refused = Operator::parse("~~").unwrap_err();
        assert!(refused.starts_with("unknown operator \"~~\"; the operators are equal"), "{refused}");
    }
}
