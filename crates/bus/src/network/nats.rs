//! Hints over NATS.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::{
    Client, ConnectOptions, Event, ReconnectToServer, Server, ServerAddr, ServerInfo, Subscriber,
};
use futures_util::StreamExt as _;
use tokio::sync::mpsc;

use super::codec::MESSAGE_BYTES_MAX;
use super::message_filter::ReceivedMessage;
use super::outbound::Edited;
use super::tls_files::{TlsFilesOfUrl, read};
use super::transport::{Incoming, Outgoing, Transport};
use super::{NetworkBus, Seal, Timing, tls};
use crate::BusError;

/// How many messages may wait in the client before it lets them drop.
const MESSAGES_MAX: usize = 1024;

/// What a [`NatsBus`] is made of. It cannot be printed: the URL may have a password in it.
#[derive(Clone)]
pub struct NatsOptions {
    /// `nats://[USER:PASSWORD@]HOST[:PORT]`, or `tls://`; several servers of one cluster with commas between them.
    /// With `tls://` the authorities of the system are trusted, or with `?sslrootcert=FILE` those of the file alone;
    /// `sslcert=FILE` and `sslkey=FILE` are a certificate to present.
    pub url: String,
    /// The subject of the hints; `midflight` by default.
    pub subject: String,
    /// How long things may take.
    pub timing: Timing,
}

impl NatsOptions {
    /// The defaults for a server.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), subject: "midflight".to_owned(), timing: Timing::default() }
    }
}

/// Carries hints over NATS, by one connection. The account must be allowed to publish and subscribe to the subject, and
/// to `_INBOX.>`, by which the client asks whether the server is there.
///
/// ```no_run
/// # #[tokio::main]
/// # async fn main() -> Result<(), midflight_bus::BusError> {
/// use midflight_bus::{Bus, NatsBus, NatsOptions, Seal};
///
/// let seal = Seal::new();
/// let bus = NatsBus::new(NatsOptions::new("nats://127.0.0.1:4222"), &seal)?;
/// // Once the store has answered: seal.know(store.hint_key().await?);
/// let mut hints = bus.subscribe().await?;
/// while let Some(heard) = hints.next().await {
///     println!("{heard:?}; {:?}", bus.status());
/// }
/// # Ok(())
/// # }
/// ```
pub type NatsBus = NetworkBus<NatsTransport>;

impl NetworkBus<NatsTransport> {
    /// Makes the bus. It reaches the server by itself; whether it is there makes no difference now.
    ///
    /// # Errors
    /// [`BusError::Options`] when the URL is none of NATS, or the subject is no name without wildcards.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(options: NatsOptions, seal: &Seal) -> Result<Self, BusError> {
        tls::choose_cryptography();
        let refused = || {
            let cure = "write nats://[USER:PASSWORD@]HOST[:PORT], or tls:// for TLS";
            BusError::Options(format!("invalid NATS URL; {cure}"))
        };
        let (url, files) = TlsFilesOfUrl::take(&options.url, &["tls://"])?;
        // They are read at each connection; what cannot be read now is reported now.
        let (cert, key) = files.client.as_ref().map(|(cert, key)| (cert, key)).unzip();
        for file in files.authorities.iter().chain(cert).chain(key) {
            read(file)?;
        }
        let servers = url.split(',').map(|server| read_server(server.trim()).ok_or_else(refused));
        let servers = servers.collect::<Result<Vec<_>, _>>()?;
        let is_name = |token: &str| !token.is_empty() && !token.contains([' ', '\t', '\r', '\n', '*', '>']);
        if !options.subject.split('.').all(is_name) {
            let message = format!("invalid subject {:?}: expected words separated by dots", options.subject);
            return Err(BusError::Options(message));
        }
        let address = |server: &ServerAddr| format!("{}:{}", server.host(), server.port());
        let address = servers.iter().map(address).collect::<Vec<_>>().join(",");
        let transport = NatsTransport { servers, files, subject: options.subject, timing: options.timing };
        Ok(Self::start("nats", address, transport, seal, options.timing))
    }
}

/// The client would take a text without a scheme for a host, and so a mistyped URL for a name to look up for ever.
fn read_server(url: &str) -> Option<ServerAddr> {
    let has_scheme = ["nats://", "tls://"].iter().any(|scheme| url.starts_with(scheme));
    url.parse().ok().filter(|server: &ServerAddr| has_scheme && !server.host().is_empty())
}

/// The server of a [`NatsBus`].
pub struct NatsTransport {
    servers: Vec<ServerAddr>,
    files: TlsFilesOfUrl,
    subject: String,
    timing: Timing,
}

impl Transport for NatsTransport {
    type Incoming = NatsSubscription;
    type Outgoing = NatsPublisher;

    async fn connect(&self) -> Result<(NatsSubscription, NatsPublisher), String> {
        let (tell, events) = mpsc::unbounded_channel();
        // The driver reconnects: it drops a client that has lost its connection. The client cannot be configured never
        // to reconnect, only to stop after a number of attempts. It logs that as an error, unless a callback chooses
        // the server.
        let first = AtomicBool::new(true);
        let choose = move |servers: Vec<Server>, _: ServerInfo| {
            // The first connection is made to whichever server answers.
            let first = first.swap(false, Ordering::Relaxed);
            let again = servers.into_iter().next().filter(|_| !first);
            let chosen = again.map(|it| ReconnectToServer { addr: it.addr, delay: Some(Duration::ZERO) });
            std::future::ready(chosen)
        };
        let mut options = ConnectOptions::new();
        if let Some(file) = &self.files.authorities {
            options = options.add_root_certificates(file.clone());
        }
        if let Some((cert, key)) = &self.files.client {
            options = options.add_client_certificate(cert.clone(), key.clone());
        }
        let options = options
            .name("midflight")
            .connection_timeout(self.timing.connect())
            .max_reconnects(self.servers.len())
            .reconnect_to_server_callback(choose)
            .ignore_discovered_servers()
            .subscription_capacity(MESSAGES_MAX)
            .event_callback(move |event| {
                // No listener is left once the connection was abandoned.
                drop(tell.send(event));
                std::future::ready(())
            });
        let client = options.connect(self.servers.as_slice()).await.map_err(|error| error.to_string())?;
        let messages = client.subscribe(self.subject.clone()).await.map_err(|error| error.to_string())?;
        let mut probes = [NatsProbe::new(&client).await?, NatsProbe::new(&client).await?];
        // What comes back has passed the server after the subscription.
        probes[0].round_trip().await?;
        let [of_incoming, of_outgoing] = probes;
        let outgoing = NatsPublisher { client, subject: self.subject.clone(), probe: of_outgoing };
        Ok((NatsSubscription { messages, events, probe: of_incoming }, outgoing))
    }
}

/// A subject of one's own. The client's flush is done when the bytes are written, which does not confirm the server;
/// the reply does.
struct NatsProbe {
    client: Client,
    inbox: String,
    answers: Subscriber,
    sent: u64,
}

impl NatsProbe {
    async fn new(client: &Client) -> Result<Self, String> {
        let inbox = client.new_inbox();
        let answers = client.subscribe(inbox.clone()).await.map_err(|error| error.to_string())?;
        Ok(Self { client: client.clone(), inbox, answers, sent: 0 })
    }

    /// Answers once the server has seen all that was sent before.
    async fn round_trip(&mut self) -> Result<(), String> {
        self.sent += 1;
        let number = self.sent.to_be_bytes();
        let sent = self.client.publish(self.inbox.clone(), number.to_vec().into()).await;
        sent.map_err(|error| error.to_string())?;
        while let Some(answer) = self.answers.next().await {
            // An earlier one is the answer to an abandoned question.
            if answer.payload[..] == number {
                return Ok(());
            }
        }
        Err(CLOSED.to_owned())
    }
}

const CLOSED: &str = "the connection was closed";

pub(crate) struct NatsSubscription {
    messages: Subscriber,
    events: mpsc::UnboundedReceiver<Event>,
    probe: NatsProbe,
}

impl Incoming for NatsSubscription {
    async fn next(&mut self) -> Result<ReceivedMessage, String> {
        loop {
            tokio::select! {
                message = self.messages.next() => {
                    let message = message.ok_or(CLOSED)?;
                    return Ok(ReceivedMessage::Message(message.payload.into()));
                }
                event = self.events.recv() => match event {
                    Some(Event::SlowConsumer(_)) => return Ok(ReceivedMessage::Missed),
                    Some(Event::Disconnected | Event::Closed) | None => return Err(CLOSED.to_owned()),
                    Some(Event::ServerError(error)) => return Err(error.to_string()),
                    Some(_) => {}
                },
            }
        }
    }

    async fn ping(&mut self) -> Result<(), String> {
        self.probe.round_trip().await
    }
}

pub(crate) struct NatsPublisher {
    client: Client,
    subject: String,
    probe: NatsProbe,
}

impl Outgoing for NatsPublisher {
    fn bytes_max(&self) -> usize {
        self.client.max_payload().min(MESSAGE_BYTES_MAX)
    }

    async fn send(&mut self, message: Vec<u8>, _: &Edited) -> Result<(), String> {
        let published = self.client.publish(self.subject.clone(), message.into()).await;
        published.map_err(|error| error.to_string())?;
        self.probe.round_trip().await
    }

    async fn ping(&mut self) -> Result<(), String> {
        self.probe.round_trip().await
    }
}
