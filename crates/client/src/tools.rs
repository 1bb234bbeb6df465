//! Tools: the catalogue listed and searched, selections, imports, versions.

use midflight_wire::edits::WriteAnswer;
use midflight_wire::tools::{
    EvaluateBody, EvaluatedAnswer, ExportedTools, FoundTools, ImportToolsBody, LintItem, RollbackBody,
    SelectBody, SelectionAnswer, ToolAnswer, ToolDetail, ToolDiffAnswer, Versions,
};
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::answer::Answer;
use crate::client::Client;
use crate::error::ClientError;
use crate::options::WriteOptions;
use crate::request::ApiRequest;

/// How many tools a page of the list has.
const PAGE_SIZE: usize = 100;

/// Which tools. An empty text selects all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolFilter {
    /// Only those of this platform.
    pub platform: String,
    /// Only those of this category.
    pub category: String,
    /// Only those of this status: `active`, `deprecated`, `disabled`, `testing` or `draft`.
    pub status: String,
    /// Only those that are enabled, or disabled.
    pub enabled: Option<bool>,
}

/// Whether tools are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolSwitch {
    /// They are.
    Enable,
    /// They are not.
    Disable,
    /// They are, and their users are advised to take another one.
    Deprecate,
}

/// A page of the catalogue, whose tools are kept as they were sent.
#[derive(Debug, Deserialize)]
struct CataloguePage {
    tools: Vec<Answer<ToolAnswer>>,
}

impl Client {
    fn tool_request(&self, method: Method, segments: &[&str]) -> ApiRequest<'_> {
        self.request(method, &[&["api", "v1", "tools"], segments].concat())
    }

    /// Tools; at most `max`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn tools(
        &self,
        filter: &ToolFilter,
        max: usize,
    ) -> Result<Vec<Answer<ToolAnswer>>, ClientError> {
        let given =
            [("platform", &filter.platform), ("category", &filter.category), ("status", &filter.status)];
        let mut tools = Vec::new();
        for page in 1_usize.. {
            let request = self
                .tool_request(Method::GET, &[])
                .query("page", Some(page))
                .query("page_size", Some(PAGE_SIZE))
                .query("enabled", filter.enabled);
            let request = given.into_iter().fold(request, |request, (name, value)| {
                request.query(name, Some(value).filter(|value| !value.is_empty()))
            });
            let found = request.send::<CataloguePage>().await?.into_value().tools;
            let is_last = found.len() < PAGE_SIZE;
            tools.extend(found);
            if is_last || tools.len() >= max {
                break;
            }
        }
        tools.truncate(max);
        Ok(tools)
    }

    /// Finds tools by words, the best first; at most `max`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn search_tools(&self, words: &str, max: usize) -> Result<Answer<FoundTools>, ClientError> {
        let request = self.tool_request(Method::GET, &["search", "query"]);
        request.query("q", Some(words)).query("limit", Some(max)).send().await
    }

    /// A tool.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when it is not there.
    pub async fn tool(&self, name: &str) -> Result<Answer<ToolDetail>, ClientError> {
        self.tool_request(Method::GET, &[name]).send().await
    }

    /// The versions of a tool, newest first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn tool_versions(&self, name: &str) -> Result<Answer<Versions>, ClientError> {
        self.tool_request(Method::GET, &[name, "versions"]).send().await
    }

    /// What changed between two versions of a tool, for its users. By default the newest with the one before.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn tool_diff(
        &self,
        name: &str,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<Answer<ToolDiffAnswer>, ClientError> {
        self.tool_request(Method::GET, &[name, "diff"]).query("from", from).query("to", to).send().await
    }

    /// Rolls a tool back to an earlier version, as a new revision.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn roll_back_tool(
        &self,
        name: &str,
        body: &RollbackBody,
        options: &WriteOptions,
    ) -> Result<Answer<WriteAnswer>, ClientError> {
        self.tool_request(Method::POST, &[name, "rollback"]).write(options).json(body).send().await
    }

    /// Has a tool be offered, or not.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn switch_tool(
        &self,
        name: &str,
        to: ToolSwitch,
        options: &WriteOptions,
    ) -> Result<Answer<WriteAnswer>, ClientError> {
        let verb = match to {
            ToolSwitch::Enable => "enable",
            ToolSwitch::Disable => "disable",
            ToolSwitch::Deprecate => "deprecate",
        };
        self.tool_request(Method::PATCH, &[name, verb]).write(options).send().await
    }

    /// What in the texts of the tools instructs a model; of one tool, or of all.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn lint_tools(&self, name: Option<&str>) -> Result<Vec<Answer<LintItem>>, ClientError> {
        let request = || self.tool_request(Method::GET, &["lint"]).query("tool_name", name);
        self.list(usize::MAX, request).await
    }

    /// Puts the tools of a text into the catalogue, or validates them. The answer is read as `ImportedTools`, or as a
    /// `WriteAnswer` when the import was scheduled or continues without its caller.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn import_tools<T: DeserializeOwned>(
        &self,
        body: &ImportToolsBody,
        options: &WriteOptions,
    ) -> Result<Answer<T>, ClientError> {
        self.tool_request(Method::POST, &["import"]).write(options).json(body).send().await
    }

    /// Tools as YAML that imports as the same tools; all of them without names.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn export_tools(&self, names: &[String]) -> Result<Answer<ExportedTools>, ClientError> {
        self.tool_request(Method::POST, &["export"]).json(&names).safe().send().await
    }

    /// Selects the best tool for a task.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn select_tool(&self, body: &SelectBody) -> Result<Answer<SelectionAnswer>, ClientError> {
        self.tool_request(Method::POST, &["select"]).json(body).safe().send().await
    }

    /// Evaluates an expression of an estimate, or a condition.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn evaluate(&self, body: &EvaluateBody) -> Result<Answer<EvaluatedAnswer>, ClientError> {
        self.tool_request(Method::POST, &["evaluate"]).json(body).safe().send().await
    }
}
