//! Files with documents, values and configs, in each format.

use midflight_source::{parse_config, parse_documents, parse_values};

/// Reads a text as documents, as values and as a config, in YAML, JSON and TOML.
pub fn documents(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for file in ["a.yaml", "a.json", "a.toml"] {
        drop(parse_documents(&text, file));
        drop(parse_values(&text, file));
        drop(parse_config(&text, file));
    }
}
