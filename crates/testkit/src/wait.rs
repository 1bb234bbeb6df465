//! Waiting for a condition, with a deadline: never for a time.

use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long anything may take; what takes longer has failed.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Asks until there is an answer.
#[track_caller]
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "timed out waiting for {what}");
        pause(Duration::from_millis(5));
    }
}

/// Lets a thread rest between two looks at something. It makes nothing happen; look again afterwards.
pub fn pause(time: Duration) {
    // There is no sender: a receiver that waits until its timeout is a pause.
    let (_never, rest) = mpsc::channel::<()>();
    assert!(rest.recv_timeout(time).is_err());
}
