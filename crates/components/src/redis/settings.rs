//! What the connections to a Redis are made from.

use std::time::Duration;

use midflight_config::{Redactor, Secret};
use midflight_core::Problems;
use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisConnectionInfo};
use serde::{Deserialize, Serialize};

use crate::SettingsSource;
use crate::bounds::{DAY_MS, within};

/// The settings of a [`Redis`](crate::Redis). The address is set either by `url` or by `addr`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RedisSettings {
    /// `redis://USER:PASSWORD@HOST:PORT/DB`, or `rediss://` for TLS.
    pub url: Secret,
    /// `HOST:PORT`.
    pub addr: String,
    /// The database's number; 0.
    pub db: u32,
    /// Who connects, if the server knows users.
    pub user: String,
    /// With what password, if any.
    pub password: Secret,
    /// How many connections there are; 10, from 1 to 1,000. Each carries many commands at a time. While they are
    /// swapped there are the old ones and the new ones.
    pub pool_size: u32,
    /// How long opening a connection may take until it answers, in milliseconds; 5,000.
    pub connect_timeout_ms: u64,
    /// How long a command may take to be answered, in milliseconds; 5,000.
    pub response_timeout_ms: u64,
    /// How long commands that are in progress may continue after a swap, in milliseconds; 2,000. Then they are cut.
    pub grace_ms: u64,
}

impl Default for RedisSettings {
    fn default() -> Self {
        Self {
            url: Secret::default(),
            addr: String::new(),
            db: 0,
            user: String::new(),
            password: Secret::default(),
            pool_size: 10,
            connect_timeout_ms: 5_000,
            response_timeout_ms: 5_000,
            grace_ms: 2_000,
        }
    }
}

/// Settings that can be, ready to be connected by. It cannot be printed: the client has the password in it.
pub(super) struct RedisTarget {
    pub(super) client: Client,
    /// Host and port: for people.
    pub(super) address: String,
    pub(super) secrets: Redactor,
    pub(super) is_by_url: bool,
}

impl RedisSettings {
    /// Everything that cannot be in these settings.
    ///
    /// A kind can ask this when it validates, so that such settings are refused before anything is prepared.
    ///
    /// # Errors
    /// All of it, each with its place and its cure.
    pub fn check(&self, place: &SettingsSource<Self>) -> Result<(), Problems> {
        self.target(place).map(drop)
    }

    pub(super) fn target(&self, place: &SettingsSource<Self>) -> Result<RedisTarget, Problems> {
        let mut problems = Problems::default();
        within(&mut problems, place, "pool_size", &self.pool_size, &(1..=1_000));
        within(&mut problems, place, "connect_timeout_ms", &self.connect_timeout_ms, &(1..=DAY_MS));
        within(&mut problems, place, "response_timeout_ms", &self.response_timeout_ms, &(1..=DAY_MS));
        within(&mut problems, place, "grace_ms", &self.grace_ms, &(0..=600_000));
        let info = if self.url.is_empty() { self.by_parts(place) } else { self.by_url(place) };
        match info.and_then(|info| self.opened(info, place)) {
            Ok(target) => problems.or(target),
            Err(more) => {
                problems.append(more);
                Err(problems)
            }
        }
    }

    fn by_parts(&self, place: &SettingsSource<Self>) -> Result<ConnectionInfo, Problems> {
        // The last colon: an IPv6 address has more of them, in brackets.
        let output = self.addr.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let Some((host, port)) = output.filter(|(host, _)| !host.is_empty()) else {
            let message = "addr is missing or invalid; set HOST:PORT, as localhost:6379, or set url";
            return Err(place.problem("missing", "addr", message).into());
        };
        let mut settings = RedisConnectionInfo::default().set_db(self.db.into());
        if !self.user.is_empty() {
            settings = settings.set_username(&self.user);
        }
        if !self.password.is_empty() {
            settings = settings.set_password(self.password.expose());
        }
        let addr = ConnectionAddr::Tcp(host.trim_matches(['[', ']']).to_owned(), port);
        let info = addr.into_connection_info().map_err(|_| unreadable(place, "addr"))?;
        Ok(info.set_redis_settings(settings))
    }

    fn by_url(&self, place: &SettingsSource<Self>) -> Result<ConnectionInfo, Problems> {
        let parts = [
            ("addr", !self.addr.is_empty()),
            ("db", self.db != 0),
            ("user", !self.user.is_empty()),
            ("password", !self.password.is_empty()),
        ];
        let mut problems = Problems::default();
        for (setting, _) in parts.iter().filter(|(_, is_set)| *is_set) {
            let message = format!("{setting} is in url too; remove it here, or set everything without url");
            problems.add(place.problem("said_twice", setting, message));
        }
        // The error may quote the URL, and with it the password.
        match self.url.expose().into_connection_info() {
            Ok(info) => problems.or(info),
            Err(_) => {
                problems.append(unreadable(place, "url"));
                Err(problems)
            }
        }
    }

    fn opened(&self, info: ConnectionInfo, place: &SettingsSource<Self>) -> Result<RedisTarget, Problems> {
        let secrets = Redactor::default();
        secrets.hide(self.url.expose()).hide(self.password.expose());
        let (address, is_by_url) = (info.addr().to_string(), !self.url.is_empty());
        let info = info.clone().set_tcp_settings(info.tcp_settings().clone().set_nodelay(true));
        let setting = if is_by_url { "url" } else { "addr" };
        let client = Client::open(info).map_err(|_| unreadable(place, setting))?;
        Ok(RedisTarget { client, address, secrets, is_by_url })
    }

    pub(super) fn connect_max(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(super) fn response_max(&self) -> Duration {
        Duration::from_millis(self.response_timeout_ms)
    }

    pub(super) fn grace(&self) -> Duration {
        Duration::from_millis(self.grace_ms)
    }
}

fn unreadable(place: &SettingsSource<RedisSettings>, setting: &str) -> Problems {
    let message =
        format!("invalid {setting}: expected redis://USER:PASSWORD@HOST:PORT/DB, or rediss:// for TLS");
    place.problem("invalid_url", setting, message).into()
}
