//! Hints over Redis pub/sub.

use futures_util::StreamExt as _;
use midflight_core::KindName;
use redis::aio::{MultiplexedConnection, PubSubSink, PubSubStream};
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionInfo, IntoConnectionInfo as _, TlsCertificates,
    cmd,
};

use super::message_filter::{ReceivedMessage, order};
use super::outbound::Edited;
use tokio::sync::watch;

use super::tls_files::{TlsFilesOfUrl, read};
use super::transport::{Incoming, Outgoing, Transport};
use super::{NetworkBus, OtherServer, Seal, Timing, tls};
use crate::BusError;

/// The longest message sent over Redis, in bytes. Redis itself carries 512 MB; but it cuts off a subscriber for whom
/// 32 MB wait, or 8 MB for a minute, and this lets one be 32 messages late.
const REDIS_BYTES_MAX: usize = 256 << 10;

/// What a [`RedisBus`] is made of. It cannot be printed: the URL may have a password in it.
#[derive(Clone)]
pub struct RedisOptions {
    /// `redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]`, `rediss://` with TLS, or `unix:PATH`. With TLS the
    /// public authorities are trusted, or with `?sslrootcert=FILE` those of the file alone; `sslcert=FILE` and
    /// `sslkey=FILE` are a certificate to present.
    pub url: String,
    /// The channel of the hints; `midflight` by default. Channels are of the whole server, not of one database.
    pub channel: String,
    /// A channel on which legacy programs publish `{"action":"reload", ..}`, if any. Any client of Redis may send that,
    /// so it causes a look at most once a second.
    pub legacy_channel: Option<String>,
    /// The kind of documents of which those programs have copies. Each edit of one orders them to reload on the legacy
    /// channel, by the replica that made it, and so does a hint that does not say what was edited. None to listen only.
    pub legacy_kind: Option<KindName>,
    /// How long things may take.
    pub timing: Timing,
}

impl RedisOptions {
    /// The defaults for a server.
    pub fn new(url: impl Into<String>) -> Self {
        let (url, channel) = (url.into(), "midflight".to_owned());
        Self { url, channel, legacy_channel: None, legacy_kind: None, timing: Timing::default() }
    }
}

/// Carries hints over Redis pub/sub, by two connections: one that is subscribed, and one that publishes.
///
/// ```no_run
/// # #[tokio::main]
/// # async fn main() -> Result<(), midflight_bus::BusError> {
/// use midflight_bus::{Bus, RedisBus, RedisOptions, Seal};
///
/// let seal = Seal::new();
/// let bus = RedisBus::new(RedisOptions::new("redis://127.0.0.1:6379"), &seal)?;
/// // Once the store has answered: seal.know(store.hint_key().await?);
/// let mut hints = bus.subscribe().await?;
/// while let Some(heard) = hints.next().await {
///     println!("{heard:?}; {:?}", bus.status());
/// }
/// # Ok(())
/// # }
/// ```
pub type RedisBus = NetworkBus<RedisTransport>;

/// The server of a [`RedisBus`].
pub struct RedisTransport {
    client: Client,
    channel: String,
    legacy_channel: Option<String>,
    legacy_kind: Option<KindName>,
}

impl NetworkBus<RedisTransport> {
    /// Makes the bus. It reaches the server by itself; whether it is there makes no difference now.
    ///
    /// # Errors
    /// [`BusError::Options`] when the URL is none of Redis.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(options: RedisOptions, seal: &Seal) -> Result<Self, BusError> {
        let timing = options.timing;
        let (transport, address) = RedisTransport::new(options)?;
        Ok(Self::start("redis", address, transport, seal, timing))
    }

    /// Checks whether hints would arrive at another server; its timing stays as it is. See [`NetworkBus::use_server`].
    ///
    /// # Errors
    /// [`BusError::Options`] when the URL is none of Redis, [`BusError::Unavailable`] when the server does not answer.
    pub async fn open_beside(&self, options: RedisOptions) -> Result<OtherServer<RedisTransport>, BusError> {
        let (transport, address) = RedisTransport::new(options)?;
        self.try_server(transport, address).await
    }
}

impl NetworkBus<RedisTransport> {
    /// Counts the orders to reload that were received on the legacy channel, but for those of Midflight itself. It also
    /// counts when one may have been missed: at each connection.
    #[must_use]
    pub fn orders(&self) -> watch::Receiver<u64> {
        self.end.shared.orders.subscribe()
    }
}

impl RedisTransport {
    /// The server of these options, with its address.
    fn new(options: RedisOptions) -> Result<(Self, String), BusError> {
        tls::choose_cryptography();
        // The error may quote the URL, and with it the password.
        let refused = |_| {
            let cure = "write redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], or rediss:// for TLS";
            BusError::Options(format!("invalid Redis URL; {cure}"))
        };
        let (url, files) = TlsFilesOfUrl::take(&options.url, &["rediss://"])?;
        let info = url.into_connection_info().map_err(refused)?;
        let info = info.clone().set_tcp_settings(info.tcp_settings().clone().set_nodelay(true));
        let address = info.addr().to_string();
        let client = match certificates(&files)? {
            None => Client::open::<ConnectionInfo>(info),
            Some(certificates) => Client::build_with_tls::<ConnectionInfo>(info, certificates),
        };
        let client = client.map_err(refused)?;
        let RedisOptions { channel, legacy_channel, legacy_kind, .. } = options;
        Ok((Self { client, channel, legacy_channel, legacy_kind }, address))
    }
}

/// What the client takes of the files; none when there are none.
fn certificates(files: &TlsFilesOfUrl) -> Result<Option<TlsCertificates>, BusError> {
    if *files == TlsFilesOfUrl::default() {
        return Ok(None);
    }
    let root_cert = files.authorities.as_deref().map(read).transpose()?;
    let client = files.client.as_ref().map(|(cert, key)| {
        Ok::<_, BusError>(ClientTlsConfig { client_cert: read(cert)?, client_key: read(key)? })
    });
    Ok(Some(TlsCertificates { client_tls: client.transpose()?, root_cert }))
}

impl Transport for RedisTransport {
    type Incoming = RedisSubscription;
    type Outgoing = RedisPublisher;

    async fn connect(&self) -> Result<(RedisSubscription, RedisPublisher), String> {
        // The driver has deadlines of its own for all of this.
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let connection =
            self.client.get_multiplexed_async_connection_with_config(&config).await.map_err(why)?;
        let mut pubsub = self.client.get_async_pubsub().await.map_err(why)?;
        let channels: Vec<_> = [&self.channel].into_iter().chain(&self.legacy_channel).collect();
        pubsub.subscribe(channels).await.map_err(why)?;
        let (sink, stream) = pubsub.split();
        let subscribed = RedisSubscription { sink, stream, channel: self.channel.clone() };
        let legacy = self.legacy_channel.clone().zip(self.legacy_kind.clone());
        Ok((subscribed, RedisPublisher { connection, channel: self.channel.clone(), legacy, is_told: false }))
    }
}

pub(crate) struct RedisSubscription {
    sink: PubSubSink,
    stream: PubSubStream,
    channel: String,
}

impl Incoming for RedisSubscription {
    async fn next(&mut self) -> Result<ReceivedMessage, String> {
        let message = self.stream.next().await.ok_or("the subscribed connection was closed")?;
        let payload = message.get_payload_bytes().to_vec();
        Ok(match message.get_channel_name() == self.channel {
            true => ReceivedMessage::Message(payload),
            false => ReceivedMessage::Legacy(payload),
        })
    }

    async fn ping(&mut self) -> Result<(), String> {
        self.sink.ping::<redis::Value>().await.map(drop).map_err(why)
    }
}

pub(crate) struct RedisPublisher {
    connection: MultiplexedConnection,
    channel: String,
    /// The channel of the programs that Midflight replaces, and the kind of documents of which they have copies.
    legacy: Option<(String, KindName)>,
    /// Whether the log names that nothing may be published there.
    is_told: bool,
}

impl RedisPublisher {
    async fn publish(&mut self, channel: &str, message: Vec<u8>) -> Result<(), redis::RedisError> {
        let mut publish = cmd("PUBLISH");
        publish.arg(channel).arg(message);
        publish.query_async::<redis::Value>(&mut self.connection).await.map(drop)
    }
}

impl Outgoing for RedisPublisher {
    fn bytes_max(&self) -> usize {
        REDIS_BYTES_MAX
    }

    async fn send(&mut self, message: Vec<u8>, edited: &Edited) -> Result<(), String> {
        self.publish(&self.channel.clone(), message).await.map_err(why)?;
        let legacy = self.legacy.clone();
        let Some((channel, order)) =
            legacy.and_then(|(channel, kind)| Some((channel, order(edited.of(&kind)?))))
        else {
            return Ok(());
        };
        match self.publish(&channel, order.into_bytes()).await {
            // A user that may only subscribe there must not keep hints from the other replicas.
            Err(error) if error.code() == Some("NOPERM") => {
                if !std::mem::replace(&mut self.is_told, true) {
                    tracing::warn!(channel, %error, "cannot publish on the legacy channel; grant PUBLISH on it");
                }
                Ok(())
            }
            published => published.map_err(why),
        }
    }

    async fn ping(&mut self) -> Result<(), String> {
        cmd("PING").query_async::<redis::Value>(&mut self.connection).await.map(drop).map_err(why)
    }
}

fn why(error: redis::RedisError) -> String {
    error.to_string()
}
