//! Writes the table of the files under `page/`, which `make ui` builds. An empty folder makes an empty table, so that
//! the server is built without Node too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// What is sent in place of a file, when the client takes it.
const PRECOMPRESSED: [&str; 2] = [".gz", ".br"];

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=page");
    let folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("page");
    let mut files = BTreeMap::new();
    if env::var_os("CARGO_FEATURE_EMBED").is_some() {
        collect(&folder, &folder, &mut files)?;
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("files.rs");
    fs::write(out, table(&files))
}

/// Every file by its path in the page, as it stands in addresses.
fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, PathBuf>) -> io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if is_hidden {
            continue;
        }
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if let Ok(inner) = path.strip_prefix(root) {
            files.insert(inner.to_string_lossy().replace('\\', "/"), path);
        }
    }
    Ok(())
}

fn table(files: &BTreeMap<String, PathBuf>) -> String {
    let bytes = |path: &PathBuf| format!("include_bytes!({path:?})");
    let other = |name: &str, end: &str| match files.get(&format!("{name}{end}")) {
        Some(path) => format!("Some({})", bytes(path)),
        None => "None".to_owned(),
    };
    let plain = files.iter().filter(|(name, _)| !PRECOMPRESSED.iter().any(|end| name.ends_with(end)));
    let lines = plain.map(|(name, path)| {
        let (plain, gzip, brotli) = (bytes(path), other(name, ".gz"), other(name, ".br"));
        format!("    File {{ path: {name:?}, plain: {plain}, gzip: {gzip}, brotli: {brotli} }},\n")
    });
    format!("&[\n{}]\n", lines.collect::<Vec<_>>().concat())
}
