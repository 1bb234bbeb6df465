//! The conditions file of the rule engine:
//! `{conditions_set: [{condition_id, condition_name, attribute, equation, constant}]}`.

use std::collections::BTreeMap;

use midflight_core::{JsonPointer, Problem};
use serde_json::{Map, Value};

use super::fields::{Findings, add, list, take, take_metadata, take_tags, take_text, unread};
use super::id_of;
use crate::document::CONDITIONS_FOLDER;

/// The members that are read, under any of their names.
const FIELDS: [&str; 12] = [
    "condition_id",
    "id",
    "condition_name",
    "name",
    "description",
    "message",
    "attribute",
    "operator",
    "equation",
    "constant",
    "tags",
    "metadata",
];

/// Reads every condition into a document.
pub(super) fn read(file: &Value, documents: &mut BTreeMap<String, Value>, findings: &mut Findings) {
    for (i, condition) in list(file, "conditions_set", &mut findings.problems).iter().enumerate() {
        let place = JsonPointer::root().key("conditions_set").index(i);
        let Some(id) = id_of(condition, &["condition_id", "id"]) else {
            let problem = Problem::new("missing_field", place, "a condition needs condition_id");
            findings.problems.add(problem);
            continue;
        };
        let mut body = Map::new();
        take_text(condition, &["condition_name", "name"], "condition_name", &mut body);
        take_text(condition, &["description", "message"], "description", &mut body);
        take(condition, &["attribute"], "attribute", &mut body);
        take(condition, &["operator", "equation"], "operator", &mut body);
        take(condition, &["constant"], "constant", &mut body);
        take_tags(condition, &mut body);
        let unread = unread(condition, &FIELDS);
        take_metadata(condition, unread, &format!("condition {id}"), &mut body, &mut findings.notices);
        add(documents, format!("{CONDITIONS_FOLDER}/{id}"), body, &place, &mut findings.problems);
    }
}
