//! The connections of a pool that are unused.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection};
use tokio::time::timeout;

/// A connection that was used this short a time ago is taken to be good: no server restarts in less.
const TRUSTED: Duration = Duration::from_millis(100);

/// Open connections that nobody uses, each with what its pool knows of it. The one that was used last is used next, so
/// that what is too many grows old.
#[derive(Debug)]
pub struct IdleConnections<C> {
    idle: Mutex<Vec<Idle<C>>>,
}

#[derive(Debug)]
struct Idle<C> {
    connection: C,
    since: Instant,
}

impl<C> Default for IdleConnections<C> {
    /// None.
    fn default() -> Self {
        Self { idle: Mutex::default() }
    }
}

impl<C> IdleConnections<C> {
    fn idle(&self) -> MutexGuard<'_, Vec<Idle<C>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.idle().len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.idle().is_empty()
    }

    /// Keeps a connection that is whole.
    pub fn keep(&self, connection: C) {
        self.idle().push(Idle { connection, since: Instant::now() });
    }

    /// Takes one that need not be asked whether it is still there. Cost: a lock.
    pub fn take_trusted(&self) -> Option<C> {
        let mut idle = self.idle();
        let is_recent = idle.last().is_some_and(|kept| kept.since.elapsed() < TRUSTED);
        idle.pop_if(|_| is_recent).map(|kept| kept.connection)
    }

    /// Takes all.
    pub fn take_all(&self) -> Vec<C> {
        std::mem::take(&mut *self.idle()).into_iter().map(|kept| kept.connection).collect()
    }

    /// Takes those to be closed, by the connection and how long it was unused.
    pub fn take_if(&self, mut is_closed: impl FnMut(&C, Duration) -> bool) -> Vec<C> {
        let mut idle = self.idle();
        let closed = idle.extract_if(.., |kept| is_closed(&kept.connection, kept.since.elapsed()));
        closed.map(|kept| kept.connection).collect()
    }
}

impl<C: AsMut<PgConnection>> IdleConnections<C> {
    /// Takes one that is trusted, or that answers within `answer_max`. Where one is dead the others are: the server was
    /// restarted, or the network cut; then all are dropped. Cost: a round trip where none is trusted.
    pub async fn take_answering(&self, answer_max: Duration) -> Option<C> {
        if let Some(connection) = self.take_trusted() {
            return Some(connection);
        }
        let mut kept = self.idle().pop()?;
        let answered = timeout(answer_max, kept.connection.as_mut().ping()).await;
        if matches!(answered, Ok(Ok(()))) {
            return Some(kept.connection);
        }
        drop(self.take_all());
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_was_used_last_is_taken_and_old_ones_are_closed() {
        let idle = IdleConnections::default();
        assert_eq!(idle.take_trusted(), None);
        for number in [1, 2, 3] {
            idle.keep(number);
        }
        assert_eq!((idle.take_trusted(), idle.len()), (Some(3), 2));
        assert_eq!(idle.take_if(|number, unused| *number == 1 && unused < TRUSTED), [1]);
        assert_eq!(idle.take_all(), [2]);
        assert!(idle.is_empty());
    }
}
