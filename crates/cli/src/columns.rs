//! Tables: columns that line up, as wide as the terminal.

use std::io::{IsTerminal as _, stdout};

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::output::printable;

/// The narrowest terminal that a table is fitted to: below it every column would be broken.
const TERMINAL_COLUMNS_MIN: u16 = 40;

/// A column of a list of `T`.
pub(super) struct TableColumn<T> {
    title: &'static str,
    cell: fn(&T) -> String,
    is_wide: bool,
}

impl<T> TableColumn<T> {
    /// A column of every table.
    pub(super) const fn new(title: &'static str, cell: fn(&T) -> String) -> Self {
        Self { title, cell, is_wide: false }
    }

    /// A column of `--output wide`.
    pub(super) const fn wide(title: &'static str, cell: fn(&T) -> String) -> Self {
        Self { title, cell, is_wide: true }
    }
}

/// How much of a list is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// The columns of every table; cells are broken into lines where the table would be wider than the terminal.
    Fitted(u16),
    /// The columns of every table.
    Plain,
    /// All columns.
    All,
}

impl Detail {
    /// What stdout has room for: a terminal has its width, and a file has no bound.
    pub(super) fn of_terminal() -> Self {
        if !stdout().is_terminal() {
            return Self::Plain;
        }
        // The table knows the terminal's size.
        match Table::new().width() {
            Some(width) => Self::Fitted(width.max(TERMINAL_COLUMNS_MIN)),
            None => Self::Plain,
        }
    }
}

/// A list as a table.
pub(super) fn list_text<'a, T: 'a>(
    columns: &[TableColumn<T>],
    items: impl IntoIterator<Item = &'a T>,
    detail: Detail,
) -> String {
    let columns: Vec<_> = columns.iter().filter(|it| !it.is_wide || detail == Detail::All).collect();
    let header: Vec<_> = columns.iter().map(|column| column.title).collect();
    let rows = items.into_iter().map(|item| columns.iter().map(|column| (column.cell)(item)));
    text(&header, rows, detail)
}

/// A table of the rows.
pub(super) fn table<R, C>(header: &[&str], rows: R) -> String
where
    R: IntoIterator<Item = C>,
    C: IntoIterator<Item = String>,
{
    text(header, rows, Detail::of_terminal())
}

/// One thing as lines of a name and a value; those without a value are left out.
pub(super) fn record<'a>(rows: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let rows = rows.into_iter().filter(|(_, value)| !value.is_empty());
    table(&["", ""], rows.map(|(name, value)| [name.to_owned(), value]))
}

/// The text of what may be missing.
pub(super) fn optional(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

fn text<R, C>(header: &[&str], rows: R, detail: Detail) -> String
where
    R: IntoIterator<Item = C>,
    C: IntoIterator<Item = String>,
{
    let mut table = Table::new();
    table.load_style(NOTHING);
    if header.iter().any(|title| !title.is_empty()) {
        table.set_header(header);
    }
    match detail {
        Detail::Fitted(width) => {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        Detail::Plain | Detail::All => {
            table.force_no_tty();
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[TableColumn<(u64, &str)>] = &[
        TableColumn::new("NUMBER", |it| it.0.to_string()),
        TableColumn::new("REASON", |it| it.1.to_owned()),
        TableColumn::wide("TWICE", |it| (2 * it.0).to_string()),
    ];

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

    #[test]
    fn a_table_is_as_wide_as_the_terminal_and_wide_output_has_more_columns() {
        let items = [(7, "a reason of several words that does not fit into the line")];
        let plain = list_text(COLUMNS, &items, Detail::Plain);
        assert_eq!(plain, format!("NUMBER  REASON\n7       {}\n", items[0].1));
        let fitted = list_text(COLUMNS, &items, Detail::Fitted(40));
        assert!(fitted.lines().count() > 2 && fitted.lines().all(|line| line.len() <= 40), "{fitted}");
        let all = list_text(COLUMNS, &items, Detail::All);
        assert!(all.starts_with("NUMBER  REASON") && all.contains("TWICE\n"), "{all}");
        assert!(all.lines().nth(1).unwrap().ends_with("14"), "{all}");
    }

    #[test]
    fn a_record_leaves_out_what_has_no_value() {
        assert_eq!(record([("a", "1".to_owned()), ("longer", String::new())]), "a  1\n");
    }
}
