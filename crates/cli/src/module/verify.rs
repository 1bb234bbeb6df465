//! `module verify`: the bytes that the store gives for each live manifest, and their digest computed here.

use midflight_client::Client;
use midflight_core::Digest;
use serde::{Deserialize, Serialize};

use super::load::live_body;
use crate::columns::{TableColumn, optional};
use crate::fail::Failure;
use crate::output::Output;

/// What the digest of a component in a manifest begins with.
const SHA256: &str = "sha256:";
/// The outcome of bytes that have their digest.
const VERIFIED: &str = "verified";

/// The part of a manifest that names the component. A registered Rust type is part of the server and has none.
#[derive(Debug, Deserialize)]
struct ManifestComponent {
    #[serde(default)]
    component: Option<String>,
}

/// The component of a module, as the store has it.
#[derive(Debug, Serialize)]
struct VerifiedComponent {
    module: String,
    component: String,
    bytes: Option<usize>,
    outcome: String,
}

const COMPONENTS: &[TableColumn<VerifiedComponent>] = &[
    TableColumn::new("MODULE", |one| one.module.clone()),
    TableColumn::new("BYTES", |one| optional(one.bytes)),
    TableColumn::new("OUTCOME", |one| one.outcome.clone()),
    TableColumn::new("COMPONENT", |one| one.component.clone()),
];

pub(super) async fn run(client: &Client, output: &Output) -> Result<(), Failure> {
    let mut found = Vec::new();
    for module in client.modules().await? {
        let manifest = live_body(client, &module.name).await?.map(ManifestComponent::deserialize);
        let component = manifest.and_then(|manifest| manifest.ok()?.component);
        let Some(component) = component.filter(|component| component.starts_with(SHA256)) else { continue };
        let (bytes, outcome) = fetch(client, component.trim_start_matches(SHA256)).await;
        found.push(VerifiedComponent { module: module.name.clone(), component, bytes, outcome });
    }
    output.list(&found, &found, COMPONENTS, |one| one.module.clone())?;
    match found.iter().filter(|one| one.outcome != VERIFIED).count() {
        0 => Ok(()),
        bad => Err(Failure::failed(format!(
            "{bad} of {} components are not in the store as their manifests name them",
            found.len()
        ))),
    }
}

/// How many bytes the store gives for a digest, and whether they have it.
async fn fetch(client: &Client, digest: &str) -> (Option<usize>, String) {
    match client.blob(digest).await {
        Err(error) => (None, Failure::from(error).text()),
        Ok(bytes) => match Digest::of_bytes(&bytes) {
            actual if actual.to_string() == digest.to_ascii_lowercase() => {
                (Some(bytes.len()), VERIFIED.to_owned())
            }
            actual => (Some(bytes.len()), format!("the bytes have {SHA256}{actual}")),
        },
    }
}
