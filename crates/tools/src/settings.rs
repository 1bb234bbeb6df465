//! How candidates are compared: the weights of each preference mode, and thresholds. The document `settings/selection`.

use midflight_core::{JsonPath, ObjectReader, Problems};
use serde_json::Value;

/// What matters to the one who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PreferenceMode {
    /// Time.
    Fast,
    /// Accuracy.
    Accurate,
    /// Completeness.
    Thorough,
    /// Cost.
    Cheap,
    /// Low complexity.
    Simple,
    /// Everything alike.
    Balanced,
}

pub(crate) const MODES: [(&str, PreferenceMode); 6] = [
    ("fast", PreferenceMode::Fast),
    ("accurate", PreferenceMode::Accurate),
    ("thorough", PreferenceMode::Thorough),
    ("cheap", PreferenceMode::Cheap),
    ("simple", PreferenceMode::Simple),
    ("balanced", PreferenceMode::Balanced),
];

/// The features of a candidate, in the order of a [`FeatureVector`].
pub const FEATURES: [&str; 5] = ["time", "cost", "complexity", "accuracy", "completeness"];

/// A number for each of [`FEATURES`].
pub type FeatureVector = [f64; 5];

impl PreferenceMode {
    /// The word for it in requests and documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        MODES.iter().find(|(_, mode)| *mode == self).map_or("balanced", |(word, _)| word)
    }

    /// Its place in [`MODES`].
    fn index(self) -> usize {
        MODES.iter().position(|(_, mode)| *mode == self).unwrap_or(MODES.len() - 1)
    }

    /// The feature that matters most to it, as a place in [`FEATURES`]; none for the balanced one.
    pub(crate) fn dimension(self) -> Option<usize> {
        match self {
            Self::Fast => Some(0),
            Self::Cheap => Some(1),
            Self::Simple => Some(2),
            Self::Accurate => Some(3),
            Self::Thorough => Some(4),
            Self::Balanced => None,
        }
    }
}

/// How candidates are compared.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectionSettings {
    /// By mode, in the order of [`MODES`].
    weights: [FeatureVector; 6],
    pub(crate) ambiguity_gap: f64,
    /// The times that count as best and as worst, in ms.
    pub(crate) time_ms: (f64, f64),
    /// The cost that counts as worst.
    pub(crate) cost_max: f64,
    learn_corrections: bool,
    observe_forwarded_calls: bool,
}

impl Default for SelectionSettings {
    /// 0.4 on the dimension of a mode and 0.15 on each other, 0.2 each when balanced; a gap of 0.08; 50 ms to 60,000
    /// ms; a cost of 10; nothing is learned, and no forwarded call is counted.
    fn default() -> Self {
        let weights = MODES.map(|(_, mode)| match mode.dimension() {
            None => [0.2; 5],
            Some(at) => {
                let mut weights = [0.15; 5];
                weights[at] = 0.4;
                weights
            }
        });
        Self {
            weights,
            ambiguity_gap: 0.08,
            time_ms: (50.0, 60_000.0),
            cost_max: 10.0,
            learn_corrections: false,
            observe_forwarded_calls: false,
        }
    }
}

impl SelectionSettings {
    /// What each feature counts in a mode.
    #[must_use]
    pub fn weights(&self, mode: PreferenceMode) -> &FeatureVector {
        &self.weights[mode.index()]
    }

    /// Whether what is observed of uses becomes corrections of estimates by itself.
    #[must_use]
    pub fn learns_corrections(&self) -> bool {
        self.learn_corrections
    }

    /// Whether a call that is forwarded to its endpoint is counted as a use of its tool.
    #[must_use]
    pub fn observes_forwarded_calls(&self) -> bool {
        self.observe_forwarded_calls
    }

    /// The difference of scores below which the best two count as equal.
    #[must_use]
    pub fn ambiguity_gap(&self) -> f64 {
        self.ambiguity_gap
    }
}

/// The members of the document.
const SETTINGS_FIELDS: [&str; 7] = [
    "weights",
    "ambiguity_gap",
    "time_ms",
    "cost_max",
    "learn_corrections",
    "observe_forwarded_calls",
    "description",
];

/// Reads the document `settings/selection`. What it does not state is as by default.
///
/// # Errors
/// Every problem that it has.
pub(crate) fn read_settings(body: &Value) -> Result<SelectionSettings, Problems> {
    let mut problems = Problems::default();
    let mut settings = SelectionSettings::default();
    let place = JsonPath::Root;
    if let Some(mut reader) = ObjectReader::open("selection settings", body, &place, &mut problems) {
        reader.only(&SETTINGS_FIELDS);
        reader.text("description");
        settings.learn_corrections = reader.boolean("learn_corrections").unwrap_or(false);
        settings.observe_forwarded_calls = reader.boolean("observe_forwarded_calls").unwrap_or(false);
        if let Some(gap) = crate::fields::read_share(&mut reader, "ambiguity_gap") {
            settings.ambiguity_gap = gap;
        }
        if let Some(cost) = reader.number("cost_max") {
            if cost > 0.0 {
                settings.cost_max = cost;
            } else {
                reader.refuse("cost_max", "out_of_bounds", "cost_max is more than 0");
            }
        }
        read_times(&mut reader, &mut settings);
        read_weights(&mut reader, &place, &mut settings);
    }
    problems.or(settings)
}

fn read_times(reader: &mut ObjectReader<'_, '_>, settings: &mut SelectionSettings) {
    let Some(value) = reader.get("time_ms") else { return };
    let times = value.as_array().map(|times| times.iter().map(Value::as_f64).collect::<Vec<_>>());
    match times.as_deref() {
        Some([Some(best), Some(worst)]) if *best > 0.0 && best < worst => settings.time_ms = (*best, *worst),
        _ => {
            let message =
                "time_ms is [best, worst] in ms, both more than 0 and the first less, as [50, 60000]";
            reader.refuse("time_ms", "out_of_bounds", message);
        }
    }
}

fn read_weights(reader: &mut ObjectReader<'_, '_>, place: &JsonPath<'_>, settings: &mut SelectionSettings) {
    let Some(value) = reader.get("weights") else { return };
    let place = place.key("weights");
    let Some(mut modes) = ObjectReader::open("weights", value, &place, reader.problems()) else { return };
    modes.only(&MODES.map(|(word, _)| word));
    for (word, mode) in MODES {
        let Some(value) = modes.get(word) else { continue };
        let place = place.key(word);
        let Some(mut features) = ObjectReader::open("weights of a mode", value, &place, modes.problems())
        else {
            continue;
        };
        features.only(&FEATURES);
        let weights = &mut settings.weights[mode.index()];
        for (weight, feature) in weights.iter_mut().zip(FEATURES) {
            if let Some(value) = crate::fields::read_share(&mut features, feature) {
                *weight = value;
            }
        }
        if weights.iter().all(|weight| *weight == 0.0) {
            modes.refuse(word, "out_of_bounds", "at least one weight is more than 0");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn defaults_are_as_documented() {
        let settings = read_settings(&json!({})).unwrap();
        assert_eq!(settings, SelectionSettings::default());
        assert_eq!(settings.weights(PreferenceMode::Cheap), &[0.15, 0.4, 0.15, 0.15, 0.15]);
        assert_eq!(settings.weights(PreferenceMode::Balanced), &[0.2; 5]);
        for (word, mode) in MODES {
            assert_eq!(mode.as_str(), word);
            assert!((settings.weights(mode).iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn what_a_document_states_replaces_the_default() {
        let body = json!({"weights": {"fast": {"time": 0.9, "cost": 0.1}}, "ambiguity_gap": 0, "time_ms": [1, 10.5], "cost_max": 3, "learn_corrections": true,
            "observe_forwarded_calls": true});
        let settings = read_settings(&body).unwrap();
        assert_eq!(settings.weights(PreferenceMode::Fast), &[0.9, 0.1, 0.15, 0.15, 0.15]);
        assert_eq!(settings.weights(PreferenceMode::Simple), &[0.15, 0.15, 0.4, 0.15, 0.15]);
        assert_eq!((settings.ambiguity_gap(), settings.time_ms, settings.cost_max), (0.0, (1.0, 10.5), 3.0));
        assert!(settings.learns_corrections() && !SelectionSettings::default().learns_corrections());
        assert!(
            settings.observes_forwarded_calls() && !SelectionSettings::default().observes_forwarded_calls()
        );
    }

    #[test]
    fn every_problem_is_reported_with_its_place() {
        let body = json!({"weights": {"fst": {}, "cheap": {"tme": 1, "cost": 2},
            "simple": {"time": 0, "cost": 0, "complexity": 0, "accuracy": 0, "completeness": 0}},
            "ambiguity_gap": 2, "time_ms": [10, 10], "cost_max": 0, "gap": 1});
        let problems = read_settings(&body).unwrap_err().to_string();
        for expected in [
            "at /weights/fst: weights has no field \"fst\"; did you mean \"fast\"?",
            "at /weights/cheap/tme: weights of a mode has no field \"tme\"; did you mean \"time\"?",
            "at /weights/cheap/cost: cost is a number from 0 to 1",
            "at /weights/simple: at least one weight is more than 0",
            "at /ambiguity_gap: ambiguity_gap is a number from 0 to 1",
            "at /time_ms: time_ms is [best, worst] in ms",
            "at /cost_max: cost_max is more than 0",
            "at /gap: selection settings has no field \"gap\"",
        ] {
            assert!(problems.contains(expected), "{expected}\nis not in\n{problems}");
        }
    }
}
