//! Documents bent out of shape: whatever is read, it is read or refused with a reason and a place, and never a panic.

use midflight_source::{locate, parse_documents};
use proptest::prelude::*;

const YAML: &str = "# Rules.\nkind: rules\nname: loans/R1\nbody: &b\n  rule_name: \"Young \\u00e9\"\n  conditions:\n    \
                    all: [a, {attribute: x, operator: equal, constant: 18446744073709551615}]\n  text: |\n    one\n    \
                    two\n  weight: -1.5e-3\n---\n- kind: rules\n  name: b\n  body: {again: !!str 1, none: ~}\n";
const JSON: &str = "[{\"kind\": \"rules\", \"name\": \"loans/R1\", \"body\": {\"a\": [1, -2.5e3, \"\\u00e9\", null, true]}}]";
const TOML: &str = "# Rules.\nkind = \"rules\"\nname = \"loans/R1\"\n\n[body]\nrule_name = \"Young \\u00e9\"\nweight = -1.5e-3\n\
                    at = 2026-01-02T03:04:05Z\ntext = '''\none\n'''\n[[body.all]]\nconstant = 0xff\nlist = [1, {a.b = 2}]\n";
/// What is put in the place of something else.
const SPLINTERS: [&str; 16] =
    ["", "\0", "\t", "\r", "---", "...", "%", "&b ", "*b", "!x", "{", "[[[[[[", "- ", "? ", "|", "1e999"];

/// A text with up to four bytes flipped, a part cut out and something else put in.
fn bent(text: &'static str) -> impl Strategy<Value = String> {
    let flips = prop::collection::vec((0..text.len(), 0..8_u8), 0..4);
    let cut = (0..text.len(), 0..40_usize);
    (flips, cut, 0..text.len(), prop::sample::select(SPLINTERS.to_vec())).prop_map(
        move |(flips, cut, place, splinter)| {
            let mut bytes = text.as_bytes().to_vec();
            for (place, bit) in flips {
                bytes[place] ^= 1 << bit;
            }
            bytes.splice(place..place, splinter.bytes());
            bytes.drain(cut.0..(cut.0 + cut.1).min(text.len()));
            String::from_utf8_lossy(&bytes).into_owned()
        },
    )
}

fn check(text: &str, file: &str) -> Result<(), TestCaseError> {
    // A lone carriage return ends a line in YAML.
    let lines = text.split(['\n', '\r']).count() as u64;
    match parse_documents(text, file) {
        Ok(documents) => {
            for document in documents {
                prop_assert!(document.body.is_object());
                prop_assert!(document.line.is_none_or(|line| line <= lines));
                let root = midflight_core::JsonPointer::root();
                prop_assert!(file == "f.json" || locate(text, file, &document.id, &root).is_some(), "{text}");
            }
        }
        Err(problems) => {
            prop_assert!(!problems.is_empty());
            for problem in problems {
                prop_assert!(!problem.message.is_empty());
                prop_assert!(problem.line.is_some() || file != "f.yaml", "{problem}\n{text}");
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bent_yaml_is_read_or_refused_with_a_place(text in bent(YAML)) {
        check(&text, "f.yaml")?;
    }

    #[test]
    fn bent_json_is_read_or_refused_with_a_reason(text in bent(JSON)) {
        check(&text, "f.json")?;
        check(&text, "f.yaml")?;
        parse_documents(&text, "-").ok();
    }

    #[test]
    fn bent_toml_is_read_or_refused_with_a_reason(text in bent(TOML)) {
        check(&text, "f.toml")?;
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        check(&text, "f.yaml")?;
        check(&text, "f.toml")?;
        check(&text, "f.json")?;
        parse_documents(&text, "-").ok();
    }
}
