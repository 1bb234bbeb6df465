//! Formulas against what Python 3 gives for the same text. The expected texts are Python's `repr`.

use super::*;

/// N=100, pages=3, p95_latency=1000, cost=1, time_ms=1000.5, and nothing else.
fn variable(name: &str) -> Option<Numeric> {
    Some(match name {
        "N" => Numeric::Integer(100),
        "pages" => Numeric::Integer(3),
        "p95_latency" => Numeric::Integer(1000),
        "cost" => Numeric::Integer(1),
        "time_ms" => Numeric::Float(1000.5),
        _ => return None,
    })
}

/// The same, prepared, with others.
fn prepared(others: &[(&str, Numeric)]) -> FormulaVariables {
    let mut variables = FormulaVariables::default();
    for name in ["N", "pages", "p95_latency", "cost", "time_ms"] {
        variables.set(name, variable(name).unwrap());
    }
    others.iter().for_each(|(name, value)| variables.set(name, *value));
    variables
}

/// A number as Python prints it.
fn shown(value: Numeric) -> String {
    match value {
        Numeric::Integer(value) => value.to_string(),
        Numeric::Float(value) => {
            let text = format!("{value:?}");
            match text.split_once('e') {
                Some((digits, power)) if !power.starts_with('-') => {
                    format!("{}e+{power:0>2}", digits.strip_suffix(".0").unwrap_or(digits))
                }
                _ => text,
            }
        }
    }
}

#[test]
fn numbers_are_what_python_gives() {
    let table = [
        ("-7//2", "-4"),
        ("7//-2", "-4"),
        ("-7%3", "2"),
        ("7%-3", "-2"),
        ("-7//2.0", "-4.0"),
        ("-7%3.0", "2.0"),
        ("7.5//-2", "-4.0"),
        ("7.5%-2", "-0.5"),
        ("2**-1", "0.5"),
        ("-2**2", "-4"),
        ("(-2)**2", "4"),
        ("2**3**2", "512"),
        ("2**-2**2", "0.0625"),
        ("-2**-2", "-0.25"),
        ("7/2", "3.5"),
        ("6/2", "3.0"),
        ("1+2*3", "7"),
        ("(1+2)*3", "9"),
        ("10-4-3", "3"),
        ("100/10/2", "5.0"),
        ("2*3%4", "2"),
        ("-5//2*2", "-6"),
        ("+-+3", "-3"),
        ("- -3", "3"),
        ("1_000+1", "1001"),
        ("1e3", "1000.0"),
        ("5//0.3", "16.0"),
        ("5%0.3", "0.20000000000000018"),
        ("-5%0.3", "0.09999999999999981"),
        ("1e16+1-1e16", "0.0"),
        ("9007199254740993", "9007199254740993"),
        ("9007199254740993+0.0", "9007199254740992.0"),
        ("9007199254740993*1.0", "9007199254740992.0"),
        ("10**18", "1000000000000000000"),
        ("2**62", "4611686018427387904"),
        ("2.0**64", "1.8446744073709552e+19"),
        ("ceil(N / 100)", "1"),
        ("ceil(7/2)", "4"),
        ("floor(-7/2)", "-4"),
        ("ceil(-0.5)", "0"),
        ("1000 + 5 * N", "1500"),
        ("3000 + 400 * log(max(N, 1)) + p95_latency * 1.2", "6042.068074395236"),
        ("300 * ceil(N / 100) + 5 * N", "800"),
        ("log(8, 2)", "3.0"),
        ("log(100, 10)", "2.0"),
        ("log10(1000)", "3.0"),
        ("log2(8)", "3.0"),
        ("log2(10)", "3.321928094887362"),
        ("sqrt(2)", "1.4142135623730951"),
        ("exp(1)", "2.718281828459045"),
        ("abs(-3)", "3"),
        ("abs(-3.5)", "3.5"),
        ("min(1, 1.0)", "1"),
        ("max(1.0, 1)", "1.0"),
        ("min(3, 2, 1.5)", "1.5"),
        ("max(N, pages, 7)", "100"),
        ("pi * e", "8.539734222673566"),
        ("0.1+0.2", "0.30000000000000004"),
        ("1/3", "0.3333333333333333"),
        ("2/3*3", "2.0"),
        ("time_ms // 7", "142.0"),
        ("time_ms % 7", "6.5"),
        ("N % 7", "2"),
        ("-N // 7", "-15"),
        ("N ** 0.5", "10.0"),
        ("N ** 2", "10000"),
        ("pages ** -1", "0.3333333333333333"),
        ("0 ** 0", "1"),
        ("0.0 ** 0", "1.0"),
        ("1e308 * 1", "1e+308"),
        ("-0.0", "-0.0"),
        ("0 * -1.0", "-0.0"),
        ("5e-324 / 2", "0.0"),
        ("floor(2.7) // 1", "2"),
        ("7 // 1.0", "7.0"),
        ("-7.0 // 2", "-4.0"),
        ("4.0 ** 0.5", "2.0"),
        ("1e22", "1e+22"),
        ("123456789 * 987654321", "121932631112635269"),
        ("9223372036854775807 / 3", "3.0744573456182584e+18"),
        ("-9223372036854775807 // 10", "-922337203685477581"),
    ];
    for (text, expected) in table {
        let formula = Formula::number(text, &|_| false).unwrap_or_else(|error| panic!("{text}: {error}"));
        let value = formula.evaluate(variable).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(shown(value), expected, "{text}");
        assert_eq!(formula.evaluate_with(&prepared(&[])), Ok(value.as_f64()), "{text}");
    }
}

#[test]
fn conditions_are_what_python_gives() {
    let table = [
        ("N > 50", true),
        ("N > 100", false),
        ("1 < pages < 5", true),
        ("1 < pages < 3", false),
        ("N == 100 and pages == 3", true),
        ("N == 1 or pages == 3", true),
        ("not N == 1", true),
        ("not N == 1 and False", false),
        ("N == 1 or N == 2 or N == 100", true),
        ("1 < 2 == 2", true),
        ("1 == 1.0", true),
        ("9007199254740993 == 9007199254740992.0", false),
        ("5 > 3 > 1 > 0", true),
        ("5 > 3 > 4 > 0", false),
        ("N > 1 and (pages > 5 or p95_latency >= 1000)", true),
        ("True", true),
        ("not True", false),
        ("not (N > 50)", false),
        ("N != 100", false),
        ("N <= 100", true),
        ("N >= 100.5", false),
        ("pages == 9 and 1 / (pages - 3) > 0", false),
        ("pages == 3 or 1 / (pages - 3) > 0", true),
    ];
    for (text, expected) in table {
        let formula = Formula::condition(text, &|_| false).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(formula.is_true(&prepared(&[])), Ok(expected), "{text}");
        assert_eq!(formula.evaluate(variable).map(eval_is_true), Ok(expected), "{text}");
    }
}

fn eval_is_true(value: Numeric) -> bool {
    matches!(value, Numeric::Integer(1))
}

#[test]
fn doubles_alone_give_what_the_exact_program_gives_or_leave_it_to_it() {
    for text in [
        "9007199254740993 - N",
        "N * 1e15 * 100",
        "10 / (N - 100)",
        "log(N - 100)",
        "sqrt(0 - N)",
        "(0 - N) ** 0.5",
        "2 ** (N + 1)",
        "1e300 * N * 1e10",
        "missing + 1",
        "N + pages + a1 + 9007199254740000 + 900 * N",
        "0.1 * N + 0.2 * pages + 0.3 * p95_latency + a1 * 0.7",
        "a1 - 2 * N + 3 * pages - 4 * cost + N * 1e15 - N * 1e15",
        "9e15 + N * 1e13 + -1e13 * N",
        "-0.0 * N + -0.0 * pages",
        "0.5 * -ceil(a2 / 2) + floor(a3 / 2) * 3 + log(max(N, 1)) * 2",
        "1e15 * ceil(N / 10)",
        "a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + b1 + b2 + b3 + b4 + b5 + b6 + b7 + b8",
    ] {
        let formula = Formula::number(text, &|_| false).unwrap();
        let others = formula.variables().filter(|name| !["missing", "N"].contains(name));
        let variables = prepared(&others.map(|name| (name, Numeric::Integer(7))).collect::<Vec<_>>());
        let exact = formula.evaluate(|name| variables.get(name)).map(Numeric::as_f64);
        assert_eq!(formula.evaluate_with(&variables), exact, "{text}");
    }
    // The right side of a short circuit fails, and is not needed.
    let guarded = Formula::condition("N > 100 and 1 / (N - 100) > 0", &|_| false).unwrap();
    assert_eq!(guarded.is_true(&prepared(&[])), Ok(false));
}

#[track_caller]
fn check_refused(
    compiled: Result<Formula, FormulaError>,
    fault: FormulaFault,
    character: usize,
    message: &str,
) {
    let error = compiled.map(|formula| formula.text().to_owned()).unwrap_err();
    assert!(error.message.contains(message), "{message}\nis not in\n{error}");
    assert_eq!((error.fault, error.character), (fault, character), "{error}");
    assert!(error.to_string().lines().count() >= 3 && error.to_string().contains('^'), "{error}");
}

#[test]
fn what_is_no_formula_is_refused_with_its_place_and_cure() {
    use FormulaFault::{Arithmetic, Function, Misspelled, Syntax, TooLarge, Type};
    let number = |text: &str| Formula::number(text, &|name| name == "page");
    for (text, fault, character, message) in [
        ("", Syntax, 1, "empty; write a number"),
        ("1 +", Syntax, 4, "ends too early; expected a number"),
        ("1 2", Syntax, 3, "unexpected \"2\"; expected an operator"),
        ("(1", Syntax, 1, "\"(\" is never closed"),
        ("max(1", Syntax, 1, "\"max(\" is never closed"),
        ("1)", Syntax, 2, "unexpected \")\""),
        ("N = 1", Syntax, 3, "compare with =="),
        ("1 if N else 2", Syntax, 3, "\"if\" is not supported"),
        ("2 ^ 3", Syntax, 3, "a power is written **"),
        ("200 * lg(N)", Function, 7, "unknown function \"lg\"; did you mean \"log\"?"),
        ("__import__(1)", Function, 1, "unknown function"),
        ("N(2)", Function, 1, "unknown function \"N\""),
        ("log + 1", Function, 1, "log is a function; write log(...)"),
        ("log()", Function, 1, "log takes 1 or 2 arguments, not 0"),
        ("sqrt(1, 2)", Function, 1, "sqrt takes 1 argument, not 2"),
        ("max()", Function, 1, "max takes 1 argument or more, not 0"),
        ("5 * n", Misspelled, 5, "did you mean \"N\"? If not, declare it"),
        ("pages2 + pags", Misspelled, 1, "did you mean \"pages\"?"),
        ("N > 50", Type, 1, "found a condition where a number is expected"),
        ("1 + (N > 50)", Type, 5, "found a condition where a number is expected"),
        ("max(N > 1, 2)", Type, 5, "found a condition where a number is expected"),
        ("not 5 + 1", Type, 5, "found a number where a condition is expected"),
        ("2 * 1 / 0", Arithmetic(ArithmeticFault::DivisionByZero), 7, "guard the divisor"),
        ("10 ** 1000", Arithmetic(ArithmeticFault::Exponent), 4, "outside -100 to 100"),
        ("10 ** 19", Arithmetic(ArithmeticFault::IntegerOverflow), 4, "2.0 ** 70"),
        ("10.0 ** 100 ** 2", Arithmetic(ArithmeticFault::Exponent), 6, "exponent"),
        ("log(0)", Arithmetic(ArithmeticFault::Logarithm), 1, "log(max(N, 1))"),
        ("1e308 * 10", Arithmetic(ArithmeticFault::Overflow), 7, "too large"),
        (&"(".repeat(200), TooLarge, 22, "deeper than 20 levels"),
        (&"-".repeat(200), TooLarge, 22, "deeper than 20 levels"),
        (&"2**".repeat(200), TooLarge, 64, "deeper than 20 levels"),
        (&"1+".repeat(600), TooLarge, 1, "has 1200 bytes and may have 1000"),
    ] {
        check_refused(number(text), fault, character, message);
    }
    // An input of the pattern is a variable whatever it looks like.
    assert_eq!(number("5 * page").unwrap().variables().collect::<Vec<_>>(), ["page"]);
    let condition = |text: &str| Formula::condition(text, &|_| false);
    check_refused(condition("N + 50"), Type, 1, "found a number where a condition is expected; compare it");
    check_refused(condition("N > 1 and pages"), Type, 11, "found a number");
    check_refused(condition("(N > 1) > 0"), Type, 1, "found a condition");
}

#[test]
fn a_chain_of_many_terms_is_not_nested() {
    let text = format!("N{}", " + 1".repeat(240));
    let formula = Formula::number(&text, &|_| false).unwrap();
    assert_eq!(shown(formula.evaluate(variable).unwrap()), "340");
    let nested = format!("{}N{}", "(".repeat(20), ")".repeat(20));
    assert_eq!(shown(Formula::number(&nested, &|_| false).unwrap().evaluate(variable).unwrap()), "100");
}

#[test]
fn an_evaluation_reports_what_is_missing_and_where_it_fails() {
    let formula = Formula::number("10 / (N - 100) + size", &|_| false).unwrap();
    let error = formula.evaluate(variable).unwrap_err();
    assert_eq!(error.to_string(), "the variable \"size\" of \"10 / (N - 100) + size\" was not given");
    let error = formula.evaluate(|name| variable(name).or(Some(Numeric::Integer(1)))).unwrap_err();
    let expected = "division by zero; guard the divisor, as in max(N, 1) (character 4)\n  10 / (N - 100) + size\n     ^^^^^^^^^^^";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn defaults_are_those_of_the_original_catalogue() {
    let formula = Formula::number("N + pages + p95_latency + cost + time_ms", &|_| false).unwrap();
    assert_eq!(shown(formula.evaluate(default_of).unwrap()), "1102");
    assert!(default_of("num_files").is_none());
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    /// Any tree of operations, written with all its parentheses, with the value that Rust's doubles give it.
    fn tree() -> impl Strategy<Value = (String, f64)> {
        let leaf = prop_oneof![
            (0..50_u32).prop_map(|n| (format!("{n}.0"), f64::from(n))),
            Just(("N".to_owned(), 100.0)),
            Just(("pages".to_owned(), 3.0)),
        ];
        leaf.prop_recursive(5, 40, 2, |inner| {
            (inner.clone(), inner, 0..4_usize).prop_map(|((a, x), (b, y), operation)| match operation {
                0 => (format!("({a} + {b})"), x + y),
                1 => (format!("({a} - {b})"), x - y),
                2 => (format!("({a} * {b})"), x * y),
                _ => (format!("max({a}, {b})"), if y > x { y } else { x }),
            })
        })
    }

    proptest! {
        #[test]
        fn a_tree_of_operations_has_the_value_that_rust_computes((text, expected) in tree()) {
            if let Ok(formula) = Formula::number(&text, &|_| false) {
                let value = formula.evaluate(|name| variable(name).map(|it| Numeric::Float(it.as_f64()))).unwrap();
                prop_assert_eq!(value.as_f64(), expected, "{}", text);
                prop_assert_eq!(formula.evaluate_with(&prepared(&[])), Ok(expected), "{}", text);
            } else {
                prop_assert!(text.len() > crate::limits::FORMULA_BYTES_MAX, "{}", text);
            }
        }

        #[test]
        fn no_text_panics(text in "[N0-9a-z+*/%(), .<>=!-]{0,60}|\\PC{0,30}") {
            for compiled in [Formula::number(&text, &|_| true), Formula::condition(&text, &|_| true)] {
                match compiled {
                    Ok(formula) => for value in [Numeric::Float(2.5), Numeric::Integer(-3), Numeric::Integer(i64::MAX)] {
                        let exact = formula.evaluate(|_| Some(value)).map(Numeric::as_f64);
                        let mut all = FormulaVariables::default();
                        formula.variables().for_each(|name| all.set(name, value));
                        prop_assert_eq!(formula.evaluate_with(&all), exact, "{}", text);
                    },
                    Err(error) => prop_assert!(error.span.end <= text.len() && error.character > 0),
                }
            }
        }
    }
}
