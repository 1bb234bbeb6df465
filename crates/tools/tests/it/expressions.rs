//! Formulas at their bounds.

use midflight_tools::expression::{Formula, FormulaVariables};
use midflight_tools::limits::FORMULA_BYTES_MAX;

/// Every term of a chain deepens the operations, so the longest chain is the deepest one.
#[test]
fn the_longest_formulas_fit_a_small_stack() {
    const STACK_BYTES: usize = 1 << 20;
    for joined in ["+", "-", "*", "/", "//", "%", "+2*", " and 1<"] {
        let terms = FORMULA_BYTES_MAX / (1 + joined.len());
        let text = format!("1<{}", vec!["N"; terms - 1].join(joined));
        let formula = Formula::condition(&text, &|_| false);
        // Compiled, evaluated and dropped on that stack; whether it has a value is not the question.
        let run = move || {
            let again = formula.and_then(|formula| Formula::condition(formula.text(), &|_| false))?;
            Ok::<_, midflight_tools::expression::FormulaError>(
                again.is_true(&FormulaVariables::defaults()).is_ok(),
            )
        };
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(run).unwrap();
        assert!(thread.join().unwrap().is_ok(), "{text}");
    }
}
