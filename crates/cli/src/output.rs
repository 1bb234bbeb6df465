//! Everything that is printed: data on stdout, talk on stderr. A reader that closes the output ends the command
//! quietly.

use std::io::{self, Write as _};

use clap::ValueEnum;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use midflight_core::DocumentId;
use serde_json::Value;

use super::fail::Failure;

/// The output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OutputFormat {
    /// For people.
    Table,
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

    /// Prints bytes as they are.
    #[expect(clippy::unused_self, reason = "only a command with an Output writes to stdout")]
    pub(super) fn raw(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::Closed),
            Err(error) => Err(Failure::failed(format!("cannot write to stdout: {error}"))),
        }
    }

    /// Prints a line.
    pub(super) fn line(&self, line: &str) -> Result<(), Failure> {
        self.raw(format!("{line}\n").as_bytes())
    }

    /// Prints a value as JSON or YAML, or for people as `table` does.
    pub(super) fn data(&self, value: &Value, table: impl FnOnce() -> String) -> Result<(), Failure> {
        match self.format {
            OutputFormat::Table => self.raw(table().as_bytes()),
            OutputFormat::Json => self.line(&format!("{value:#}")),
            OutputFormat::Yaml => match serde_saphyr::to_string(value) {
                Ok(text) => self.raw(text.as_bytes()),
                Err(error) => Err(Failure::failed(format!("cannot write the answer as YAML: {error}"))),
            },
        }
    }

    /// Prints documents as `apply` reads them.
    pub(super) fn documents(&self, documents: &[(DocumentId, Value)]) -> Result<(), Failure> {
        self.raw(documents_text(documents)?.as_bytes())
    }
}

/// Documents as YAML, as `apply` reads them.
pub(super) fn documents_text(documents: &[(DocumentId, Value)]) -> Result<String, Failure> {
    let pairs = documents.iter().map(|(id, body)| (id, body));
    midflight_source::write_documents(pairs).map_err(|error| Failure::failed(error.to_string()))
}

/// A table without lines: columns that line up, and can be cut.
pub(super) fn table<R, C>(header: &[&str], rows: R) -> String
where
    R: IntoIterator<Item = C>,
    C: IntoIterator<Item = String>,
{
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header);
    for row in rows {
        table.add_row(row.into_iter().map(|cell| local_time(&cell).unwrap_or_else(|| printable(&cell))));
    }
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}

/// A time as people read it: in the time zone of this machine, to the second. None for any other text.
fn local_time(cell: &str) -> Option<String> {
    let is_time = cell.len() >= 20 && cell.ends_with('Z') && cell.as_bytes().get(10) == Some(&b'T');
    let time: Timestamp = is_time.then(|| cell.parse().ok()).flatten()?;
    Some(time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// A text without what would move the cursor or break the line: authors and reasons are not trusted.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The text of a member, empty when it is not there.
pub(super) fn text(value: &Value, key: &str) -> String {
    match value.get(key) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
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
    fn times_in_tables_are_those_of_this_machine_and_other_texts_stay() {
        let time = "2026-11-27T10:37:51.676081Z";
        let local = time.parse::<Timestamp>().unwrap().to_zoned(TimeZone::system());
        let shown = table(&["A", "B"], [[time.to_owned(), "T-2026Z".to_owned()]]);
        assert_eq!(
            shown.lines().nth(1).unwrap(),
            format!("{}  T-2026Z", local.strftime("%Y-%m-%d %H:%M:%S"))
        );
        for other in ["", "2026-11-27", "x026-11-27T10:37:51.676081Z", "2026-11-27T10:37:51+01:00"] {
            assert_eq!(local_time(other), None, "{other}");
        }
    }
}
