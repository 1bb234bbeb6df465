//! Conditions: an attribute, an operator and a constant, ready to be asked of an input.

use std::fmt;
use std::sync::Arc;

use midflight_core::{JsonPointer, Problem};
use midflight_engine::Work;
use serde_json::Value;

use crate::attribute::Attribute;
use crate::operator::Operator;
use crate::original::{Typing, retyped};
use crate::test::{NotAsked, Test};
use crate::truth::Truth;
use midflight_core::JsonType;
use midflight_core::clip;

/// A compiled condition, shared by every rule that uses it.
#[derive(Debug)]
pub(crate) struct Condition {
    /// Its name in the catalogue; none for one that a rule writes out.
    pub(crate) id: Option<Arc<str>>,
    pub(crate) attribute: Arc<Attribute>,
    pub(crate) operator: Operator,
    /// Shared by the conditions of both typings when the constant is the same in both.
    pub(crate) test: Arc<Test>,
    /// The typing it was compiled for; none when it answers the same in both.
    typing: Option<Typing>,
    /// The constant as the document has it, where the typing of `compat: original` changed it.
    stated: Option<Box<Value>>,
}

impl Condition {
    /// Compiles a condition for a typing.
    ///
    /// # Errors
    /// What is wrong with the constant, at `/constant`.
    pub(crate) fn new(
        id: Option<Arc<str>>,
        attribute: Arc<Attribute>,
        operator: Operator,
        constant: &Value,
        typing: Typing,
    ) -> Result<Self, Problem> {
        let changed = retyped(operator, constant);
        let typed = changed.as_ref().filter(|_| typing == Typing::Original);
        let bad = |(code, message)| Problem::new(code, JsonPointer::root().key("constant"), message);
        let test = Test::new(operator, typed.unwrap_or(constant), typing).map_err(bad)?;
        let retypes = changed.is_some() || is_interval(operator, constant);
        Ok(Self {
            id,
            attribute,
            operator,
            test: Arc::new(test),
            typing: (retypes || operator.is_opposite()).then_some(typing),
            stated: (retypes && typing == Typing::Original).then(|| Box::new(constant.clone())),
        })
    }

    /// The same condition for another typing; shared when it is the same there.
    ///
    /// # Errors
    /// What that typing finds wrong with the constant, with the cure.
    pub(crate) fn typed(self: &Arc<Self>, typing: Typing) -> Result<Arc<Self>, Problem> {
        if self.typing.is_none_or(|own| own == typing) {
            return Ok(self.clone());
        }
        let constant = self.constant();
        let id = self.id.clone();
        if retyped(self.operator, &constant).is_some() || is_interval(self.operator, &constant) {
            return Self::new(id, self.attribute.clone(), self.operator, &constant, typing).map(Arc::new);
        }
        Ok(Arc::new(Self {
            id,
            attribute: self.attribute.clone(),
            operator: self.operator,
            test: self.test.clone(),
            typing: Some(typing),
            stated: None,
        }))
    }

    /// The constant as a document states it.
    pub(crate) fn constant(&self) -> Value {
        self.stated.as_deref().cloned().unwrap_or_else(|| self.test.constant())
    }

    /// Asks the value that the input has at this condition's attribute.
    ///
    /// # Errors
    /// [`NotAsked`], of a regular expression only.
    pub(crate) fn ask(&self, value: Option<&Value>, work: &Work) -> Result<Truth, NotAsked> {
        Ok(match (value, &*self.test) {
            (None, Test::IsNull(is_null)) => (*is_null).into(),
            (None, _) => Truth::Missing,
            (Some(value), test) => match test.ask(value, work)? {
                None if self.accepts_other_types() && (value.is_null() || !test.is_regex()) => Truth::True,
                None => Truth::WrongType,
                Some(holds) => (holds != self.operator.is_opposite()).into(),
            },
        })
    }

    /// Whether it is true of a value of another type than the constant. With `compat: original`, `not_equal` and
    /// `not_in` are; a negated regular expression is for null alone.
    pub(crate) fn accepts_other_types(&self) -> bool {
        self.typing == Some(Typing::Original) && self.operator.is_opposite()
    }

    /// How much memory its regular expression takes, in bytes; 0 when it has none.
    pub(crate) fn regex_bytes(&self) -> usize {
        match &*self.test {
            Test::Regex(regex, _) => regex.bytes(),
            _ => 0,
        }
    }

    /// Why it answered `truth` for that value, in a few words.
    pub(crate) fn reason(&self, value: Option<&Value>, truth: Truth) -> String {
        let attribute = self.attribute.as_str();
        match (value, truth) {
            (None, _) => format!("{attribute} is missing"),
            (Some(value), Truth::WrongType) => {
                let (found, wanted) = (JsonType::of(value).word(), self.test.constant_word());
                format!("{attribute} is {found}, the constant is {wanted}")
            }
            (Some(value), _) => format!("{attribute} is {}", clip(&value.to_string())),
        }
    }

    /// A text that two conditions share exactly when they ask the same; what is asked once per input goes by it.
    pub(crate) fn key(&self) -> Arc<str> {
        let typing = self.typing.map_or("", |typing| match typing {
            Typing::Strict => "strict",
            Typing::Original => "original",
        });
        let (attribute, operator) = (self.attribute.as_str(), self.operator.name());
        // A space cannot be part of an operator's name, so no two conditions run together.
        format!("{operator} {typing} {} {attribute}", midflight_core::canonical_json(&self.constant())).into()
    }
}

/// Whether the constant is an interval in one typing and a list of two numbers in the other.
fn is_interval(operator: Operator, constant: &Value) -> bool {
    let two_numbers = |items: &Vec<Value>| items.len() == 2 && items.iter().all(Value::is_number);
    operator == Operator::Range && constant.as_array().is_some_and(two_numbers)
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (attribute, operator) = (self.attribute.as_str(), self.operator.name());
        match *self.test {
            Test::IsNull(true) => write!(f, "{attribute} {operator}"),
            _ => write!(f, "{attribute} {operator} {}", clip(&self.test.constant().to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn condition(operator: &str, constant: &Value, typing: Typing) -> Result<Arc<Condition>, String> {
        let attribute = Arc::new(Attribute::new("a").unwrap());
        let operator = Operator::parse(operator).unwrap();
        let made = Condition::new(None, attribute, operator, constant, typing);
        made.map(Arc::new).map_err(|problem| format!("{}: {}", problem.code, problem.message))
    }

    /// Asks a condition for many values; the answers are T(rue), F(alse), M(issing) and W(rong type).
    #[track_caller]
    fn check(operator: &str, constant: Value, values: &[Value], answers: &str) {
        check_typed(Typing::Strict, operator, constant, values, answers);
    }

    #[track_caller]
    fn check_typed(typing: Typing, operator: &str, constant: Value, values: &[Value], answers: &str) {
        let condition = condition(operator, &constant, typing).unwrap();
        let letter = |truth| match truth {
            Truth::True => 'T',
            Truth::False => 'F',
            Truth::Missing => 'M',
            Truth::WrongType => 'W',
        };
        let all = [None].into_iter().chain(values.iter().map(Some));
        let found: String =
            all.map(|value| letter(condition.ask(value, &Work::unbounded()).unwrap())).collect();
        assert_eq!(found, answers, "{condition} of (missing), {values:?}");
    }

    #[test]
    fn operators_distinguish_false_missing_and_a_wrong_type() {
        let values = [json!(35), json!(36.5), json!("35"), json!(null), json!(true), json!([35]), json!({})];
        check("equal", json!(35), &values, "MTFWWWWW");
        check("not_equal", json!(35), &values, "MFTWWWWW");
        check("equal", json!(null), &values, "MWWWTWWW");
        check("equal", json!([35.0]), &values, "MWWWWWTW");
        check("not_equal", json!({"a": 1}), &values, "MWWWWWWT");
        check("greater_than", json!(35), &values, "MFTWWWWW");
        check("greater_than_or_equal", json!(35), &values, "MTTWWWWW");
        check("less_than", json!(36), &values, "MTFWWWWW");
        check("less_than_or_equal", json!(35), &values, "MTFWWWWW");
        check("in", json!([35, "x", null]), &values, "MTFFTWWW");
        check("not_in", json!([35, "x"]), &values, "MFTTWWWW");
        check("in", json!([[35], 36.5]), &values, "MFTWWWTW");
        check("range", json!([35, 36]), &values, "MTFWWWWW");
        check("range", json!(["35", "x"]), &values, "MWWTWWWW");
        check("range", json!([1, 2, 36.5]), &values, "MFTWWWWW");
        check("is_null", json!(null), &values, "TFFFTFFF");
        check("is_null", json!(false), &values, "FTTTFTTT");
        check("contains", json!(35), &values, "MWWWWWTW");
        check("contains", json!("3"), &values, "MWWTWWFW");
    }

    #[test]
    fn with_compat_original_what_is_not_equal_may_be_of_another_type() {
        let values =
            [json!("open"), json!("shut"), json!(null), json!(5), json!(true), json!([1]), json!({})];
        let original = |operator, constant, answers| {
            check_typed(Typing::Original, operator, constant, &values, answers);
        };
        check("not_equal", json!("open"), &values, "MFTWWWWW");
        original("not_equal", json!("open"), "MFTTTTTT");
        original("not_equal", json!([1]), "MTTTTTFT");
        check("not_in", json!(["open", 5]), &values, "MFTWFWWW");
        original("not_in", json!(["open", 5]), "MFTTFTTT");
        original("not_in", json!([["x"], "open"]), "MFTTTTTT");
        // The comparison itself and its order are as they are everywhere.
        original("equal", json!("open"), "MTFWWWWW");
        original("in", json!(["open"]), "MTFWWWWW");
        original("less_than", json!("p"), "MTFWWWWW");
    }

    #[test]
    fn with_compat_original_a_negated_regex_matches_null() {
        let values = [json!("open"), json!("shut"), json!(null), json!(5), json!([])];
        for operator in ["regex_not_match", "regex_not_search"] {
            check(operator, json!("op"), &values, "MFTWWW");
            check_typed(Typing::Original, operator, json!("op"), &values, "MFTTWW");
        }
        check_typed(Typing::Original, "regex_match", json!("op"), &values, "MTFWWW");
    }

    #[test]
    fn with_compat_original_contains_and_regex_lose_the_quotes_of_their_constant() {
        let values = [json!("it is open"), json!("it is \"open\""), json!("shut")];
        for constant in [json!("\"open\""), json!("'open'")] {
            check_typed(Typing::Original, "contains", constant.clone(), &values, "MTTF");
            check_typed(Typing::Original, "regex_search", constant, &values, "MTTF");
        }
        check("contains", json!("\"open\""), &values, "MFTF");
        check_typed(Typing::Original, "regex_not_search", json!("\"open\""), &values, "MFFT");
        // A list is searched for a text with its quotes, as it was written, by the strict typing alone.
        check_typed(Typing::Original, "contains", json!("'a'"), &[json!(["a"]), json!(["'a'"])], "MTF");
        check_typed(Typing::Original, "contains", json!("5"), &[json!("a5"), json!([5])], "MTF");
    }

    #[test]
    fn texts_are_searched_matched_and_ordered() {
        let values = [json!("abc"), json!("xabc"), json!("2026-01-02"), json!(1)];
        check("starts_with", json!("ab"), &values, "MTFFW");
        check("ends_with", json!("bc"), &values, "MTTFW");
        check("contains", json!("ab"), &values, "MTTFW");
        check("regex_match", json!("a.c"), &values, "MTFFW");
        check("regex_not_match", json!("a.c"), &values, "MFTTW");
        check("regex_search", json!("a.c"), &values, "MTTFW");
        check("regex", json!("^a|x"), &values, "MTTFW");
        check("regex_not_search", json!("a.c"), &values, "MFFTW");
        check("less_than", json!("2026-02-01"), &values, "MFFTW");
    }

    #[test]
    fn bad_constants_are_refused_with_a_cure() {
        let refused = |operator, constant| condition(operator, &constant, Typing::Strict).unwrap_err();
        assert_eq!(
            refused("greater_than", json!(true)),
            "wrong_type: the constant of greater_than is a number or a string, not a boolean"
        );
        assert_eq!(
            refused("range", json!([3, 1])),
            "bad_range: the range starts at 3 and ends below it, at 1; write [low, high]"
        );
        assert!(refused("in", json!([])).starts_with("empty: "));
        assert!(refused("in", json!("x")).starts_with("wrong_type: "));
        assert!(refused("regex", json!("a(b")).starts_with("bad_regex: "));
        assert!(refused("regex", json!("(?=x)")).contains("look-around"));
        assert!(refused("regex", json!("((a{500}){500}){500}")).starts_with("regex_too_big: "));
        assert!(refused("regex", json!("x".repeat(5_000))).starts_with("too_long: "));
        assert!(refused("is_null", json!("no")).starts_with("wrong_type: "));
        assert!(refused("starts_with", json!(1)).starts_with("wrong_type: "));
    }

    #[test]
    fn a_condition_changes_its_typing_and_back() {
        for (operator, constant, strict, original) in [
            ("greater_than", json!("30"), json!("30"), json!(30)),
            ("equal", json!("'x'"), json!("'x'"), json!("x")),
            ("range", json!([1, 2]), json!([1, 2]), json!([1, 2])),
            ("contains", json!("'x'"), json!("'x'"), json!("x")),
            ("not_equal", json!(1), json!(1), json!(1)),
            ("not_in", json!([[1]]), json!([1]), json!([1])),
        ] {
            let first = condition(operator, &constant, Typing::Strict).unwrap();
            let second = first.typed(Typing::Original).unwrap();
            assert_eq!((first.test.constant(), second.test.constant()), (strict.clone(), original));
            let third = second.typed(Typing::Strict).unwrap();
            assert_eq!((third.test.constant(), third.key()), (strict, first.key()));
            assert_ne!(first.key(), second.key());
        }
        let same = condition("equal", &json!(30), Typing::Strict).unwrap();
        assert!(Arc::ptr_eq(&same, &same.typed(Typing::Original).unwrap()));
        let negated = condition("regex_not_search", &json!("x"), Typing::Strict).unwrap();
        let other = negated.typed(Typing::Original).unwrap();
        assert!(Arc::ptr_eq(&negated.test, &other.test), "a regular expression is compiled once");
        let only_original = condition("range", &json!("['DC','Marvel']"), Typing::Original).unwrap();
        assert!(only_original.typed(Typing::Strict).is_err());
        assert_eq!(only_original.ask(Some(&json!("DC")), &Work::unbounded()), Ok(Truth::True));
    }
}
