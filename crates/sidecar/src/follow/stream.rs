//! Listens to the server's stream of revisions, and rings for each that is about a document that is followed.

use std::io::Read as _;
use std::time::Duration;

use serde_json::Value;

use super::{FollowSignal, authorization};
use crate::app::{HttpClient, show_error};
use crate::logging;
use crate::options::FromOptions;
use crate::reload::backoff::ReloadBackoff;

/// How long the server may take to begin its answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// After how much silence the server counts as lost: it sends something every 15 s.
const SILENCE_MAX: Duration = Duration::from_secs(45);
/// The pauses between connections.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// The longest line that is understood, in bytes. Of a longer one it is assumed that it matters.
const LINE_BYTES_MAX: usize = 256 << 10;

/// Listens for ever.
pub(super) fn run(options: &FromOptions, signal: &FollowSignal) {
    let client = HttpClient::new();
    let mut pauses = ReloadBackoff::new(PAUSE_FIRST, PAUSE_MAX);
    let never = FollowSignal::default();
    loop {
        match listen(&client, options, signal) {
            Ok(()) => pauses.reset(),
            Err(why) => logging::debug("not connected to the event stream", &[("why", &why)]),
        }
        // Something may have been sent since and missed; it is looked for after reconnecting, and every interval.
        never.wait(pauses.next());
    }
}

/// Listens until the stream ends.
fn listen(client: &HttpClient, options: &FromOptions, signal: &FollowSignal) -> Result<(), String> {
    let authorization = authorization(options)?;
    let headers: Vec<_> =
        authorization.as_deref().map(|value| ("authorization", value)).into_iter().collect();
    let url = format!("{}/api/v1/watch", options.url);
    let opened = client.open(&url, &headers, ANSWER_MAX, SILENCE_MAX);
    let response = opened.map_err(|error| show_error(&error))?;
    if response.status().as_u16() != 200 {
        return Err(format!("it answers {}", response.status().as_u16()));
    }
    // From here on every revision is received; what came before is found by looking now.
    signal.wake();
    let mut stream = response.into_body().into_with_config().limit(u64::MAX).reader();
    let (mut lines, mut piece) = (LineSplitter::default(), [0; 4096]);
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) => {
                if lines.add(piece.get(..read).unwrap_or_default(), |line| matters(line, options)) {
                    signal.wake();
                }
            }
            Err(error) => {
                logging::debug("event stream disconnected", &[("error", &error)]);
                return Ok(());
            }
        }
    }
}

/// Cuts what comes in pieces into lines.
#[derive(Debug, Default)]
struct LineSplitter {
    line: Vec<u8>,
    is_too_long: bool,
}

impl LineSplitter {
    /// Whether any of the lines that end here matters.
    fn add(&mut self, piece: &[u8], matters: impl Fn(&[u8]) -> bool) -> bool {
        let mut any = false;
        for byte in piece {
            if *byte == b'\n' {
                any |= std::mem::take(&mut self.is_too_long) || matters(&self.line);
                self.line.clear();
            } else if self.line.len() < LINE_BYTES_MAX {
                self.line.push(*byte);
            } else {
                self.is_too_long = true;
            }
        }
        any
    }
}

/// Whether a line is about a document that is followed; if that is unknown, it is.
fn matters(line: &[u8], options: &FromOptions) -> bool {
    let Some(data) = line.strip_prefix(b"data:") else { return false };
    let Ok(event) = serde_json::from_slice::<Value>(data) else { return true };
    // Without changes it is the end of a server that stops; there is a look after reconnecting.
    let Some(changes) = event.get("changes").and_then(Value::as_array) else { return false };
    // Of many changes the first are listed: the others may be what is followed.
    let count = event.get("changes_count").and_then(Value::as_u64).unwrap_or_default();
    if count > changes.len() as u64 {
        return true;
    }
    changes.iter().any(|change| {
        let text = |name: &str| change.get(name).and_then(Value::as_str).unwrap_or_default();
        options.documents.iter().any(|known| known.kind == text("kind") && known.name == text("name"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::DocumentFile;

    fn options() -> FromOptions {
        let document = DocumentFile { kind: "rules".into(), name: "loans/R1".into(), file: "/f".into() };
        FromOptions { url: String::new(), documents: vec![document], token_file: None }
    }

    #[test]
    fn only_what_is_followed_matters_and_what_is_not_understood() {
        let options = options();
        for (line, expected) in [
            (r#"data: {"number": 2, "changes": [{"kind": "rules", "name": "loans/R1", "op": "put"}]}"#, true),
            (
                r#"data: {"number": 3, "changes": [{"kind": "rules", "name": "loans/R2", "op": "put"}]}"#,
                false,
            ),
            (
                r#"data: {"number": 4, "changes_count": 2, "changes": [{"kind": "rules", "name": "loans/R2"}]}"#,
                true,
            ),
            (r#"data: {"position": 3}"#, false),
            ("data: ?", true),
            ("event: revision", false),
            (": keep alive", false),
            ("", false),
        ] {
            assert_eq!(matters(line.as_bytes(), &options), expected, "{line}");
        }
    }

    #[test]
    fn lines_are_put_together_and_bounded() {
        let mut lines = LineSplitter::default();
        assert!(!lines.add(b"da", |line| line == b"data"));
        assert!(lines.add(b"ta\nmo", |line| line == b"data"));
        assert!(lines.add(b"re\n", |line| line == b"more"));
        let long = vec![b'x'; LINE_BYTES_MAX * 2];
        assert!(!lines.add(&long, |_| false));
        assert_eq!(lines.line.len(), LINE_BYTES_MAX);
        assert!(lines.add(b"\n", |_| false));
        assert!(!lines.add(b"\n", |_| false));
    }
}
