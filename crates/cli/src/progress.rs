//! Progress of long work, when stderr is a terminal.

use std::convert::Infallible;
use std::io::{IsTerminal as _, stderr};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Body;

/// From how many bytes on an upload is worth a bar.
const SHOWN_FROM_BYTES: usize = 1 << 20;
const CHUNK_BYTES: usize = 64 << 10;
const TICK: Duration = Duration::from_millis(100);

/// A body that shows how far it is, when it is large and stderr is a terminal.
pub(super) fn upload(bytes: Bytes) -> Body {
    if bytes.len() < SHOWN_FROM_BYTES || !stderr().is_terminal() {
        return Body::from(bytes);
    }
    let bar = ProgressBar::new(bytes.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:40}] {bytes}/{total_bytes}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_message("sends");
    let chunks = stream::unfold((bytes, bar), |(mut rest, bar)| async move {
        if rest.is_empty() {
            bar.set_message("server is compiling and checking");
            bar.enable_steady_tick(TICK);
            bar.finish_and_clear();
            return None;
        }
        let chunk = rest.split_to(CHUNK_BYTES.min(rest.len()));
        bar.inc(chunk.len() as u64);
        Some((Ok::<_, Infallible>(chunk), (rest, bar)))
    });
    Body::wrap_stream(chunks)
}
