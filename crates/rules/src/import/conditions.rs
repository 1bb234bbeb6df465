//! The original's catalogue: `{conditions_set: [{condition_id, condition_name, attribute, equation, constant}]}`.

use std::collections::BTreeMap;

use midflight_core::{Pointer, Problem, Problems};
use serde_json::{Map, Value};

use super::fields::{add, list, take};
use super::id_of;
use crate::document::CONDITIONS_FOLDER;

/// Reads every condition into a document.
pub(super) fn read(file: &Value, documents: &mut BTreeMap<String, Value>, problems: &mut Problems) {
    for (i, condition) in list(file, "conditions_set", problems).iter().enumerate() {
        let place = Pointer::root().key("conditions_set").index(i);
        let Some(id) = id_of(condition, &["condition_id", "id"]) else {
            problems.add(Problem::new("missing_field", place, "a condition needs condition_id"));
            continue;
        };
        let mut body = Map::new();
        take(condition, &["condition_name", "name"], "condition_name", &mut body);
        take(condition, &["description", "message"], "description", &mut body);
        take(condition, &["attribute"], "attribute", &mut body);
        take(condition, &["operator", "equation"], "operator", &mut body);
        take(condition, &["constant"], "constant", &mut body);
        add(documents, format!("{CONDITIONS_FOLDER}/{id}"), body, &place, problems);
    }
}
