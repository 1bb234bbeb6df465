//! From documents to the text of a file that reads back as the same documents.

use std::fmt;

use midflight_core::DocumentId;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

/// Why documents were not written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {document} as YAML: {reason}")]
pub struct WriteError {
    /// The document.
    pub document: DocumentId,
    /// The message of the YAML writer.
    pub reason: String,
}

/// Writes documents as a YAML stream, in the order given, keys sorted: the same documents make the same text, and the
/// text reads back as the same documents.
///
/// # Errors
/// [`WriteError`] when YAML cannot express a body.
///
/// ```
/// use midflight_core::DocumentId;
/// use serde_json::json;
///
/// let id = DocumentId::new("rules", "loans/R1").unwrap();
/// let body = json!({"rule_name": "Young", "rule_point": 1.5});
/// let text = midflight_source::write_documents([(&id, &body)]).unwrap();
/// assert_eq!(text, "kind: rules\nname: loans/R1\nbody:\n  rule_name: Young\n  rule_point: 1.5\n");
/// ```
pub fn write_documents<'a>(
    documents: impl IntoIterator<Item = (&'a DocumentId, &'a Value)>,
) -> Result<String, WriteError> {
    let mut text = String::new();
    for (id, body) in documents {
        if !text.is_empty() {
            text.push_str("---\n");
        }
        let refused =
            |reason: &dyn fmt::Display| WriteError { document: id.clone(), reason: reason.to_string() };
        let document = DocumentEnvelope { id, body };
        serde_saphyr::to_fmt_writer(&mut text, &document).map_err(|error| refused(&error))?;
    }
    Ok(text)
}

struct DocumentEnvelope<'a> {
    id: &'a DocumentId,
    body: &'a Value,
}

impl Serialize for DocumentEnvelope<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("kind", self.id.kind.as_str())?;
        map.serialize_entry("name", self.id.name.as_str())?;
        map.serialize_entry("body", &Sorted(self.body))?;
        map.end()
    }
}

/// A value with its keys in order, also when another crate makes `serde_json` keep the order of insertion.
pub(crate) struct Sorted<'a>(pub(crate) &'a Value);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Array(items) => serializer.collect_seq(items.iter().map(Sorted)),
            Value::Object(members) => {
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_unstable_by_key(|(key, _)| *key);
                serializer.collect_map(sorted.into_iter().map(|(key, value)| (key, Sorted(value))))
            }
            value => value.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_documents;
    use proptest::prelude::*;
    use serde_json::json;

    fn any_text() -> impl Strategy<Value = String> {
        let awkward = prop::sample::select(vec![
            "",
            " ",
            "no",
            "~",
            "null",
            "1",
            "012",
            "0x1",
            "1_0",
            ".5",
            ".inf",
            "-",
            "- a",
            "a: b",
            "a #b",
            "#",
            "---",
            "...",
            "--- a",
            "%YAML",
            "<<",
            "=",
            "!x",
            "&x",
            "*x",
            "[",
            "{",
            "'",
            "\"",
            "|",
            ">",
            "@",
            "`",
            "\n",
            "\n\n",
            " a\n",
            "a\n",
            "a\n\n",
            "\na",
            "a \n b",
            "\ta",
            "a\tb",
            "a\r\nb",
            "\r",
            "\u{85}",
            "\u{2028}",
            "\u{feff}",
            "\u{0}",
            "\u{7f}",
            "😀",
            "é",
            "${env:X}",
            "{{total}}",
            "2026-01-01",
            "1:30",
            "y",
            "true ",
            "? a",
            ": a",
        ])
        .prop_map(str::to_owned);
        let long = "[a-z ]{70,200}";
        let lines =
            prop::collection::vec("[ \t]{0,3}[a-z#:' -]{0,12}[ \t]{0,2}", 0..5).prop_map(|l| l.join("\n"));
        prop_oneof![awkward, any::<String>(), long, lines]
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Value::from),
            any_text().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 48, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(any_text(), inner, 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn it_is_written_for_people() {
        let id = DocumentId::new("rules", "a").unwrap();
        let body = json!({"z": [1, {"b": "no", "a": 1.0}], "long": "line one\nline two\n", "empty": {}});
        let text = write_documents([(&id, &body), (&id, &body)]).unwrap();
        let one = "kind: rules\nname: a\nbody:\n  empty: {}\n  long: |\n    line one\n    line two\n  z:\n  - 1\n  \
                   - a: 1.0\n    b: \"no\"\n";
        assert_eq!(text, format!("{one}---\n{one}"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn what_is_written_reads_back_as_it_was(
            bodies in prop::collection::vec(prop::collection::btree_map(any_text(), any_value(), 0..4), 1..4)
        ) {
            let bodies: Vec<Value> = bodies.into_iter().map(|b| Value::Object(b.into_iter().collect())).collect();
            let ids: Vec<_> = (0..bodies.len()).map(|n| DocumentId::new("rules", &format!("d{n}")).unwrap()).collect();
            let text = write_documents(ids.iter().zip(&bodies)).unwrap();
            let read = parse_documents(&text, "f.yaml").map_err(|problems| format!("{problems:?}\n{text}"));
            let read: Vec<Value> = read.unwrap().into_iter().map(|document| (*document.body).clone()).collect();
            prop_assert_eq!(read, bodies, "{}", text);
        }
    }
}
