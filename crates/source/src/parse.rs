//! From the text of a file to its documents, or to everything that is wrong with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use midflight_core::{DocumentId, JsonPointer};

use crate::chunk::{self, ChunkProblem, ReadChunk, TextChunk, TextFormat};
use crate::{FileDocument, FileProblem};

/// Reads the documents of a file.
///
/// `file` is its name in problems, and its extension the format: `.json` is JSON (one document, several one after the
/// other, or a list of them), `.yaml` and `.yml` are YAML (a stream of documents, or a list), `.toml` is TOML (one
/// document, whose body is the table `body`), and anything else is read as JSON when it is JSON and as YAML when it is
/// not.
///
/// YAML is YAML 1.2: `no` is a text, and so is `1_000`. Integers keep all of their 64 bits. Keys are texts and none is
/// there twice. The expansion of aliases is bounded, and so is the depth. Merge keys and foreign tags are refused.
///
/// # Errors
/// Every problem with its line and column, broken documents and a document that is there twice alike.
///
/// ```
/// let documents = midflight_source::parse_documents(
///     "kind: rules\nname: loans/R1\nbody:\n  rule_name: Young\n",
///     "loans.yaml",
/// );
/// assert_eq!(documents.unwrap()[0].id.to_string(), "rules/loans/R1");
///
/// let problems = midflight_source::parse_documents("kind: rules\nname: loans/R1\nbody: [1", "loans.yaml");
/// assert_eq!(problems.unwrap_err()[0].to_string(), "loans.yaml:3:7: unclosed bracket '['");
/// ```
pub fn parse_documents(text: &str, file: &str) -> Result<Vec<FileDocument>, Vec<FileProblem>> {
    let file: Arc<str> = file.into();
    let (mut documents, mut problems) = (Vec::new(), Vec::new());
    for part in chunk::chunks(text, TextFormat::of_name(&file)) {
        let read = chunk::read(part);
        add_documents(&read, part, &file, |document| documents.push(document));
        problems.extend(problems_of(read.problems, part, &file));
    }
    problems.extend(duplicates(&documents));
    if problems.is_empty() { Ok(documents) } else { Err(problems) }
}

/// Hands on the documents of a chunk with the lines they have in their file.
pub(crate) fn add_documents(
    read: &ReadChunk,
    part: TextChunk<'_>,
    file: &Arc<str>,
    mut add: impl FnMut(FileDocument),
) {
    for document in &read.documents {
        add(FileDocument {
            id: document.id.clone(),
            body: Arc::clone(&document.body),
            file: Arc::clone(file),
            line: line_in_file(document.place.line, part),
        });
    }
}

/// The problems of a chunk with the lines they have in their file.
pub(crate) fn problems_of<'a>(
    problems: impl IntoIterator<Item = ChunkProblem> + 'a,
    part: TextChunk<'a>,
    file: &'a Arc<str>,
) -> impl Iterator<Item = FileProblem> + 'a {
    problems.into_iter().map(move |problem| FileProblem {
        file: Arc::clone(file),
        line: line_in_file(problem.place.line, part),
        column: (problem.place.line > 0).then_some(problem.place.column),
        document: problem.document,
        path: problem.path,
        message: problem.message,
    })
}

fn line_in_file(line: u64, part: TextChunk<'_>) -> Option<u64> {
    (line > 0).then_some(line + part.lines_before)
}

/// A problem for every document that was there before, naming both places. Give it the documents of several files to
/// look across them.
#[must_use]
pub fn duplicates(documents: &[FileDocument]) -> Vec<FileProblem> {
    let mut seen: BTreeMap<&DocumentId, &FileDocument> = BTreeMap::new();
    let mut problems = Vec::new();
    for document in documents {
        let Some(first) = seen.get(&document.id) else {
            seen.insert(&document.id, document);
            continue;
        };
        let at = match first.line {
            Some(line) => format!("{}:{line}", first.file),
            None => first.file.to_string(),
        };
        problems.push(FileProblem {
            file: Arc::clone(&document.file),
            line: document.line,
            column: None,
            document: Some(document.id.clone()),
            path: JsonPointer::root(),
            message: format!("is at {at} already; keep one of them"),
        });
    }
    problems
}

/// The line and the column of a place in a document, or of the nearest part round it that is there, both counted from
/// 1. None when the text does not have the document. Cost: reads the text again.
#[must_use]
pub fn locate(text: &str, file: &str, document: &DocumentId, path: &JsonPointer) -> Option<(u64, u64)> {
    locate_all(text, file, &[(document.clone(), path.clone())]).into_iter().next().flatten()
}

/// As [`locate`], of many places at once, in their order. Cost: reads the text again up to the last of them, once for
/// all.
#[must_use]
pub fn locate_all(text: &str, file: &str, wanted: &[(DocumentId, JsonPointer)]) -> Vec<Option<(u64, u64)>> {
    let mut found = vec![None; wanted.len()];
    let mut left = wanted.len();
    let wanted = chunk::WantedPlaces::new(wanted);
    for part in chunk::chunks(text, TextFormat::of_name(file)) {
        if left == 0 {
            break;
        }
        for (of, place) in chunk::locate(part, &wanted) {
            if let (None, Some(line)) = (found[of], line_in_file(place.line, part)) {
                found[of] = Some((line, place.column));
                left -= 1;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn refused(file: &str, text: &str, expected: &[&str]) {
        let problems = parse_documents(text, file).unwrap_err();
        let found: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[track_caller]
    fn body(text: &str) -> serde_json::Value {
        let text = format!("kind: rules\nname: a\nbody: {text}");
        let documents = parse_documents(&text, "f.yaml").unwrap();
        documents[0].body.as_ref().clone()
    }

    #[test]
    fn documents_keep_their_lines_and_their_numbers() {
        let text = "# top\nkind: rules\nname: a\nbody: {n: 18446744073709551615, no: no}\n---\n---\n\
                    - kind: rules\n  name: b\n  body: {}\n- {kind: tools, name: c, body: {}}\n";
        let documents = parse_documents(text, "f.yaml").unwrap();
        let found: Vec<_> = documents.iter().map(|it| (it.id.to_string(), it.line.unwrap())).collect();
        let expected = [("rules/a", 2), ("rules/b", 7), ("tools/c", 10)];
        assert_eq!(found, expected.map(|(id, line)| (id.to_owned(), line)));
        assert_eq!(*documents[0].body, json!({"n": u64::MAX, "no": "no"}));
    }

    #[test]
    fn json_is_read_by_the_same_names() {
        let one = r#"{"kind": "rules", "name": "a", "body": {"😀": 1e2}}"#;
        for (file, text) in [
            ("f.json", one.to_owned()),
            ("f.json", format!("[{one}]")),
            ("-", format!("\u{feff}{one}\n")),
            ("-", "{kind: rules, name: a, body: {'😀': 1e2}}".to_owned()),
        ] {
            let documents = parse_documents(&text, file).unwrap();
            assert_eq!(*documents[0].body, json!({"😀": 100.0}), "{text}");
        }
        refused("f.json", "{\"kind\": 1,\n \"kind\": 2}", &["f.json:2:7: duplicate key \"kind\""]);
        refused("f.json", "{\"kind\": \n", &["f.json:2:0: EOF while parsing a value"]);
        assert!(parse_documents("", "f.json").unwrap().is_empty());
    }

    #[test]
    fn a_file_in_toml_is_one_document() {
        let text = "kind = \"config\"\nname = \"shop\"\n\n[body.log]\nlevel = \"info\"\n";
        let documents = parse_documents(text, "shop.toml").unwrap();
        assert_eq!(
            (documents.len(), documents[0].id.to_string(), documents[0].line),
            (1, "config/shop".to_owned(), Some(1))
        );
        assert_eq!(*documents[0].body, json!({"log": {"level": "info"}}));
        let id = DocumentId::new("config", "shop").unwrap();
        assert_eq!(locate(text, "shop.toml", &id, &JsonPointer::parse("/log/level")), Some((5, 9)));
        refused(
            "f.toml",
            "kind = 1\nname = \"a\"\nbody = {}",
            &["f.toml:1:8: kind is a text, not a number; quote it"],
        );
        refused(
            "f.toml",
            "name = \"a\"\nkind = \"rules\"",
            &["f.toml:1:1: the document has no \"body\"; write kind, name and body"],
        );
        assert!(parse_documents("", "f.toml").unwrap().is_empty());
    }

    #[test]
    fn every_problem_is_reported_with_its_place() {
        refused(
            "f.yaml",
            "kind: rules\nname: a\nbody: [\n---\nkind: 1\nname: \"é/..\"\nbody: {}\nspec: 1\n---\n- x\n",
            &[
                "f.yaml:3:7: unclosed bracket '['",
                "f.yaml:8:1: unknown field \"spec\": a document has kind, name and body; put its contents \
                 under body",
                "f.yaml:5:7: kind is a text, not a number; quote it",
                "f.yaml:10:3: a document is a map of kind, name and body, not a string",
            ],
        );
        refused(
            "f.yaml",
            "name: ../a\nkind: rules\nbody: 1",
            &[
                "f.yaml:1:7: the name \"../a\" has the character '.'; use letters, digits and any of . _ - : @ + \
                 (a segment starts with a letter, a digit or _)",
                "f.yaml:3:7: a body is a map, not a number",
            ],
        );
        refused(
            "f.yaml",
            "kind: rules\nname: a",
            &["f.yaml:1:1: the document has no \"body\"; write kind, name and body"],
        );
    }

    #[test]
    fn duplicates_are_reported_with_both_places() {
        let one = "kind: rules\nname: a\nbody: {}\n";
        refused(
            "f.yaml",
            &format!("{one}---\n{one}"),
            &["f.yaml:5: rules/a is at f.yaml:1 already; keep one of them"],
        );
        refused("f.yaml", "a: 1\nb: 2\na: 3", &["f.yaml:3:1: duplicate key \"a\"; the first is on line 1"]);
        refused("f.yaml", "1: a\n'1': b", &["f.yaml:2:1: duplicate key \"1\"; the first is on line 1"]);
        let many: String = (0..40).chain([20]).map(|n| format!("k{n}: 1\n")).collect();
        refused("f.yaml", &many, &["f.yaml:41:1: duplicate key \"k20\"; the first is on line 21"]);
    }

    #[test]
    fn yaml_that_json_cannot_express_is_refused() {
        for (text, problem) in [
            (".nan", ".nan is not a finite number, and nothing else can be kept; quote it if it is a text"),
            ("1e999", "1e999 is not a finite number, and nothing else can be kept; quote it if it is a text"),
            ("!secret x", "unknown tag !secret; remove it"),
            ("!!int x", "\"x\" is not of the type that its tag names"),
            ("{? [1]\n : 2}", "a key is a text without an anchor; write it out"),
        ] {
            let text = format!("a: {text}");
            let problems = parse_documents(&text, "f.yaml").unwrap_err();
            assert_eq!(problems[0].message, problem, "{text}");
        }
        refused(
            "f.yaml",
            "a: &x {b: 1}\nc:\n  <<: *x\n",
            &[
                "f.yaml:3:3: YAML 1.2 has no merge keys; write the fields out, or quote \"<<\" when it is a key of that name",
            ],
        );
    }

    #[test]
    fn tags_of_the_core_schema_and_aliases_are_read() {
        assert_eq!(
            body("{a: !!str 1, b: !!float 1.5, c: ! 1, d: !!seq [1], e: !!map {}}"),
            json!({
                "a": "1", "b": 1.5, "c": "1", "d": [1], "e": {}
            })
        );
        assert_eq!(body("{a: &x {b: [1]}, c: *x}"), json!({"a": {"b": [1]}, "c": {"b": [1]}}));
        assert_eq!(body("{\"<<\": 1}"), json!({"<<": 1}));
    }

    #[test]
    fn bombs_are_refused_before_they_burst() {
        let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (from, to) in "abcdefgh".chars().zip("bcdefghi".chars()) {
            let aliases = vec![format!("*{from}"); 10].join(", ");
            bomb += &format!("{to}: &{to} [{aliases}]\n");
        }
        let problems = parse_documents(&bomb, "f.yaml").unwrap_err();
        assert!(problems[0].message.contains("stand for more than"), "{}", problems[0]);
        for deep in ["[".repeat(100_000), "{a: ".repeat(100_000), "- ".repeat(100_000)] {
            let problems = parse_documents(&deep, "f.yaml").unwrap_err();
            assert!(!problems.is_empty());
            assert!(parse_documents(&deep, "f.json").is_err());
        }
        let recursive = parse_documents("a: &a [*a]", "f.yaml").unwrap_err();
        assert!(recursive[0].message.contains("alias"), "{}", recursive[0]);
    }

    #[test]
    fn a_path_leads_to_its_line() {
        let text = "kind: rules\nname: a\nbody: {}\n---\nkind: rules\nname: b\nbody:\n  list:\n    - x: 1\n      a/b: 2\n";
        let id = DocumentId::new("rules", "b").unwrap();
        let item = JsonPointer::root().key("list").index(0);
        assert_eq!(locate(text, "f.yaml", &id, &item.key("a/b")), Some((10, 12)));
        assert_eq!(locate(text, "f.yaml", &id, &item.key("gone")), Some((9, 7)));
        assert_eq!(locate(text, "f.yaml", &id, &JsonPointer::root()), Some((8, 3)));
        let json = "[{\"kind\": \"rules\", \"name\": \"b\",\n \"body\": {\"x\": 1}}]";
        assert_eq!(locate(json, "f.json", &id, &JsonPointer::root().key("x")), Some((2, 16)));
        assert_eq!(locate("", "f.yaml", &id, &item), None);
    }
}
