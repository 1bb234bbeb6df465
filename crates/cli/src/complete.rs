//! Completion of names that only a server knows: kinds and documents. It is quiet: where the server does not answer in
//! time there are no names.

use std::ffi::OsStr;
use std::time::Duration;

use clap_complete::engine::CompletionCandidate;
use midflight_client::{Client, RetryPolicy};
use midflight_core::KindName;
use tokio::time::timeout;

use super::connection::Global;
use super::fail::Failure;

/// How long a person at a shell waits for names.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// How many names are offered.
const NAMES_MAX: usize = 500;

/// Kinds, and the documents of the kind that was typed.
pub(super) fn kinds_and_documents(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(current) = current.to_str() else { return Vec::new() };
    candidates(async |client| match current.split_once('/') {
        None => kinds(&client, current).await,
        Some((kind, name)) => documents(&client, kind, name).await,
    })
}

/// Documents; the kinds with a slash after them until one was typed.
pub(super) fn document_ids(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(current) = current.to_str() else { return Vec::new() };
    candidates(async |client| match current.split_once('/') {
        None => {
            let kinds = kinds(&client, current).await?;
            Ok(kinds.into_iter().map(|kind| kind + "/").collect())
        }
        Some((kind, name)) => documents(&client, kind, name).await,
    })
}

/// Kinds.
pub(super) fn kind_names(current: &OsStr) -> Vec<CompletionCandidate> {
    let Some(current) = current.to_str() else { return Vec::new() };
    candidates(async |client| kinds(&client, current).await)
}

async fn kinds(client: &Client, prefix: &str) -> Result<Vec<String>, Failure> {
    let kinds = client.status().await?.into_value().kinds.into_iter().map(|kind| kind.kind);
    Ok(kinds.filter(|kind| kind.starts_with(prefix)).collect())
}

async fn documents(client: &Client, kind: &str, prefix: &str) -> Result<Vec<String>, Failure> {
    let kind = KindName::new(kind).map_err(|error| Failure::usage(error.to_string()))?;
    let found = client.documents(&kind, prefix, None, NAMES_MAX).await?;
    Ok(found.iter().map(|document| format!("{}/{}", document.kind, document.name)).collect())
}

/// The names that a server gives, by the variables and contexts of this user: the flags of the line that is completed
/// are not known here.
fn candidates(names: impl AsyncFnOnce(Client) -> Result<Vec<String>, Failure>) -> Vec<CompletionCandidate> {
    let asked = || {
        let builder = Global::of_environment().builder().ok()?;
        let client = builder.retry(RetryPolicy::NONE).request_timeout(WAIT_MAX).build().ok()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        // The clock of the pause is that of the runtime.
        let names = runtime.block_on(async { timeout(WAIT_MAX, names(client)).await }).ok()?;
        names.ok()
    };
    asked().unwrap_or_default().into_iter().map(CompletionCandidate::new).collect()
}
