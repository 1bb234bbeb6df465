//! A walk through values that asks its budget on the way.

use midflight_engine::{Interrupted, Work};

/// How many steps are taken between two looks at the budget. 1,000: they take less than a millisecond.
const STEPS_PER_LOOK: u64 = 1_000;

/// Counts the steps of a walk and asks the budget once in a while.
pub(crate) struct Pace<'w> {
    work: &'w Work,
    steps: u64,
}

impl<'w> Pace<'w> {
    pub(crate) fn new(work: &'w Work) -> Self {
        Self { work, steps: 0 }
    }

    /// Takes a step.
    ///
    /// # Errors
    /// [`Interrupted`], when the budget is asked and has ended.
    pub(crate) fn step(&mut self) -> Result<(), Interrupted> {
        self.steps += 1;
        match self.steps % STEPS_PER_LOOK {
            0 => self.work.check(),
            _ => Ok(()),
        }
    }

    /// Takes a step that costs as much as many others, so that the budget is asked at once.
    ///
    /// # Errors
    /// [`Interrupted`], when the budget has ended.
    pub(crate) fn long_step(&mut self) -> Result<(), Interrupted> {
        self.steps += 1;
        self.work.check()
    }

    /// How many steps were taken.
    #[cfg(test)]
    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }
}
