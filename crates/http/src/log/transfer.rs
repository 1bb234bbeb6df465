//! Export and import: all documents as a YAML stream, and such a stream as one revision.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::unfold;
use midflight_core::{Change, DocumentId, JsonPointer, KindName, RevisionNumber};
use midflight_engine::{InvalidPolicy, SCHEDULES};
use midflight_source::{FileProblem, duplicates, locate_all, parse_documents, write_documents};
use midflight_store::{DocumentQuery, KeptDocument, LastGoodView, StoredDocument};
use midflight_wire::edits::WriteAnswer;
use midflight_wire::problem::{ProblemBody, ProblemItem};
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use super::lenient::{APPLIED, preference};
use super::{from_copy, known_kind};
use crate::app::AppState;
use crate::body::{BodyBytes, fits_parsed, media_type, receive};
use crate::byte_budget::HeldBytes;
use crate::code::Code;
use crate::diff_maker::pretty_bytes;
use crate::params::{Params, REVISION};
use crate::parsed_size;
use crate::principal::Principal;
use crate::problem::ApiError;
use crate::write::{WriteParams, answer_without, submit_with};

/// How many documents are read from the store at once.
const PAGE: u32 = 500;
/// How many bytes of bodies are read from the store at once.
const PAGE_BYTES_MAX: u64 = 512 << 10;
/// What one export occupies: the bodies of a page, and a part of the same as YAML on its way out.
const EXPORT_BYTES: usize = 2 << 20;
/// After how many bytes of YAML a part is sent. A document that may be longer by itself occupies what it needs.
const PART_BYTES_MAX: usize = 512 << 10;

/// What to export.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ExportParams {
    /// Only documents of this kind; all but schedules without.
    kind: Option<String>,
}

/// All documents as of one revision, as a YAML stream that import reads back. The header `x-midflight-revision` has the
/// revision. With a token that has scopes it is of the documents in them. While the log is unavailable they are from
/// the local copy instead, without the revisions that are quarantined, and `x-midflight-from-copy` has its revision.
#[utoipa::path(get, path = "/api/v1/export", tag = "log", params(ExportParams),
    responses((status = 200, body = String, content_type = "application/yaml"),
        (status = "default", body = ProblemBody)))]
pub(super) async fn export(
    State(app): State<AppState>,
    principal: Principal,
    Params(params): Params<ExportParams>,
) -> Result<Response, ApiError> {
    let kind = known_kind::filter(&app, params.kind.as_deref()).await?;
    let _room = app.answers.take(&principal, EXPORT_BYTES).await?;
    let (at, copy) = match app.engine.store().head().await {
        Ok(head) => (head.number, None),
        Err(error) => {
            let copy = from_copy::instead(&app, error).await?;
            (copy.at().served(), Some(copy))
        }
    };
    let headers = [(header::CONTENT_TYPE, "application/yaml")];
    let is_over = at == RevisionNumber::ZERO;
    let documents = VecDeque::new();
    let marked = copy.clone();
    let exporter = Exporter {
        app,
        principal,
        kind,
        at,
        copy,
        after: None,
        documents,
        has_written: false,
        is_over,
        _room,
    };
    let chunks = unfold(exporter, |mut exporter| async move {
        let chunk = exporter.next().await?;
        Some((chunk, exporter))
    });
    // What compresses answers asks again after the end.
    let chunks = chunks.fuse();
    let mut response = (headers, Body::from_stream(chunks)).into_response();
    // What the copy leaves out since it is invalid is in the log at that revision, so the copy does not claim to be
    // that revision.
    Ok(match marked {
        Some(copy) => from_copy::mark(&copy, response),
        None => {
            response.headers_mut().insert(REVISION, HeaderValue::from(at.get()));
            response
        }
    })
}

struct Exporter {
    app: AppState,
    principal: Principal,
    kind: Option<KindName>,
    at: RevisionNumber,
    /// What it reads instead of the log.
    copy: Option<Arc<LastGoodView>>,
    after: Option<DocumentId>,
    /// What was read and is not written yet.
    documents: VecDeque<KeptDocument>,
    has_written: bool,
    is_over: bool,
    /// What a page and its text occupy during the export.
    _room: HeldBytes,
}

impl Exporter {
    /// The next part of the text. An error cuts the connection, so that half an export is not taken for a complete one.
    async fn next(&mut self) -> Option<Result<Bytes, String>> {
        if self.is_over {
            return None;
        }
        let part = self.part().await;
        self.is_over |= part.is_err();
        Some(part)
    }

    async fn part(&mut self) -> Result<Bytes, String> {
        if self.documents.is_empty() {
            self.read().await?;
        }
        let mut room = HeldBytes::default();
        let mut long_bytes_max = PART_BYTES_MAX;
        let mut text = loop {
            let mut documents = std::mem::take(&mut self.documents);
            let turn = self.app.exports.acquire().await.map_err(|error| error.to_string())?;
            let write = move || (yaml(&mut documents, long_bytes_max), documents);
            let written = tokio::task::spawn_blocking(write).await;
            drop(turn);
            let (written, documents) = written.map_err(|error| error.to_string())?;
            self.documents = documents;
            match written? {
                WrittenPart::Part(text) => break text,
                WrittenPart::TooLong(bytes) => {
                    let taken = self.app.answers.take(&self.principal, bytes).await;
                    room = taken.map_err(|error| error.body().detail.clone())?;
                    long_bytes_max = bytes;
                }
            }
        };
        if self.has_written && !text.is_empty() {
            text.insert_str(0, "---\n");
        }
        self.has_written |= !text.is_empty();
        self.is_over = self.after.is_none() && self.documents.is_empty();
        room.shrink_to(text.len());
        Ok(room.guard(text.into()))
    }

    /// Reads the next page.
    async fn read(&mut self) -> Result<(), String> {
        let query = DocumentQuery {
            kind: self.kind.clone(),
            after: self.after.take(),
            at: Some(self.at),
            limit: PAGE,
            bytes_max: Some(PAGE_BYTES_MAX),
            ..DocumentQuery::default()
        };
        let mut documents: VecDeque<_>;
        (documents, self.after) = match &self.copy {
            Some(copy) => {
                let page = from_copy::page(Arc::clone(copy), query).await;
                let page = page.map_err(|error| error.body().detail.clone())?;
                (page.items.into(), page.next)
            }
            None => {
                let page = self.app.engine.store().documents(query).await;
                let page = page.map_err(|error| error.to_string())?;
                (page.items.into_iter().filter_map(kept).collect(), page.next)
            }
        };
        if self.kind.is_none() {
            // A schedule of one place must not be run in another, nor again from a copy.
            documents.retain(|document| document.id.kind.as_str() != SCHEDULES);
        }
        documents.retain(|document| self.principal.sees(&document.id));
        self.documents = documents;
        Ok(())
    }
}

/// What an export has of a document; none of one that is deleted.
fn kept(document: StoredDocument) -> Option<KeptDocument> {
    Some(KeptDocument { id: document.id, body: document.body? })
}

/// The result of writing.
#[derive(Debug, PartialEq)]
enum WrittenPart {
    /// The next part of the text.
    Part(String),
    /// The next document may need so many bytes, and nothing was written.
    TooLong(usize),
}

/// The first of the documents as YAML, each parsed by itself, until they have `PART_BYTES_MAX`. One that may have more
/// than `long_bytes_max` by itself is left: each line of it is indented by its depth, so it may be many times its body.
fn yaml(documents: &mut VecDeque<KeptDocument>, long_bytes_max: usize) -> Result<WrittenPart, String> {
    let mut text = String::new();
    while let Some(document) = documents.front().filter(|_| text.len() < PART_BYTES_MAX) {
        let KeptDocument { id, body } = document;
        let body: Value = serde_json::from_str(body).map_err(|error| format!("{id} is not JSON: {error}"))?;
        let bytes = pretty_bytes(&body, usize::MAX);
        match text.is_empty() {
            true if bytes > long_bytes_max => return Ok(WrittenPart::TooLong(bytes)),
            false if bytes > PART_BYTES_MAX => break,
            _ => {}
        }
        if !text.is_empty() {
            text.push_str("---\n");
        }
        text.push_str(&write_documents([(id, &body)]).map_err(|error| error.to_string())?);
        documents.pop_front();
    }
    Ok(WrittenPart::Part(text))
}

/// Puts every document of a YAML stream (or of JSON) as one revision, or none of them with all that is wrong. With
/// `Prefer: handling=lenient`, the valid ones are put, and the answer reports the problems of the others.
#[utoipa::path(post, path = "/api/v1/import", tag = "log",
    params(WriteParams,
        ("Prefer" = Option<String>, Header, description = "`handling=lenient`: import without the invalid documents")),
    request_body(content = String, content_type = "application/yaml",
        description = "Documents `{kind, name, body}`, separated by `---`; or the same as JSON"),
    responses((status = 200, body = WriteAnswer), (status = 201, body = WriteAnswer),
        (status = 202, body = WriteAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn import(
    principal: Principal,
    State(app): State<AppState>,
    params: WriteParams,
    request: Request,
) -> Result<Response, ApiError> {
    let file = file_name(&request)?;
    let invalid = preference(request.headers());
    let limits = app.limits;
    let occupied = request.extensions().get::<BodyBytes>().cloned();
    if let Some(occupied) = &occupied {
        occupied.count_as_import();
    }
    let bytes = receive(request, limits.import_bytes_max, "import_bytes_max", limits.receive_ms_max).await?;
    let weighed = bytes.clone();
    let parsed = tokio::task::spawn_blocking(move || parsed_bytes(&weighed, file)).await;
    let parsed = parsed.map_err(|error| ApiError::internal(&error))?;
    fits_parsed(parsed, limits.import_parsed_bytes_max, "import_parsed_bytes_max")?;
    if let Some(occupied) = &occupied {
        occupied.grow(bytes.len() + parsed).await?;
    }
    let parsed = tokio::task::spawn_blocking(move || read(&bytes, file)).await;
    let (text, changes) = parsed.map_err(|error| ApiError::internal(&error))??;
    let params = params.or_reason("import".to_owned());
    let edit = params.edit(&principal, changes);
    let submitted = submit_with(&app, &params, edit, invalid).await;
    // Finding the places reads the text again.
    let placed = move |mut items: Vec<ProblemItem>| {
        place(&mut items, &text, file);
        items
    };
    match submitted {
        Ok(submitted) => {
            let skipped = submitted.left_out();
            let skipped = tokio::task::spawn_blocking(move || placed(skipped)).await;
            let skipped = skipped.map_err(|error| ApiError::internal(&error))?;
            let response = answer_without(&app, &params, submitted, skipped).await;
            Ok(if invalid == InvalidPolicy::LeaveOut {
                ([APPLIED], response).into_response()
            } else {
                response
            })
        }
        Err(mut error) => {
            let items = std::mem::take(&mut error.body_mut().errors);
            let items = tokio::task::spawn_blocking(move || placed(items)).await;
            error.body_mut().errors = items.map_err(|error| ApiError::internal(&error))?;
            Err(error)
        }
    }
}

/// The name to read the body under, whose extension is the format.
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
            Err(ApiError::new(Code::UNSUPPORTED_MEDIA_TYPE, detail))
        }
    }
}

/// About what the documents of an import need once they are parsed, in bytes.
fn parsed_bytes(bytes: &[u8], file: &str) -> usize {
    match file.ends_with(".json") {
        true => parsed_size::of_json(bytes),
        // What is no UTF-8 is refused when it is read.
        false => std::str::from_utf8(bytes).map_or(0, parsed_size::of_yaml),
    }
}

fn read(bytes: &Bytes, file: &'static str) -> Result<(String, Vec<Change>), ApiError> {
    let wrong = |problems: &[FileProblem]| {
        let mut error =
            ApiError::new(Code::MALFORMED_BODY, "the documents cannot be read; nothing was changed");
        error.body_mut().errors = problems.iter().map(item).collect();
        error
    };
    let text = std::str::from_utf8(bytes)
        .map_err(|error| ApiError::new(Code::MALFORMED_BODY, format!("the body is not UTF-8: {error}")))?;
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
    let wanted = items.iter_mut().filter_map(|item| {
        let id = item.document.as_ref()?.parse::<DocumentId>().ok()?;
        Some(((id, JsonPointer::parse(&item.path)), item))
    });
    let (wanted, items): (Vec<_>, Vec<_>) = wanted.unzip();
    for (item, found) in items.into_iter().zip(locate_all(text, file, &wanted)) {
        (item.line, item.column) = found.unzip();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kept(name: &str, body: &Value) -> KeptDocument {
        KeptDocument { id: DocumentId::new("rules", name).unwrap(), body: body.to_string().into() }
    }

    #[test]
    fn a_long_document_is_a_part_by_itself_and_is_written_only_with_room() {
        let long = (0..40).fold(Value::from(vec![0; 20_000]), |value, _| json!([value]));
        let long = json!({ "deep": long, "text": "line\n".repeat(1000) });
        let short = json!({"a": 1});
        let mut documents: VecDeque<_> =
            [kept("a", &short), kept("b", &long), kept("c", &short)].into_iter().collect();
        let first = yaml(&mut documents, PART_BYTES_MAX).unwrap();
        assert_eq!(first, WrittenPart::Part("kind: rules\nname: a\nbody:\n  a: 1\n".to_owned()));
        let WrittenPart::TooLong(bytes) = yaml(&mut documents, PART_BYTES_MAX).unwrap() else {
            panic!("it is long");
        };
        assert_eq!(documents.len(), 2);
        let WrittenPart::Part(text) = yaml(&mut documents, bytes).unwrap() else { panic!("there is room") };
        assert!(text.len() > PART_BYTES_MAX && text.len() <= bytes, "{} of {bytes}", text.len());
        assert_eq!(documents.len(), 1);
        let WrittenPart::Part(text) = yaml(&mut documents, PART_BYTES_MAX).unwrap() else {
            panic!("it is short")
        };
        assert!(text.starts_with("kind: rules\nname: c\n") && documents.is_empty());
    }
}
