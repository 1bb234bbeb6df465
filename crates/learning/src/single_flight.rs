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
pub(crate) struct SingleFlight<A: Clone> {
    questions: Mutex<OpenQuestions<A>>,
    questions_max: usize,
}

struct OpenQuestions<A: Clone> {
    going: HashMap<Question, OpenQuestion<A>>,
    /// How many of them have no answer yet. The others wait to be learned, which must not delay others.
    asking: usize,
}

/// A question that is being asked.
struct OpenQuestion<A: Clone> {
    going: PendingAnswer<A>,
    /// Whether one of its callers may teach: then its answer may be learned.
    may_teach: Arc<AtomicBool>,
}

/// The pending answer; an error when the asking caller left without one.
pub(crate) type PendingAnswer<A> = Shared<oneshot::Receiver<A>>;

/// How often a question is put again when the asking caller left without an answer.
const TRIES_MAX: usize = 3;

/// What a question finds.
enum JoinResult<A: Clone> {
    /// Another caller asks it already.
    Joined(PendingAnswer<A>),
    /// It is to be asked now.
    First(QuestionLeader<A>, PendingAnswer<A>),
    /// Too many others are being asked.
    Full,
}

/// The result of a question.
pub(crate) enum QuestionOutcome<A: Clone, K> {
    /// It need not be asked: it became known meanwhile.
    Known(K),
    /// Another caller asked it already, and this was the answer.
    Answered(A),
    /// It is to be asked now.
    First(QuestionLeader<A>, PendingAnswer<A>),
    /// Too many others are being asked.
    Full,
    /// The callers that asked it left without an answer.
    Abandoned,
}

/// The right to ask. While it exists, equal questions wait for its answer; dropping it lets the next one ask.
pub(crate) struct QuestionLeader<A: Clone> {
    single_flight: Arc<SingleFlight<A>>,
    question: Question,
    answer: Option<oneshot::Sender<A>>,
    may_teach: Arc<AtomicBool>,
}

impl<A: Clone> SingleFlight<A> {
    pub(crate) fn new(questions_max: usize) -> Arc<Self> {
        let questions = OpenQuestions { going: HashMap::new(), asking: 0 };
        Arc::new(Self { questions: Mutex::new(questions), questions_max })
    }

    /// Waits with those who ask the same, or is the first to ask. `may_teach` is whether the answer may be learned as
    /// far as this caller is concerned; of all waiting callers one such is enough.
    ///
    /// `look` finds whether the question became known: what was answered and learned between the caller's own look and
    /// now need not be asked again. It is called without a lock. The first has its ticket by then, so no other caller
    /// asks the same meanwhile, and what was learned before is found.
    pub(crate) async fn ask<K, L: Future<Output = Option<K>>>(
        self: &Arc<Self>,
        question: &Question,
        may_teach: bool,
        look: impl Fn() -> L,
    ) -> QuestionOutcome<A, K> {
        for _ in 0..TRIES_MAX {
            match self.questions(question, may_teach) {
                JoinResult::First(leader, going) => {
                    return match look().await {
                        // Those who wait look themselves when the ticket is dropped.
                        Some(known) => QuestionOutcome::Known(known),
                        None => QuestionOutcome::First(leader, going),
                    };
                }
                JoinResult::Full => {
                    return look().await.map_or(QuestionOutcome::Full, QuestionOutcome::Known);
                }
                JoinResult::Joined(going) => {
                    if let Ok(answer) = going.await {
                        return QuestionOutcome::Answered(answer);
                    }
                    if let Some(known) = look().await {
                        return QuestionOutcome::Known(known);
                    }
                }
            }
        }
        QuestionOutcome::Abandoned
    }

    /// Joins those who ask the same, or is the first.
    fn questions(self: &Arc<Self>, question: &Question, may_teach: bool) -> JoinResult<A> {
        let mut questions = self.lock();
        if let Some(joined) = questions.going.get(question) {
            joined.may_teach.fetch_or(may_teach, Ordering::Relaxed);
            return JoinResult::Joined(joined.going.clone());
        }
        if questions.asking >= self.questions_max {
            return JoinResult::Full;
        }
        let (answer, to_come) = oneshot::channel();
        let to_come = to_come.shared();
        let may_teach = Arc::new(AtomicBool::new(may_teach));
        let open_question = OpenQuestion { going: to_come.clone(), may_teach: Arc::clone(&may_teach) };
        questions.going.insert(question.clone(), open_question);
        questions.asking += 1;
        let question = question.clone();
        let leader =
            QuestionLeader { single_flight: Arc::clone(self), question, answer: Some(answer), may_teach };
        JoinResult::First(leader, to_come)
    }

    /// How many have no answer yet.
    pub(crate) fn asking(&self) -> usize {
        self.lock().asking
    }

    fn lock(&self) -> MutexGuard<'_, OpenQuestions<A>> {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A: Clone> QuestionLeader<A> {
    /// The profile of the question.
    pub(crate) fn profile(&self) -> &Arc<str> {
        &self.question.0
    }

    /// Whether one of the callers may teach.
    pub(crate) fn may_teach(&self) -> bool {
        self.may_teach.load(Ordering::Relaxed)
    }

    /// Gives all waiting callers the answer. Equal questions continue to find it until the ticket is dropped.
    pub(crate) fn answer(&mut self, answer: A) {
        if let Some(sender) = self.answer.take() {
            self.single_flight.lock().asking -= 1;
            // There may be no waiting caller left.
            drop(sender.send(answer));
        }
    }
}

impl<A: Clone> Drop for QuestionLeader<A> {
    fn drop(&mut self) {
        let mut questions = self.single_flight.lock();
        questions.going.remove(&self.question);
        questions.asking -= usize::from(self.answer.is_some());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(text: &str) -> Question {
        ("it".into(), text.to_owned())
    }

    fn questions(single_flight: &Arc<SingleFlight<u32>>, text: &str) -> JoinResult<u32> {
        single_flight.questions(&question(text), false)
    }

    #[tokio::test]
    async fn the_first_asks_and_the_others_get_its_answer() {
        let single_flight = SingleFlight::new(1);
        let JoinResult::First(mut leader, first) = questions(&single_flight, "a") else {
            panic!("it is not the first")
        };
        let JoinResult::Joined(second) = questions(&single_flight, "a") else { panic!("it did not join") };
        assert!(matches!(questions(&single_flight, "b"), JoinResult::Full));
        leader.answer(7);
        assert_eq!((first.await, second.await), (Ok(7), Ok(7)));
        let JoinResult::Joined(late) = questions(&single_flight, "a") else {
            panic!("it asks although it is not over")
        };
        assert_eq!(late.await, Ok(7));
        assert!(!leader.may_teach());
        let teacher = single_flight.questions(&question("a"), true);
        assert!(matches!(teacher, JoinResult::Joined(_)) && leader.may_teach(), "one who may is enough");
        let other = questions(&single_flight, "b");
        assert!(matches!(other, JoinResult::First(..)), "what has its answer is in nobody's way");
        assert_eq!(single_flight.asking(), 1);
        drop((leader, other));
        assert_eq!((single_flight.asking(), single_flight.lock().going.len()), (0, 0));
    }

    #[tokio::test]
    async fn a_caller_that_leaves_without_an_answer_lets_the_next_ask() {
        let single_flight = SingleFlight::<u32>::new(1);
        let JoinResult::First(leader, first) = questions(&single_flight, "a") else {
            panic!("it is not the first")
        };
        assert!(matches!(questions(&single_flight, "b"), JoinResult::Full));
        drop(leader);
        assert!(first.await.is_err());
        assert!(matches!(questions(&single_flight, "a"), JoinResult::First(..)));
    }

    #[tokio::test]
    async fn a_look_delays_no_caller_and_waiters_find_what_became_known() {
        let single_flight = SingleFlight::<u32>::new(2);
        let (found, to_find) = oneshot::channel::<u32>();
        let to_find = to_find.shared();
        let (a, b) = (question("a"), question("b"));
        let look = || to_find.clone().map(Result::ok);
        let mut first = Box::pin(single_flight.ask(&a, false, look));
        let mut second = Box::pin(single_flight.ask(&a, false, look));
        assert!((&mut first).now_or_never().is_none(), "it looks");
        assert!((&mut second).now_or_never().is_none(), "it waits for the first");
        assert_eq!(single_flight.asking(), 1);
        let other = single_flight.ask(&b, false, || async { None::<u32> }).now_or_never();
        assert!(matches!(other, Some(QuestionOutcome::First(..))), "another question waits for nobody");
        let full = single_flight.ask(&question("c"), false, || async { Some(3) }).now_or_never();
        assert!(matches!(full, Some(QuestionOutcome::Known(3))), "what is known needs no place");
        found.send(7).unwrap();
        assert!(matches!(first.await, QuestionOutcome::Known(7)));
        assert!(matches!(second.await, QuestionOutcome::Known(7)));
        drop(other);
        assert_eq!((single_flight.asking(), single_flight.lock().going.len()), (0, 0));
    }

    #[tokio::test]
    async fn a_waiter_asks_when_the_first_caller_leaves() {
        let single_flight = SingleFlight::<u32>::new(1);
        let a = question("a");
        let JoinResult::First(leader, _) = single_flight.questions(&a, false) else {
            panic!("it is not the first")
        };
        let unknown = || async { None::<u32> };
        let mut second = Box::pin(single_flight.ask(&a, false, unknown));
        let mut third = Box::pin(single_flight.ask(&a, false, unknown));
        assert!((&mut second).now_or_never().is_none() && (&mut third).now_or_never().is_none());
        drop(leader);
        let QuestionOutcome::First(mut leader, _) = second.await else { panic!("nobody asks") };
        assert!((&mut third).now_or_never().is_none(), "it waits for the new one");
        leader.answer(5);
        assert!(matches!(third.await, QuestionOutcome::Answered(5)));
    }
}
