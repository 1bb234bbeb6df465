//! Server-sent events (WHATWG HTML, section 9.2.6), as far as Midflight servers send them.

use super::fail::Failure;

/// An event of a stream.
#[derive(Debug, Default, PartialEq)]
pub(super) struct SseEvent {
    /// Its id, where that is a number.
    pub(super) id: Option<u64>,
    pub(super) name: String,
    pub(super) data: String,
}

/// Parses a stream of events, however it is cut into chunks.
#[derive(Debug)]
pub(super) struct SseReader {
    rest: Vec<u8>,
    current: SseEvent,
    event_bytes_max: usize,
}

impl SseReader {
    /// A reader of events that have at most so many bytes each.
    pub(super) fn new(event_bytes_max: usize) -> Self {
        Self { rest: Vec::new(), current: SseEvent::default(), event_bytes_max }
    }

    /// Takes a chunk and answers the events that end in it.
    ///
    /// # Errors
    /// When an event is longer than it may be.
    pub(super) fn take(&mut self, chunk: &[u8]) -> Result<Vec<SseEvent>, Failure> {
        self.rest.extend_from_slice(chunk);
        if self.rest.len() + self.current.data.len() > self.event_bytes_max {
            return Err(Failure::failed("the server sends an event without an end"));
        }
        let mut events = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            if line.is_empty() {
                let event = std::mem::take(&mut self.current);
                if event != SseEvent::default() {
                    events.push(event);
                }
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "id" => self.current.id = value.parse().ok(),
                "event" => value.clone_into(&mut self.current.name),
                "data" => {
                    if !self.current.data.is_empty() {
                        self.current.data.push('\n');
                    }
                    self.current.data.push_str(value);
                }
                // Comments keep the connection alive; other fields are not sent.
                _ => {}
            }
        }
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_taken_from_any_cut() {
        let stream =
            ": hello\n\nid: 7\r\nevent: revision\ndata: {\"a\":\ndata: \"é\"}\n\nevent: stopping\n\nid: 8\n";
        let expected = [
            SseEvent { id: Some(7), name: "revision".to_owned(), data: "{\"a\":\n\"é\"}".to_owned() },
            SseEvent { id: None, name: "stopping".to_owned(), data: String::new() },
        ];
        for size in 1..stream.len() {
            let mut events = SseReader::new(1_000);
            let chunks = stream.as_bytes().chunks(size);
            let found: Vec<_> = chunks.flat_map(|chunk| events.take(chunk).unwrap()).collect();
            assert_eq!(found, expected, "in chunks of {size}");
        }
    }

    #[test]
    fn an_event_has_a_bound() {
        let mut events = SseReader::new(10);
        assert!(events.take(b"data: 123").is_ok());
        assert!(events.take(b"45").unwrap_err().text().contains("without an end"));
    }
}
