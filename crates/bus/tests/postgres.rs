//! Hints over a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

mod faults;

use std::process::Command;
use std::sync::Arc;

use faults::{Server, TIMING, connect, sealed, until};
use midflight_bus::conformance::{ConnectBus, heard, hint, hint_with};
use midflight_bus::{Bus, BusError, HintEvent, PostgresBus, PostgresBusOptions, Seal, Timing};
use midflight_testkit::{Postgres, Process};
use serde_json::json;
use sqlx::{Connection as _, PgConnection};

/// The database that every server has from the beginning.
const DATABASE: &str = "postgres";

async fn make() -> (ConnectBus, Arc<Postgres>) {
    let server = Postgres::shared();
    (connect::<Postgres>(server.database()), server)
}

midflight_bus::conformance_tests!(make());
fault_tests!(Postgres);

impl Server for Postgres {
    fn start() -> Self {
        Self::start()
    }

    fn port(&self) -> u16 {
        self.port()
    }

    fn url_by(&self, port: u16) -> String {
        format!("postgres://postgres@127.0.0.1:{port}/{DATABASE}")
    }

    fn stop(&mut self) {
        self.stop();
    }

    fn restart(&mut self) {
        self.restart();
    }

    fn process(&mut self) -> &mut Process {
        self.process()
    }

    fn pause(&mut self) {
        signal(self, "-STOP");
    }

    fn resume(&mut self) {
        signal(self, "-CONT");
    }

    fn bus(url: String, timing: Timing, seal: &Seal) -> Result<Arc<dyn Bus>, BusError> {
        Ok(Arc::new(PostgresBus::new(PostgresBusOptions { timing, ..PostgresBusOptions::new(url) }, seal)?))
    }

    async fn say(&self, messages: &[Vec<u8>]) -> u64 {
        let mut output = 0;
        let mut connection = PgConnection::connect(&self.url_by(self.port())).await.unwrap();
        for (n, message) in messages.iter().enumerate() {
            // What is no text, or too long, is refused by the server.
            let text = String::from_utf8_lossy(message);
            let channel = if n % 2 == 0 { "midflight_hint" } else { "midflight" };
            let notify = sqlx::query("SELECT pg_notify($1, $2)").bind(channel).bind(&*text);
            output += u64::from(notify.execute(&mut connection).await.is_ok());
        }
        output
    }
}

/// Signals the main process and its sessions, which are processes of their own and go on when it is paused.
fn signal(server: &mut Postgres, signal: &str) {
    let id = server.process().id();
    let sessions = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    assert!(Command::new("kill").arg(signal).arg(id.to_string()).status().unwrap().success());
    // A session may have ended since it was listed.
    Command::new("kill").arg(signal).args(sessions.split_whitespace()).status().unwrap();
}

#[tokio::test]
async fn a_revision_added_by_hand_is_a_hint_without_its_change() {
    let server = Postgres::shared();
    let url = server.database();
    let bus = <Postgres as Server>::bus(url.clone(), TIMING, &sealed()).unwrap();
    let mut hints = bus.subscribe().await.unwrap();
    assert_eq!(heard(&mut *hints).await, Some(HintEvent::Look));
    Postgres::psql(&url, "NOTIFY midflight, '41'; NOTIFY midflight, '42'").unwrap();
    assert_eq!(
        heard(&mut *hints).await,
        Some(HintEvent::Hint(hint(42))),
        "numbers that come together are one"
    );
}

#[tokio::test]
async fn a_report_of_a_replica_is_received_and_is_not_a_hint() {
    let server = Postgres::shared();
    let url = server.database();
    for receive_only in [false, true] {
        let options =
            PostgresBusOptions { timing: TIMING, receive_only, ..PostgresBusOptions::new(url.clone()) };
        let bus = PostgresBus::new(options, &sealed()).unwrap();
        let mut hints = bus.subscribe().await.unwrap();
        assert_eq!(heard(&mut *hints).await, Some(HintEvent::Look));
        Postgres::psql(&url, "NOTIFY midflight_replicas").unwrap();
        assert_eq!(heard(&mut *hints).await, Some(HintEvent::Reported));
        let status = bus.status();
        assert_eq!((status.heard, status.ignored), (0, 0));
    }
}

#[tokio::test]
async fn the_number_of_a_revision_and_its_hint_are_received_as_one() {
    let server = Postgres::shared();
    let url = server.database();
    let bus = <Postgres as Server>::bus(url.clone(), TIMING, &sealed()).unwrap();
    let mut hints = bus.subscribe().await.unwrap();
    assert_eq!(heard(&mut *hints).await, Some(HintEvent::Look));
    let whole = hint_with(42, json!({"n": 1}));
    bus.publish(whole.clone()).await.unwrap();
    assert_eq!(heard(&mut *hints).await, Some(HintEvent::Hint(whole)));
    Postgres::psql(&url, "NOTIFY midflight, '42'").unwrap();
    until("the number to come", || bus.status().heard == 2).await;
    bus.publish(hint(43)).await.unwrap();
    assert_eq!(heard(&mut *hints).await, Some(HintEvent::Hint(hint(43))), "the number told nothing new");
    assert_eq!(bus.status().ignored, 0);
}
