//! Reads the `conditions` of a rule: one item, a mode with items, or nested all, any and not.

use midflight_core::{Problem, Problems};
use serde_json::{Map, Value};

use crate::expression::Expression;
use crate::limits::{CONDITION_DEPTH_MAX, CONDITIONS_PER_RULE_MAX};
use crate::read_condition::read_condition;
use crate::read_rule::Item;
use midflight_core::JsonPath;
use midflight_core::JsonType;
use midflight_core::ObjectReader;

/// The words for joining: whether all of the items must hold.
const MODES: [(&str, bool); 4] = [("inclusive", true), ("and", true), ("exclusive", false), ("or", false)];

/// What an object among conditions is, by the member it has.
const FORMS: [&str; 5] = ["item", "items", "all", "any", "not"];

/// Reads one rule's logic and collects its conditions.
pub(crate) struct LogicReader<'p> {
    problems: &'p mut Problems,
    items: Vec<Item>,
    depth: usize,
    /// Whether the bound on conditions was already reported.
    full: bool,
}

impl<'p> LogicReader<'p> {
    pub(crate) fn new(problems: &'p mut Problems) -> Self {
        Self { problems, items: Vec::new(), depth: 0, full: false }
    }

    pub(crate) fn into_items(self) -> Vec<Item> {
        self.items
    }

    /// Reads the value of `conditions`, which joins: a bare condition is under `item`.
    pub(crate) fn read_outermost(&mut self, value: &Value, place: &JsonPath<'_>) -> Option<Expression> {
        match value {
            Value::Object(members) if form(members).is_some() => self.read(value, place),
            Value::Object(_) => {
                let cure = "write {item: condition}, {mode, items}, {all: [..]}, {any: [..]} or {not: ..}";
                self.refuse("missing_field", place, format!("conditions joins no conditions; {cure}"));
                None
            }
            other => {
                let found = JsonType::of(other).word();
                self.refuse("wrong_type", place, format!("conditions is an object, not {found}"));
                None
            }
        }
    }

    fn read(&mut self, value: &Value, place: &JsonPath<'_>) -> Option<Expression> {
        match value {
            Value::String(id) if id.is_empty() => {
                self.refuse("empty", place, "a condition's id is empty; name one of the catalogue");
                None
            }
            Value::String(id) => self.add(|| Item::Named(id.as_str().into(), place.plain()), place),
            Value::Object(members) => match form(members) {
                None => {
                    let condition = read_condition(None, value, place, self.problems)?;
                    self.add(|| Item::Inline(condition, place.plain()), place)
                }
                Some(_) if self.depth == CONDITION_DEPTH_MAX => {
                    let cure = "name parts of it as rules of their own";
                    let message = format!("nested deeper than {CONDITION_DEPTH_MAX} levels; {cure}");
                    self.refuse("too_deep", place, message);
                    None
                }
                Some(form) => {
                    self.depth += 1;
                    let read = self.read_joint(form, value, members, place);
                    self.depth -= 1;
                    read
                }
            },
            other => {
                let found = JsonType::of(other).word();
                let message = format!("a condition is an id or an object, not {found}");
                self.refuse("wrong_type", place, message);
                None
            }
        }
    }

    fn read_joint(
        &mut self,
        form: &'static str,
        value: &Value,
        members: &Map<String, Value>,
        place: &JsonPath<'_>,
    ) -> Option<Expression> {
        let mut reader = ObjectReader::open("a joint of conditions", value, place, self.problems)?;
        let inner = members.get(form)?;
        let inner_place = place.key(form);
        let all = match form {
            "items" => {
                reader.only(&["mode", "items"]);
                if reader.get("mode").is_none() {
                    reader.missing("mode", "write inclusive (all of them) or exclusive (any of them)");
                }
                reader.word("mode", &MODES)
            }
            _ => {
                reader.only(&[form]);
                Some(form == "all")
            }
        };
        match form {
            "item" => self.read(inner, &inner_place),
            "not" => self.read(inner, &inner_place).map(|inner| Expression::Not(Box::new(inner))),
            _ => {
                let items = self.read_items(inner, &inner_place)?;
                Some(if all? { Expression::All(items) } else { Expression::Any(items) })
            }
        }
    }

    fn read_items(&mut self, value: &Value, place: &JsonPath<'_>) -> Option<Box<[Expression]>> {
        let Value::Array(items) = value else {
            let found = JsonType::of(value).word();
            self.refuse("wrong_type", place, format!("this is a list of conditions, not {found}"));
            return None;
        };
        if items.is_empty() {
            self.refuse("empty", place, "the list is empty; name or write out at least one condition");
            return None;
        }
        let mut read = Vec::with_capacity(items.len().min(CONDITIONS_PER_RULE_MAX));
        let mut whole = true;
        for (i, item) in items.iter().enumerate() {
            match self.read(item, &place.index(i)) {
                Some(expression) => read.push(expression),
                None if self.full => return None,
                None => whole = false,
            }
        }
        whole.then(|| read.into())
    }

    fn add(&mut self, item: impl FnOnce() -> Item, place: &JsonPath<'_>) -> Option<Expression> {
        let at = self.items.len();
        if at >= CONDITIONS_PER_RULE_MAX {
            if !self.full {
                let message = format!(
                    "more than {CONDITIONS_PER_RULE_MAX} conditions in one rule; use in with a list, or split it"
                );
                self.refuse("too_many", place, message);
            }
            self.full = true;
            return None;
        }
        self.items.push(item());
        u16::try_from(at).ok().map(Expression::Leaf)
    }

    fn refuse(&mut self, code: &'static str, place: &JsonPath<'_>, message: impl Into<String>) {
        self.problems.add(Problem::new(code, place.pointer(), message));
    }
}

fn form(members: &Map<String, Value>) -> Option<&'static str> {
    // One pass over the few members there are: this is asked of every condition, and nearly always without a result.
    members.keys().find_map(|key| FORMS.into_iter().find(|form| form == key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(conditions: &Value) -> Result<(Expression, usize), String> {
        let mut problems = Problems::default();
        let place = JsonPath::Root.key("conditions");
        let mut reader = LogicReader::new(&mut problems);
        let expression = reader.read_outermost(conditions, &place);
        let items = reader.into_items().len();
        match expression {
            Some(expression) if problems.is_empty() => Ok((expression, items)),
            _ => Err(problems.to_string()),
        }
    }

    #[track_caller]
    fn check(conditions: Value, described: &str) {
        let (expression, _) = read(&conditions).unwrap();
        assert_eq!(expression.describe(&|at| at.to_string()), described);
    }

    #[track_caller]
    fn refused(conditions: Value, expected: &str) {
        let messages = read(&conditions).unwrap_err();
        assert!(messages.contains(expected), "{messages}");
    }

    #[test]
    fn every_form_is_read() {
        let inline = json!({"attribute": "a", "operator": "equal", "constant": 1});
        check(json!({"item": "C1"}), "0");
        check(json!({"item": inline}), "0");
        for mode in ["inclusive", "and"] {
            check(json!({"mode": mode, "items": ["C1", inline]}), "0 and 1");
        }
        for mode in ["exclusive", "or"] {
            check(json!({"mode": mode, "items": ["C1", "C2"]}), "0 or 1");
        }
        let nested =
            json!({"all": ["C1", {"not": {"any": ["C2", inline]}}, {"mode": "or", "items": ["C3", "C4"]}]});
        check(nested, "0 and not (1 or 2) and (3 or 4)");
    }

    #[test]
    fn bad_logic_is_refused_where_it_is() {
        refused(json!({"mode": "and", "items": []}), "at /conditions/items: the list is empty");
        refused(json!({"items": ["C1"]}), "at /conditions: a joint of conditions needs \"mode\"");
        refused(json!({"mode": "xor", "items": ["C1"]}), "at /conditions/mode: \"xor\" is not a valid mode");
        refused(json!({"all": ["C1"], "any": ["C1"]}), "at /conditions/any: ");
        refused(json!({"all": ["C1", {"any": [5]}]}), "at /conditions/all/1/any/0: a condition is an id");
        refused(json!({"all": {"item": "C1"}}), "at /conditions/all: this is a list");
        refused(json!({"not": ""}), "at /conditions/not: a condition's id is empty");
        refused(json!({}), "at /conditions: conditions joins no conditions");
        refused(json!("C1"), "at /conditions: conditions is an object");
        refused(json!({"item": {"attribute": "a"}}), "at /conditions/item: a condition needs \"operator\"");
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let deep = |levels| (1..levels).fold(json!({"not": "C1"}), |inner, _| json!({ "not": inner }));
        assert!(read(&deep(CONDITION_DEPTH_MAX)).is_ok());
        refused(deep(CONDITION_DEPTH_MAX + 1), "nested deeper than 16 levels");
        let wide = |count| json!({"all": vec!["C1"; count]});
        assert_eq!(read(&wide(CONDITIONS_PER_RULE_MAX)).unwrap().1, CONDITIONS_PER_RULE_MAX);
        let messages = read(&wide(CONDITIONS_PER_RULE_MAX + 500)).unwrap_err();
        assert_eq!(messages.matches("more than 1000 conditions").count(), 1);
    }
}
