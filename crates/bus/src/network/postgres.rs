//! Hints over PostgreSQL's LISTEN and NOTIFY.

use midflight_postgres::{PostgresUrl, PostgresUrlError, address_of};
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{Connection as _, Executor as _, PgConnection};

use super::message_filter::ReceivedMessage;
use super::outbound::Edited;
use super::transport::{Incoming, Outgoing, Transport};
use super::{NetworkBus, OtherServer, Seal, Timing};
use crate::BusError;

/// The channel on which a trigger in the log's transaction sends the number of each revision, also of one that was
/// added by hand.
const NUMBERS: &str = "midflight";
/// The channel of hints. The notification of the trigger for an edit arrives before the hint of it, and waits for that.
const HINTS: &str = "midflight_hint";

/// The channel on which the store announces a new report of a replica.
const REPORTS: &str = "midflight_replicas";

/// The longest payload of a notification, in bytes: PostgreSQL's documentation of NOTIFY requires "shorter than 8000".
const NOTIFY_BYTES_MAX: usize = 7999;

/// What a [`PostgresBus`] is made of. It cannot be printed: the URL may have a password in it.
#[derive(Clone)]
pub struct PostgresBusOptions {
    /// `postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE`: the database that the log is in. Not through a pooler that
    /// reassigns a connection after each transaction: notifications would be lost there.
    pub url: String,
    /// Whether only to receive the notifications of the log, and to send nothing, by one connection: for a fleet whose
    /// hints use another bus, which [`crate::JoinedBus`] joins with this.
    pub receive_only: bool,
    /// How long things may take.
    pub timing: Timing,
}

impl PostgresBusOptions {
    /// The defaults for a database.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), receive_only: false, timing: Timing::default() }
    }
}

/// Carries hints by NOTIFY in the database that the log is in, by two connections: one that listens, and one that
/// notifies. A revision that was added by hand is announced too.
///
/// ```no_run
/// # #[tokio::main]
/// # async fn main() -> Result<(), midflight_bus::BusError> {
/// use midflight_bus::{Bus, PostgresBus, PostgresBusOptions, Seal};
///
/// let seal = Seal::new();
/// let bus = PostgresBus::new(PostgresBusOptions::new("postgres://midflight@127.0.0.1/midflight"), &seal)?;
/// // Once the store has answered: seal.know(store.hint_key().await?);
/// let mut hints = bus.subscribe().await?;
/// while let Some(heard) = hints.next().await {
///     println!("{heard:?}; {:?}", bus.status());
/// }
/// # Ok(())
/// # }
/// ```
pub type PostgresBus = NetworkBus<PostgresTransport>;

/// The server of a [`PostgresBus`].
pub struct PostgresTransport {
    connect: PgConnectOptions,
    receive_only: bool,
    timing: Timing,
}

impl NetworkBus<PostgresTransport> {
    /// Makes the bus. It reaches the server by itself; whether it is there makes no difference now.
    ///
    /// # Errors
    /// [`BusError::Options`] when the URL is none of PostgreSQL.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(options: PostgresBusOptions, seal: &Seal) -> Result<Self, BusError> {
        let timing = options.timing;
        let (transport, address) = PostgresTransport::new(options)?;
        Ok(Self::start("postgres", address, transport, seal, timing))
    }

    /// Checks whether hints would arrive at another server; its timing stays as it is. See [`NetworkBus::use_server`].
    ///
    /// # Errors
    /// [`BusError::Options`] when the URL is none of PostgreSQL, [`BusError::Unavailable`] when the server does not
    /// answer.
    pub async fn open_beside(
        &self,
        options: PostgresBusOptions,
    ) -> Result<OtherServer<PostgresTransport>, BusError> {
        let (transport, address) = PostgresTransport::new(options)?;
        self.try_server(transport, address).await
    }
}

impl PostgresTransport {
    /// The server of these options, with its address.
    fn new(options: PostgresBusOptions) -> Result<(Self, String), BusError> {
        let url: PostgresUrl =
            options.url.parse().map_err(|error: PostgresUrlError| BusError::Options(error.to_string()))?;
        // A notification need not be on the disk before it is received.
        let quick = [("synchronous_commit", "off")];
        let connect = url.options().clone().application_name("midflight-bus").options(quick);
        let address = address_of(&connect);
        let PostgresBusOptions { receive_only, timing, .. } = options;
        Ok((Self { connect, receive_only, timing }, address))
    }
}

impl Transport for PostgresTransport {
    type Incoming = NotifyListener;
    type Outgoing = NotifySender;

    async fn connect(&self) -> Result<(NotifyListener, NotifySender), String> {
        let connection = match self.receive_only {
            true => None,
            false => Some(PgConnection::connect_with(&self.connect).await.map_err(why)?),
        };
        // A listener must have a pool; this one holds its connection alone, for as long as it lives.
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .test_before_acquire(false)
            .acquire_timeout(self.timing.connect())
            .connect_lazy_with(self.connect.clone());
        let mut listener = PgListener::connect_with(&pool).await.map_err(why)?;
        // The driver reconnects, and reports it; a listener that did so by itself would hide what was missed.
        listener.eager_reconnect(false);
        let channels = if self.receive_only { &[NUMBERS, REPORTS][..] } else { &[NUMBERS, REPORTS, HINTS] };
        listener.listen_all(channels.iter().copied()).await.map_err(why)?;
        Ok((NotifyListener { listener }, NotifySender { connection }))
    }
}

/// Dropping it asks the server to stop listening, in a task that sqlx spawns. A server that does not answer keeps that
/// task, and the socket, until it answers or the system gives the connection up.
pub(crate) struct NotifyListener {
    listener: PgListener,
}

impl Incoming for NotifyListener {
    async fn next(&mut self) -> Result<ReceivedMessage, String> {
        let notification = self.listener.try_recv().await.map_err(why)?;
        let notification = notification.ok_or("the listening connection was closed")?;
        let payload = notification.payload().as_bytes().to_vec();
        Ok(match notification.channel() {
            NUMBERS => ReceivedMessage::Number(payload),
            REPORTS => ReceivedMessage::Report,
            _ => ReceivedMessage::Message(payload),
        })
    }

    async fn ping(&mut self) -> Result<(), String> {
        // Notifications that come before the answer are kept for `next`.
        self.listener.execute("SELECT 1").await.map(drop).map_err(why)
    }
}

pub(crate) struct NotifySender {
    /// None for an empty one.
    connection: Option<PgConnection>,
}

impl Outgoing for NotifySender {
    fn bytes_max(&self) -> usize {
        NOTIFY_BYTES_MAX
    }

    async fn send(&mut self, message: Vec<u8>, _: &Edited) -> Result<(), String> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let text = String::from_utf8(message).map_err(|error| error.to_string())?;
        let notify = sqlx::query("SELECT pg_notify($1, $2)").bind(HINTS).bind(text);
        notify.execute(connection).await.map(drop).map_err(why)
    }

    async fn ping(&mut self) -> Result<(), String> {
        match &mut self.connection {
            Some(connection) => connection.ping().await.map_err(why),
            None => Ok(()),
        }
    }
}

fn why(error: sqlx::Error) -> String {
    error.to_string()
}
