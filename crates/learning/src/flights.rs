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

/// How often a question is put again when whoever asked it is gone without an answer.
const TRIES_MAX: usize = 3;

/// What a question finds.
enum Boarded<A: Clone> {
    /// Somebody asked it already.
    Joined(Going<A>),
    /// It is to be asked now.
    First(Ticket<A>, Going<A>),
    /// Too many others are being asked.
    Full,
}

/// What becomes of a question.
pub(crate) enum Asked<A: Clone, K> {
    /// It need not be asked: it became known meanwhile.
    Known(K),
    /// Somebody asked it already, and this was the answer.
    Answered(A),
    /// It is to be asked now.
    First(Ticket<A>, Going<A>),
    /// Too many others are being asked.
    Full,
    /// Those who asked it are gone without an answer.
    GivenUp,
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

    /// Waits with those who ask the same, or is the first to ask. `may_teach` says whether the answer may be learned as far
    /// as this caller is concerned; of all that wait one such caller is enough.
    ///
    /// `look` says whether the question became known: what was answered and learned between the caller's own look and now
    /// need not be asked again. It is called without a lock. The first has its ticket by then, so nobody else asks the same
    /// meanwhile, and what was learned before is found.
    pub(crate) async fn ask<K, L: Future<Output = Option<K>>>(
        self: &Arc<Self>,
        question: &Question,
        may_teach: bool,
        look: impl Fn() -> L,
    ) -> Asked<A, K> {
        for _ in 0..TRIES_MAX {
            match self.board(question, may_teach) {
                Boarded::First(ticket, going) => {
                    return match look().await {
                        // Those who wait look themselves when the ticket is dropped.
                        Some(known) => Asked::Known(known),
                        None => Asked::First(ticket, going),
                    };
                }
                Boarded::Full => return look().await.map_or(Asked::Full, Asked::Known),
                Boarded::Joined(going) => {
                    if let Ok(answer) = going.await {
                        return Asked::Answered(answer);
                    }
                    if let Some(known) = look().await {
                        return Asked::Known(known);
                    }
                }
            }
        }
        Asked::GivenUp
    }

    /// Joins those who ask the same, or is the first.
    fn board(self: &Arc<Self>, question: &Question, may_teach: bool) -> Boarded<A> {
        let mut board = self.lock();
        if let Some(joined) = board.going.get(question) {
            joined.may_teach.fetch_or(may_teach, Ordering::Relaxed);
            return Boarded::Joined(joined.going.clone());
        }
        if board.asking >= self.questions_max {
            return Boarded::Full;
        }
        let (answer, to_come) = oneshot::channel();
        let to_come = to_come.shared();
        let may_teach = Arc::new(AtomicBool::new(may_teach));
        let flight = Flight { going: to_come.clone(), may_teach: Arc::clone(&may_teach) };
        board.going.insert(question.clone(), flight);
        board.asking += 1;
        let question = question.clone();
        let ticket = Ticket { flights: Arc::clone(self), question, answer: Some(answer), may_teach };
        Boarded::First(ticket, to_come)
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
        flights.board(&question(text), false)
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
        let teacher = flights.board(&question("a"), true);
        assert!(matches!(teacher, Boarded::Joined(_)) && ticket.may_teach(), "one who may is enough");
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
    }

    #[tokio::test]
    async fn nobody_is_held_up_while_one_looks_and_those_who_wait_find_what_became_known() {
        let flights = Flights::<u32>::new(2);
        let (found, to_find) = oneshot::channel::<u32>();
        let to_find = to_find.shared();
        let (a, b) = (question("a"), question("b"));
        let look = || to_find.clone().map(Result::ok);
        let mut first = Box::pin(flights.ask(&a, false, look));
        let mut second = Box::pin(flights.ask(&a, false, look));
        assert!((&mut first).now_or_never().is_none(), "it looks");
        assert!((&mut second).now_or_never().is_none(), "it waits for the first");
        assert_eq!(flights.asking(), 1);
        let other = flights.ask(&b, false, || async { None::<u32> }).now_or_never();
        assert!(matches!(other, Some(Asked::First(..))), "another question waits for nobody");
        let full = flights.ask(&question("c"), false, || async { Some(3) }).now_or_never();
        assert!(matches!(full, Some(Asked::Known(3))), "what is known needs no place");
        found.send(7).unwrap();
        assert!(matches!(first.await, Asked::Known(7)));
        assert!(matches!(second.await, Asked::Known(7)));
        drop(other);
        assert_eq!((flights.asking(), flights.lock().going.len()), (0, 0));
    }

    #[tokio::test]
    async fn one_of_those_who_wait_asks_when_the_first_is_gone() {
        let flights = Flights::<u32>::new(1);
        let a = question("a");
        let Boarded::First(ticket, _) = flights.board(&a, false) else { panic!("it is not the first") };
        let unknown = || async { None::<u32> };
        let mut second = Box::pin(flights.ask(&a, false, unknown));
        let mut third = Box::pin(flights.ask(&a, false, unknown));
        assert!((&mut second).now_or_never().is_none() && (&mut third).now_or_never().is_none());
        drop(ticket);
        let Asked::First(mut ticket, _) = second.await else { panic!("nobody asks") };
        assert!((&mut third).now_or_never().is_none(), "it waits for the new one");
        ticket.answer(5);
        assert!(matches!(third.await, Asked::Answered(5)));
    }
}
