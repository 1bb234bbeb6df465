//! `module verify`: the bytes that the store gives for each live manifest, and their digest computed here.

use midflight_core::Digest;
use serde_json::{Value, json};

use super::load::live_body;
use super::remote::all;
use crate::client::ServerClient;
use crate::fail::Failure;
use crate::output::{Output, table, text};

/// What the digest of a component in a manifest begins with.
const SHA256: &str = "sha256:";

pub(super) async fn run(client: &ServerClient, output: &Output) -> Result<(), Failure> {
    let mut found = Vec::new();
    for module in all(client).await? {
        let name = text(&module, "name");
        let body = live_body(client, &name).await?.unwrap_or_default();
        let component = text(&body, "component");
        // A registered Rust type is part of the server.
        let Some(digest) = component.strip_prefix(SHA256) else { continue };
        let (bytes, outcome) = fetch(client, digest).await;
        found.push(json!({ "module": name, "component": component, "bytes": bytes, "outcome": outcome }));
    }
    let bad = found.iter().filter(|one| one["outcome"] != "verified").count();
    let count = found.len();
    let found = Value::Array(found);
    output.data(&found, || {
        let keys = ["module", "bytes", "outcome", "component"];
        let row = |one: &Value| keys.map(|key| text(one, key));
        table(&["MODULE", "BYTES", "OUTCOME", "COMPONENT"], found.as_array().into_iter().flatten().map(row))
    })?;
    match bad {
        0 => Ok(()),
        bad => Err(Failure::failed(format!(
            "{bad} of {count} components are not in the store as their manifests name them"
        ))),
    }
}

/// How many bytes the store gives for a digest, and whether they have it.
async fn fetch(client: &ServerClient, digest: &str) -> (Option<usize>, String) {
    let fetched = async {
        let response = client.open(client.url(&["api", "v1", "blobs", digest], &[]), &[]).await?;
        response.bytes().await.map_err(|error| client.unreachable(&error))
    };
    match fetched.await {
        Err(failure) => (None, failure.text()),
        Ok(bytes) => match Digest::of_bytes(&bytes) {
            actual if actual.to_string() == digest.to_ascii_lowercase() => {
                (Some(bytes.len()), "verified".to_owned())
            }
            actual => (Some(bytes.len()), format!("the bytes have {SHA256}{actual}")),
        },
    }
}
