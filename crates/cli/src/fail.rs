//! What can go wrong with a command, and how it is reported: what, where, and what to do about it.

use std::process::ExitCode;

use midflight_source::FileProblem;
use serde::Deserialize;
use serde_json::{Value, json};

use super::output::{self, OutputFormat, printable};

/// Why a command failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// Invalid arguments: exit 2.
    Usage(String),
    /// It failed: exit 1.
    Failed(String),
    /// There are differences, which the output shows: exit 1, without a further message.
    Different,
    /// The server does not answer: exit 3.
    Unreachable(String),
    /// Files are invalid: exit 1.
    Files(Vec<FileProblem>),
    /// The server refused: exit 1.
    Refused(Box<ServerProblem>),
    /// The reader of the output closed it: exit 0.
    Closed,
}

/// An error answer of a server (RFC 9457), as far as the command line uses it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ServerProblem {
    #[serde(default)]
    pub(super) title: String,
    #[serde(default)]
    pub(super) status: u16,
    #[serde(default)]
    pub(super) code: String,
    #[serde(default)]
    pub(super) detail: String,
    #[serde(default)]
    pub(super) errors: Vec<ReportedProblem>,
    #[serde(default)]
    pub(super) first_revision: Option<u64>,
    #[serde(default)]
    pub(super) request_id: Option<String>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ReportedProblem {
    #[serde(default)]
    pub(super) path: String,
    #[serde(default)]
    pub(super) message: String,
    #[serde(default)]
    pub(super) document: Option<String>,
    /// The line of what was sent, from 1.
    #[serde(default)]
    pub(super) line: Option<u64>,
    /// Where it is in a file of the caller, as `loans.yaml:3:5`. Not sent: the command knows its files.
    #[serde(skip)]
    pub(super) place: Option<String>,
}

impl Failure {
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    /// The server's code, when it is the server that refused.
    pub(super) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(problem) => Some(&problem.code),
            _ => None,
        }
    }

    /// The whole of it, one line per problem.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Usage(message) | Self::Failed(message) | Self::Unreachable(message) => message.clone(),
            Self::Closed => "the output was closed".to_owned(),
            Self::Different => "there are differences".to_owned(),
            Self::Files(problems) => {
                let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
                lines.join("\n")
            }
            Self::Refused(problem) => problem.text(),
        }
    }

    /// The exit code that goes with it.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::Failed(_) | Self::Files(_) | Self::Refused(_) | Self::Different => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
        }
    }

    /// The same for programs.
    fn json(&self) -> Value {
        let mut error = json!({"exit_code": self.exit_code(), "message": self.text()});
        if let (Self::Refused(problem), Some(members)) = (self, error.as_object_mut()) {
            let item = |item: &ReportedProblem| json!({"document": item.document, "path": item.path, "message": item.message, "place": item.place});
            members.extend([
                ("code".to_owned(), json!(problem.code)),
                ("status".to_owned(), json!(problem.status)),
                ("detail".to_owned(), json!(problem.detail)),
                ("errors".to_owned(), problem.errors.iter().map(item).collect()),
                ("request_id".to_owned(), json!(problem.request_id)),
            ]);
        }
        json!({ "error": error })
    }
}

impl ServerProblem {
    /// A message of a server has no line breaks of its own, so that none of it looks like a line of ours.
    fn text(&self) -> String {
        let mut text = match (self.title.as_str(), self.code.as_str()) {
            ("", _) => format!("the server answered {}", self.status),
            (title, "") => printable(title),
            (title, code) => printable(&format!("{title} ({code})")),
        };
        if !self.detail.is_empty() {
            text += &format!(": {}", printable(&self.detail));
        }
        for item in &self.errors {
            text += &format!("\n  {}", printable(&item.to_string()));
        }
        if let Some(id) = &self.request_id {
            text += &format!("\n  request_id: {}", printable(id));
        }
        if let Some(cure) = self.cure() {
            text += &format!("\n{cure}");
        }
        text
    }

    /// What to do on this side, where that is known.
    fn cure(&self) -> Option<&'static str> {
        match self.code.as_str() {
            "unauthenticated" => Some(
                "Give the token with --token or MIDFLIGHT_TOKEN; the server prints the token, or the path \
                 of its file, at its first start.",
            ),
            "owned" => Some("Use --take-over to become its owner."),
            _ => None,
        }
    }
}

impl std::fmt::Display for ReportedProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        if let Some(document) = &self.document {
            write!(f, "{document} ")?;
        }
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "at {path}: {}", self.message),
        }
    }
}

/// Tells a failure on stderr, as JSON where the output is JSON, and answers the exit code that goes with it.
pub(super) fn tell(failure: &Failure, format: OutputFormat) -> ExitCode {
    match (failure, format) {
        (Failure::Closed | Failure::Different, _) => {}
        (_, OutputFormat::Json) => output::eprint_status(&failure.json().to_string()),
        _ => output::eprint_status(&format!("error: {}", failure.text())),
    }
    ExitCode::from(failure.exit_code())
}
