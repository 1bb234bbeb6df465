//! What documents may refer to beside each other: variables of the environment and files, each read once in a reload.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use midflight_core::Digest;

/// Who wrote a document, and so what it may refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DocumentWriter {
    /// The operator of this process, in the config file that the process was started with.
    Operator,
    /// Any caller with the permission to edit the log. Such a document refers only to what the operator allowed.
    Log,
}

/// The variables and files of a process that its documents may refer to.
///
/// A kind does no I/O: it reads them from its [`crate::Work`], as an input of the reload beside the documents. The
/// answers may change from one reload to the next; the next look at the log finds snapshots that were made of other
/// answers, and compiles them again.
///
/// The common mistake is to answer every [`DocumentWriter`] alike: any editor of a document could then read every file
/// and every variable of the process.
pub trait Environment: Send + Sync + 'static {
    /// A variable of the environment; none when it is not set.
    ///
    /// # Errors
    /// Why this writer may not refer to it, and the cure.
    fn variable(&self, name: &str, by: DocumentWriter) -> Result<Option<String>, String>;

    /// The contents of a file, without the line break at its end.
    ///
    /// # Errors
    /// Why it cannot be read or this writer may not refer to it, without any of its content.
    fn file(&self, path: &str, by: DocumentWriter) -> Result<String, String>;
}

/// Nothing: no variable is set, and there are no files.
impl Environment for () {
    fn variable(&self, _: &str, _: DocumentWriter) -> Result<Option<String>, String> {
        Ok(None)
    }

    fn file(&self, _: &str, _: DocumentWriter) -> Result<String, String> {
        Err("files are not available here".to_owned())
    }
}

/// The name of a variable or the path of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum InputName {
    /// A variable of the environment.
    Variable(String),
    /// A file.
    File(String),
}

impl InputName {
    /// Reads it; none for a variable that is not set.
    ///
    /// # Errors
    /// As [`Environment::variable`] and [`Environment::file`].
    pub fn read(&self, environment: &dyn Environment, by: DocumentWriter) -> Result<Option<String>, String> {
        match self {
            Self::Variable(name) => environment.variable(name, by),
            Self::File(path) => environment.file(path, by).map(Some),
        }
    }
}

impl fmt::Display for InputName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{path}"),
        }
    }
}

/// An input of which a snapshot was made: a variable or a file, and the digest of its contents.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EnvironmentInput {
    /// Which one.
    pub name: InputName,
    /// Who refers to it.
    pub by: DocumentWriter,
    /// The digest of its contents. It never leaves the process: a short secret could be guessed from it.
    pub digest: Digest,
}

impl EnvironmentInput {
    /// An input with these contents.
    #[must_use]
    pub fn new(name: InputName, by: DocumentWriter, text: &str) -> Self {
        Self { name, by, digest: Digest::of_bytes(text.as_bytes()) }
    }

    /// Whether its contents changed, or cannot be read any more.
    #[must_use]
    pub fn is_stale(&self, environment: &dyn Environment) -> bool {
        let output = self.name.read(environment, self.by).ok().flatten();
        output.is_none_or(|text| Digest::of_bytes(text.as_bytes()) != self.digest)
    }
}

type Answers = BTreeMap<(InputName, DocumentWriter), Result<Option<String>, String>>;

/// An environment of which each variable and file is read once, when it is first asked for. It is made for one reload,
/// so that every part of the reload sees the same; it holds secrets, and is dropped with the reload.
pub struct EnvironmentInputs {
    environment: Arc<dyn Environment>,
    answers: Mutex<Answers>,
}

impl EnvironmentInputs {
    /// The inputs of a reload that begins now.
    #[must_use]
    pub fn new(environment: Arc<dyn Environment>) -> Self {
        Self { environment, answers: Mutex::default() }
    }

    fn answer(&self, name: InputName, by: DocumentWriter) -> Result<Option<String>, String> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (name, by);
        if let Some(answer) = answers.get(&key) {
            return answer.clone();
        }
        let answer = key.0.read(&*self.environment, by);
        answers.insert(key, answer.clone());
        answer
    }
}

impl Environment for EnvironmentInputs {
    fn variable(&self, name: &str, by: DocumentWriter) -> Result<Option<String>, String> {
        self.answer(InputName::Variable(name.to_owned()), by)
    }

    fn file(&self, path: &str, by: DocumentWriter) -> Result<String, String> {
        let text = self.answer(InputName::File(path.to_owned()), by)?;
        Ok(text.unwrap_or_default())
    }
}

/// Without values: they may be secret.
impl fmt::Debug for EnvironmentInputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_set().entries(answers.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Has other contents each time.
    #[derive(Default)]
    struct Changing(Mutex<u32>);

    impl Environment for Changing {
        fn variable(&self, name: &str, by: DocumentWriter) -> Result<Option<String>, String> {
            self.file(name, by).map(Some)
        }

        fn file(&self, path: &str, by: DocumentWriter) -> Result<String, String> {
            let mut count = self.0.lock().unwrap();
            *count += 1;
            match by {
                DocumentWriter::Operator => Ok(format!("{path} {count}")),
                DocumentWriter::Log => Err(format!("{path} is refused {count}")),
            }
        }
    }

    #[test]
    fn an_input_is_read_once_in_a_reload_and_for_each_writer() {
        let inputs = EnvironmentInputs::new(Arc::new(Changing::default()));
        for _ in 0..2 {
            assert_eq!(inputs.variable("A", DocumentWriter::Operator), Ok(Some("A 1".to_owned())));
            assert_eq!(inputs.file("A", DocumentWriter::Operator), Ok("A 2".to_owned()));
            assert_eq!(inputs.variable("A", DocumentWriter::Log), Err("A is refused 3".to_owned()));
        }
        let message = format!("{inputs:?}");
        assert!(message.contains("Variable(\"A\")") && !message.contains("A 1"), "{message}");
    }

    #[test]
    fn an_input_is_stale_when_its_contents_changed() {
        let name = InputName::Variable("A".to_owned());
        let inputs = EnvironmentInputs::new(Arc::new(Changing::default()));
        let input = EnvironmentInput::new(name.clone(), DocumentWriter::Operator, "A 1");
        assert!(!input.is_stale(&inputs) && input.is_stale(&()));
        assert!(EnvironmentInput::new(name, DocumentWriter::Operator, "A 2").is_stale(&inputs));
    }
}
