//! What can go wrong with a command, and how it is reported: what, where, and what to do about it.

use std::process::ExitCode;

use midflight_client::wire::problem::{ProblemBody, ProblemItem};
use midflight_client::{ClientError, UnreachableKind};
use midflight_source::FileProblem;
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
    Refused(Box<RefusedRequest>),
    /// The reader of the output closed it: exit 0.
    Closed,
}

/// What the server refused, with places in the files of the caller.
#[derive(Debug)]
pub(super) struct RefusedRequest {
    pub(super) problem: ProblemBody,
    /// Where each of its `errors` is, as `loans.yaml:3:5`. Not sent: the command knows its files. Empty without files.
    pub(super) places: Vec<Option<String>>,
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
            Self::Refused(refused) => Some(&refused.problem.code),
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
            Self::Refused(refused) => refused.text(),
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
        if let (Self::Refused(refused), Some(members)) = (self, error.as_object_mut()) {
            let RefusedRequest { problem, .. } = &**refused;
            let item = |(item, place): (&ProblemItem, Option<&str>)| json!({"document": item.document, "path": item.path, "message": item.message, "place": place});
            members.extend([
                ("code".to_owned(), json!(problem.code)),
                ("status".to_owned(), json!(problem.status)),
                ("detail".to_owned(), json!(problem.detail)),
                ("errors".to_owned(), refused.items().map(item).collect()),
                ("request_id".to_owned(), json!(problem.request_id)),
            ]);
        }
        json!({ "error": error })
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused(problem)
            | ClientError::Conflict(problem)
            | ClientError::Unavailable(problem) => {
                Self::Refused(Box::new(RefusedRequest { problem: *problem, places: Vec::new() }))
            }
            ClientError::Unreachable(unreachable) => {
                let (address, cause) = (&unreachable.address, &unreachable.cause);
                Self::Unreachable(match unreachable.kind {
                    UnreachableKind::NotConnected => format!(
                        "cannot connect to {address} ({cause})\nStart a server with `midflight serve`, or give \
                         the address of another with --url or MIDFLIGHT_URL."
                    ),
                    UnreachableKind::TimedOut => {
                        format!("{address} did not respond in time; run `midflight doctor`")
                    }
                    _ => format!(
                        "the connection to {address} failed: {cause}; run `midflight doctor`, then try again"
                    ),
                })
            }
            ClientError::Invalid(message) => Self::Usage(message),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl RefusedRequest {
    /// What is wrong, each with its place.
    fn items(&self) -> impl Iterator<Item = (&ProblemItem, Option<&str>)> {
        let places = self.places.iter().map(Option::as_deref).chain(std::iter::repeat(None));
        self.problem.errors.iter().zip(places)
    }

    /// A message of a server has no line breaks of its own, so that none of it looks like a line of ours.
    fn text(&self) -> String {
        let problem = &self.problem;
        let mut text = match (&*problem.title, &*problem.code) {
            ("", _) => format!("the server answered {}", problem.status),
            (title, "") => printable(title),
            (title, code) => printable(&format!("{title} ({code})")),
        };
        if !problem.detail.is_empty() {
            text += &format!(": {}", printable(&problem.detail));
        }
        for (item, place) in self.items() {
            text += &format!("\n  {}", printable(&item_text(item, place)));
        }
        if let Some(id) = &problem.request_id {
            text += &format!("\n  request_id: {}", printable(id));
        }
        if let Some(cure) = self.cure() {
            text += &format!("\n{cure}");
        }
        text
    }

    /// What to do on this side, where that is known.
    fn cure(&self) -> Option<&'static str> {
        match &*self.problem.code {
            "unauthenticated" => Some(TOKEN_HINT),
            "owned" => Some("Use --take-over to become its owner."),
            _ => None,
        }
    }
}

/// Where a token is given, and where it comes from.
pub(super) const TOKEN_HINT: &str = "Give the token with --token, --token-file, MIDFLIGHT_TOKEN or `midflight login`; the \
                                     server prints the token, or the path of its file, at its first start.";

/// One thing that is wrong, in one line.
fn item_text(item: &ProblemItem, place: Option<&str>) -> String {
    let place = place.map_or_else(String::new, |place| format!("{place}: "));
    let document = item.document.as_ref().map_or_else(String::new, |document| format!("{document} "));
    match item.path.as_str() {
        "" => format!("{place}{document}{}", item.message),
        path => format!("{place}{document}at {path}: {}", item.message),
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
