//! Export and import: all documents as a YAML stream, and such a stream as one revision.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::unfold;
use midflight_core::{Change, DocumentId, KindName, RevisionNumber};
use midflight_engine::SCHEDULES;
use midflight_source::{FileProblem, duplicates, locate_all, parse_documents, write_documents};
use midflight_store::{DocumentQuery, StoredDocument};
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use super::lenient::{APPLIED, all_that_is_wrong, is_lenient, submit_what_holds};
use crate::app::App;
use crate::auth::{Author, Caller};
use crate::body::{media_type, receive};
use crate::byte_budget::HeldBytes;
use crate::params::{self, Params};
use crate::problem::{ApiError, Code, ProblemBody, ProblemItem};
use crate::wire::WriteAnswer;
use crate::write::{WriteParams, answer_without, submit};

/// How many documents are read from the store at once.
const PAGE: u32 = 500;
/// How many bytes of bodies are read from the store at once.
const PAGE_BYTES_MAX: u64 = 512 << 10;
/// What one export occupies: the bodies of a page, and the same as YAML on its way out.
const EXPORT_BYTES: usize = 2 << 20;
/// The header that says which revision an export is of.
const REVISION: &str = "x-midflight-revision";

/// What to export.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ExportParams {
    /// Only documents of this kind; all but schedules without.
    kind: Option<String>,
}

/// All documents as of one revision, as a YAML stream that import reads back. The header `x-midflight-revision` says
/// which revision.
#[utoipa::path(get, path = "/api/v1/export", tag = "log", params(ExportParams),
    responses((status = 200, body = String, content_type = "application/yaml"),
        (status = "default", body = ProblemBody)))]
pub(super) async fn export(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Params(params): Params<ExportParams>,
) -> Result<Response, ApiError> {
    let kind = params::kind(params.kind.as_deref())?;
    let at = app.engine.store().head().await?.number;
    let headers =
        [(header::CONTENT_TYPE, "application/yaml".to_owned()), (REVISION.parse()?, at.to_string())];
    let _room = app.answers.take(&caller, EXPORT_BYTES).await?;
    let is_over = at == RevisionNumber::ZERO;
    let exporter = Exporter { app, kind, at, after: None, has_written: false, is_over, _room };
    let chunks = unfold(exporter, |mut exporter| async move {
        let chunk = exporter.next().await?;
        Some((chunk, exporter))
    });
    Ok((headers, Body::from_stream(chunks)).into_response())
}

impl From<header::InvalidHeaderName> for ApiError {
    fn from(error: header::InvalidHeaderName) -> Self {
        Self::internal(&error)
    }
}

struct Exporter {
    app: App,
    kind: Option<KindName>,
    at: RevisionNumber,
    after: Option<DocumentId>,
    has_written: bool,
    is_over: bool,
    /// What a page and its text occupy while the export goes on.
    _room: HeldBytes,
}

impl Exporter {
    /// The text of the next page. An error cuts the connection, so nobody takes half an export for a whole one.
    async fn next(&mut self) -> Option<Result<Bytes, String>> {
        if self.is_over {
            return None;
        }
        let page = self.page().await;
        self.is_over |= page.is_err();
        Some(page)
    }

    async fn page(&mut self) -> Result<Bytes, String> {
        let query = DocumentQuery {
            kind: self.kind.clone(),
            after: self.after.take(),
            at: Some(self.at),
            limit: PAGE,
            bytes_max: Some(PAGE_BYTES_MAX),
            ..DocumentQuery::default()
        };
        let mut page = self.app.engine.store().documents(query).await.map_err(|error| error.to_string())?;
        if self.kind.is_none() {
            // What waits for its time in one place is not to be done in another, nor once more from a copy.
            page.items.retain(|document| document.id.kind.as_str() != SCHEDULES);
        }
        let turn = self.app.exports.acquire().await.map_err(|error| error.to_string())?;
        let written = tokio::task::spawn_blocking(move || yaml(&page.items)).await;
        drop(turn);
        let mut text = written.map_err(|error| error.to_string())??;
        if self.has_written && !text.is_empty() {
            text.insert_str(0, "---\n");
        }
        self.has_written |= !text.is_empty();
        self.after = page.next;
        self.is_over = self.after.is_none();
        Ok(text.into())
    }
}

/// The documents as YAML, each parsed by itself.
fn yaml(documents: &[StoredDocument]) -> Result<String, String> {
    let mut text = String::new();
    for document in documents {
        let parsed = document.parse().map_err(|error| error.to_string())?;
        let body = parsed.body.as_deref().map(|body| (&parsed.id, body));
        let one = write_documents(body).map_err(|error| error.to_string())?;
        if !text.is_empty() && !one.is_empty() {
            text.push_str("---\n");
        }
        text.push_str(&one);
    }
    Ok(text)
}

/// Puts every document of a YAML stream (or of JSON) as one revision, or none of them with all that is wrong. With
/// `Prefer: handling=lenient`, those that hold are put, and the answer says what is wrong with the others.
#[utoipa::path(post, path = "/api/v1/import", tag = "log",
    params(WriteParams,
        ("Prefer" = Option<String>, Header, description = "`handling=lenient`: leave out what does not hold")),
    request_body(content = String, content_type = "application/yaml",
        description = "Documents `{kind, name, body}`, separated by `---`; or the same as JSON"),
    security(("token" = [])),
    responses((status = 200, body = WriteAnswer), (status = 201, body = WriteAnswer),
        (status = 202, body = WriteAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn import(
    author: Author,
    State(app): State<App>,
    Params(params): Params<WriteParams>,
    request: Request,
) -> Result<Response, ApiError> {
    let file = file_name(&request)?;
    let lenient = is_lenient(request.headers());
    let limits = app.limits;
    let bytes = receive(request, limits.import_bytes_max, "import_bytes_max", limits.receive_ms_max).await?;
    let parsed = tokio::task::spawn_blocking(move || read(&bytes, file)).await;
    let (text, changes) = parsed.map_err(|error| ApiError::internal(&error))??;
    let params = params.or_reason("import".to_owned());
    let edit = params.edit(author, changes);
    let submitted = match lenient {
        true => submit_what_holds(&app, &params, edit).await,
        false => match submit(&app, &params, edit.clone()).await {
            Ok(submitted) => Ok((submitted, Vec::new())),
            Err(error) => Err(all_that_is_wrong(&app, &params, edit, error).await),
        },
    };
    // Finding the places reads the text once more.
    let placed = move |mut items: Vec<ProblemItem>| {
        place(&mut items, &text, file);
        items
    };
    match submitted {
        Ok((submitted, skipped)) => {
            let skipped = tokio::task::spawn_blocking(move || placed(skipped)).await;
            let skipped = skipped.map_err(|error| ApiError::internal(&error))?;
            let response = answer_without(&app, &params, submitted, skipped).await;
            Ok(if lenient { ([APPLIED], response).into_response() } else { response })
        }
        Err(mut error) => {
            let items = std::mem::take(&mut error.body_mut().errors);
            let items = tokio::task::spawn_blocking(move || placed(items)).await;
            error.body_mut().errors = items.map_err(|error| ApiError::internal(&error))?;
            Err(error)
        }
    }
}

/// The name to read the body under, whose ending says what it is.
fn file_name(request: &Request) -> Result<&'static str, ApiError> {
    match media_type(request).map(str::to_ascii_lowercase).as_deref() {
        None | Some("application/yaml" | "application/x-yaml" | "text/yaml" | "text/x-yaml") => {
            Ok("import.yaml")
        }
        Some("application/json") => Ok("import.json"),
        Some(kind) => {
            let kind: String = kind.chars().take(80).collect();
            let detail =
                format!("the body is {kind}; send `Content-Type: application/yaml` or `application/json`");
            Err(ApiError::new(Code::UnsupportedMediaType, detail))
        }
    }
}

fn read(bytes: &Bytes, file: &'static str) -> Result<(String, Vec<Change>), ApiError> {
    let wrong = |problems: &[FileProblem]| {
        let mut error =
            ApiError::new(Code::MalformedBody, "the documents cannot be read; nothing was changed");
        error.body_mut().errors = problems.iter().map(item).collect();
        error
    };
    let text = std::str::from_utf8(bytes)
        .map_err(|error| ApiError::new(Code::MalformedBody, format!("the body is not UTF-8: {error}")))?;
    let documents = parse_documents(text, file).map_err(|problems| wrong(&problems))?;
    let twice = duplicates(&documents);
    if !twice.is_empty() {
        return Err(wrong(&twice));
    }
    let change =
        |document: midflight_source::FileDocument| Change::put(document.id, Value::clone(&document.body));
    Ok((text.to_owned(), documents.into_iter().map(change).collect()))
}

fn item(problem: &FileProblem) -> ProblemItem {
    ProblemItem {
        path: problem.path.as_str().to_owned(),
        message: problem.message.clone(),
        code: None,
        document: problem.document.as_ref().map(ToString::to_string),
        line: problem.line,
        column: problem.column,
    }
}

/// Puts in at which line and column the places of problems are.
fn place(items: &mut [ProblemItem], text: &str, file: &str) {
    let pointer = |item: &ProblemItem| {
        item.path.split('/').skip(1).fold(midflight_core::Pointer::root(), |place, key| {
            place.key(&key.replace("~1", "/").replace("~0", "~"))
        })
    };
    let wanted = items.iter_mut().filter_map(|item| {
        let id = item.document.as_ref()?.parse::<DocumentId>().ok()?;
        Some(((id, pointer(item)), item))
    });
    let (wanted, items): (Vec<_>, Vec<_>) = wanted.unzip();
    for (item, found) in items.into_iter().zip(locate_all(text, file, &wanted)) {
        (item.line, item.column) = found.unzip();
    }
}
