//! Everything that is printed: data on stdout, messages on stderr. A reader that closes the output ends the command
//! quietly.

use std::io::{self, IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use midflight_core::DocumentId;
use serde::Serialize;
use serde_json::Value;

use super::columns::{Detail, TableColumn, list_text};
use super::fail::Failure;

/// The output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OutputFormat {
    /// For people; tables are as wide as the terminal.
    Table,
    /// The same with more columns, each as wide as it needs.
    Wide,
    /// Names only, one per line, for scripts.
    Name,
    /// As the server sends it.
    Json,
    /// The same as YAML; documents as `apply` reads them.
    Yaml,
}

/// Where data goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    format: OutputFormat,
}

impl Output {
    pub(super) fn new(format: OutputFormat) -> Self {
        Self { format }
    }

    pub(super) fn format(&self) -> OutputFormat {
        self.format
    }

    /// Whether the output is for people, and not data as the server sends it.
    pub(super) fn is_text(&self) -> bool {
        !matches!(self.format, OutputFormat::Json | OutputFormat::Yaml)
    }

    /// Prints bytes as they are.
    #[expect(clippy::unused_self, reason = "only a command with an Output writes to stdout")]
    pub(super) fn raw(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        written(stdout.write_all(bytes).and_then(|()| stdout.flush()))
    }

    /// Prints a line.
    pub(super) fn line(&self, line: &str) -> Result<(), Failure> {
        self.raw(format!("{line}\n").as_bytes())
    }

    /// Prints a value as JSON or YAML, or for people as `text` does.
    pub(super) fn data(&self, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<(), Failure> {
        let unwritable = |error: &dyn std::fmt::Display| {
            Failure::failed(format!("cannot write the answer: {error}; try another --output"))
        };
        match self.format {
            OutputFormat::Table | OutputFormat::Wide | OutputFormat::Name => self.raw(text().as_bytes()),
            OutputFormat::Json => {
                let value = serde_json::to_value(value).map_err(|error| unwritable(&error))?;
                self.line(&format!("{value:#}"))
            }
            OutputFormat::Yaml => {
                let value = serde_json::to_value(value).map_err(|error| unwritable(&error))?;
                let text = serde_saphyr::to_string(&value).map_err(|error| unwritable(&error))?;
                self.raw(text.as_bytes())
            }
        }
    }

    /// Prints a list: as data `value`, for people a table, and for scripts the name of each item.
    pub(super) fn list<'a, T: 'a>(
        &self,
        value: &impl Serialize,
        items: impl IntoIterator<Item = &'a T>,
        columns: &[TableColumn<T>],
        name: impl Fn(&T) -> String,
    ) -> Result<(), Failure> {
        self.data(value, || match self.format {
            OutputFormat::Name => items.into_iter().map(|item| printable(&name(item)) + "\n").collect(),
            OutputFormat::Wide => list_text(columns, items, Detail::All),
            _ => list_text(columns, items, Detail::of_terminal()),
        })
    }

    /// Prints documents as `apply` reads them.
    pub(super) fn documents(&self, documents: &[(DocumentId, Value)]) -> Result<(), Failure> {
        self.raw(documents_text(documents)?.as_bytes())
    }

    /// Prints unified diffs, on a terminal with colors. `NO_COLOR` and `CLICOLOR` are respected.
    #[expect(clippy::unused_self, reason = "only a command with an Output writes to stdout")]
    pub(super) fn diff(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = anstream::AutoStream::auto(io::stdout().lock());
        written(stdout.write_all(colored_diff(text).as_bytes()).and_then(|()| stdout.flush()))
    }
}

fn written(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::Closed),
        Err(error) => Err(Failure::failed(format!("cannot write to stdout: {error}"))),
    }
}

fn colored_diff(text: &str) -> String {
    let style_of = |line: &str| match line.as_bytes() {
        [b'-', b'-', b'-', ..] | [b'+', b'+', b'+', ..] => Style::new().bold(),
        [b'-', ..] => AnsiColor::Red.on_default(),
        [b'+', ..] => AnsiColor::Green.on_default(),
        [b'@', b'@', ..] => AnsiColor::Cyan.on_default(),
        _ => Style::new(),
    };
    let line = |line: &str| {
        let style = style_of(line);
        format!("{style}{line}{style:#}\n")
    };
    text.lines().map(line).collect()
}

/// Documents as YAML, as `apply` reads them.
pub(super) fn documents_text(documents: &[(DocumentId, Value)]) -> Result<String, Failure> {
    let pairs = documents.iter().map(|(id, body)| (id, body));
    midflight_source::write_documents(pairs).map_err(|error| Failure::failed(error.to_string()))
}

/// A text without what would move the cursor or break the line: authors and reasons are not trusted.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Whether messages are read at a terminal.
pub(super) fn is_interactive() -> bool {
    io::stderr().is_terminal()
}

/// Prints something on stderr, line by line, without what else would move the cursor: some of it is from a server.
pub(super) fn eprint_status(message: &str) {
    let message: String =
        message.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { ' ' } else { c }).collect();
    // Without a reader of stderr there is nothing left to report to.
    drop(writeln!(io::stderr().lock(), "{message}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_is_colored_by_the_beginnings_of_its_lines() {
        let colored = colored_diff("--- a\n+++ a\n@@ -1 +1 @@\n same\n-old\n+new\n");
        let lines: Vec<_> = colored.lines().collect();
        assert_eq!(lines[3], " same");
        assert_eq!(lines[4], "\u{1b}[31m-old\u{1b}[0m");
        assert_eq!(lines[5], "\u{1b}[32m+new\u{1b}[0m");
        assert_eq!(lines[0], "\u{1b}[1m--- a\u{1b}[0m");
        let plain = anstream::adapter::strip_str(&colored).to_string();
        assert_eq!(plain, "--- a\n+++ a\n@@ -1 +1 @@\n same\n-old\n+new\n");
    }
}
