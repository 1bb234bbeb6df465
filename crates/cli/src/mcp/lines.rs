//! Lines in and lines out, each by a thread of its own: neither a slow client nor one that is silent stops the
//! requests, and the process can end while a read waits.

use std::io::{self, BufRead, Read as _};
use std::thread;

use tokio::sync::{mpsc, oneshot};

use crate::fail::Failure;
use crate::output::Output;

/// The longest line, in bytes: as long as a server takes a message.
pub(super) const LINE_BYTES_MAX: usize = 1 << 20;
/// How many lines wait to be taken or written.
const LINES_MAX: usize = 64;

/// A line of the input.
#[derive(Debug, PartialEq)]
pub(super) enum InputLine {
    Bytes(Vec<u8>),
    /// One of more than [`LINE_BYTES_MAX`]; it was read to its end and dropped.
    TooLong,
}

/// Reads the next line; none at the end.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<InputLine>> {
    let mut bytes = Vec::new();
    // The line and its end: what is longer has no end within it.
    let most = LINE_BYTES_MAX as u64 + 1;
    input.by_ref().take(most).read_until(b'\n', &mut bytes)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if bytes.last() != Some(&b'\n') && bytes.len() > LINE_BYTES_MAX {
        input.skip_until(b'\n')?;
        return Ok(Some(InputLine::TooLong));
    }
    Ok(Some(InputLine::Bytes(bytes)))
}

/// The lines of stdin, until its end; an error is the last item.
pub(super) fn read() -> mpsc::Receiver<io::Result<InputLine>> {
    let (sender, receiver) = mpsc::channel(LINES_MAX);
    thread::spawn(move || {
        let mut input = io::stdin().lock();
        while let Some(line) = next_line(&mut input).transpose() {
            let is_last = line.is_err();
            if sender.blocking_send(line).is_err() || is_last {
                return;
            }
        }
    });
    receiver
}

/// Where lines go that are written to stdout, and how that ended: with its senders, or before.
pub(super) fn write(output: Output) -> (mpsc::Sender<String>, oneshot::Receiver<Result<(), Failure>>) {
    let (sender, mut receiver) = mpsc::channel::<String>(LINES_MAX);
    let (ended, end) = oneshot::channel();
    thread::spawn(move || {
        let mut written = Ok(());
        while written.is_ok()
            && let Some(line) = receiver.blocking_recv()
        {
            written = output.line(&line);
        }
        // The command may have ended already.
        drop(ended.send(written));
    });
    (sender, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_bound_and_the_next_one_is_read() {
        let longest = "x".repeat(LINE_BYTES_MAX);
        let text = format!("{{}}\n\n{longest}\n{longest}y\nlast");
        let mut input = text.as_bytes();
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut input).unwrap() {
            lines.push(line);
        }
        let line = |text: &str| InputLine::Bytes(text.as_bytes().to_vec());
        let expected =
            [line("{}\n"), line("\n"), line(&format!("{longest}\n")), InputLine::TooLong, line("last")];
        assert!(lines == expected, "{} lines", lines.len());
    }
}
