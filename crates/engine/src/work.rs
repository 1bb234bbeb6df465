//! A budget for the work of a kind: a deadline, a cancellation and a bound on memory, checked while the work runs.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use midflight_core::{JsonPointer, KindName, Problem, Problems};

use crate::environment::{Environment, EnvironmentInputs};

/// What a kind may still spend on the work it was given, and what it may read beside documents.
///
/// A kind asks [`Work::check`] once per document or loop, and [`Work::charge`] before it keeps much memory. One that
/// never asks is left behind on its thread when its deadline passes: the revision is refused, the process serves on,
/// and the thread is lost until the work ends by itself. Asking is how a kind avoids that.
#[derive(Debug)]
pub struct Work {
    deadline: Option<Instant>,
    /// The longest step that may be begun, in ns.
    step_ns_max: u64,
    bytes_left: AtomicU64,
    cancelled: AtomicBool,
    /// The kind whose code runs, for a thread that has to be abandoned.
    kind: Mutex<Option<KindName>>,
    /// None: no variable is set, and there are no files.
    inputs: Option<Arc<EnvironmentInputs>>,
}

/// The work was stopped from outside; what was made so far is to be dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Interrupted {
    /// The deadline passed.
    #[error("took longer than its deadline; change less at once, or raise reload_ms_max")]
    Deadline,
    /// More memory was asked for than the budget has.
    #[error("would need more memory than its budget; make the documents smaller, or raise compile_bytes_max")]
    Memory,
    /// The reload is not wanted any more.
    #[error("was cancelled")]
    Cancelled,
    /// A step that cannot be interrupted may take longer than this budget allows for one step.
    #[error("has a step that may take too long here")]
    LongStep,
}

impl Work {
    /// A budget that ends at `deadline` or once `bytes_max` bytes were spent.
    #[must_use]
    pub fn new(deadline: Instant, bytes_max: u64) -> Self {
        Self { deadline: Some(deadline), bytes_left: AtomicU64::new(bytes_max), ..Self::unbounded() }
    }

    /// A budget of time alone, from now on.
    #[must_use]
    pub fn lasting(time: Duration) -> Self {
        Self { deadline: Instant::now().checked_add(time), ..Self::unbounded() }
    }

    /// The same budget, which also refuses a step that may take longer than `step_max`.
    #[must_use]
    pub fn with_steps_of(mut self, step_max: Duration) -> Self {
        self.step_ns_max = u64::try_from(step_max.as_nanos()).unwrap_or(u64::MAX);
        self
    }

    /// No bound at all: for tests, benchmarks and programs that call a kind by themselves.
    #[must_use]
    pub fn unbounded() -> Self {
        Self {
            deadline: None,
            step_ns_max: u64::MAX,
            bytes_left: AtomicU64::new(u64::MAX),
            cancelled: AtomicBool::new(false),
            kind: Mutex::new(None),
            inputs: None,
        }
    }

    /// The same budget, for work that may read these inputs.
    #[must_use]
    pub fn with_inputs(mut self, inputs: Arc<EnvironmentInputs>) -> Self {
        self.inputs = Some(inputs);
        self
    }

    /// The variables and files that documents may refer to. Each is the same throughout a reload. Without
    /// [`Work::with_inputs`] there are none. Cost: the first question for each reads it, which may wait for a file
    /// system.
    #[must_use]
    pub fn inputs(&self) -> &dyn Environment {
        match &self.inputs {
            Some(inputs) => &**inputs,
            None => &(),
        }
    }

    /// Reports that the work is not wanted any more.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether to continue. Cost: a clock reading, some 25 ns; ask it per document, not per byte.
    ///
    /// # Errors
    /// [`Interrupted`], which is to be returned at once (it turns into [`Problems`] with `?`).
    pub fn check(&self) -> Result<(), Interrupted> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(Interrupted::Cancelled);
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(Interrupted::Deadline),
            _ => Ok(()),
        }
    }

    /// Whether to continue with a step that cannot be interrupted, such as one search of a regular expression.
    /// `worst_ns` is how long it may take in the worst case, in ns. Cost: that of [`Work::check`].
    ///
    /// # Errors
    /// [`Interrupted`], as [`Work::check`]; and [`Interrupted::LongStep`].
    pub fn step(&self, worst_ns: u64) -> Result<(), Interrupted> {
        if worst_ns > self.step_ns_max {
            return Err(Interrupted::LongStep);
        }
        self.check()
    }

    /// Notes whose code runs from now on.
    pub(crate) fn enter(&self, kind: &KindName) {
        let mut current = self.kind.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref() != Some(kind) {
            *current = Some(kind.clone());
        }
    }

    /// Whose code runs.
    pub(crate) fn kind(&self) -> Option<KindName> {
        self.kind.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes `bytes` off the memory budget.
    ///
    /// # Errors
    /// [`Interrupted::Memory`] when fewer are left.
    pub fn charge(&self, bytes: u64) -> Result<(), Interrupted> {
        let take = |left: u64| left.checked_sub(bytes);
        match self.bytes_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(_) => Ok(()),
            Err(_) => Err(Interrupted::Memory),
        }
    }
}

impl From<Interrupted> for Problems {
    fn from(interrupted: Interrupted) -> Self {
        let code = match interrupted {
            Interrupted::Deadline => "deadline_exceeded",
            Interrupted::Memory => "memory_exceeded",
            Interrupted::Cancelled => "cancelled",
            Interrupted::LongStep => "long_step",
        };
        Problem::new(code, JsonPointer::root(), interrupted.to_string()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_ends_by_time_memory_or_cancellation() {
        let work = Work::new(Instant::now(), 10);
        assert_eq!(work.check(), Err(Interrupted::Deadline));
        assert_eq!(
            (work.charge(6), work.charge(5), work.charge(4)),
            (Ok(()), Err(Interrupted::Memory), Ok(()))
        );
        let work = Work::unbounded();
        assert_eq!(work.check(), Ok(()));
        work.cancel();
        assert_eq!(work.check(), Err(Interrupted::Cancelled));
    }

    #[test]
    fn a_step_is_refused_by_its_length_and_by_the_budget() {
        let work = Work::lasting(Duration::from_secs(600)).with_steps_of(Duration::from_nanos(100));
        assert_eq!((work.step(100), work.step(101)), (Ok(()), Err(Interrupted::LongStep)));
        assert_eq!(Work::lasting(Duration::MAX).step(u64::MAX), Ok(()));
        assert_eq!(Work::lasting(Duration::ZERO).step(0), Err(Interrupted::Deadline));
    }
}
