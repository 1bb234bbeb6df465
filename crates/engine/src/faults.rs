//! A place to make a reload fail on purpose, in each phase in turn.

use std::sync::{Mutex, PoisonError};

use midflight_core::{JsonPointer, Phase, Problem, Problems};

/// Fails the next reload that reaches a phase. By default it fails nothing.
#[derive(Debug, Default)]
pub struct Faults {
    fail_in: Mutex<Option<Phase>>,
}

impl Faults {
    /// Makes the next reload that reaches `phase` fail there, once.
    pub fn fail_next(&self, phase: Phase) {
        *self.fail_in.lock().unwrap_or_else(PoisonError::into_inner) = Some(phase);
    }

    /// Whether a failure is still waiting for its phase.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.fail_in.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    pub(crate) fn at(&self, phase: Phase) -> Result<(), Problems> {
        let mut fail_in = self.fail_in.lock().unwrap_or_else(PoisonError::into_inner);
        if *fail_in != Some(phase) {
            return Ok(());
        }
        *fail_in = None;
        let message = format!("fault injected in {phase}");
        Err(Problem::new("fault", JsonPointer::root(), message).into())
    }
}
