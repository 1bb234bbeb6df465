//! A server, a client of it, and documents to write.

use std::time::Duration;

use midflight_client::{Client, DocumentId, RetryPolicy};
use midflight_testkit::{Midflight, Program, TOKEN};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::network::Network;

/// Starts a server, and a network before it.
pub(crate) fn server() -> (Midflight, Network) {
    let server = Midflight::start(&Program::MIDFLIGHT.path(), &[]);
    let network = Network::to(port(&server));
    (server, network)
}

/// The port of a server.
pub(crate) fn port(server: &Midflight) -> u16 {
    server.url().rsplit(':').next().unwrap().parse().unwrap()
}

/// A client over a network.
pub(crate) fn client(network: &Network) -> Client {
    Client::builder(network.address()).token(TOKEN).retry(patient()).build().unwrap()
}

/// Retries until a server that restarts on a slow machine is there.
fn patient() -> RetryPolicy {
    RetryPolicy { retries_max: 100, delay_max: Duration::from_millis(500), ..RetryPolicy::default() }
}

/// A condition of the rules.
pub(crate) fn id(name: &str) -> DocumentId {
    DocumentId::new("rules", &format!("conditions/{name}")).unwrap()
}

/// Its body.
pub(crate) fn body(constant: u64) -> Value {
    json!({"attribute": "applicant.income", "operator": "greater_than_or_equal", "constant": constant})
}

/// Waits, and not for ever.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(midflight_testkit::DEADLINE, future).await.unwrap_or_else(|_| panic!("timed out: {what}"))
}
