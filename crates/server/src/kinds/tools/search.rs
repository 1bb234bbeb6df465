//! Tools found by words.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use midflight_core::clip;
use midflight_http::code::Code;
use midflight_http::compute::TimeLimit;
use midflight_http::params::Params;
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::wire::quarantined_revisions;
use midflight_live::Pinned;
use midflight_tools::limits::QUERY_BYTES_MAX;
use midflight_tools::{Tool, ToolsSnapshot};
use midflight_wire::problem::ProblemBody;
use midflight_wire::tools::{FoundTool, FoundTools};
use utoipa::IntoParams;

use super::app::ToolsApp;
use super::compute::{BRIEF_ITEMS_MAX, computed};
use super::list::{LISTED_MAX, answers, is_listed};

/// How many tools are answered unless asked, and at most.
const LIMIT: usize = 50;
const LIMIT_MAX: usize = 500;

/// The tools that a search found, each with its score.
type ScoredTools = Vec<(Arc<Tool>, Option<f32>)>;

/// Where a search without `fields` looks.
const INDEXED: [&str; 5] = ["tool_name", "description", "title", "typical_use_cases", "required_inputs"];

/// What to search for, by the parameters of the address.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes parameters of which one may come several times")]
pub(super) struct SearchParams {
    /// The query, 1 byte to 8 KiB.
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

    /// The tools, each with its score, and how many there are.
    fn run(&self, tools: &ToolsSnapshot) -> (ScoredTools, usize) {
        let found: Vec<_> = match self.fields.is_empty() {
            true => {
                let hits = tools.search_among(&self.query, LISTED_MAX, is_listed);
                hits.into_iter()
                    .filter_map(|hit| Some((Arc::clone(tools.tool(hit.tool.id())?), Some(hit.score))))
                    .collect()
            }
            false => {
                let text = self.query.to_lowercase();
                let has = |tool: &&Arc<Tool>| {
                    is_listed(tool) && self.fields.iter().any(|field| field.has(tool, &text))
                };
                let found = tools.tools_by_name(None).filter(has).take(LISTED_MAX);
                found.map(|tool| (Arc::clone(tool), None)).collect()
            }
        };
        let total = found.len();
        (found.into_iter().take(self.limit).collect(), total)
    }
}

/// The tools that fit a query best, of those that are active and switched on.
#[utoipa::path(get, path = "/api/v1/tools/search/query", tag = "tools", params(SearchParams),
    responses((status = 200, body = FoundTools), (status = "default", body = ProblemBody)))]
pub(super) async fn search_tools(
    State(app): State<ToolsApp>,
    principal: Principal,
    Params(params): Params<Vec<(String, String)>>,
) -> Result<Json<FoundTools>, ApiError> {
    let search = Search::read(&params)?;
    let tools = app.parts.tools.snapshot();
    let (revision, quarantined) = (tools.revision(), quarantined_revisions(tools.quarantined()));
    let fields: Vec<_> = match search.fields.is_empty() {
        true => INDEXED.map(str::to_owned).into(),
        false => search.fields.iter().map(|field| field.word().to_owned()).collect(),
    };
    let query = search.query.clone();
    let (found, total) = run(&app, &principal, search, tools).await?;
    let (tools, scores): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    let tools = answers(&app, &tools, revision).await?;
    let results = tools.into_iter().zip(scores).map(|(tool, score)| FoundTool { tool, score }).collect();
    app.parts.metrics.searched();
    Ok(Json(FoundTools { query, fields, results, total, revision: revision.get(), quarantined }))
}

async fn run(
    app: &ToolsApp,
    principal: &Principal,
    search: Search,
    tools: Pinned<ToolsSnapshot>,
) -> Result<(ScoredTools, usize), ApiError> {
    let time = TimeLimit { ms_max: app.parts.limits.select_ms_max, name: "select_ms_max" };
    let is_brief = tools.tool_count() <= BRIEF_ITEMS_MAX;
    computed(app, principal, time, is_brief, move || search.run(&tools)).await
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
