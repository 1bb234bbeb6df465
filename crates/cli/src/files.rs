//! Reads the documents of files, of directories and of stdin, with all that is wrong with them.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use midflight_client::wire::problem::ProblemItem;
use midflight_core::{DocumentId, JsonPointer};
use midflight_source::{FileDocument, FileProblem, duplicates, locate_all, parse_documents};
use serde_json::{Value, json};

use super::fail::Failure;

/// The largest file that is read, in bytes: as much as an import may have.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// The deepest folder that is looked into.
const DEPTH_MAX: usize = 32;

/// The documents of some files.
#[derive(Debug)]
pub(super) struct Documents {
    pub(super) documents: Vec<FileDocument>,
    /// The files' texts, to find the place of a problem in.
    texts: Vec<(String, String)>,
}

/// Places in the documents of a file.
type FilePlaces = Vec<(DocumentId, JsonPointer)>;

/// The endings of files with documents.
const DOCUMENT_ENDINGS: &[&str] = &["yaml", "yml", "json", "toml"];
/// The endings of files whose texts are put together to one text of YAML.
const TEXT_ENDINGS: &[&str] = &["yaml", "yml", "json"];

/// Reads all of them; a directory means the files in it and below with the extensions `.yaml`, `.yml`, `.json` or
/// `.toml` that do not begin with a dot, `-` stdin.
pub(super) fn read(paths: &[PathBuf]) -> Result<Documents, Failure> {
    let mut problems = Vec::new();
    let mut read = Documents { documents: Vec::new(), texts: texts_ending(paths, DOCUMENT_ENDINGS)? };
    for (name, text) in &read.texts {
        match parse_documents(text, name) {
            Ok(documents) => read.documents.extend(documents),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() {
        problems = duplicates(&read.documents);
    }
    if problems.is_empty() { Ok(read) } else { Err(Failure::Files(problems)) }
}

/// The names and texts of all of them, as [`read`] finds them, but for TOML.
pub(super) fn texts(paths: &[PathBuf]) -> Result<Vec<(String, String)>, Failure> {
    texts_ending(paths, TEXT_ENDINGS)
}

fn texts_ending(paths: &[PathBuf], endings: &[&str]) -> Result<Vec<(String, String)>, Failure> {
    let mut texts = Vec::new();
    for path in paths {
        for file in files(path, endings, 0)? {
            let name = if file == Path::new("-") { "stdin".to_owned() } else { file.display().to_string() };
            texts.push((name, text(&file)?));
        }
    }
    Ok(texts)
}

/// The text of a file, or of stdin when its name is `-`.
pub(super) fn text(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| Failure::failed(format!("cannot read {shown}: {error}")))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Failure::failed(format!("{shown} has more than {FILE_BYTES_MAX} bytes; split it")));
    }
    String::from_utf8(bytes).map_err(|_| Failure::failed(format!("{shown} is not UTF-8 text")))
}

fn files(path: &Path, endings: &[&str], depth: usize) -> Result<Vec<PathBuf>, Failure> {
    if path == Path::new("-") || !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    if depth > DEPTH_MAX {
        return Err(Failure::failed(format!("{} is deeper than {DEPTH_MAX} folders", path.display())));
    }
    let entries = std::fs::read_dir(path).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    let entries =
        entries.map_err(|error| Failure::failed(format!("cannot read {}: {error}", path.display())))?;
    let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let ending = path.extension().and_then(|ending| ending.to_str());
        if !hidden && (path.is_dir() || ending.is_some_and(|ending| endings.contains(&ending))) {
            found.extend(files(&path, endings, depth + 1)?);
        }
    }
    Ok(found)
}

impl Documents {
    /// The documents as the body of an import.
    pub(super) fn to_body(&self) -> Bytes {
        to_body(self.documents.iter().map(|document| (&document.id, &*document.body)))
    }

    /// Whether people read them as YAML: so they do unless each file is of another format.
    pub(super) fn are_yaml(&self) -> bool {
        let is_other = |name: &str| name.ends_with(".json") || name.ends_with(".toml");
        !self.texts.iter().all(|(name, _)| is_other(name))
    }

    /// The same failure, with the places in the files that its problems are about.
    pub(super) fn placed(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Refused(mut refused) => {
                refused.places = self.places(&refused.problem.errors);
                Failure::Refused(refused)
            }
            other => other,
        }
    }

    /// Where each problem is. Cost: each file that has one is read again, once.
    fn places(&self, problems: &[ProblemItem]) -> Vec<Option<String>> {
        let files: HashMap<_, _> =
            self.documents.iter().map(|document| (&document.id, &*document.file)).collect();
        // Of each file: which problems it has, and what to look for.
        let mut wanted: HashMap<&str, (Vec<usize>, FilePlaces)> = HashMap::new();
        for (number, problem) in problems.iter().enumerate() {
            let id = problem.document.as_deref().and_then(|id| id.parse::<DocumentId>().ok());
            let Some((file, id)) = id.and_then(|id| Some((*files.get(&id)?, id))) else { continue };
            let (numbers, places) = wanted.entry(file).or_default();
            numbers.push(number);
            places.push((id, JsonPointer::parse(&problem.path)));
        }
        let mut found = vec![None; problems.len()];
        for (name, text) in &self.texts {
            let Some((numbers, places)) = wanted.get(name.as_str()) else { continue };
            for (number, place) in numbers.iter().zip(locate_all(text, name, places)) {
                found[*number] = Some(match place {
                    Some((line, column)) => format!("{name}:{line}:{column}"),
                    None => name.clone(),
                });
            }
        }
        found
    }

    /// A problem with a file as a whole, when there is nothing in any of them.
    pub(super) fn check_not_empty(&self) -> Result<(), Failure> {
        if self.documents.is_empty() {
            return Err(Failure::failed("no documents given; nothing was changed"));
        }
        Ok(())
    }
}

/// Documents as the body of an import.
pub(super) fn to_body<'a>(documents: impl Iterator<Item = (&'a DocumentId, &'a Value)>) -> Bytes {
    let list: Vec<_> = documents
        .map(|(id, body)| json!({ "kind": id.kind.as_str(), "name": id.name.as_str(), "body": body }))
        .collect();
    Value::from(list).to_string().into()
}

/// The name of a file that is not there, for messages about what was typed.
pub(super) fn problem(file: &str, message: &str) -> FileProblem {
    FileProblem {
        file: Arc::from(file),
        line: None,
        column: None,
        document: None,
        path: JsonPointer::root(),
        message: message.to_owned(),
    }
}
