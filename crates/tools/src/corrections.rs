//! Corrections of a tool's estimates: factors by pattern, fitted to what was observed. The documents
//! `corrections/{tool}`.

use midflight_core::{JsonPath, ObjectReader, Problem, Problems};
use serde_json::Value;

use crate::limits::{CORRECTION_FACTORS, CORRECTIONS_MAX};

/// What estimates are multiplied with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EstimateCorrection {
    /// For the time.
    pub time_factor: f64,
    /// For the cost.
    pub cost_factor: f64,
}

impl Default for EstimateCorrection {
    fn default() -> Self {
        Self { time_factor: 1.0, cost_factor: 1.0 }
    }
}

/// The corrections of one tool. One that names no pattern of the tool corrects nothing: the tool may have changed since
/// it was fitted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EstimateCorrections {
    /// Sorted by capability and pattern.
    by_pattern: Vec<(Box<str>, Box<str>, EstimateCorrection)>,
}

impl EstimateCorrections {
    /// The correction of a pattern; that of 1 where none is stated. Cost: a binary search.
    #[must_use]
    pub fn of(&self, capability: &str, pattern: &str) -> EstimateCorrection {
        let order = |entry: &(Box<str>, Box<str>, EstimateCorrection)| {
            (&*entry.0, &*entry.1).cmp(&(capability, pattern))
        };
        let at = self.by_pattern.binary_search_by(order).ok();
        at.and_then(|at| self.by_pattern.get(at)).map_or_else(EstimateCorrection::default, |entry| entry.2)
    }

    pub(crate) fn bytes(&self) -> u64 {
        64 + 96 * self.by_pattern.len() as u64
    }
}

/// Reads a document `corrections/{tool}`.
///
/// # Errors
/// Every problem that it has.
pub(crate) fn read_corrections(body: &Value) -> Result<EstimateCorrections, Problems> {
    let mut problems = Problems::default();
    let root = JsonPath::Root;
    let mut corrections = EstimateCorrections::default();
    let members = body.as_object().into_iter().flatten();
    if members.clone().count() > CORRECTIONS_MAX {
        let message = format!(
            "a tool has at most {CORRECTIONS_MAX} corrections; remove those of patterns that are gone"
        );
        return Err(Problem::new("too_many", root.pointer(), message).into());
    }
    for (key, value) in members {
        let place = root.key(key);
        let Some((capability, pattern)) = key.split_once('/') else {
            let message = format!("{key:?} is not a pattern; write \"capability/pattern\"");
            problems.add(Problem::new("bad_name", place.pointer(), message));
            continue;
        };
        let mut correction = EstimateCorrection::default();
        if let Some(mut reader) = ObjectReader::open("a correction", value, &place, &mut problems) {
            reader.only(&["time_factor", "cost_factor", "observations"]);
            reader.integer("observations");
            for (key, factor) in
                [("time_factor", &mut correction.time_factor), ("cost_factor", &mut correction.cost_factor)]
            {
                let Some(value) = reader.number(key) else { continue };
                if CORRECTION_FACTORS.contains(&value) {
                    *factor = value;
                } else {
                    let (low, high) = (CORRECTION_FACTORS.start(), CORRECTION_FACTORS.end());
                    reader.refuse(
                        key,
                        "out_of_bounds",
                        format!("{key} is from {low} to {high}; else write the estimate again"),
                    );
                }
            }
        }
        corrections.by_pattern.push((capability.into(), pattern.into(), correction));
    }
    corrections.by_pattern.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    problems.or(corrections)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn factors_are_found_by_pattern() {
        let body =
            json!({"b/x": {"time_factor": 2}, "a/x-y": {"cost_factor": 0.5, "observations": 30}, "a/x": {}});
        let corrections = read_corrections(&body).unwrap();
        assert_eq!(corrections.of("b", "x"), EstimateCorrection { time_factor: 2.0, cost_factor: 1.0 });
        assert_eq!(corrections.of("a", "x-y"), EstimateCorrection { time_factor: 1.0, cost_factor: 0.5 });
        assert_eq!(corrections.of("a", "none"), EstimateCorrection::default());
    }

    #[test]
    fn every_problem_is_reported_with_its_place() {
        let body = json!({"a": {}, "a/b": {"time_factor": 0, "cost_factr": 1}, "c/d": 7});
        let problems = read_corrections(&body).unwrap_err().to_string();
        for expected in [
            "at /a: \"a\" is not a pattern",
            "at /a~1b/time_factor: time_factor is from 0.01 to 100",
            "at /a~1b/cost_factr: a correction has no field \"cost_factr\"; did you mean \"cost_factor\"?",
            "at /c~1d: a correction is an object",
        ] {
            assert!(problems.contains(expected), "{expected}\nis not in\n{problems}");
        }
    }
}
