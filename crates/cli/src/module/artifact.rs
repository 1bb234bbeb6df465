//! The component that a path stands for: a file of it, a core module, a text in WAT, or a project that is built.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use midflight_module_host::encode::{EncodeError, component_of_core, component_of_wat};
use serde_json::Value;

use super::build::build_project;
use super::manifest::read_body;
use crate::fail::Failure;
use crate::files;

/// The largest component that is read. A server takes 32 MiB unless it is set otherwise.
const COMPONENT_BYTES_MAX: u64 = 256 << 20;
/// The manifest of a project, in its folder.
pub(super) const MANIFEST_FILE: &str = "module.yaml";

/// A component with the manifest that its project has for it.
#[derive(Debug)]
pub(super) struct Artifact {
    pub(super) bytes: Arc<[u8]>,
    /// The members of the manifest beside component, version and schema.
    pub(super) manifest: Option<Value>,
}

/// Reads or builds the component of a path.
pub(super) async fn read(path: &Path) -> Result<Artifact, Failure> {
    if path.is_dir() {
        let bytes = build_project(path, &[]).await?;
        let file = path.join(MANIFEST_FILE);
        let manifest = file.is_file().then(|| read_body(&file)).transpose()?;
        return Ok(Artifact { bytes, manifest });
    }
    Ok(Artifact { bytes: component_of_file(path)?, manifest: None })
}

/// The component of a file.
pub(super) fn component_of_file(path: &Path) -> Result<Arc<[u8]>, Failure> {
    let encoded = if is_wat(path) {
        component_of_wat(&files::text(path)?)
    } else {
        let length = std::fs::metadata(path).map(|found| found.len());
        if length.as_ref().is_ok_and(|length| *length > COMPONENT_BYTES_MAX) {
            let message = format!("{} has more than {COMPONENT_BYTES_MAX} bytes", path.display());
            return Err(Failure::failed(message));
        }
        let bytes = length.and_then(|_| std::fs::read(path));
        let bytes =
            bytes.map_err(|error| Failure::failed(format!("cannot read {}: {error}", path.display())))?;
        component_of_core(&bytes)
    };
    encoded.map(Arc::from).map_err(|error| encode_failure(path, &error))
}

pub(super) fn encode_failure(path: &Path, error: &EncodeError) -> Failure {
    Failure::failed(format!("{}: {error}", path.display()))
}

/// Whether a file is a text in WAT.
pub(super) fn is_wat(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "wat")
}

/// The files of a folder that are components, core modules or texts in WAT, in the order of their names.
pub(super) fn component_file_names(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed =
        |error: std::io::Error| Failure::failed(format!("cannot read {}: {error}", folder.display()));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_file() && (is_wat(&path) || path.extension().is_some_and(|ending| ending == "wasm")) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
