//! The logger: its level and its format change without a line lost or torn.

mod formats;
mod lines;
mod output;
mod settings;
mod span_fields;

use std::fmt;
use std::mem::swap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use midflight_config::Redactor;
use midflight_core::Problems;
use midflight_engine::Criticality;
use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layered, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

pub use output::LogOutput;
pub use settings::{LogFormat, LogSettings};

use crate::{ComponentFactory, ComponentRole, ManagedComponent, SettingsSource};
use formats::{ActiveFormat, Formats, RegisteredDispatch};
use lines::LineWriters;

/// Changes the filter that is in use. It does nothing when the subscriber was dropped.
type Modify = Arc<dyn Fn(&mut dyn FnMut(&mut EnvFilter)) + Send + Sync>;

/// The logger of a program. Each event is one line, in which control characters are escaped: what comes from outside
/// can neither forge a line nor move a cursor. It is installed once, with where it logs to; its part then changes what
/// it logs and how.
///
/// ```
/// # fn main() -> Result<(), midflight_components::LoggerError> {
/// use midflight_components::{LogOutput, LogSettings, Logger};
///
/// let logger = Logger::install(LogSettings::default(), LogOutput::Stderr)?;
/// // `logger.part(place)` is for the engine.
/// # drop(logger);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Logger {
    modify: Modify,
    chosen: ActiveFormat,
    /// What holds where nothing is configured.
    first: LogSettings,
    redactor: Redactor,
}

/// Why a logger could not be installed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoggerError {
    /// The first level cannot be.
    #[error("invalid log level: {0}")]
    Level(String),
    /// The program has a logger.
    #[error("another logger is installed; install one, at the start of the program")]
    Installed,
}

/// A logger, its filter and what writes its lines.
type LoggerParts<S, W> = (Logger, reload::Layer<EnvFilter, S>, Formats<S, LineWriters<W>>);

impl Logger {
    /// Makes it the logger of the whole program. `first` holds until something is configured, and where nothing is.
    ///
    /// # Errors
    /// [`LoggerError::Level`], or [`LoggerError::Installed`] when there is one.
    pub fn install<W>(first: LogSettings, writer: W) -> Result<Self, LoggerError>
    where
        W: for<'w> MakeWriter<'w> + Clone + Send + Sync + 'static,
    {
        Self::install_redacting(Redactor::default(), first, writer)
    }

    /// The same with a redactor that hides secrets already.
    ///
    /// # Errors
    /// As [`Self::install`].
    pub fn install_redacting<W>(
        redactor: Redactor,
        first: LogSettings,
        writer: W,
    ) -> Result<Self, LoggerError>
    where
        W: for<'w> MakeWriter<'w> + Clone + Send + Sync + 'static,
    {
        let (logger, filter, formats) = Self::parts::<Registry, W>(redactor, first, writer)?;
        let subscriber = tracing_subscriber::registry().with(filter.and_then(formats));
        subscriber.try_init().map_err(|_| LoggerError::Installed)?;
        Ok(logger)
    }

    /// The same beside a layer that exports spans and has a filter of its own: which spans it exports does not depend
    /// on what is logged.
    ///
    /// # Errors
    /// As [`Self::install`].
    pub fn install_beside<L, W>(
        exporter: L,
        redactor: Redactor,
        first: LogSettings,
        writer: W,
    ) -> Result<Self, LoggerError>
    where
        L: Layer<Registry> + Send + Sync,
        W: for<'w> MakeWriter<'w> + Clone + Send + Sync + 'static,
    {
        let (logger, filter, formats) = Self::parts::<Layered<L, Registry>, W>(redactor, first, writer)?;
        let subscriber = tracing_subscriber::registry().with(exporter).with(formats.with_filter(filter));
        subscriber.try_init().map_err(|_| LoggerError::Installed)?;
        Ok(logger)
    }

    /// The same as a layer, for a program that has a subscriber of its own, and for tests
    /// (`tracing::subscriber::with_default`). What it does not let pass, no layer of that subscriber sees.
    ///
    /// # Errors
    /// [`LoggerError::Level`].
    pub fn layer<S, W>(
        first: LogSettings,
        writer: W,
    ) -> Result<(Self, impl Layer<S> + Send + Sync), LoggerError>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + 'static,
        W: for<'w> MakeWriter<'w> + Clone + Send + Sync + 'static,
    {
        let (logger, filter, formats) = Self::parts(Redactor::default(), first, writer)?;
        Ok((logger, filter.and_then(formats)))
    }

    fn parts<S, W>(
        redactor: Redactor,
        first: LogSettings,
        writer: W,
    ) -> Result<LoggerParts<S, W>, LoggerError>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + 'static,
        W: for<'w> MakeWriter<'w> + Clone + Send + Sync + 'static,
    {
        let filter = first.filter().map_err(|wrong| LoggerError::Level(wrong.join("; ")))?;
        let (filter, handle) = reload::Layer::<EnvFilter, S>::new(filter);
        let registered = RegisteredDispatch::default();
        let by = registered.clone();
        let modify: Modify = Arc::new(move |change| {
            // It fails when the subscriber was dropped, and its filter with it.
            by.by_it(|| drop(handle.modify(change)));
        });
        let chosen = ActiveFormat::default();
        chosen.choose(first.format);
        let lines = LineWriters::new(writer, redactor.clone());
        let formats = Formats::new(lines, chosen.clone(), registered);
        Ok((Self { modify, chosen, first, redactor }, filter, formats))
    }

    /// What is removed from every line, independent of its source. A config that is declared with it
    /// ([`ConfigSchema::redacted_by`](midflight_config::ConfigSchema::redacted_by)) registers every secret with it.
    #[must_use]
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// The part for an engine: `logger`, order 10, critical. Make one for a logger.
    ///
    /// A swap of the level costs some microseconds and one for each place in the program that logs; one of the format,
    /// one store. Lines that are being written meanwhile are written.
    #[must_use]
    pub fn part(&self, place: SettingsSource<LogSettings>) -> ManagedComponent<LoggerFactory> {
        let first = self.first.clone();
        let read = place.clone();
        let place = place.reading(move |world| Some(read.read(world).unwrap_or_else(|| first.clone())));
        let role = ComponentRole { name: "logger".to_owned(), order: 10, criticality: Criticality::Critical };
        let in_use = BuiltLogger { settings: self.first.clone(), filter: Mutex::new(None) };
        ManagedComponent::new(LoggerFactory { logger: self.clone(), first: in_use }, place, role).0
    }
}

impl fmt::Debug for Logger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logger").field("first", &self.first).finish_non_exhaustive()
    }
}

/// How the filter and the format are changed.
#[derive(Debug)]
pub struct LoggerFactory {
    logger: Logger,
    /// What is in use before anything is configured.
    first: BuiltLogger,
}

/// What to log, and how.
#[derive(Debug)]
pub struct BuiltLogger {
    settings: LogSettings,
    /// The filter, while it is not the one in use.
    filter: Mutex<Option<EnvFilter>>,
}

impl BuiltLogger {
    fn exchange(&self, filter: Option<EnvFilter>) -> Option<EnvFilter> {
        let mut held = self.filter.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *held, filter)
    }
}

#[async_trait]
impl ComponentFactory for LoggerFactory {
    type Settings = LogSettings;
    type Built = BuiltLogger;

    fn build(
        &self,
        settings: &LogSettings,
        place: &SettingsSource<LogSettings>,
    ) -> Result<BuiltLogger, Problems> {
        let filter = settings.filter().map_err(|wrong| settings::problems(place, wrong))?;
        Ok(BuiltLogger { settings: settings.clone(), filter: Mutex::new(Some(filter)) })
    }

    fn publish(&self, from: Option<&BuiltLogger>, to: Option<&BuiltLogger>) {
        let (from, to) = (from.unwrap_or(&self.first), to.unwrap_or(&self.first));
        self.logger.chosen.choose(to.settings.format);
        // The same filter, set again, would only forget which spans it let pass.
        if from.settings.level != to.settings.level
            && let Some(mut filter) = to.exchange(None)
        {
            (self.logger.modify)(&mut |in_use| swap(in_use, &mut filter));
            from.exchange(Some(filter));
        }
    }
}
