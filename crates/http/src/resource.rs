//! The addresses of one sort of document: a kind maps an address to a document, and the rest is as for all documents.

use std::sync::Arc;

use axum::extract::{FromRef, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::MethodRouter;
use midflight_core::DocumentId;
use midflight_wire::documents::DocumentAnswer;
use midflight_wire::edits::WriteAnswer;
use midflight_wire::problem::ProblemBody;
use serde_json::Value;
use utoipa::openapi::path::{HttpMethod, Operation, ParameterBuilder, ParameterIn, Paths};
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::{Content, RefOr, Required, Schema};
use utoipa::{PartialSchema, Path as Described, ToSchema};

use crate::app::AppState;
use crate::body::JsonBody;
use crate::code::Code;
use crate::document_schemas::{answer_of, refer};
use crate::log::documents::{
    __path_delete_document as DeleteDocument, __path_get_document as GetDocument,
    __path_put_document as PutDocument, ReadParams, delete, put, read,
};
use crate::merge::{Absent, merge};
use crate::params::{InPath, Params, precondition};
use crate::principal::Permission::{Edit, Read};
use crate::principal::{Permission, Principal};
use crate::problem::ApiError;
use crate::reach::Reach;
use crate::routes::Routes;
use crate::write::WriteParams;

/// One sort of document with addresses of its own.
#[derive(Debug, Clone)]
pub struct Resource {
    /// The path, as `/api/v1/rulesets/{ruleset}/rules/{rule_id}`.
    pub path: &'static str,
    /// Variables of the path in order, each with its description.
    pub variables: &'static [(&'static str, &'static str)],
    /// Returns the document for the values of the variables, or the error for invalid values.
    pub id: fn(&[&str]) -> Result<DocumentId, ApiError>,
    /// The kind of the documents, as `rules`.
    pub kind: &'static str,
    /// The tag of the operations in the OpenAPI document.
    pub tag: &'static str,
    /// Base of the operation ids: `rule` makes `get_rule`, `put_rule`. It is also the title of the documents' schema.
    pub noun: &'static str,
    /// Summary of the GET operation; none to leave it out. So for the other operations.
    pub get: Option<&'static str>,
    /// Summary of the PUT operation.
    pub put: Option<&'static str>,
    /// Summary of the PATCH operation, a JSON Merge Patch (RFC 7396).
    pub patch: Option<&'static str>,
    /// Summary of the DELETE operation.
    pub delete: Option<&'static str>,
    /// Whether a put may be refused with 409 by a code of the kind.
    pub conflicts: bool,
}

/// The values of a path's variables, in order.
type Values = InPath<Vec<(String, String)>>;

impl Resource {
    /// The routes: the same answers, preconditions and permissions as for `/api/v1/documents/{kind}/{name}`.
    #[must_use]
    pub fn routes<S>(self) -> Routes<S>
    where
        S: Clone + Send + Sync + 'static,
        AppState: FromRef<S>,
    {
        let it = Arc::new(self);
        let mut routes = Routes::new();
        if let Some(summary) = it.get {
            let (get, mut operation) = (Arc::clone(&it), GetDocument::operation());
            let answer = answer_of(&DocumentAnswer::name(), it.kind, it.noun);
            if let Some(RefOr::T(response)) = operation.responses.responses.get_mut("200") {
                describe_content(response.content.values_mut(), &answer);
            }
            let handler = move |State(app): State<AppState>,
                                principal: Principal,
                                InPath(values): Values,
                                Params(params): Params<ReadParams>,
                                headers: HeaderMap| {
                let it = Arc::clone(&get);
                async move { read((&app, &principal), &it.document(&values)?, params, &headers).await }
            };
            let router = MethodRouter::new().get(handler);
            routes = it.add(routes, Read, HttpMethod::Get, summary, operation, router);
        }
        if let Some(summary) = it.put {
            let mut operation = PutDocument::operation();
            describe_body(&mut operation, &refer(it.kind, it.noun));
            if it.conflicts {
                let responses = &mut operation.responses.responses;
                let problem = responses.get("default").cloned();
                responses.extend(problem.map(|problem| ("409".to_owned(), problem)));
            }
            let put_to = Arc::clone(&it);
            let handler = move |State(app): State<AppState>,
                                principal: Principal,
                                InPath(values): Values,
                                params: WriteParams,
                                headers: HeaderMap,
                                JsonBody(body): JsonBody<Value>| {
                let it = Arc::clone(&put_to);
                async move { put(&app, &principal, it.document(&values)?, &params, &headers, body).await }
            };
            let router = MethodRouter::new().put(handler);
            routes = it.add(routes, Edit, HttpMethod::Put, summary, operation, router);
        }
        if let Some(summary) = it.patch {
            let mut operation = PutDocument::operation();
            let members = "The members to change, as a JSON Merge Patch (RFC 7396): null removes one.";
            describe_body(&mut operation, &ObjectBuilder::new().description(Some(members)).build().into());
            // A patch changes what is there: it has no `If-None-Match`, which is the last.
            operation.parameters.iter_mut().for_each(|all| drop(all.pop()));
            let patched = Arc::clone(&it);
            let handler = move |State(app): State<AppState>,
                                principal: Principal,
                                InPath(values): Values,
                                params: WriteParams,
                                headers: HeaderMap,
                                JsonBody(body): JsonBody<Value>| {
                let it = Arc::clone(&patched);
                async move { it.patch((&app, &principal), &values, &params, &headers, &body).await }
            };
            let router = MethodRouter::new().patch(handler);
            routes = it.add(routes, Edit, HttpMethod::Patch, summary, operation, router);
        }
        if let Some(summary) = it.delete {
            let (deleted, operation) = (Arc::clone(&it), DeleteDocument::operation());
            let handler = move |State(app): State<AppState>,
                                principal: Principal,
                                InPath(values): Values,
                                params: WriteParams,
                                headers: HeaderMap| {
                let it = Arc::clone(&deleted);
                async move { delete(&app, &principal, it.document(&values)?, &params, &headers).await }
            };
            let router = MethodRouter::new().delete(handler);
            routes = it.add(routes, Edit, HttpMethod::Delete, summary, operation, router);
        }
        routes
    }

    /// The document that an address means.
    fn document(&self, values: &[(String, String)]) -> Result<DocumentId, ApiError> {
        (self.id)(&values.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>())
    }

    async fn patch(
        &self,
        (app, principal): (&AppState, &Principal),
        values: &[(String, String)],
        params: &WriteParams,
        headers: &HeaderMap,
        patch: &Value,
    ) -> Result<Response, ApiError> {
        if !patch.is_object() {
            let detail = format!("invalid merge patch of a {}: expected an object (RFC 7396)", self.noun);
            return Err(ApiError::new(Code::INVALID_BODY, detail));
        }
        let asked = precondition(headers)?;
        merge(app, principal, &self.document(values)?, params, patch, asked, Absent::Made).await
    }

    /// Adds one operation, described as the one for all documents but for the path.
    fn add<S: Clone + Send + Sync + 'static>(
        &self,
        routes: Routes<S>,
        permission: Permission,
        method: HttpMethod,
        summary: &str,
        mut operation: Operation,
        router: MethodRouter<S>,
    ) -> Routes<S> {
        let word = match method {
            HttpMethod::Get => "get",
            HttpMethod::Put => "put",
            HttpMethod::Patch => "patch",
            _ => "delete",
        };
        let own = self.variables.iter().map(|(name, what)| {
            ParameterBuilder::new()
                .name(*name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .description(Some(*what))
                .schema(Some(String::schema()))
                .build()
                .into()
        });
        // The first two are the kind and the name.
        if let Some(parameters) = &mut operation.parameters {
            parameters.splice(0..2.min(parameters.len()), own);
        }
        operation.summary = Some(summary.to_owned());
        operation.description = None;
        operation.operation_id = Some(format!("{word}_{}", self.noun));
        operation.tags = Some(vec![self.tag.to_owned()]);
        let mut paths = Paths::new();
        paths.add_path_operation(self.path, vec![method], operation);
        // Each handler compares its document with the scopes of the caller.
        routes.of(permission, Reach::Each, (schemas(), paths, router))
    }
}

/// Says what the body of a request is.
fn describe_body(operation: &mut Operation, schema: &RefOr<Schema>) {
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        describe_content(body.content.values_mut(), schema);
    }
}

fn describe_content<'c>(contents: impl Iterator<Item = &'c mut RefOr<Content>>, schema: &RefOr<Schema>) {
    for content in contents {
        if let RefOr::T(content) = content {
            content.schema = Some(schema.clone());
        }
    }
}

/// The schemas that the operations refer to.
fn schemas() -> Vec<(String, RefOr<Schema>)> {
    fn add<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
    let mut schemas = Vec::new();
    add::<DocumentAnswer>(&mut schemas);
    add::<WriteAnswer>(&mut schemas);
    add::<ProblemBody>(&mut schemas);
    schemas
}
