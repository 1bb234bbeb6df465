//! Catalogues that are imported: each tool by itself, and all that are valid as one revision.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use midflight_core::{Change, DocumentId, JsonPointer, Precondition, RevisionNumber};
use midflight_engine::{InvalidPolicy, Work};
use midflight_http::body::ImportJsonBody;
use midflight_http::code::Code;
use midflight_http::compute::{PoolShare, TimeLimit};
use midflight_http::conflict::ConflictRetry;
use midflight_http::kind::members_of;
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::wire::quarantined_revisions;
use midflight_http::write::{
    EditEnd, ReplicaReports, Submitted, WriteParams, answer, answer_as, looked_at, submit_with,
};
use midflight_source::parse_values;
use midflight_tools::import::{ImportNotice, ImportRefusal, ImportedTool, import_within};
use midflight_wire::edits::WriteAnswer;
use midflight_wire::problem::{ProblemBody, ProblemItem};
use midflight_wire::tools::{ImportFailure, ImportToolsBody, ImportedTools};
use serde_json::Value;

use super::app::ToolsApp;
use super::lint::findings;
use super::names::{NoDocument, document_for};
use super::wire::lint_sentence;

/// How often an import is made when other edits come between.
const TRIES_MAX: u32 = 8;
/// How many documents are asked for at once.
const CHUNK: usize = 500;
/// How many warnings an answer has.
const WARNINGS_MAX: usize = 500;
/// The members that an import has in common with every write, which says more of them.
const OF_EVERY_WRITE: [&str; 5] = ["outcome", "revision", "dry_run", "acks", "silent"];
/// What the text of an import is called in problems.
const FILE: &str = "yaml_content";

/// Imports tools: every valid one becomes live with the same revision, and every other one is named with what to do. An
/// OpenAPI document becomes a draft for each of its operations. The tools are written under the authenticated caller.
/// 400 when the text cannot be read at all. With `wait=all` the answer has the reports of the replicas; where not all of
/// them serve it, it is that of every write, with what was imported before it.
#[utoipa::path(post, path = "/api/v1/tools/import", tag = "tools", request_body = ImportToolsBody, params(WriteParams,
        ("Idempotency-Key" = Option<String>, Header, description = "A repeat within 24 hours is made once")),
    responses((status = 200, body = ImportedTools), (status = 202, body = WriteAnswer),
        (status = "default", body = ProblemBody)))]
pub(super) async fn import_tools(
    principal: Principal,
    State(app): State<ToolsApp>,
    params: WriteParams,
    mut body: ImportJsonBody<ImportToolsBody>,
) -> Result<Response, ApiError> {
    let text = std::mem::take(&mut body.value.yaml_content);
    body.weigh_yaml(&text).await?;
    let ImportToolsBody { overwrite, validate_only, .. } = body.value;
    let params = params.or_reason("import".to_owned());
    let params = if validate_only { params.as_dry_run() } else { params };
    let time = TimeLimit { ms_max: app.parts.limits.import_ms_max, name: "import_ms_max" };
    let read =
        app.compute.run(PoolShare::from(&principal), time, move |work| ImportedCatalogue::read(&text, work));
    let read = read.await?.map_err(|stop| match stop {
        ReadStop::Refused(error) => error,
        ReadStop::Interrupted => time.exceeded(),
    })?;
    let import = Import { app: &app, principal: &principal, params: &params, overwrite };
    import.run(read).await
}

/// What a text has.
struct ImportedCatalogue {
    tools: Vec<ImportedTool>,
    failures: Vec<ImportFailure>,
    /// What was left out of the tools, and what was skipped.
    notices: Vec<String>,
    /// The line at which each document of the text begins.
    lines: Vec<Option<u64>>,
}

/// Why a text is not read.
enum ReadStop {
    Refused(ApiError),
    /// Its budget ended.
    Interrupted,
}

impl ImportedCatalogue {
    fn read(text: &str, work: &Work) -> Result<Self, ReadStop> {
        let values = parse_values(text, FILE).map_err(|problems| {
            let detail = "yaml_content cannot be read; nothing was changed";
            let mut error = ApiError::new(Code::MALFORMED_BODY, detail);
            error.body_mut().errors = problems
                .into_iter()
                .map(|problem| ProblemItem {
                    path: "/yaml_content".to_owned(),
                    message: problem.message,
                    line: problem.line,
                    column: problem.column,
                    ..ProblemItem::default()
                })
                .collect();
            ReadStop::Refused(error)
        })?;
        let lines = values.iter().map(|value| value.line).collect();
        let values: Vec<Value> = values.into_iter().map(|value| value.value).collect();
        if !values.iter().any(|value| value.is_object() || value.is_array()) {
            let detail = "yaml_content has no tool: write an object with tool_name and capabilities, or a list of those";
            return Err(ReadStop::Refused(ApiError::new(Code::MALFORMED_BODY, detail)));
        }
        let imported = import_within(&values, work).map_err(|_| ReadStop::Interrupted)?;
        let notices = imported.notices.iter().take(WARNINGS_MAX).map(ImportNotice::sentence).collect();
        let mut catalogue = Self { tools: imported.tools, failures: Vec::new(), notices, lines };
        let refused: Vec<_> = imported.refused.into_iter().map(|it| catalogue.refused(it)).collect();
        catalogue.failures = refused;
        Ok(catalogue)
    }

    fn refused(&self, refusal: ImportRefusal) -> ImportFailure {
        let ImportRefusal { place, tool, reason, message, .. } = refusal;
        let line = self.line(&place);
        ImportFailure { tool, error: message, reason: reason.as_str().to_owned(), place, line }
    }

    /// A failure of a tool that was read.
    fn failed(&self, tool: &ImportedTool, reason: &str, error: String) -> ImportFailure {
        ImportFailure {
            tool: Some(tool.tool_name.clone()),
            error,
            reason: reason.to_owned(),
            line: self.line(&tool.place),
            place: tool.place.clone(),
        }
    }

    /// The line of the document in which a place is: of several, its first segment counts them.
    fn line(&self, place: &str) -> Option<u64> {
        let document = match self.lines.len() {
            1 => 0,
            _ => JsonPointer::parse(place).steps().next()?.parse::<usize>().ok()?,
        };
        *self.lines.get(document)?
    }
}

struct Import<'a> {
    app: &'a ToolsApp,
    principal: &'a Principal,
    params: &'a WriteParams,
    overwrite: bool,
}

/// A tool that is to be put, by its place in the catalogue.
struct ImportCandidate {
    place: usize,
    change: Change,
}

impl Import<'_> {
    async fn run(&self, catalogue: ImportedCatalogue) -> Result<Response, ApiError> {
        let mut repeated = self.params.repeated(self.app, self.principal).await?;
        let mut retry = ConflictRetry::new("the import", TRIES_MAX);
        loop {
            let (candidates, mut failures) = self.candidates(&catalogue, repeated.is_some()).await?;
            failures.extend(catalogue.failures.iter().cloned());
            if candidates.is_empty() {
                return Ok(self.failed(failures, catalogue.notices));
            }
            let changes = candidates.iter().map(|candidate| candidate.change.clone()).collect();
            let submitted = match repeated.take() {
                Some(submitted) => Ok(submitted),
                None => {
                    let edit = self.params.edit(self.principal, changes);
                    submit_with(self.app, self.params, edit, InvalidPolicy::LeaveOut).await
                }
            };
            match retry.settle(submitted) {
                // Another writer changed one of the tools; whether they exist is checked again.
                Ok(None) => {}
                Err(mut error) => {
                    let items = std::mem::take(&mut error.body_mut().errors);
                    let refused = refused(&catalogue, &candidates, &items);
                    if refused.len() < candidates.len() {
                        // It is about something else than the tools, as a full log.
                        error.body_mut().errors = items;
                        return Err(error);
                    }
                    failures.extend(refused);
                    return Ok(self.failed(failures, catalogue.notices));
                }
                Ok(Some(submitted)) => {
                    let items = submitted.left_out();
                    let refused = refused(&catalogue, &candidates, &items);
                    let imported = candidates.len() - refused.len();
                    failures.extend(refused);
                    return self
                        .made(submitted, imported, failures, (catalogue.notices, candidates.as_slice()))
                        .await;
                }
            }
        }
    }

    /// The tools that may be put, and those that exist and may not be overwritten.
    async fn candidates(
        &self,
        catalogue: &ImportedCatalogue,
        is_repeated: bool,
    ) -> Result<(Vec<ImportCandidate>, Vec<ImportFailure>), ApiError> {
        let snapshot = self.app.parts.tools.snapshot();
        let (mut named, mut failures) = (Vec::new(), Vec::new());
        for (place, tool) in catalogue.tools.iter().enumerate() {
            match document_for(&snapshot, &tool.tool_name, &tool.name, self.principal) {
                Ok(id) => named.push((place, id)),
                // As every edit of such a document, before anything is said of it.
                Err(NoDocument::OutOfScope(error)) => return Err(error),
                Err(NoDocument::Taken(why)) => failures.push(catalogue.failed(tool, "duplicate_tool", why)),
            }
        }
        let ids: Vec<DocumentId> = named.iter().map(|(_, id)| id.clone()).collect();
        let mut exist = Vec::with_capacity(ids.len());
        for ids in ids.chunks(CHUNK) {
            let (_, heads) = self.app.engine.store().heads(ids).await?;
            exist.extend(heads.into_iter().map(|head| head.is_some_and(|head| head.body.is_some())));
        }
        let mut candidates = Vec::new();
        for ((place, id), exists) in named.into_iter().zip(exist) {
            let Some(tool) = catalogue.tools.get(place) else { continue };
            if exists && !self.overwrite && !is_repeated {
                let error = format!("the tool {:?} exists; set overwrite to replace it", tool.tool_name);
                failures.push(catalogue.failed(tool, "exists", error));
                continue;
            }
            let precondition =
                if self.overwrite || is_repeated { Precondition::None } else { Precondition::Absent };
            let change = Change::put(id, tool.body.clone()).when(precondition);
            candidates.push(ImportCandidate { place, change });
        }
        Ok((candidates, failures))
    }

    /// The answer to an import that was made, or continues.
    async fn made(
        &self,
        submitted: Submitted,
        imported: usize,
        failures: Vec<ImportFailure>,
        (mut warnings, candidates): (Vec<String>, &[ImportCandidate]),
    ) -> Result<Response, ApiError> {
        let Submitted::Done(accepted, heard) = submitted else {
            return Ok(answer(self.app, self.params, submitted).await);
        };
        warnings.extend(self.warnings(candidates).await);
        warnings.truncate(WARNINGS_MAX);
        let is_complete = heard.as_ref().is_none_or(ReplicaReports::is_complete);
        let revision = looked_at(self.app, &accepted);
        let world = self.app.engine.world();
        // By now a newer revision may be served; what is left out of that one is not left out of this answer.
        let left_out: Vec<_> = world.quarantined().iter().copied().filter(|it| *it <= revision).collect();
        let imported = self.imported(imported, failures, warnings, (revision, &left_out));
        if !is_complete {
            // Not every replica serves it: the answer is that of every write, after what was imported.
            let mut own = members_of(&imported)?;
            own.retain(|name, _| !OF_EVERY_WRITE.contains(&name.as_str()));
            let submitted = Submitted::Done(accepted, heard);
            return Ok(answer_as(self.app, self.params, submitted, (StatusCode::OK, own)).await);
        }
        let ended = EditEnd::of(self.app, &accepted, heard);
        let mut response = Json(ImportedTools {
            outcome: ended.outcome.into(),
            acks: ended.acks.clone(),
            silent: ended.silent.clone(),
            ..imported
        })
        .into_response();
        ended.mark(&mut response);
        Ok(response)
    }

    /// What the texts of the tools should not tell a model, of those that are served now.
    async fn warnings(&self, candidates: &[ImportCandidate]) -> Vec<String> {
        let names: Vec<_> = candidates.iter().map(|it| it.change.id.name.clone()).collect();
        let tools = self.app.parts.tools.snapshot();
        let time = TimeLimit { ms_max: self.app.parts.limits.lint_ms_max, name: "lint_ms_max" };
        let lint = move |_: &Work| {
            let served = names.iter().filter_map(|name| tools.tool(name.as_str()));
            let found = served.flat_map(|tool| findings(&tools, tool));
            found.map(|item| lint_sentence(&item)).take(WARNINGS_MAX).collect::<Vec<_>>()
        };
        let found = self.app.compute.run(PoolShare::from(self.principal), time, lint).await;
        // The import was made; who wants to look again has GET /lint.
        found.unwrap_or_else(|error| vec![format!("the texts were not checked: {}", error.body().detail)])
    }

    /// The answer where nothing could be imported.
    fn failed(&self, failures: Vec<ImportFailure>, notices: Vec<String>) -> Response {
        let world = self.app.engine.world();
        Json(self.imported(0, failures, notices, (world.revision(), world.quarantined()))).into_response()
    }

    /// What was imported, as of a revision and what is left out of it.
    fn imported(
        &self,
        imported_count: usize,
        errors: Vec<ImportFailure>,
        warnings: Vec<String>,
        (revision, left_out): (RevisionNumber, &[RevisionNumber]),
    ) -> ImportedTools {
        ImportedTools {
            success: errors.is_empty(),
            imported_count,
            failed_count: errors.len(),
            errors,
            warnings,
            outcome: "failed".into(),
            dry_run: self.params.is_dry_run(),
            revision: revision.get(),
            quarantined: quarantined_revisions(left_out),
            acks: None,
            silent: Vec::new(),
        }
    }
}

/// The tools that the log or the catalogue refused, each once with all that is wrong with it.
fn refused(
    catalogue: &ImportedCatalogue,
    candidates: &[ImportCandidate],
    items: &[ProblemItem],
) -> Vec<ImportFailure> {
    let mut messages: HashMap<&str, (Vec<String>, bool)> = HashMap::new();
    for item in items {
        let Some(document) = &item.document else { continue };
        let (of_document, is_duplicate) = messages.entry(document.as_str()).or_default();
        let place = if item.path.is_empty() { "the root" } else { item.path.as_str() };
        of_document.push(format!("at {place}: {}", item.message));
        *is_duplicate |= item.code.as_deref() == Some(midflight_tools::DUPLICATE_TOOL);
    }
    let failed = candidates.iter().filter_map(|candidate| {
        let (of_document, is_duplicate) = messages.get(candidate.change.id.to_string().as_str())?;
        let reason = if *is_duplicate { "duplicate_tool" } else { "invalid_tool" };
        let tool = catalogue.tools.get(candidate.place)?;
        Some(catalogue.failed(tool, reason, of_document.join("; ")))
    });
    failed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_reports_the_line_of_its_document() {
        let text = "tool_name: a\ncapabilities: {c: {patterns: {p: {time_estimate_ms: 1, cost_estimate: 1}}}}\n\
                    description: d\n---\nname: b\n---\n- tool_name: <NAME>\n";
        let catalogue = ImportedCatalogue::read(text, &Work::unbounded()).ok().unwrap();
        let failures: Vec<_> =
            catalogue.failures.iter().map(|it| (it.place.as_str(), it.line, it.reason.as_str())).collect();
        assert_eq!(failures, [("/1", Some(5), "unknown_shape"), ("/2/0", Some(7), "template")]);
        assert_eq!(catalogue.tools.len(), 1);
    }

    #[test]
    fn a_text_that_is_no_catalogue_is_refused_as_a_whole() {
        for text in ["", "just words", "a: [1", "- *x", "42"] {
            let read = ImportedCatalogue::read(text, &Work::unbounded());
            let Err(ReadStop::Refused(error)) = read else { panic!("{text}") };
            assert_eq!(error.code(), "malformed_body", "{text}");
        }
    }
}
