//! Single flight: of many equal questions at the same time one is asked, and all get its answer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::Shared;
use tokio::sync::oneshot;

/// What equal questions have in common: the profile, and the query as it is compared.
pub(crate) type Question = (Arc<str>, String);

/// The questions that are being asked, each with the answer to come.
pub(crate) struct Flights<A: Clone> {
    board: Mutex<Board<A>>,
    questions_max: usize,
}

struct Board<A: Clone> {
    going: HashMap<Question, Flight<A>>,
    /// How many of them have no answer yet. The others wait to be learned, which is to be in nobody's way.
    asking: usize,
}

/// A question that is being asked.
struct Flight<A: Clone> {
    going: Going<A>,
    /// Whether anybody who asks may teach: then its answer may be learned.
    may_teach: Arc<AtomicBool>,
}

/// The answer to come; an error when whoever asked is gone without one.
pub(crate) type Going<A> = Shared<oneshot::Receiver<A>>;

/// What a question finds.
pub(crate) enum Boarded<A: Clone> {
    /// Somebody asked it already.
    Joined(Going<A>),
    /// It is to be asked now.
    First(Ticket<A>, Going<A>),
    /// Too many others are being asked.
    Full,
}

/// The right to ask. While it is there, equal questions wait for its answer; dropping it lets the next one ask anew.
pub(crate) struct Ticket<A: Clone> {
    flights: Arc<Flights<A>>,
    question: Question,
    answer: Option<oneshot::Sender<A>>,
    may_teach: Arc<AtomicBool>,
}

impl<A: Clone> Flights<A> {
    pub(crate) fn new(questions_max: usize) -> Arc<Self> {
        let board = Board { going: HashMap::new(), asking: 0 };
        Arc::new(Self { board: Mutex::new(board), questions_max })
    }

    /// Joins those who ask the same, or is the first. `may_teach` says whether the answer may be learned as far as this
    /// caller is concerned; of all that wait one such caller is enough. `known` is asked under the lock: what was answered
    /// and learned between the caller's own look and now need not be asked again.
    pub(crate) fn board<K>(
        self: &Arc<Self>,
        question: Question,
        may_teach: bool,
        known: impl FnOnce() -> Option<K>,
    ) -> Result<Boarded<A>, K> {
        let mut board = self.lock();
        if let Some(joined) = board.going.get(&question) {
            joined.may_teach.fetch_or(may_teach, Ordering::Relaxed);
            return Ok(Boarded::Joined(joined.going.clone()));
        }
        if let Some(known) = known() {
            return Err(known);
        }
        if board.asking >= self.questions_max {
            return Ok(Boarded::Full);
        }
        let (answer, to_come) = oneshot::channel();
        let to_come = to_come.shared();
        let may_teach = Arc::new(AtomicBool::new(may_teach));
        let flight = Flight { going: to_come.clone(), may_teach: Arc::clone(&may_teach) };
        board.going.insert(question.clone(), flight);
        board.asking += 1;
        let ticket = Ticket { flights: Arc::clone(self), question, answer: Some(answer), may_teach };
        Ok(Boarded::First(ticket, to_come))
    }

    /// How many have no answer yet.
    pub(crate) fn asking(&self) -> usize {
        self.lock().asking
    }

    fn lock(&self) -> MutexGuard<'_, Board<A>> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A: Clone> Ticket<A> {
    /// The profile of the question.
    pub(crate) fn profile(&self) -> &Arc<str> {
        &self.question.0
    }

    /// Whether anybody who asked may teach.
    pub(crate) fn may_teach(&self) -> bool {
        self.may_teach.load(Ordering::Relaxed)
    }

    /// Gives everybody the answer. Equal questions go on to find it until the ticket is dropped.
    pub(crate) fn answer(&mut self, answer: A) {
        if let Some(sender) = self.answer.take() {
            self.flights.lock().asking -= 1;
            // Nobody may be waiting any more.
            drop(sender.send(answer));
        }
    }
}

impl<A: Clone> Drop for Ticket<A> {
    fn drop(&mut self) {
        let mut board = self.flights.lock();
        board.going.remove(&self.question);
        board.asking -= usize::from(self.answer.is_some());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(text: &str) -> Question {
        ("it".into(), text.to_owned())
    }

    fn board(flights: &Arc<Flights<u32>>, text: &str) -> Boarded<u32> {
        flights.board(question(text), false, || None::<()>).unwrap_or(Boarded::Full)
    }

    #[tokio::test]
    async fn the_first_asks_and_the_others_get_its_answer() {
        let flights = Flights::new(1);
        let Boarded::First(mut ticket, first) = board(&flights, "a") else { panic!("it is not the first") };
        let Boarded::Joined(second) = board(&flights, "a") else { panic!("it did not join") };
        assert!(matches!(board(&flights, "b"), Boarded::Full));
        ticket.answer(7);
        assert_eq!((first.await, second.await), (Ok(7), Ok(7)));
        let Boarded::Joined(late) = board(&flights, "a") else { panic!("it asks although it is not over") };
        assert_eq!(late.await, Ok(7));
        assert!(!ticket.may_teach());
        let teacher = flights.board(question("a"), true, || None::<()>);
        assert!(matches!(teacher, Ok(Boarded::Joined(_))) && ticket.may_teach(), "one who may is enough");
        let other = board(&flights, "b");
        assert!(matches!(other, Boarded::First(..)), "what has its answer is in nobody's way");
        assert_eq!(flights.asking(), 1);
        drop((ticket, other));
        assert_eq!((flights.asking(), flights.lock().going.len()), (0, 0));
    }

    #[tokio::test]
    async fn who_goes_without_an_answer_lets_the_next_ask() {
        let flights = Flights::<u32>::new(1);
        let Boarded::First(ticket, first) = board(&flights, "a") else { panic!("it is not the first") };
        assert!(matches!(board(&flights, "b"), Boarded::Full));
        drop(ticket);
        assert!(first.await.is_err());
        assert!(matches!(board(&flights, "a"), Boarded::First(..)));
        assert_eq!(flights.board(question("a"), true, || Some("known")).err(), Some("known"));
    }
}
