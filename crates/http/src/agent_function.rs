//! Functions of kinds that agents may call by name.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::to_bytes;
use axum::response::Response;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::code::Code;
use crate::principal::Principal;
use crate::problem::ApiError;

type FunctionFuture = Pin<Box<dyn Future<Output = Result<Value, ApiError>> + Send>>;

/// A function that agents may call by its name, as programs call a route. It changes nothing.
#[derive(Clone)]
pub struct AgentFunction {
    /// Its name, `^[A-Za-z0-9_-]{1,64}$`; no other function has it.
    pub name: &'static str,
    /// What it does, for a model.
    pub description: &'static str,
    /// The JSON Schema of its arguments, an object.
    pub input_schema: Value,
    run: Arc<dyn Fn(Principal, Value) -> FunctionFuture + Send + Sync>,
}

impl AgentFunction {
    /// A function that runs `run` with its arguments.
    pub fn new<T, F, A>(name: &'static str, description: &'static str, input_schema: Value, run: F) -> Self
    where
        T: DeserializeOwned,
        F: Fn(Principal, T) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Value, ApiError>> + Send + 'static,
    {
        let run = move |principal, arguments| -> FunctionFuture {
            match serde_json::from_value(arguments) {
                Ok(arguments) => Box::pin(run(principal, arguments)),
                Err(error) => {
                    let error = ApiError::new(Code::INVALID_BODY, format!("invalid arguments: {error}"));
                    Box::pin(std::future::ready(Err(error)))
                }
            }
        };
        Self { name, description, input_schema, run: Arc::new(run) }
    }

    /// Calls it for a caller.
    ///
    /// # Errors
    /// As its route does.
    pub async fn call(&self, principal: Principal, arguments: Map<String, Value>) -> Result<Value, ApiError> {
        (self.run)(principal, Value::Object(arguments)).await
    }
}

/// The JSON of an answer, of at most so many bytes.
///
/// # Errors
/// When it is longer, or no JSON.
pub async fn json_of(response: Response, bytes_max: usize) -> Result<Value, ApiError> {
    let bytes =
        to_bytes(response.into_body(), bytes_max).await.map_err(|error| ApiError::internal(&error))?;
    serde_json::from_slice(&bytes).map_err(|error| ApiError::internal(&error))
}

impl std::fmt::Debug for AgentFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgentFunction").field("name", &self.name).finish_non_exhaustive()
    }
}
