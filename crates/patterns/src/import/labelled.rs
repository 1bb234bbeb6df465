//! Queries with labels, as tab-separated values: `query`, `expected_category`, and whatever else.

use midflight_core::CHECKS_FOLDER;
use serde_json::json;

use super::{ImportError, Imported, Names};

/// A query and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledQuery {
    /// Its line in the file, from 1.
    pub line: usize,
    /// The query.
    pub query: String,
    /// Its category; none where the file has a remark in brackets instead.
    pub category: Option<String>,
    /// Whether that remark allows any category, as `(ambiguous: any)`.
    pub any: bool,
    /// Which set of categories that is one of, if the file has it.
    pub taxonomy: Option<String>,
}

/// Reads queries with labels. The first line names the columns.
///
/// # Errors
/// [`ImportError`] for a file without the columns `query` and `expected_category`, or a line without them.
pub fn labelled(text: &str) -> Result<Vec<LabelledQuery>, ImportError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().enumerate().map(|(i, line)| (i + 1, line));
    let columns: Vec<_> =
        lines.next().map(|(_, head)| head.split('\t').map(str::trim).collect()).unwrap_or_default();
    let place = |name: &str| columns.iter().position(|column| *column == name);
    let (Some(query), Some(category)) = (place("query"), place("expected_category")) else {
        let message =
            "its first line does not name the columns query and expected_category, with a tab between them";
        return Err(ImportError(message.to_owned()));
    };
    let mut queries = Vec::new();
    for (line, text) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let cells: Vec<_> = text.split('\t').collect();
        let cell = |place: usize| cells.get(place).map(|cell| cell.trim()).filter(|cell| !cell.is_empty());
        let asked = cell(query).ok_or_else(|| ImportError(format!("line {line} has no query")))?;
        let label =
            cell(category).ok_or_else(|| ImportError(format!("line {line} has no expected_category")))?;
        let is_remark = label.starts_with('(');
        let taxonomy = place("taxonomy").and_then(cell);
        queries.push(LabelledQuery {
            line,
            query: asked.to_owned(),
            category: (!is_remark).then(|| label.to_owned()),
            any: is_remark && label.trim_end_matches(')').ends_with("any"),
            taxonomy: taxonomy.map(str::to_owned),
        });
    }
    Ok(queries)
}

/// Makes a check of every query that has a label: a revision that answers it otherwise does not go live.
#[must_use]
pub fn checks(queries: &[LabelledQuery], profile: &str) -> Imported {
    let mut imported = Imported::default();
    let mut names = Names::default();
    for query in queries {
        let Some(category) = &query.category else { continue };
        let body = json!({
            "input": {"query": query.query, "profile": profile},
            "expect": {"category": category},
        });
        match names.within(CHECKS_FOLDER, &query.query) {
            Some(name) => imported.documents.push((name, body)),
            None => imported.refuse(format!("line {}", query.line), "cannot derive a name from the query"),
        }
    }
    let without = queries.iter().filter(|query| query.category.is_none()).count();
    if without > 0 {
        imported.note(format!("{without} queries have no category and are not checked"));
    }
    imported
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_become_checks() {
        let file = "query\texpected_category\ttaxonomy\r\nciao\tGREETING\tv1\n\nieri\t(ambiguous: any)\t-\nciao\tHI\tv2\n";
        let queries = labelled(file).unwrap();
        assert_eq!(queries.len(), 3);
        assert_eq!((queries[0].line, queries[2].taxonomy.as_deref()), (2, Some("v2")));
        assert_eq!(queries.iter().map(|query| query.any).collect::<Vec<_>>(), [false, true, false]);
        let imported = checks(&queries, "it");
        let names: Vec<_> = imported.documents.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["checks/ciao", "checks/ciao-2"]);
        let body = json!({"input": {"query": "ciao", "profile": "it"}, "expect": {"category": "GREETING"}});
        assert_eq!(imported.documents[0].1, body);
        assert_eq!(imported.notes.len(), 1);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        assert!(labelled("a\tb\n").unwrap_err().to_string().contains("first line"));
        let error = labelled("query\texpected_category\nciao\tX\nciao\n").unwrap_err();
        assert_eq!(error.to_string(), "line 3 has no expected_category");
    }
}
