//! Hints over PostgreSQL's LISTEN and NOTIFY.

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{Connection as _, Executor as _, PgConnection};

use super::hearing::Received;
use super::outbound::Edited;
use super::transport::{Incoming, Outgoing, Transport};
use super::{NetworkBus, OtherServer, Seal, Timing};
use crate::BusError;

/// The channel on which a trigger in the log's transaction says the number of each revision, also of one that was added
/// by hand.
const NUMBERS: &str = "midflight";
/// The channel of hints. What the trigger says of an edit comes before the hint of it, and waits for that.
const HINTS: &str = "midflight_hint";

/// The channel on which the store says that a replica reported something new of itself.
const REPORTS: &str = "midflight_replicas";

/// The longest payload of a notification, in bytes: PostgreSQL's documentation of NOTIFY says "shorter than 8000".
const NOTIFY_BYTES_MAX: usize = 7999;

/// What a [`PostgresBus`] is made of. It cannot be printed: the URL may have a password in it.
#[derive(Clone)]
pub struct PostgresOptions {
    /// `postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE`: the database that the log is in. Not by way of a pooler that
    /// gives a connection away after each transaction: what is listened to there is heard by nobody.
    pub url: String,
    /// Whether only to hear what the log says by itself, and to say nothing, by one connection: for a fleet whose hints go
    /// another way, which [`crate::JoinedBus`] joins with this.
    pub only_overhears: bool,
    /// How long things may take.
    pub timing: Timing,
}

impl PostgresOptions {
    /// The defaults for a database.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), only_overhears: false, timing: Timing::default() }
    }
}

/// Carries hints by NOTIFY in the database that the log is in, by two connections: one that listens, and one that
/// notifies. A revision that was added by hand is heard of too.
///
/// ```no_run
/// # #[tokio::main]
/// # async fn main() -> Result<(), midflight_bus::BusError> {
/// use midflight_bus::{Bus, PostgresBus, PostgresOptions, Seal};
///
/// let seal = Seal::new();
/// let bus = PostgresBus::new(PostgresOptions::new("postgres://midflight@127.0.0.1/midflight"), &seal)?;
/// // Once the store has answered: seal.know(store.hint_key().await?);
/// let mut hints = bus.subscribe().await?;
/// while let Some(heard) = hints.next().await {
///     println!("{heard:?}; {:?}", bus.status());
/// }
/// # Ok(())
/// # }
/// ```
pub type PostgresBus = NetworkBus<Postgres>;

/// The server of a [`PostgresBus`].
pub struct Postgres {
    connect: PgConnectOptions,
    only_overhears: bool,
    timing: Timing,
}

impl NetworkBus<Postgres> {
    /// Makes the bus. It reaches the server by itself; whether it is there makes no difference now.
    ///
    /// # Errors
    /// [`BusError::Options`] when the URL is none of PostgreSQL.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(options: PostgresOptions, seal: &Seal) -> Result<Self, BusError> {
        let timing = options.timing;
        let (transport, address) = Postgres::new(options)?;
        Ok(Self::start("postgres", address, transport, seal, timing))
    }

    /// Looks whether hints would flow at another server; its timing stays as it is. See [`NetworkBus::use_server`].
    ///
    /// # Errors
    /// [`BusError::Options`] when the URL is none of PostgreSQL, [`BusError::Unavailable`] when the server does not answer.
    pub async fn open_beside(&self, options: PostgresOptions) -> Result<OtherServer<Postgres>, BusError> {
        let (transport, address) = Postgres::new(options)?;
        self.try_server(transport, address).await
    }
}

impl Postgres {
    /// The server of these options, with its address.
    fn new(options: PostgresOptions) -> Result<(Self, String), BusError> {
        let is_ours = ["postgres://", "postgresql://"].iter().any(|scheme| options.url.starts_with(scheme));
        let connect = options.url.parse::<PgConnectOptions>().ok().filter(|_| is_ours);
        // The parser's error may quote the URL, and with it the password.
        let connect = connect.ok_or_else(|| {
            let cure = "write postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE";
            BusError::Options(format!("the URL of PostgreSQL cannot be read; {cure}"))
        })?;
        // What is only said need not be on the disk before it is heard.
        let quick = [("synchronous_commit", "off")];
        let connect = connect.application_name("midflight-bus").options(quick);
        let database = connect.get_database().unwrap_or_else(|| connect.get_username());
        let address = format!("{}:{}/{database}", connect.get_host(), connect.get_port());
        let PostgresOptions { only_overhears, timing, .. } = options;
        Ok((Self { connect, only_overhears, timing }, address))
    }
}

impl Transport for Postgres {
    type Incoming = Listening;
    type Outgoing = Notifying;

    async fn connect(&self) -> Result<(Listening, Notifying), String> {
        let connection = match self.only_overhears {
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
        // The driver connects anew, and says so; a listener that did it by itself would hide what was missed.
        listener.eager_reconnect(false);
        let channels = if self.only_overhears { &[NUMBERS, REPORTS][..] } else { &[NUMBERS, REPORTS, HINTS] };
        listener.listen_all(channels.iter().copied()).await.map_err(why)?;
        Ok((Listening { listener }, Notifying { connection }))
    }
}

/// Dropping it asks the server to listen no more, in a task that sqlx spawns. A server that does not answer keeps that
/// task, and the socket, until it answers or the system gives the connection up.
pub(crate) struct Listening {
    listener: PgListener,
}

impl Incoming for Listening {
    async fn next(&mut self) -> Result<Received, String> {
        let notification = self.listener.try_recv().await.map_err(why)?;
        let notification = notification.ok_or("the listening connection was closed")?;
        let payload = notification.payload().as_bytes().to_vec();
        Ok(match notification.channel() {
            NUMBERS => Received::Number(payload),
            REPORTS => Received::Report,
            _ => Received::Message(payload),
        })
    }

    async fn ping(&mut self) -> Result<(), String> {
        // Notifications that come before the answer are kept for `next`.
        self.listener.execute("SELECT 1").await.map(drop).map_err(why)
    }
}

pub(crate) struct Notifying {
    /// None for one that says nothing.
    connection: Option<PgConnection>,
}

impl Outgoing for Notifying {
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
