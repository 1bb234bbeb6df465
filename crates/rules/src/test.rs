//! Tests: what a condition asks of a value, with its constant typed and its regex compiled.

use std::cmp::Ordering;

use midflight_core::JsonType;
use midflight_engine::{Interrupted, Work};
use midflight_regexes::{BoundedRegex, RegexError, RegexLimits};
use serde_json::Value;

use crate::limits::{LIST_ITEMS_MAX, REGEX_BYTES_MAX, REGEX_COMPILED_BYTES_MAX, REGEX_INPUT_BYTES_MAX};
use crate::number::Exact;
use crate::operator::Operator;
use crate::original::Typing;
use crate::scalar::{Scalar, same};

/// A question about a value that is there, answered by yes, no, or "of another type than the constant".
#[derive(Debug)]
pub(crate) enum Test {
    /// It is this scalar.
    Equal(Scalar),
    /// It is one of these scalars, which are sorted.
    Among(Box<[Scalar]>),
    /// It is one of these values, of which some have parts.
    AmongDeep(Box<[Value]>),
    /// It relates to the scalar as the operator requires.
    Order(Operator, Scalar),
    /// It is in the interval, ends included.
    Interval(Exact, Exact),
    /// It has this part.
    Contains(Box<Value>),
    /// Its text starts so.
    StartsWith(Box<str>),
    /// Its text ends so.
    EndsWith(Box<str>),
    /// Its text matches, from the start when anchored.
    Regex(Box<BoundedRegex>, Anchored),
    /// It is null or not there (or, when false, it is neither).
    IsNull(bool),
}

/// Whether a regex has to match from the start of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Anchored(pub(crate) bool);

/// Why a value is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotAsked {
    /// It is a text of so many bytes, too long for a regular expression.
    TooLong(usize),
    /// The budget of the execution does not allow it.
    Interrupted(Interrupted),
}

impl From<Interrupted> for NotAsked {
    fn from(interrupted: Interrupted) -> Self {
        Self::Interrupted(interrupted)
    }
}

/// What is wrong with a constant: a code, and a sentence with the cure.
pub(crate) type BadConstant = (&'static str, String);

impl Test {
    /// Types a constant for an operator.
    pub(crate) fn new(operator: Operator, constant: &Value, typing: Typing) -> Result<Self, BadConstant> {
        match operator {
            Operator::Equal | Operator::NotEqual => Ok(match Scalar::of(constant) {
                Some(scalar) => Self::Equal(scalar),
                None => Self::AmongDeep([constant.clone()].into()),
            }),
            Operator::In | Operator::NotIn => among(operator, constant),
            Operator::Range => match interval(constant).filter(|_| typing == Typing::Strict) {
                Some(interval) => interval,
                None => among(operator, constant),
            },
            Operator::GreaterThan
            | Operator::GreaterThanOrEqual
            | Operator::LessThan
            | Operator::LessThanOrEqual => match Scalar::of(constant) {
                Some(scalar @ (Scalar::Number(_) | Scalar::Text(_))) => Ok(Self::Order(operator, scalar)),
                _ => Err(expected(operator, "a number or a string", constant)),
            },
            Operator::Contains => Ok(Self::Contains(Box::new(constant.clone()))),
            Operator::StartsWith => text(operator, constant).map(|text| Self::StartsWith(text.into())),
            Operator::EndsWith => text(operator, constant).map(|text| Self::EndsWith(text.into())),
            Operator::RegexMatch | Operator::RegexNotMatch => regex(operator, constant, Anchored(true)),
            Operator::RegexSearch | Operator::RegexNotSearch => regex(operator, constant, Anchored(false)),
            Operator::IsNull => match constant {
                Value::Null => Ok(Self::IsNull(true)),
                Value::Bool(is_null) => Ok(Self::IsNull(*is_null)),
                _ => Err(expected(operator, "left out, true or false", constant)),
            },
        }
    }

    /// Asks a value that is there. None: the value is of another type than the constant.
    ///
    /// # Errors
    /// [`NotAsked`], of a regular expression only.
    pub(crate) fn ask(&self, value: &Value, work: &Work) -> Result<Option<bool>, NotAsked> {
        match self {
            Self::Regex(regex, anchored) => {
                value.as_str().map(|text| matches(regex, *anchored, text, work)).transpose()
            }
            _ => Ok(self.compare(value)),
        }
    }

    /// Asks a value what needs no search.
    fn compare(&self, value: &Value) -> Option<bool> {
        match self {
            Self::Regex(..) => None,
            Self::Equal(constant) => constant.compare(value).map(Ordering::is_eq),
            Self::Among(list) => among_scalars(list, value),
            Self::AmongDeep(list) => {
                let of_its_type = list.iter().any(|item| JsonType::of(item) == JsonType::of(value));
                of_its_type.then(|| list.iter().any(|item| same(item, value)))
            }
            Self::Order(operator, constant) => {
                let stands = constant.compare(value)?.reverse();
                Some(match operator {
                    Operator::GreaterThan => stands.is_gt(),
                    Operator::GreaterThanOrEqual => stands.is_ge(),
                    Operator::LessThan => stands.is_lt(),
                    _ => stands.is_le(),
                })
            }
            Self::Interval(low, high) => {
                let number = Exact::of(value.as_number()?);
                Some(*low <= number && number <= *high)
            }
            Self::Contains(part) => match value {
                Value::Array(items) => Some(items.iter().any(|item| same(item, part))),
                Value::String(text) => part.as_str().map(|part| text.contains(part)),
                _ => None,
            },
            Self::StartsWith(part) => value.as_str().map(|text| text.starts_with(&**part)),
            Self::EndsWith(part) => value.as_str().map(|text| text.ends_with(&**part)),
            Self::IsNull(is_null) => Some(value.is_null() == *is_null),
        }
    }

    /// The constant again, as a document states it.
    pub(crate) fn constant(&self) -> Value {
        let list = |items: &[Scalar]| Value::Array(items.iter().map(Scalar::to_json).collect());
        match self {
            Self::Equal(constant) | Self::Order(_, constant) => constant.to_json(),
            Self::Among(items) => list(items),
            Self::AmongDeep(items) => match &**items {
                [only] => only.clone(),
                items => Value::Array(items.to_vec()),
            },
            Self::Interval(low, high) => Value::Array(vec![low.to_json(), high.to_json()]),
            Self::Contains(part) => (**part).clone(),
            Self::StartsWith(text) | Self::EndsWith(text) => Value::String(text.to_string()),
            Self::Regex(regex, _) => Value::String(regex.as_str().to_owned()),
            Self::IsNull(is_null) => Value::Bool(*is_null),
        }
    }

    /// Whether it is a regular expression.
    pub(crate) fn is_regex(&self) -> bool {
        matches!(self, Self::Regex(..))
    }

    /// What the constant is, for an explanation of a wrong type.
    pub(crate) fn constant_word(&self) -> &'static str {
        match self {
            Self::Equal(constant) | Self::Order(_, constant) => constant.kind().word(),
            Self::Among(_) | Self::AmongDeep(_) => "a list without one",
            Self::Interval(..) => "an interval of numbers",
            Self::Contains(part) => JsonType::of(part).word(),
            Self::StartsWith(_) | Self::EndsWith(_) => "a string",
            Self::Regex(..) => "a regular expression",
            Self::IsNull(_) => "a boolean",
        }
    }

    /// An estimate of the memory this holds, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        let own = size_of::<Self>() as u64;
        own + match self {
            Self::Among(list) => 48 * list.len() as u64,
            Self::AmongDeep(list) => 128 * list.len() as u64,
            Self::Contains(_) => 128,
            Self::Regex(regex, _) => regex.bytes() as u64,
            Self::StartsWith(text) | Self::EndsWith(text) => text.len() as u64,
            Self::Equal(_) | Self::Order(..) | Self::Interval(..) | Self::IsNull(_) => 0,
        }
    }
}

fn matches(
    regex: &BoundedRegex,
    Anchored(anchored): Anchored,
    text: &str,
    work: &Work,
) -> Result<bool, NotAsked> {
    if text.len() > REGEX_INPUT_BYTES_MAX {
        return Err(NotAsked::TooLong(text.len()));
    }
    Ok(if anchored { regex.matches_start(text, work)? } else { regex.is_match(text, work)? })
}

fn among_scalars(list: &[Scalar], value: &Value) -> Option<bool> {
    // Sorted by type first, so a search that fails ends beside an item of the value's type if there is one.
    let by_type = |item: &Scalar| (item.kind() as u8).cmp(&(JsonType::of(value) as u8));
    let place = list.binary_search_by(|item| item.compare(value).unwrap_or_else(|| by_type(item)));
    match place {
        Ok(_) => Some(true),
        Err(at) => {
            let mut beside = at.checked_sub(1).into_iter().chain([at]).filter_map(|i| list.get(i));
            beside.any(|item| item.kind() == JsonType::of(value)).then_some(false)
        }
    }
}

fn expected(operator: Operator, what: &str, constant: &Value) -> BadConstant {
    let message =
        format!("the constant of {} is {what}, not {}", operator.name(), JsonType::of(constant).word());
    ("wrong_type", message)
}

fn text(operator: Operator, constant: &Value) -> Result<&str, BadConstant> {
    constant.as_str().ok_or_else(|| expected(operator, "a string", constant))
}

/// The interval that a list of exactly two numbers is.
fn interval(constant: &Value) -> Option<Result<Test, BadConstant>> {
    let [Value::Number(low), Value::Number(high)] = constant.as_array()?.as_slice() else {
        return None;
    };
    let (low, high) = (Exact::of(low), Exact::of(high));
    if low <= high {
        return Some(Ok(Test::Interval(low, high)));
    }
    let message = format!("the range starts at {low} and ends below it, at {high}; write [low, high]");
    Some(Err(("bad_range", message)))
}

fn among(operator: Operator, constant: &Value) -> Result<Test, BadConstant> {
    let Value::Array(items) = constant else {
        return Err(expected(operator, "a list", constant));
    };
    if items.is_empty() {
        return Err(("empty", format!("the list of {} is empty; list at least one value", operator.name())));
    }
    if items.len() > LIST_ITEMS_MAX {
        return Err((
            "too_many",
            format!("the list has more than {LIST_ITEMS_MAX} values; split the condition"),
        ));
    }
    let scalars: Option<Vec<_>> = items.iter().map(Scalar::of).collect();
    let Some(mut scalars) = scalars else {
        return Ok(Test::AmongDeep(items.as_slice().into()));
    };
    scalars.sort_unstable();
    scalars.dedup();
    Ok(Test::Among(scalars.into()))
}

fn regex(operator: Operator, constant: &Value, anchored: Anchored) -> Result<Test, BadConstant> {
    const NESTING_MAX: u32 = 64;
    let pattern = text(operator, constant)?;
    if pattern.len() > REGEX_BYTES_MAX {
        return Err((
            "too_long",
            format!("a regular expression has at most {REGEX_BYTES_MAX} bytes; shorten it"),
        ));
    }
    let limits = RegexLimits {
        case_insensitive: false,
        compiled_bytes_max: REGEX_COMPILED_BYTES_MAX,
        nesting_max: NESTING_MAX,
    };
    let built = BoundedRegex::new(pattern, limits);
    built.map(|regex| Test::Regex(Box::new(regex), anchored)).map_err(|error| match error {
        RegexError::TooLarge { bytes_max } => {
            let message = format!(
                "the regular expression needs more than {bytes_max} bytes when compiled; lower its counted repetitions"
            );
            ("regex_too_big", message)
        }
        error => ("bad_regex", format!("the regular expression does not parse: {error}")),
    })
}
