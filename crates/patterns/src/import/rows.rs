//! The rows of a table of learned patterns, as JSON: `[{id, pattern, normalized_pattern, category, ...}]`.

use midflight_core::DocumentName;
use serde_json::{Map, Value, json};

use super::{BadItem, ImportError, Imported, Names, UseCount, parse, readable};

/// Reads rows into patterns of `profile`, named by their ids where they have any, at that place in the declared order:
/// that of what the profile learns, which the rows are.
///
/// How often a row was used and right is not part of what it says: [`Imported::counts`] has it.
///
/// # Errors
/// [`ImportError`] when the file is no array of rows. What is wrong with single ones is in [`Imported::bad`].
pub fn rows(text: &str, profile: &str, order: Option<i64>) -> Result<Imported, ImportError> {
    let file = parse(text)?;
    let rows = file.as_array().ok_or_else(|| ImportError("expected an array of rows".to_owned()))?;
    let mut imported = Imported::default();
    let mut names = Names::default();
    for (i, row) in rows.iter().enumerate() {
        match read(row, profile, order, &mut names) {
            Ok(document) => {
                imported.counts.extend(count(row, &document.0));
                imported.documents.push(document);
            }
            Err(why) => {
                let document = row_id(row).and_then(|id| DocumentName::new(&readable(&id)).ok());
                imported.bad.push(BadItem { place: format!("/{i}"), why, document });
            }
        }
    }
    Ok(imported)
}

fn read(
    row: &Value,
    profile: &str,
    order: Option<i64>,
    names: &mut Names,
) -> Result<(DocumentName, Value), String> {
    let text = |key: &str| row.get(key).and_then(Value::as_str);
    let pattern = text("pattern").or_else(|| text("normalized_pattern"));
    let pattern = pattern.ok_or("the row has no pattern")?;
    let category = text("category").ok_or_else(|| format!("the row {pattern:?} has no category; add it"))?;
    let name = names
        .of(row_id(row).as_deref().unwrap_or(pattern))
        .ok_or_else(|| format!("cannot derive a name from {pattern:?}"))?;
    let mut body = Map::new();
    body.insert("pattern".to_owned(), json!(pattern));
    body.insert("profile".to_owned(), json!(profile));
    body.insert("category".to_owned(), json!(category));
    if let Some(confidence) = row.get("confidence").filter(|it| !it.is_null()) {
        let confidence = number(confidence)
            .ok_or_else(|| format!("the row {pattern:?} has no number as its confidence; add it"))?;
        body.insert("confidence".to_owned(), json!(confidence));
    }
    if let Some(order) = order {
        body.insert("order".to_owned(), json!(order));
    }
    if let Some(created_by) = text("created_by").filter(|by| *by == "llm") {
        body.insert("created_by".to_owned(), json!(created_by));
    }
    let is_off = row.get("enabled") == Some(&Value::Bool(false));
    if let Some(status) = if is_off { Some("disabled") } else { text("status") } {
        body.insert("status".to_owned(), json!(status));
    }
    Ok((name, Value::Object(body)))
}

/// The id of a row, as a text.
fn row_id(row: &Value) -> Option<String> {
    match row.get("id")? {
        Value::Number(id) => Some(id.to_string()),
        Value::String(id) => Some(id.clone()),
        _ => None,
    }
}

/// How often a row was used; none where it never was.
fn count(row: &Value, name: &DocumentName) -> Option<UseCount> {
    let number = |key: &str| row.get(key).and_then(Value::as_u64).unwrap_or(0);
    let (times_used, times_correct) = (number("times_used"), number("times_correct"));
    let last_used_at = row.get("last_used_at").and_then(Value::as_str).map(str::to_owned);
    let count = UseCount { name: name.clone(), times_used, times_correct, last_used_at };
    (times_used > 0 || times_correct > 0).then_some(count)
}

/// Databases write decimals as texts.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_patterns_and_those_without_a_category_are_named() {
        let file = json!([
            {"id": 3, "pattern": "Quanti workflow?", "category": "METRIC", "confidence": "0.97", "created_by": "llm",
                "times_used": 2, "times_correct": 1, "last_used_at": "2025-10-11T08:00:00", "enabled": false},
            {"id": null, "pattern": "ci sono errori", "times_used": 1},
            {"id": null, "normalized_pattern": "ci sono errori", "category": "STATUS", "status": "pending"},
            {"pattern": "prompts", "category": "X", "confidence": null},
            {"pattern": "x", "category": "X", "confidence": "high"},
        ]);
        let imported = rows(&file.to_string(), "it", None).unwrap();
        let body = json!({"pattern": "Quanti workflow?", "profile": "it", "category": "METRIC", "confidence": 0.97,
            "created_by": "llm", "status": "disabled"});
        assert_eq!(imported.documents[0], (DocumentName::new("3").unwrap(), body));
        assert_eq!(imported.documents[1].0.as_str(), "ci-sono-errori");
        assert_eq!(imported.bad[0].place, "/1");
        assert!(imported.bad[0].why.contains("has no category"), "{:?}", imported.bad);
        assert_eq!(imported.documents[2].0.as_str(), "prompts-2", "the folder of that name is no pattern");
        assert_eq!(imported.bad[1].why, "the row \"x\" has no number as its confidence; add it");
        let count = UseCount {
            name: DocumentName::new("3").unwrap(),
            times_used: 2,
            times_correct: 1,
            last_used_at: Some("2025-10-11T08:00:00".to_owned()),
        };
        assert_eq!(imported.counts, [count], "the other row with a count has no category");
        assert!(rows("{}", "it", None).is_err());
    }
}
