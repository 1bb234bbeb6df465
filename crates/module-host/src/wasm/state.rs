//! What the host keeps beside an instance: its limits, its budget, and the functions that it imports.

use std::time::{Duration, Instant};

use wasmtime::{StoreLimits, bail};

use super::bindings::midflight::module::{call, config, emit, log, now, random, types};
use crate::code::ModuleFailure;
use crate::imports::{ImportContext, RANDOM_BYTES_MAX};

/// How much of a log line is written, in characters.
const LOG_CHARS_MAX: usize = 2_000;
/// How much of a failure's code and of its message is kept, in characters.
const FAILURE_CODE_MAX: usize = 128;
const FAILURE_CHARS_MAX: usize = 4_096;

pub(crate) struct GuestState {
    pub(crate) context: ImportContext,
    pub(crate) limits: StoreLimits,
    /// How many slices of time the current call may still use. A slice is what the engine lets it run before others run;
    /// the time for which the process does not run at all is none of it, so that a machine that stalls ends no call.
    pub(crate) slices_left: u64,
    /// How long a slice is.
    pub(crate) slice: Duration,
    /// Whether it is in use, so that what it does may have effects.
    pub(crate) is_live: bool,
}

impl From<ModuleFailure> for types::Failure {
    fn from(failure: ModuleFailure) -> Self {
        Self { code: failure.code, message: failure.message }
    }
}

impl From<types::Failure> for ModuleFailure {
    fn from(failure: types::Failure) -> Self {
        let cut =
            |text: String, max: usize| if text.len() > max { text.chars().take(max).collect() } else { text };
        Self { code: cut(failure.code, FAILURE_CODE_MAX), message: cut(failure.message, FAILURE_CHARS_MAX) }
    }
}

impl types::Host for GuestState {}

impl log::Host for GuestState {
    async fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let module = self.context.manifest.name.as_str();
        let message: String = message.chars().take(LOG_CHARS_MAX).collect();
        match level {
            log::Level::Debug => tracing::debug!(module, "{message}"),
            log::Level::Info => tracing::info!(module, "{message}"),
            log::Level::Warn => tracing::warn!(module, "{message}"),
            log::Level::Error => tracing::error!(module, "{message}"),
        }
        Ok(())
    }
}

impl now::Host for GuestState {
    async fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(self.context.services.now_ms())
    }
}

impl random::Host for GuestState {
    async fn fill(&mut self, count: u32) -> wasmtime::Result<Vec<u8>> {
        if count > RANDOM_BYTES_MAX {
            bail!("asked for {count} random bytes; at most {RANDOM_BYTES_MAX} in one call");
        }
        let mut bytes = vec![0; count as usize];
        if let Err(error) = getrandom::fill(&mut bytes) {
            bail!("no random bytes: {error}");
        }
        Ok(bytes)
    }
}

impl emit::Host for GuestState {
    async fn emit(
        &mut self,
        topic: String,
        payload: Vec<u8>,
    ) -> wasmtime::Result<Result<(), types::Failure>> {
        if !self.is_live {
            bail!("called emit before it is in use; emit in handle only");
        }
        let context = &self.context;
        Ok(context.services.emit(&context.manifest.name, &topic, payload).map_err(Into::into))
    }
}

impl config::Host for GuestState {
    async fn get(&mut self) -> wasmtime::Result<String> {
        Ok(self.context.manifest.config.to_string())
    }
}

impl call::Host for GuestState {
    async fn call(
        &mut self,
        module: String,
        operation: String,
        payload: Vec<u8>,
    ) -> wasmtime::Result<Result<Vec<u8>, types::Failure>> {
        if !self.is_live {
            bail!("called another module before it is in use; call in handle only");
        }
        let began = Instant::now();
        let answered = self.context.call(&module, operation, payload).await;
        // What it waits for another module is a part of its own time.
        let waited = began.elapsed().as_nanos() / self.slice.as_nanos();
        self.slices_left = self.slices_left.saturating_sub(u64::try_from(waited).unwrap_or(u64::MAX));
        Ok(answered.map_err(Into::into))
    }
}
