//! `module test-stateful-reload`: a counter goes through every kind of reload, with a fault in each phase, and keeps
//! its count.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use clap::Args;
use midflight_core::{Digest, DocumentName};
use midflight_module_host::{ModuleHandle, ModulePhase, ReloadFailure, ReloadOptions};
use midflight_modules::Manifest;

use super::guests::{Guests, NAME, answered, count};
use super::tally::GateTally;
use crate::fail::Failure;
use crate::module::local::{LocalHost, refused, reload_failed};
use crate::module::report::reload_line;
use crate::output::{Output, eprint_status};

/// No phase fails.
const NO_FAULT: usize = usize::MAX;

/// The flags of `module test-stateful-reload`.
#[derive(Debug, Args)]
pub(crate) struct StatefulArgs {
    /// How many messages are counted between two reloads.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    messages: u64,
}

/// The host, what was counted, and what must be there.
struct StatefulGate {
    local: LocalHost,
    /// The place in [`ModulePhase::ALL`] of the phase that fails.
    fault: Arc<AtomicUsize>,
    guests: Guests,
    name: DocumentName,
    tally: GateTally,
    /// The count that the module must have.
    expected: u64,
    /// Each reload is one of another config.
    config: usize,
    messages: u64,
}

pub(in crate::module) async fn run(output: &Output, args: &StatefulArgs) -> Result<(), Failure> {
    let began = Instant::now();
    let fault = Arc::new(AtomicUsize::new(NO_FAULT));
    let armed = Arc::clone(&fault);
    let local = LocalHost::with(|options| {
        options.hook = Some(Arc::new(move |_, phase| match armed.load(Ordering::SeqCst) {
            wanted if ModulePhase::ALL.get(wanted) == Some(&phase) => Err("asked for".to_owned()),
            _ => Ok(()),
        }));
    })?;
    let guests = Guests::build(&local, NAME)?;
    let name = DocumentName::new(NAME).map_err(|error| Failure::failed(error.to_string()))?;
    let (tally, messages) = (GateTally::default(), args.messages);
    let mut gate = StatefulGate { local, fault, guests, name, tally, expected: 0, config: 0, messages };
    gate.go().await?;
    let StatefulGate { local, name, mut tally, expected, .. } = gate;
    tally.add_module(&local.host, &name, expected).await?;
    tally.tell(output, began.elapsed())
}

impl StatefulGate {
    async fn go(&mut self) -> Result<(), Failure> {
        self.reload(1, "first start").await?;
        self.call().await?;
        for (place, phase) in ModulePhase::ALL.into_iter().enumerate() {
            self.fail_in(place, phase).await?;
        }
        self.reload(2, "after the faults").await?;
        self.call().await?;
        self.reload(2, "the config alone").await?;
        self.reload(2, "again").await?;
        self.go_back().await?;
        self.restore().await?;
        self.reload(2, "forward again").await?;
        self.call().await
    }

    fn candidate(&mut self, version: usize) -> Result<Arc<Manifest>, Failure> {
        self.config += 1;
        self.guests.good(version, self.config)
    }

    async fn try_reload(&mut self, version: usize) -> Result<Result<String, ReloadFailure>, Failure> {
        let manifest = self.candidate(version)?;
        // Without a trial beforehand the fault is the first thing that the candidate fails for.
        let options = ReloadOptions::default().without_preflight();
        Ok(self.local.host.reload(manifest, options).await.map(|report| reload_line(&report)))
    }

    /// A reload that must go live.
    async fn reload(&mut self, version: usize, what: &str) -> Result<(), Failure> {
        match self.try_reload(version).await? {
            Ok(line) => {
                self.tally.committed += 1;
                eprint_status(&format!("{what}: {line}"));
            }
            Err(failure) => self.tally.expect(false, || format!("{what}: {failure}")),
        }
        let found = self.state().await?.1;
        let expected = self.expected;
        self.tally
            .expect(found == Some(expected), || format!("{what}: the count is {found:?}, not {expected}"));
        Ok(())
    }

    /// A reload that must fail in a phase and leave everything as it was.
    async fn fail_in(&mut self, place: usize, phase: ModulePhase) -> Result<(), Failure> {
        let before = self.state().await?;
        self.fault.store(place, Ordering::SeqCst);
        let outcome = self.try_reload(2).await?;
        self.fault.store(NO_FAULT, Ordering::SeqCst);
        let failed_in = outcome.as_ref().err().map(|failure| failure.phase);
        self.tally.rejected += u64::from(failed_in.is_some());
        self.tally.expect(failed_in == Some(phase), || {
            format!("a fault in {phase}: the reload came to {outcome:?}")
        });
        let after = self.state().await?;
        self.tally.expect(before == after, || format!("a fault in {phase} changed the state"));
        eprint_status(&format!("fault in {phase}: rejected; state as it was"));
        self.call_once().await
    }

    /// The digest of the state, and the count in it.
    async fn state(&self) -> Result<(Option<Digest>, Option<u64>), Failure> {
        let state = self.local.host.export_state(&self.name).await.map_err(|refusal| refused(&refusal))?;
        Ok((state.as_ref().map(|state| state.digest()), state.as_ref().and_then(|state| count(state))))
    }

    fn handle(&self) -> Result<ModuleHandle, Failure> {
        self.local.host.handle(&self.name).ok_or_else(|| Failure::failed("the module does not answer"))
    }

    async fn call(&mut self) -> Result<(), Failure> {
        for _ in 0..self.messages {
            self.call_once().await?;
        }
        Ok(())
    }

    async fn call_once(&mut self) -> Result<(), Failure> {
        let handle = self.handle()?;
        self.tally.calls += 1;
        match handle.call("add", Vec::new()).await {
            Ok(reply) => {
                self.expected += 1;
                self.tally.replies += 1;
                self.tally.out_of_order += u64::from(answered(&reply.result) != Some(self.expected));
            }
            Err(error) => {
                self.tally.errors += 1;
                self.tally.expect(false, || format!("a message was answered: {error}"));
            }
        }
        Ok(())
    }

    /// Back to the version before, exactly.
    async fn go_back(&mut self) -> Result<(), Failure> {
        let before = self.state().await?;
        self.reload(2, "to be rolled back").await?;
        let returned =
            self.local.host.return_to_previous(&self.name).await.map_err(|refusal| refused(&refusal))?;
        eprint_status(&format!("return: generation {} answers again", returned.generation));
        let after = self.state().await?;
        self.tally.expect(before == after, || "the state after the return is not the one before".to_owned());
        self.call_once().await
    }

    /// Back to the first generation as it ended, which undoes what was counted since, and says how much that is.
    async fn restore(&mut self) -> Result<(), Failure> {
        let history = self.local.host.history(&self.name).await.map_err(|refusal| refused(&refusal))?;
        let Some((generation, record)) = history.generations.first_key_value() else {
            self.tally.expect(false, || "no generation is recorded".to_owned());
            return Ok(());
        };
        let kept = count(&record.state).unwrap_or_default();
        let restored = self.local.host.restore_generation(&self.name, *generation, "a gate").await;
        let report = restored.map_err(|failure| reload_failed(&failure))?;
        self.tally.committed += 1;
        eprint_status(&format!("restore of generation {generation}: {} messages undone", report.undone));
        let undone = self.expected - kept;
        self.tally.expect(report.undone == undone, || {
            format!("the restore says that {} messages are undone, and {undone} are", report.undone)
        });
        self.expected = kept;
        let found = self.state().await?.1;
        self.tally.expect(found == Some(kept), || format!("the restored count is {found:?}, not {kept}"));
        self.call_once().await
    }
}
