//! Hints over a real NATS.
#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

mod faults;

use std::sync::Arc;

use faults::{Server, connect, sealed};
use midflight_bus::conformance::ConnectBus;
use midflight_bus::{Bus, BusError, NatsBus, NatsOptions, Seal, Timing};
use midflight_testkit::Nats;

async fn make() -> (ConnectBus, Arc<Nats>) {
    let server = Arc::new(Nats::start());
    (connect::<Nats>(server.url()), server)
}

midflight_bus::conformance_tests!(make());
fault_tests!(Nats);

impl Server for Nats {
    testkit_server!();

    fn url_by(&self, port: u16) -> String {
        format!("nats://127.0.0.1:{port}")
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
