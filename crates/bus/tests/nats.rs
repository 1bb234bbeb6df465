//! Hints over a real NATS.
#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

mod faults;

use std::sync::Arc;

use faults::{Server, sealed};
use midflight_bus::conformance::ConnectBus;
use midflight_bus::{Bus, BusError, NatsBus, NatsOptions, Seal, Timing};
use midflight_testkit::{Nats, Process};

async fn make() -> (ConnectBus, Arc<Nats>) {
    let server = Arc::new(Nats::start());
    let url = server.url();
    (Box::new(move || <Nats as Server>::bus(url.clone(), Timing::default(), &sealed()).unwrap()), server)
}

midflight_bus::conformance_tests!(make());
fault_tests!(Nats);

impl Server for Nats {
    fn start() -> Self {
        Self::start()
    }

    fn port(&self) -> u16 {
        self.port()
    }

    fn url_by(&self, port: u16) -> String {
        format!("nats://127.0.0.1:{port}")
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

    fn bus(url: String, timing: Timing, seal: &Seal) -> Result<Arc<dyn Bus>, BusError> {
        Ok(Arc::new(NatsBus::new(NatsOptions { timing, ..NatsOptions::new(url) }, seal)?))
    }

    async fn say(&self, messages: &[Vec<u8>]) -> u64 {
        let client = async_nats::connect(self.url()).await.unwrap();
        let mut output = 0;
        for message in messages {
            // What is beyond the server's bound is refused before it is sent.
            output += u64::from(client.publish("midflight", message.clone().into()).await.is_ok());
        }
        client.flush().await.unwrap();
        output
    }
}

#[tokio::test]
async fn a_subject_with_wildcards_is_refused() {
    for subject in ["", "a..b", "a.*", ">", "a b"] {
        let options = NatsOptions { subject: subject.to_owned(), ..NatsOptions::new("nats://127.0.0.1:1") };
        let Err(refused) = NatsBus::new(options, &sealed()) else { panic!("{subject:?} is taken") };
        assert!(refused.to_string().contains("subject"), "{refused}");
    }
}
