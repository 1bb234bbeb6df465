//! Lets other replicas have their turn at the log.
//!
//! Who appended last can append again at once. All others have to follow that revision first, and are late again. So a
//! replica with many edits would refuse the edits of the others for as long as it continues. After some edits in a row
//! it waits for as long as another one needs to follow and to make its own.

use std::time::Duration;

use tokio::time::Instant;

/// How many edits a replica makes in a row before it waits.
const IN_A_ROW_MAX: u32 = 8;
/// How long it waits, in times of what its last edit took: to follow costs as much as an edit, and to be called again a
/// part of that.
const PAUSE_EDITS: u32 = 3;
/// The shortest pause: a processor that is busy may keep a replica from its turn for so long.
const PAUSE_MIN: Duration = Duration::from_millis(5);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// Counts the edits in a row, and knows the pause after them.
#[derive(Debug, Default)]
pub(crate) struct Fairness {
    in_a_row: u32,
    /// When the last edit ended, and what it took.
    last: Option<(Instant, Duration)>,
    pause_until: Option<Instant>,
}

impl Fairness {
    /// An edit was made from `began` until now. One that began later than another replica would have needed after the
    /// edit before it is the first of its row.
    pub(crate) fn made(&mut self, began: Instant) {
        let (now, took) = (Instant::now(), began.elapsed());
        let is_next = self.last.is_some_and(|(ended, took)| began < ended + pause_after(took));
        self.in_a_row = if is_next { self.in_a_row + 1 } else { 1 };
        self.last = Some((now, took));
        if self.in_a_row >= IN_A_ROW_MAX {
            *self = Self { pause_until: Some(now + pause_after(took)), ..Self::default() };
        }
    }

    /// Another replica appended: it had its turn.
    pub(crate) fn others_had_their_turn(&mut self) {
        *self = Self::default();
    }

    /// Until when no edit is begun; none when one may begin now.
    pub(crate) fn pause_until(&mut self) -> Option<Instant> {
        self.pause_until = self.pause_until.filter(|until| Instant::now() < *until);
        self.pause_until
    }
}

fn pause_after(took: Duration) -> Duration {
    (took * PAUSE_EDITS).clamp(PAUSE_MIN, PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDIT: Duration = Duration::from_millis(10);

    async fn edit(fairness: &mut Fairness) {
        let began = Instant::now();
        tokio::time::advance(EDIT).await;
        fairness.made(began);
    }

    #[tokio::test(start_paused = true)]
    async fn after_eight_edits_in_a_row_others_have_the_time_of_three() {
        let mut fairness = Fairness::default();
        for _ in 1..IN_A_ROW_MAX {
            edit(&mut fairness).await;
            assert_eq!(fairness.pause_until(), None);
        }
        edit(&mut fairness).await;
        assert_eq!(fairness.pause_until(), Some(Instant::now() + 3 * EDIT));
        tokio::time::advance(3 * EDIT).await;
        assert_eq!(fairness.pause_until(), None, "it is over by itself");
        edit(&mut fairness).await;
        assert_eq!(fairness.pause_until(), None, "and the next row begins");
    }

    #[tokio::test(start_paused = true)]
    async fn a_replica_that_pauses_between_its_edits_or_was_overtaken_does_not_wait() {
        let mut fairness = Fairness::default();
        for _ in 0..3 * IN_A_ROW_MAX {
            edit(&mut fairness).await;
            tokio::time::advance(3 * EDIT).await;
        }
        assert_eq!(fairness.pause_until(), None);
        for _ in 0..3 * IN_A_ROW_MAX {
            edit(&mut fairness).await;
            fairness.others_had_their_turn();
        }
        assert_eq!(fairness.pause_until(), None);
        for _ in 0..IN_A_ROW_MAX {
            edit(&mut fairness).await;
        }
        fairness.others_had_their_turn();
        assert_eq!(fairness.pause_until(), None, "their turn ends the pause");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_has_a_bound() {
        let mut fairness = Fairness::default();
        for _ in 0..IN_A_ROW_MAX {
            let began = Instant::now();
            tokio::time::advance(Duration::from_secs(20)).await;
            fairness.made(began);
        }
        assert_eq!(fairness.pause_until(), Some(Instant::now() + PAUSE_MAX));
    }
}
