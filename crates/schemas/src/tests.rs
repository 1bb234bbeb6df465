//! What is estimated of a validation is never less than what the validator does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jsonschema::{Keyword, ValidationError, Validator};
use midflight_engine::{Interrupted, Work};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::cost::{Cost, check_places, cost};
use super::graph::Graph;
use super::patterns::{REGEX_BYTES_MAX, cache_bytes_max, regex_bytes};
use super::{MeasuredSchema, SchemaStop, Verdict};
use crate::limits::{
    ERROR_EVALUATIONS_MAX, SCHEMA_EVALUATIONS_MAX, SCHEMA_REGEX_BYTES_MAX, SCHEMA_REGEXES_MAX,
};

/// A keyword that is always valid, and counts how often it is asked.
struct Counting(Arc<AtomicU64>);

impl<'i> Keyword<'i> for Counting {
    fn validate(&self, _: &'i Value) -> Result<(), ValidationError<'i>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn is_valid(&self, _: &'i Value) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed);
        true
    }
}

/// How many subschemas with `x-counted` a validator evaluates for its verdict and for all errors.
fn counted(schema: &Value, instance: &Value) -> (u64, u64) {
    let count = Arc::new(AtomicU64::new(0));
    let shared = Arc::clone(&count);
    let options = jsonschema::options()
        .with_keyword("x-counted", move |_, _, _| Ok(Box::new(Counting(Arc::clone(&shared)))));
    let validator: Validator = options.offline().build(schema).unwrap();
    std::hint::black_box(validator.is_valid(instance));
    let verdict = count.swap(0, Ordering::Relaxed);
    drop(validator.iter_errors(instance));
    (verdict, count.load(Ordering::Relaxed))
}

/// The estimate; none when the schema or the instance is refused.
fn estimated(schema: &Value, instance: &Value) -> Option<Cost> {
    let graph = Graph::read(schema).unwrap();
    check_places(&graph).ok()?;
    cost(&graph, instance, &Work::unbounded()).ok()
}

/// A reference to one of the definitions before `n`, or from anywhere.
fn reference(n: usize) -> Value {
    json!({"$ref": format!("#/$defs/d{n}"), "x-counted": true})
}

/// A definition: in place it refers to earlier ones only, and to any from within properties and items.
fn definition(n: usize, all: usize) -> impl Strategy<Value = Value> {
    let before = 0..n.max(1);
    let parts = (0..9_u8, before.clone(), before, 0..all, 0..all, any::<bool>());
    parts.prop_map(move |(sort, a, b, c, d, tracks)| {
        let here = |x: usize| if n == 0 { json!({"type": "object", "x-counted": true}) } else { reference(x) };
        let mut schema = match sort {
            0 => json!({"type": ["object", "array"], "minimum": 1}),
            1 => json!({"allOf": [here(a), here(b), here(a)]}),
            2 => json!({"anyOf": [here(a), here(b)]}),
            3 => json!({"oneOf": [here(a), here(b), here(b)]}),
            4 => json!({"if": here(a), "then": here(b), "else": here(a)}),
            5 => json!({"not": here(a), "properties": {"a": reference(c)}}),
            6 => json!({"allOf": [{"properties": {"a": reference(c)}, "x-counted": true},
                {"properties": {"a": reference(c), "b": reference(d)}, "x-counted": true}]}),
            7 => json!({"items": reference(c), "contains": reference(d), "patternProperties": {"^a": reference(c)}}),
            _ => json!({"additionalProperties": reference(c), "propertyNames": here(a), "$ref": format!("#/$defs/d{}", a)}),
        };
        if sort == 8 && n == 0 {
            schema.as_object_mut().unwrap().remove("$ref");
        }
        schema["x-counted"] = json!(true);
        if tracks {
            schema["unevaluatedProperties"] = reference(d);
        }
        schema
    })
}

fn schema() -> impl Strategy<Value = Value> {
    const ALL: usize = 7;
    let definitions: Vec<_> = (0..ALL).map(|n| definition(n, ALL)).collect();
    definitions.prop_map(|definitions| {
        let named = definitions.into_iter().enumerate().map(|(n, it)| (format!("d{n}"), it));
        let definitions: serde_json::Map<String, Value> = named.collect();
        json!({"$defs": definitions, "$ref": format!("#/$defs/d{}", ALL - 1), "x-counted": true})
    })
}

fn instance() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(json!(0)), Just(json!("text")), Just(json!(null))];
    leaf.prop_recursive(5, 24, 3, |inner| {
        let object = prop::collection::btree_map("[ab]{1,2}", inner.clone(), 0..4);
        prop_oneof![
            object.prop_map(|members| json!(members)),
            prop::collection::vec(inner, 0..4).prop_map(Value::Array)
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_validation_takes_more_than_was_estimated(schema in schema(), instance in instance()) {
        if let Some(cost) = estimated(&schema, &instance) {
            prop_assert!(cost.valid <= SCHEMA_EVALUATIONS_MAX);
            let verdict_only = cost.errors > ERROR_EVALUATIONS_MAX;
            if !verdict_only {
                let (verdict, errors) = counted(&schema, &instance);
                prop_assert!(verdict <= cost.valid, "{verdict} of {cost:?} for the verdict");
                prop_assert!(errors <= cost.errors, "{errors} of {cost:?} for the errors");
            }
        }
    }
}

/// A chain of definitions, each of which refers twice to the one before.
fn doubled(depth: usize, link: impl Fn(&Value) -> Value) -> Value {
    let mut definitions = serde_json::Map::new();
    definitions.insert("d0".into(), json!({"type": "string"}));
    for n in 1..=depth {
        let before = json!({"$ref": format!("#/$defs/d{}", n - 1)});
        definitions.insert(format!("d{n}"), link(&before));
    }
    json!({"$defs": definitions, "$ref": format!("#/$defs/d{depth}")})
}

#[test]
fn references_that_double_are_refused_where_the_schema_is_read() {
    for depth in [26, 40, 63] {
        let schema = doubled(depth, |before| json!({"allOf": [before, before]}));
        let problem = check_places(&Graph::read(&schema).unwrap()).unwrap_err();
        assert_eq!(problem.code, "schema_too_expensive");
        assert_eq!(problem.path.as_str(), "/$defs/d11/allOf/0/$ref");
        assert!(problem.message.contains("place_evaluations_max"), "{problem}");
    }
    let schema = doubled(8, |before| json!({"allOf": [before, before]}));
    assert_eq!(check_places(&Graph::read(&schema).unwrap()), Ok(()));
}

#[test]
fn what_doubles_without_references_is_refused_too() {
    let mut schema = json!({"type": "object"});
    for _ in 0..30 {
        schema = json!({"allOf": [schema], "unevaluatedProperties": false});
    }
    let problem = check_places(&Graph::read(&schema).unwrap()).unwrap_err();
    assert_eq!(problem.code, "schema_too_expensive");
}

#[test]
fn what_doubles_with_the_depth_of_a_value_is_refused_for_that_value() {
    let part = json!({"properties": {"a": {"$ref": "#/$defs/s"}}});
    let schema = json!({"$defs": {"s": {"allOf": [part, part]}}, "$ref": "#/$defs/s"});
    let graph = Graph::read(&schema).unwrap();
    assert_eq!(check_places(&graph), Ok(()), "one place takes few");
    let nested = |depth: usize| (0..depth).fold(json!({}), |inner, _| json!({ "a": inner }));
    assert!(cost(&graph, &nested(8), &Work::unbounded()).is_ok());
    let Err(SchemaStop::Refused(problem)) = cost(&graph, &nested(40), &Work::unbounded()) else {
        panic!("not refused")
    };
    assert!(problem.message.contains("schema_evaluations_max"), "{problem}");
    assert!(problem.message.contains("/$ref of the schema"), "{problem}");
}

#[test]
fn a_schema_that_never_ends_is_refused_and_one_that_nests_in_a_value_is_not() {
    for schema in [
        json!({"$ref": "#"}),
        json!({"anyOf": [{"type": "string"}, {"$ref": "#"}]}),
        json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"not": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"}),
    ] {
        let problem = check_places(&Graph::read(&schema).unwrap()).unwrap_err();
        assert!(problem.message.contains("without end"), "{problem}");
    }
    let nesting = json!({"properties": {"next": {"$ref": "#"}}, "items": {"$ref": "#"}});
    assert_eq!(check_places(&Graph::read(&nesting).unwrap()), Ok(()));
}

#[test]
fn the_meta_schemas_and_embedded_resources_are_followed() {
    for dialect in [
        "https://json-schema.org/draft/2020-12/schema",
        "https://json-schema.org/draft/2019-09/schema",
        "http://json-schema.org/draft-07/schema#",
    ] {
        let schema = json!({"$schema": dialect, "$ref": dialect});
        let graph = Graph::read(&schema).unwrap();
        assert_eq!(check_places(&graph), Ok(()), "{dialect}");
        let instance = json!({"properties": {"a": {"items": {"type": "string"}}}, "allOf": [{"minimum": 1}]});
        let cost = cost(&graph, &instance, &Work::unbounded()).unwrap();
        assert!((50..10_000).contains(&cost.valid), "{dialect}: {cost:?}");
    }
    let embedded = json!({"$id": "https://example.org/root", "$ref": "part#named",
        "$defs": {"p": {"$id": "part", "$defs": {"x": {"$anchor": "named", "enum": [1]}}}}});
    assert_eq!(Graph::read(&embedded).unwrap().nodes.len(), 2);
}

#[test]
fn large_schemas_are_refused_by_their_bound() {
    let many: serde_json::Map<String, Value> = (0..11_000).map(|n| (format!("p{n}"), json!({}))).collect();
    let regexes: serde_json::Map<String, Value> = (0..600).map(|n| (format!("p{n}"), json!({}))).collect();
    let names: serde_json::Map<String, Value> = (0..200).map(|n| (format!("{n}"), json!({}))).collect();
    for (schema, bound) in [
        (json!({ "properties": many }), "subschemas_max"),
        (json!({ "patternProperties": regexes }), "schema_regexes_max"),
        (json!({"properties": {"k".repeat(200_000): {"properties": names}}}), "schema_paths_bytes_max"),
    ] {
        let problem = Graph::read(&schema).map(drop).unwrap_err();
        assert!(problem.code == "schema_too_large" && problem.message.contains(bound), "{problem}");
    }
}

#[test]
fn a_long_text_is_not_matched_with_an_expression_and_the_budget_is_asked() {
    let graph = Graph::read(&json!({"properties": {"a": {"pattern": "x"}, "b": {"maxLength": 1}}})).unwrap();
    let long = "y".repeat(70_000);
    let Err(SchemaStop::Refused(problem)) = cost(&graph, &json!({"a": long}), &Work::unbounded()) else {
        panic!()
    };
    assert!(problem.message.contains("at /properties/a of the schema"), "{problem}");
    assert!(cost(&graph, &json!({"b": long}), &Work::unbounded()).is_ok());
    let graph = Graph::read(&json!({"items": {"type": "string"}})).unwrap();
    let work = Work::unbounded();
    work.cancel();
    let many = Value::Array(vec![json!("x"); 10_000]);
    assert!(matches!(cost(&graph, &many, &work), Err(SchemaStop::Interrupted(_))));
}

#[test]
fn the_expressions_of_a_schema_take_so_much_memory_and_no_more() {
    let work = Work::unbounded();
    let pattern = |n: usize| format!("[a-c]{{{}}}", 6_000 + n);
    let read = |count: usize, text: &dyn Fn(usize) -> String| {
        let properties: serde_json::Map<String, Value> =
            (0..count).map(|n| (format!("p{n:03}"), json!({"pattern": text(n)}))).collect();
        Graph::read(&json!({ "properties": properties })).unwrap().patterns
    };
    let one = regex_bytes(&read(1, &pattern), &work).unwrap();
    assert!((100_000..REGEX_BYTES_MAX * 2).contains(&one), "{one}");
    assert_eq!(regex_bytes(&read(100, &|_| pattern(0)), &work), Ok(one), "equal ones count once");
    let Err(SchemaStop::Refused(problem)) =
        regex_bytes(&read(SCHEMA_REGEX_BYTES_MAX / one + 1, &pattern), &work)
    else {
        panic!("not refused")
    };
    assert!(problem.code == "schema_too_large" && problem.path.as_str().ends_with("/pattern"), "{problem}");
    assert!(problem.message.contains("(schema_regex_bytes_max)"), "{problem}");
    for count in [0, 1, 16, 17, SCHEMA_REGEXES_MAX] {
        assert!(cache_bytes_max(count) * count <= SCHEMA_REGEX_BYTES_MAX, "{count}");
    }
}

#[test]
fn a_value_is_compared_within_the_budget_of_its_work() {
    let schema = json!({"type": "object", "properties": {"list": {"items": {"type": "integer"}}}});
    let work = Work::unbounded();
    let bounded = MeasuredSchema::read(&schema, &work).unwrap().compile(&schema).unwrap();
    let errors = |value: &Value| match bounded.validate(value, &work).unwrap() {
        Verdict::Valid => 0,
        Verdict::Invalid(errors) => errors.count(),
        Verdict::TooManyErrors => usize::MAX,
    };
    assert_eq!(errors(&json!({"list": [1, 2]})), 0);
    assert_eq!(errors(&json!({"list": [1, "a", "b"]})), 2);
    assert_eq!(errors(&json!({"list": vec!["a"; 300_000]})), usize::MAX);
    // On an async thread what takes long is not begun, and in the pool it is.
    let brief = Work::unbounded().with_steps_of(Duration::from_millis(10));
    assert!(bounded.validate(&json!({"list": [1]}), &brief).is_ok());
    let long = json!({"list": vec![1; 100_000]});
    let stopped = bounded.validate(&long, &brief).map(drop).unwrap_err();
    assert_eq!(stopped, SchemaStop::Interrupted(Interrupted::LongStep));
    assert!(bounded.validate(&long, &Work::unbounded().with_steps_of(Duration::from_secs(3))).is_ok());
}
