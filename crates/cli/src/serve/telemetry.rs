//! The log of a server, and the export of its traces and metrics beside it.

use midflight_components::{LogOutput, LogSettings, Logger, LoggerError};
use midflight_config::Redactor;
#[cfg(feature = "otlp")]
use midflight_server::Otlp;
use midflight_server::{OutboundPolicy, ServeOptions};

use crate::fail::Failure;

/// What is exported; nothing where the environment names no collector, or the program was built without.
pub(super) struct TelemetryExport {
    #[cfg(feature = "otlp")]
    otlp: Option<Otlp>,
}

#[cfg(feature = "otlp")]
impl TelemetryExport {
    /// Starts the export that the environment asks for.
    pub(super) fn start(policy: &OutboundPolicy, redactor: &Redactor) -> Result<Self, Failure> {
        let otlp = Otlp::from_env(policy, redactor).map_err(|error| Failure::usage(error.to_string()))?;
        Ok(Self { otlp })
    }

    /// Installs the logger, with the export of spans beside it.
    pub(super) fn install(
        &self,
        redactor: &Redactor,
        settings: LogSettings,
        output: LogOutput,
    ) -> Result<Logger, LoggerError> {
        match self.otlp.as_ref().and_then(Otlp::layer) {
            Some(layer) => Logger::install_beside(layer, redactor.clone(), settings, output),
            None => Logger::install_redacting(redactor.clone(), settings, output),
        }
    }

    pub(super) fn add_to(&self, options: &mut ServeOptions) {
        options.otlp.clone_from(&self.otlp);
    }

    /// Exports what is left, when the server has stopped.
    pub(super) async fn stop(&self) {
        if let Some(otlp) = &self.otlp {
            otlp.stop().await;
        }
    }
}

#[cfg(not(feature = "otlp"))]
impl TelemetryExport {
    #[expect(clippy::unnecessary_wraps, reason = "with the feature it can fail")]
    pub(super) fn start(_: &OutboundPolicy, _: &Redactor) -> Result<Self, Failure> {
        Ok(Self {})
    }

    pub(super) fn install(
        &self,
        redactor: &Redactor,
        settings: LogSettings,
        output: LogOutput,
    ) -> Result<Logger, LoggerError> {
        Logger::install_redacting(redactor.clone(), settings, output)
    }

    pub(super) fn add_to(&self, _: &mut ServeOptions) {}

    pub(super) async fn stop(&self) {}
}
