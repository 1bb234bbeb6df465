//! What a pool of PostgreSQL connections is made from.

use std::time::Duration;

use midflight_config::{Redactor, Secret};
use midflight_core::Problems;
use midflight_postgres::{PostgresUrl, address_of};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnectOptions;

use crate::SettingsSource;
use crate::bounds::{DAY_MS, within};

/// The settings of a [`Database`](crate::Database). The address is set either by `url` or by `host` and `name`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseSettings {
    /// `postgres://USER:PASSWORD@HOST:PORT/NAME`, with whatever PostgreSQL takes after a `?`, as `sslmode=verify-full`.
    pub url: Secret,
    /// The server's name or address.
    pub host: String,
    /// Its port; 5432.
    pub port: u16,
    /// The database's name.
    pub name: String,
    /// Who connects; `postgres`.
    pub user: String,
    /// With what password, if any.
    pub password: Secret,
    /// How many connections there may be; 10, from 1 to 10,000. While a pool is swapped there may be as many as the old
    /// and the new one together may have.
    pub max_conns: u32,
    /// How many are opened before the pool is used, and stay open while they are unused; 0.
    pub min_conns: u32,
    /// How long opening a connection may take until it answers, in milliseconds; 5,000.
    pub connect_timeout_ms: u64,
    /// How long a caller waits for a connection, in milliseconds, opening it included; 5,000.
    pub acquire_timeout_ms: u64,
    /// After how long unused a connection is closed, in milliseconds; 600,000.
    pub idle_timeout_ms: u64,
    /// After how long a connection is closed when it is not in use, in milliseconds; 1,800,000.
    pub max_lifetime_ms: u64,
    /// How long what is in progress on the old pool may continue after a swap, in milliseconds; 5,000. Then it is cut.
    pub grace_ms: u64,
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self {
            url: Secret::default(),
            host: String::new(),
            port: 5432,
            name: String::new(),
            user: "postgres".to_owned(),
            password: Secret::default(),
            max_conns: 10,
            min_conns: 0,
            connect_timeout_ms: 5_000,
            acquire_timeout_ms: 5_000,
            idle_timeout_ms: 600_000,
            max_lifetime_ms: 1_800_000,
            grace_ms: 5_000,
        }
    }
}

/// Settings that can be, ready to be connected by. It cannot be printed: the options have the password in them.
pub(super) struct DatabaseTarget {
    pub(super) connect: PgConnectOptions,
    /// Host, port and database: for people.
    pub(super) address: String,
    pub(super) secrets: Redactor,
    /// Which settings are the address and the credentials: the places of problems.
    pub(super) at: AddressSettings,
}

/// The settings of the address of a server.
#[derive(Debug, Clone, Copy)]
pub(super) struct AddressSettings {
    pub(super) host: &'static str,
    pub(super) name: &'static str,
    pub(super) user: &'static str,
    pub(super) password: &'static str,
}

const BY_URL: AddressSettings = AddressSettings { host: "url", name: "url", user: "url", password: "url" };
const BY_PARTS: AddressSettings =
    AddressSettings { host: "host", name: "name", user: "user", password: "password" };

impl DatabaseSettings {
    /// Everything that cannot be in these settings.
    ///
    /// A kind can ask this when it validates, so that such settings are refused before anything is prepared.
    ///
    /// # Errors
    /// All of it, each with its place and its cure.
    pub fn check(&self, place: &SettingsSource<Self>) -> Result<(), Problems> {
        self.target(place).map(drop)
    }

    pub(super) fn target(&self, place: &SettingsSource<Self>) -> Result<DatabaseTarget, Problems> {
        let mut problems = self.out_of_bounds(place);
        let target = self.reached(place, &mut problems);
        match target {
            Some(target) => problems.or(target),
            None => Err(problems),
        }
    }

    fn out_of_bounds(&self, place: &SettingsSource<Self>) -> Problems {
        let mut problems = Problems::default();
        within(&mut problems, place, "max_conns", &self.max_conns, &(1..=10_000));
        if (1..=10_000).contains(&self.max_conns) {
            within(&mut problems, place, "min_conns", &self.min_conns, &(0..=self.max_conns));
        }
        let times = [
            ("connect_timeout_ms", self.connect_timeout_ms),
            ("acquire_timeout_ms", self.acquire_timeout_ms),
            ("idle_timeout_ms", self.idle_timeout_ms),
            ("max_lifetime_ms", self.max_lifetime_ms),
        ];
        times.iter().for_each(|(setting, ms)| within(&mut problems, place, setting, ms, &(1..=DAY_MS)));
        within(&mut problems, place, "grace_ms", &self.grace_ms, &(0..=600_000));
        problems
    }

    fn reached(&self, place: &SettingsSource<Self>, problems: &mut Problems) -> Option<DatabaseTarget> {
        let secrets = Redactor::default();
        secrets.hide(self.url.expose()).hide(self.password.expose());
        let parts = [("host", &self.host), ("name", &self.name)];
        if self.url.is_empty() {
            let missing: Vec<_> = parts.iter().filter(|(_, text)| text.is_empty()).collect();
            for (setting, _) in &missing {
                let message = format!("{setting} is missing; set it, or set url");
                problems.add(place.problem("missing", setting, message));
            }
            let connect = PgConnectOptions::new_without_pgpass().host(&self.host).port(self.port);
            let connect = connect.database(&self.name).username(&self.user).password(self.password.expose());
            let address = format!("{}:{}/{}", self.host, self.port, self.name);
            return missing.is_empty().then_some(DatabaseTarget { connect, address, secrets, at: BY_PARTS });
        }
        let password = ("password", !self.password.is_empty());
        let twice = parts.map(|(setting, text)| (setting, !text.is_empty())).into_iter().chain([password]);
        for (setting, _) in twice.filter(|(_, is_set)| *is_set) {
            let message = format!("{setting} is in url too; remove it here, or set everything without url");
            problems.add(place.problem("said_twice", setting, message));
        }
        let Ok(url) = self.url.expose().parse::<PostgresUrl>() else {
            let message = "invalid URL: expected postgres://USER:PASSWORD@HOST:PORT/NAME, with %2F for a / \
                           and %40 for an @ of the password";
            problems.add(place.problem("invalid_url", "url", message));
            return None;
        };
        let (connect, address) = (url.options().clone(), address_of(url.options()));
        Some(DatabaseTarget { connect, address, secrets, at: BY_URL })
    }

    pub(super) fn connect_max(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(super) fn acquire_max(&self) -> Duration {
        Duration::from_millis(self.acquire_timeout_ms)
    }

    pub(super) fn idle_max(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }

    pub(super) fn lifetime_max(&self) -> Duration {
        Duration::from_millis(self.max_lifetime_ms)
    }

    pub(super) fn grace(&self) -> Duration {
        Duration::from_millis(self.grace_ms)
    }
}
