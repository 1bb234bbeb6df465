//! Counts the requests of each session. Three versions of one module, to show how its state is migrated:
//!
//! 1. a count for each session;
//! 2. also when it was last seen;
//! 3. also the total of all sessions, which `check` compares with their sum.
//!
//! `hit` with the name of a session answers its count, `total` the total, `sessions` their number.

mod states;

use midflight_guest::{Failure, IncrementalModule, Message, Module};
use states::Sessions;

struct SessionCounter;

impl Module for SessionCounter {
    type State = Sessions;
    const NAME: &'static str = "sessions";
    const VERSION: &'static str = if cfg!(feature = "v1") {
        "1.0.0"
    } else if cfg!(feature = "v2") {
        "2.0.0"
    } else {
        "3.0.0"
    };

    fn handle(state: &mut Sessions, message: &Message) -> Result<Vec<u8>, Failure> {
        let answer = match message.operation.as_str() {
            "hit" => {
                let name = std::str::from_utf8(&message.payload)
                    .map_err(|_| Failure::new("bad_payload", "the name of a session is UTF-8"))?;
                state.hit(name, message.id)
            }
            "total" => state.total(),
            "sessions" => state.len() as u64,
            other => return Err(Failure::new("unknown_operation", format!("no operation {other:?}"))),
        };
        Ok(answer.to_string().into_bytes())
    }

    fn check(state: &Sessions) -> Result<(), Failure> {
        state.check()
    }
}

/// There may be very many sessions, so that a reload moves only those that were counted while it was prepared.
impl IncrementalModule for SessionCounter {
    type Changes = Sessions;

    fn mark(state: &mut Sessions) -> u64 {
        state.mark()
    }

    fn changes_since(state: &Sessions, mark: u64) -> Option<Sessions> {
        state.changes_since(mark)
    }

    fn apply(state: &mut Sessions, changes: Sessions) -> Result<(), Failure> {
        state.apply(changes);
        Ok(())
    }
}

midflight_guest::module!(SessionCounter, incremental);
