//! What every bus over a network must survive, whatever its server is. Each case starts a server of its own behind a
//! [`Proxy`] that can cut or stall the line.

use std::io::Read as _;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use midflight_bus::conformance::{ConnectBus, connected, heard, hint, received_up_to};
use midflight_bus::{Bus, BusError, HintEvent, Seal, Timing};
use midflight_testkit::{DEADLINE, Process, Proxy};
use serde_json::json;
use tokio::time::{sleep, timeout};

/// Short, so that the tests are; but an answer may take its time on a busy machine.
pub(crate) const TIMING: Timing = Timing {
    connect_ms_max: 3000,
    answer_ms_max: 2000,
    silence_ms_max: 200,
    backoff_ms_first: 10,
    backoff_ms_max: 100,
};

/// A real server, and how to reach it.
pub(crate) trait Server: Send + Sync + 'static {
    fn start() -> Self;
    fn port(&self) -> u16;
    /// The URL by way of another port.
    fn url_by(&self, port: u16) -> String;
    fn stop(&mut self);
    fn restart(&mut self);
    fn process(&mut self) -> &mut Process;
    fn pause(&mut self) {
        self.process().pause();
    }
    fn resume(&mut self) {
        self.process().resume();
    }
    fn bus(url: String, timing: Timing, seal: &Seal) -> Result<Arc<dyn Bus>, BusError>;
    /// Says something as a stranger would, if the server carries it at all.
    fn say(&self, messages: &[Vec<u8>]) -> impl Future<Output = u64> + Send;
}

/// The methods of [`Server`] that a server of the testkit has by itself.
#[macro_export]
macro_rules! testkit_server {
    () => {
        fn start() -> Self {
            Self::start()
        }

        fn port(&self) -> u16 {
            (**self).port()
        }

        fn stop(&mut self) {
            (**self).stop();
        }

        fn restart(&mut self) {
            (**self).restart();
        }

        fn process(&mut self) -> &mut midflight_testkit::Process {
            (**self).process()
        }
    };
}

/// Makes a test of every case for one server.
#[macro_export]
macro_rules! fault_tests {
    ($server:ty) => {
        $crate::fault_tests!(@each $server;
            a_server_that_starts_late_is_found, a_server_that_restarts_is_found_again,
            a_server_that_is_killed_is_found_again, a_paused_server_is_noticed_and_survived, a_stalled_line_is_noticed_and_survived,
            no_hint_is_missed_when_the_connection_is_cut, strangers_bring_no_hint_and_few_looks,
            a_key_that_is_learnt_late_is_used_from_then_on, tries_to_connect_are_bounded,
            dropping_a_bus_whose_server_is_stalled_returns_at_once, a_wrong_url_is_refused_without_its_password,
        );
    };
    (@each $server:ty; $($case:ident,)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            $crate::faults::$case::<$server>().await;
        }
    )+};
}

pub(crate) fn sealed() -> Seal {
    let seal = Seal::new();
    seal.know([7; 32]);
    seal
}

/// What joins a bus by this URL, for the conformance suite.
pub(crate) fn connect<S: Server>(url: String) -> ConnectBus {
    Box::new(move || S::bus(url.clone(), Timing::default(), &sealed()).unwrap())
}

fn bus_by<S: Server>(server: &S, port: u16) -> Arc<dyn Bus> {
    S::bus(server.url_by(port), TIMING, &sealed()).unwrap()
}

pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let so = async {
        while !is_so() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    assert!(timeout(DEADLINE, so).await.is_ok(), "timed out waiting for {what}");
}

async fn lost(bus: &dyn Bus) {
    until("the loss to be noticed", || !bus.status().connected).await;
    assert!(bus.status().last_error.is_some());
}

pub(crate) async fn a_server_that_starts_late_is_found<S: Server>() {
    let mut server = S::start();
    server.stop();
    let bus = bus_by(&server, server.port());
    let mut hints = bus.subscribe().await.unwrap();
    for head in 1..=3 {
        bus.publish(hint(head)).await.unwrap();
    }
    until("a try in vain", || bus.status().last_error.is_some()).await;
    assert!(!bus.status().connected && bus.status().published == 0);
    server.restart();
    assert_eq!(heard(&mut *hints).await, Some(HintEvent::Look), "what was said before was not heard");
    assert_eq!(received_up_to(&mut *hints, 3).await, [HintEvent::Hint(hint(3))], "the newest had waited");
    assert_eq!(bus.status().reconnects, 0);
}

pub(crate) async fn a_server_that_restarts_is_found_again<S: Server>() {
    found_again::<S>(S::stop).await;
}

pub(crate) async fn a_server_that_is_killed_is_found_again<S: Server>() {
    found_again::<S>(|server| server.process().kill()).await;
}

async fn found_again<S: Server>(end: impl Fn(&mut S)) {
    let mut server = S::start();
    let (one, other) = (bus_by(&server, server.port()), bus_by(&server, server.port()));
    let mut hints = other.subscribe().await.unwrap();
    assert_eq!(heard(&mut *hints).await, Some(HintEvent::Look));
    connected(&*one).await;
    end(&mut server);
    lost(&*other).await;
    one.publish(hint(1)).await.unwrap();
    server.restart();
    assert_eq!(heard(&mut *hints).await, Some(HintEvent::Look), "what was said meanwhile was not heard");
    connected(&*one).await;
    one.publish(hint(2)).await.unwrap();
    received_up_to(&mut *hints, 2).await;
    assert!(other.status().reconnects >= 1);
}

pub(crate) async fn a_paused_server_is_noticed_and_survived<S: Server>() {
    let mut server = S::start();
    let bus = bus_by(&server, server.port());
    let mut hints = bus.subscribe().await.unwrap();
    assert_eq!(heard(&mut *hints).await, Some(HintEvent::Look));
    server.pause();
    lost(&*bus).await;
    bus.publish(hint(1)).await.unwrap();
    server.resume();
    assert_eq!(heard(&mut *hints).await, Some(HintEvent::Look));
    received_up_to(&mut *hints, 1).await;
}

pub(crate) async fn a_stalled_line_is_noticed_and_survived<S: Server>() {
    let server = S::start();
    let proxy = Proxy::to(server.port());
    let (far, near) = (bus_by(&server, proxy.port()), bus_by(&server, server.port()));
    let mut hints = far.subscribe().await.unwrap();
    assert_eq!(heard(&mut *hints).await, Some(HintEvent::Look));
    connected(&*near).await;
    proxy.stall();
    lost(&*far).await;
    near.publish(hint(1)).await.unwrap();
    proxy.heal();
    assert_eq!(heard(&mut *hints).await, Some(HintEvent::Look));
    near.publish(hint(2)).await.unwrap();
    received_up_to(&mut *hints, 2).await;
}

pub(crate) async fn no_hint_is_missed_when_the_connection_is_cut<S: Server>() {
    let server = S::start();
    let proxy = Proxy::to(server.port());
    let (far, near) = (bus_by(&server, proxy.port()), bus_by(&server, server.port()));
    let (mut of_far, mut of_near) = (far.subscribe().await.unwrap(), near.subscribe().await.unwrap());
    for bus in [&far, &near] {
        connected(&**bus).await;
    }
    for (round, head) in (1..=20).enumerate() {
        connected(&*far).await;
        far.publish(hint(head)).await.unwrap();
        // Before, while and after it is sent, by turns.
        for _ in 0..round % 4 {
            tokio::task::yield_now().await;
        }
        proxy.cut();
        proxy.heal();
        received_up_to(&mut *of_near, head).await;
        let mut next = heard(&mut *of_far).await;
        // A look or a hint of the round before may still wait.
        while matches!(&next, Some(HintEvent::Hint(older)) if older.head.get() < head) {
            next = heard(&mut *of_far).await;
        }
        assert!(next.is_some());
    }
    near.publish(hint(21)).await.unwrap();
    received_up_to(&mut *of_far, 21).await;
}

pub(crate) async fn strangers_bring_no_hint_and_few_looks<S: Server>() {
    let server = S::start();
    let (one, other) = (bus_by(&server, server.port()), bus_by(&server, server.port()));
    let mut hints = other.subscribe().await.unwrap();
    assert_eq!(heard(&mut *hints).await, Some(HintEvent::Look));
    connected(&*one).await;
    let start = Instant::now();
    let json = json!({"head": 99, "awaited": true}).to_string();
    let (zero, digits) = ("0".repeat(64), "z".repeat(64));
    let forged = [
        format!("midflight-hint 2 {zero}\n{json}"),
        format!("midflight-hint 2 {digits}\n{json}"),
        format!("midflight-hint 2 -\n{json}"),
        format!("midflight-hint 2 {zero}\n{json}"),
        format!("midflight-hint 2 {zero}\n"),
        "midflight-hint 2".to_owned(),
        format!("midflight-hint 2 {zero}\n{}", "[".repeat(4000)),
        json.clone(),
        "[".repeat(7000),
        "x".repeat(5 << 20),
    ];
    let mut messages: Vec<_> = forged.into_iter().map(String::into_bytes).collect();
    messages.push(vec![0xff, 0, 0xfe]);
    let mut output = 0;
    for _ in 0..50 {
        output += server.say(&messages).await;
    }
    // Those of another connection may come after what is said here, so the count is waited for.
    until("all of them to be thrown away", || other.status().ignored == output).await;
    for _ in 0..2 {
        one.publish(hint(7)).await.unwrap();
    }
    let all = received_up_to(&mut *hints, 7).await;
    let looks = all.iter().filter(|heard| **heard == HintEvent::Look).count() as u64;
    assert!(looks <= 1 + start.elapsed().as_secs(), "{looks} looks");
    let hints = all.iter().filter(|heard| matches!(heard, HintEvent::Hint(_))).count();
    assert_eq!((hints, other.status().reconnects), (1, 0), "{output} strange messages");
}

pub(crate) async fn a_key_that_is_learnt_late_is_used_from_then_on<S: Server>() {
    let server = S::start();
    let (seal, url) = (Seal::new(), server.url_by(server.port()));
    let (one, other) = (S::bus(url, TIMING, &seal).unwrap(), bus_by(&server, server.port()));
    let mut hints = other.subscribe().await.unwrap();
    assert_eq!(heard(&mut *hints).await, Some(HintEvent::Look));
    one.publish(hint(1)).await.unwrap();
    assert_eq!(heard(&mut *hints).await, Some(HintEvent::Look), "a replica without the key is not lost");
    seal.know([7; 32]);
    one.publish(hint(2)).await.unwrap();
    received_up_to(&mut *hints, 2).await;
}

/// Counts tries in what they take: 30 of them with pauses of up to 100 ms take a second or two, and no try is made
/// without a pause before it.
pub(crate) async fn tries_to_connect_are_bounded<S: Server>() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = S::start();
    let start = Instant::now();
    let bus = bus_by(&server, port);
    let counted = tokio::task::spawn_blocking(move || {
        for _ in 0..30 {
            drop(listener.accept().unwrap());
        }
    });
    timeout(DEADLINE, counted).await.unwrap().unwrap();
    assert!(start.elapsed() > Duration::from_millis(300), "30 tries in {:?}", start.elapsed());
    assert!(!bus.status().connected);
}

pub(crate) async fn dropping_a_bus_whose_server_is_stalled_returns_at_once<S: Server>() {
    let metrics = tokio::runtime::Handle::current().metrics();
    let server = S::start();
    let proxy = Proxy::to(server.port());
    let slow = Timing { answer_ms_max: 600_000, ..TIMING };
    let before = metrics.num_alive_tasks();
    let bus = S::bus(server.url_by(proxy.port()), slow, &sealed()).unwrap();
    let mut hints = bus.subscribe().await.unwrap();
    assert_eq!(heard(&mut *hints).await, Some(HintEvent::Look));
    proxy.stall();
    bus.publish(hint(1)).await.unwrap();
    drop(bus);
    let removed = timeout(Duration::from_secs(5), hints.next()).await;
    assert_eq!(removed, Ok(None), "its listeners are told when its task has ended");
    proxy.heal();
    until("its tasks to end", || metrics.num_alive_tasks() <= before).await;

    let dead = TcpListener::bind("127.0.0.1:0").unwrap();
    let bus = S::bus(server.url_by(dead.local_addr().unwrap().port()), slow, &sealed()).unwrap();
    let (mut connection, _) = tokio::task::spawn_blocking(move || dead.accept().unwrap()).await.unwrap();
    drop(bus);
    until("its tasks to end", || metrics.num_alive_tasks() <= before).await;
    connection.set_read_timeout(Some(DEADLINE)).unwrap();
    let closed = tokio::task::spawn_blocking(move || connection.read_to_end(&mut Vec::new())).await.unwrap();
    assert!(closed.is_ok(), "its connection is closed: {closed:?}");
}

pub(crate) async fn a_wrong_url_is_refused_without_its_password<S: Server>() {
    let server = S::start();
    let right = server.url_by(server.port());
    let (scheme, rest) = right.split_once("://").unwrap();
    let host = rest.rsplit('@').next().unwrap();
    for wrong in [
        format!("gopher://anna:s3cret@{host}"),
        format!("{scheme}://anna:s3cret@host:port"),
        "s3cret".to_owned(),
        String::new(),
    ] {
        let Err(refused) = S::bus(wrong.clone(), TIMING, &sealed()) else { panic!("{wrong} is taken") };
        let text = format!("{refused} {refused:?}");
        assert!(text.contains("write ") && !text.contains("s3cret"), "{text}");
    }
    let bus = S::bus(format!("{scheme}://anna:s3cret@{host}"), TIMING, &sealed()).unwrap();
    until("a refusal or a welcome", || bus.status().connected || bus.status().last_error.is_some()).await;
    assert!(!format!("{:?}", bus.status()).contains("s3cret"));
}
