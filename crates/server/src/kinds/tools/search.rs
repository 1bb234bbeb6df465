//! Tools found by words.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use midflight_core::clip;
use midflight_engine::{Interrupted, Work};
use midflight_http::code::Code;
use midflight_http::long_answer::room_for_page;
use midflight_http::params::Params;
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::wire::quarantined_revisions;
use midflight_tools::limits::QUERY_BYTES_MAX;
use midflight_tools::{Tool, ToolsSnapshot};
use midflight_wire::problem::ProblemBody;
use midflight_wire::tools::{FoundTool, FoundTools};
use utoipa::IntoParams;

use super::answers::FoundList;
use super::app::ToolsApp;
use super::compute::{BRIEF_ITEMS_MAX, ComputeBounds, computed};
use super::list::{LISTED_MAX, is_listed};

/// How many tools are answered unless asked, and at most.
const LIMIT: usize = 50;
const LIMIT_MAX: usize = 500;

/// The tools that a search found, the score of each, and how many there are.
type ScoredTools = (FoundList, Vec<Option<f32>>, usize);

/// Where a search without `fields` looks.
const INDEXED: [&str; 5] = ["tool_name", "description", "title", "typical_use_cases", "required_inputs"];

/// What to search for, by the parameters of the address.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes parameters of which one may come several times")]
pub(super) struct SearchParams {
    /// The query, 1 byte to 8 KiB.
    #[param(min_length = 1)]
    q: String,
    /// Looks for the query as it is, in whatever case, in these fields: `tool_name`, `title`, `description`,
    /// `platform`, `category`, `capabilities`; several separated by commas, or the parameter several times. Without it
    /// the best tools by words are found (BM25).
    fields: Option<Vec<String>>,
    /// How many tools at most; 50 by default, at most 500.
    limit: Option<usize>,
}

/// What is searched for.
#[derive(Debug, Default, PartialEq)]
struct Search {
    query: String,
    fields: Vec<Field>,
    limit: usize,
}

/// A field in which a text is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    ToolName,
    Title,
    Description,
    Platform,
    Category,
    Capabilities,
}

const FIELDS: [(&str, Field); 6] = [
    ("tool_name", Field::ToolName),
    ("title", Field::Title),
    ("description", Field::Description),
    ("platform", Field::Platform),
    ("category", Field::Category),
    ("capabilities", Field::Capabilities),
];

impl Field {
    fn word(self) -> &'static str {
        FIELDS.iter().find(|(_, field)| *field == self).map_or("tool_name", |(word, _)| word)
    }

    /// Whether the field of a tool has this text, which is in lower case.
    fn has(self, tool: &Tool, text: &str) -> bool {
        let has = |found: &str| found.to_lowercase().contains(text);
        match self {
            Self::ToolName => has(tool.tool_name()),
            Self::Title => tool.title().is_some_and(has),
            Self::Description => has(tool.description()),
            Self::Platform => tool.platform().is_some_and(has),
            Self::Category => tool.category().is_some_and(has),
            Self::Capabilities => tool.capabilities().iter().any(|capability| has(&capability.name)),
        }
    }
}

impl Search {
    fn read(params: &[(String, String)]) -> Result<Self, ApiError> {
        let wrong = |detail: String| Err(ApiError::new(Code::INVALID_PARAMETER, detail));
        let mut search = Self { limit: LIMIT, ..Self::default() };
        for (name, value) in params {
            match name.as_str() {
                "q" => search.query.clone_from(value),
                "fields" => {
                    for word in value.split(',').map(str::trim).filter(|word| !word.is_empty()) {
                        let Some((_, field)) = FIELDS.iter().find(|(known, _)| *known == word) else {
                            let known = FIELDS.map(|(known, _)| known).join(", ");
                            return wrong(format!("unknown field {:?}: use {known}", clip(word)));
                        };
                        if !search.fields.contains(field) {
                            search.fields.push(*field);
                        }
                    }
                }
                "limit" => match value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit)) {
                    Some(limit) => search.limit = limit,
                    None => {
                        return wrong(format!("invalid limit {:?}: expected 1 to {LIMIT_MAX}", clip(value)));
                    }
                },
                other => {
                    let other = clip(other);
                    return wrong(format!("unknown parameter {other:?}: use q, fields, limit"));
                }
            }
        }
        match search.query.len() {
            0 => wrong("q is missing or empty: write what to search for".to_owned()),
            1..=QUERY_BYTES_MAX => Ok(search),
            bytes => {
                wrong(format!("q has {bytes} bytes and may have {QUERY_BYTES_MAX}; search for fewer words"))
            }
        }
    }

    fn run(&self, tools: &ToolsSnapshot, work: &Work) -> Result<ScoredTools, Interrupted> {
        let (mut found, mut scores, mut total) = (FoundList::default(), Vec::new(), 0);
        let mut add = |tool: &Arc<Tool>, score| -> Result<usize, Interrupted> {
            total += 1;
            if scores.len() < self.limit {
                found.add(tool, 0, work)?;
                scores.push(score);
            }
            Ok(total)
        };
        if self.fields.is_empty() {
            for hit in tools.search_within(&self.query, LISTED_MAX, is_listed, work)? {
                if let Some(tool) = tools.tool(hit.tool.id()) {
                    add(tool, Some(hit.score))?;
                }
            }
        } else {
            let text = self.query.to_lowercase();
            for tool in tools.tools_by_name(None) {
                work.check()?;
                let is_found = is_listed(tool) && self.fields.iter().any(|field| field.has(tool, &text));
                if is_found && add(tool, None)? == LISTED_MAX {
                    break;
                }
            }
        }
        Ok((found, scores, total))
    }
}

/// The tools that fit a query best, of those that are active and switched on. More than `answer_bytes_max` are refused;
/// ask for a smaller `limit`.
#[utoipa::path(get, path = "/api/v1/tools/search/query", tag = "tools", params(SearchParams),
    responses((status = 200, body = FoundTools), (status = "default", body = ProblemBody)))]
pub(super) async fn search_tools(
    State(app): State<ToolsApp>,
    principal: Principal,
    Params(params): Params<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let search = Search::read(&params)?;
    let room = room_for_page(&app, &principal).await?;
    let tools = app.parts.tools.snapshot();
    let (revision, quarantined) = (tools.revision(), quarantined_revisions(tools.quarantined()));
    let fields: Vec<_> = match search.fields.is_empty() {
        true => INDEXED.map(str::to_owned).into(),
        false => search.fields.iter().map(|field| field.word().to_owned()).collect(),
    };
    let query = search.query.clone();
    let bounds = ComputeBounds::of_list(&app, "ask for a smaller limit, or read the tools one by one");
    let is_tried = tools.tool_count() <= BRIEF_ITEMS_MAX;
    let job = move |work: &Work| search.run(&tools, work);
    let (found, scores, total) = computed(&app, &principal, bounds, is_tried, job).await?;
    app.parts.metrics.searched();
    let list =
        FoundTools { query, fields, results: Vec::new(), total, revision: revision.get(), quarantined };
    let item =
        move |_: &Tool, tool, place: usize| FoundTool { tool, score: scores.get(place).copied().flatten() };
    found.answer((&app, room), revision, (list, "results"), item).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(params: &[(&str, &str)]) -> Result<Search, String> {
        let params: Vec<_> = params.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Search::read(&params).map_err(|error| error.body().detail.clone())
    }

    #[test]
    fn fields_come_in_one_parameter_or_in_several() {
        let fields = vec![Field::Description, Field::Platform];
        let expected = Ok(Search { query: "x".to_owned(), fields, limit: LIMIT });
        assert_eq!(read(&[("q", "x"), ("fields", "description,platform")]), expected);
        assert_eq!(
            read(&[("fields", "description"), ("q", "x"), ("fields", " platform,description ")]),
            expected
        );
        for (params, part) in [
            (&[("q", "")][..], "q is missing or empty"),
            (&[("fields", "title")], "q is missing or empty"),
            (&[("q", "x"), ("fields", "name")], "unknown field \"name\": use tool_name, title"),
            (&[("q", "x"), ("limit", "0")], "expected 1 to 500"),
            (&[("q", "x"), ("page", "1")], "unknown parameter \"page\""),
        ] {
            assert!(read(params).unwrap_err().contains(part), "{params:?}");
        }
        let long = "x".repeat(QUERY_BYTES_MAX + 1);
        assert!(read(&[("q", &long)]).unwrap_err().contains("may have 8192"));
    }
}
