//! What reaches the output: one line an event, whatever the texts in it, and no secret that is known.
//!
//! Keys, names and headers come from outside and are logged. A line break in one would begin a forged line, and an
//! escape sequence would change what a terminal shows.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

use midflight_config::Redactor;
use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

/// Makes writers that write whole lines of an inner one.
#[derive(Clone)]
pub(super) struct LineWriters<W> {
    inner: W,
    redactor: Redactor,
}

impl<W> LineWriters<W> {
    pub(super) fn new(inner: W, redactor: Redactor) -> Self {
        Self { inner, redactor }
    }
}

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for LineWriters<W> {
    type Writer = LineWriter<'a, W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        LineWriter { inner: self.inner.make_writer(), redactor: &self.redactor }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        LineWriter { inner: self.inner.make_writer_for(metadata), redactor: &self.redactor }
    }
}

/// Writes one line, which comes by one call.
pub(super) struct LineWriter<'a, W> {
    inner: W,
    redactor: &'a Redactor,
}

impl<W: Write> Write for LineWriter<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let (line, end) = match text.strip_suffix('\n') {
            Some(line) => (line, "\n"),
            None => (&*text, ""),
        };
        let redacted = self.redactor.redact(line);
        match (escaped(&redacted), &redacted) {
            (Cow::Borrowed(_), Cow::Borrowed(_)) => self.inner.write_all(text.as_bytes())?,
            // By one write, so that lines of several threads and programs do not mix.
            (line, _) => self.inner.write_all(format!("{line}{end}").as_bytes())?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// A text without what ends a line, moves the cursor or changes the order of what is read, each as JSON writes it: so
/// what is JSON stays JSON.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(is_forging) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            // All of them are of the basic plane, and writing to a text does not fail.
            letter if is_forging(letter) => drop(write!(escaped, "\\u{:04x}", u32::from(letter))),
            letter => escaped.push(letter),
        }
    }
    Cow::Owned(escaped)
}

/// Control characters (Unicode's category Cc), line and paragraph separators, and those that turn the direction of a
/// text (UAX 9).
fn is_forging(letter: char) -> bool {
    let turns = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    letter.is_control() || turns || matches!(letter, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_end_its_line_nor_move_the_cursor() {
        assert_eq!(escaped("rules/a b-ü 1"), "rules/a b-ü 1");
        assert_eq!(
            escaped("a\n2026 INFO forged\r\t\u{1b}[2K\u{7f}\u{9b}x\u{202e}\u{2028}"),
            "a\\n2026 INFO forged\\r\\t\\u001b[2K\\u007f\\u009bx\\u202e\\u2028"
        );
    }

    #[test]
    fn a_line_is_written_at_once_without_secrets_and_with_its_end() {
        struct Writes(Vec<Vec<u8>>);
        impl Write for Writes {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.push(bytes.to_vec());
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let redactor = Redactor::default();
        redactor.hide("hunter2");
        let mut line = LineWriter { inner: Writes(Vec::new()), redactor: &redactor };
        line.write_all(b"plain\n").unwrap();
        line.write_all(b"key=hunter2\nx \xff\n").unwrap();
        let written: Vec<_> =
            line.inner.0.iter().map(|it| String::from_utf8_lossy(it).into_owned()).collect();
        assert_eq!(written, ["plain\n", "key=***\\nx \u{fffd}\n"]);
    }
}
