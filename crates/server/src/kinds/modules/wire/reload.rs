//! Reloads of modules.

use std::time::Duration;

use midflight_http::wire::stamp;
use midflight_module_host::{DryRunReport, ModuleReloadReport, PhaseDuration, PreCopyReport, ReloadOutcome};
use midflight_wire::log::QuarantinedRevisions;
use midflight_wire::modules::{ModulePhaseAnswer, ModulePreCopyAnswer, ModuleReloadAnswer, ModuleReloadItem};

use crate::kinds::modules::history::PastReload;

/// Whole microseconds.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn module_phase_answer(phase: &PhaseDuration) -> ModulePhaseAnswer {
    ModulePhaseAnswer { phase: phase.phase.word().into(), us: micros(phase.took) }
}

fn module_pre_copy_answer(report: &PreCopyReport) -> ModulePreCopyAnswer {
    let PreCopyReport { before_bytes, pause_bytes, fallback } = report.clone();
    ModulePreCopyAnswer { before_bytes, pause_bytes, fallback }
}

/// What an answer says beside the report.
pub(in super::super) struct Served {
    pub(in super::super) behind: bool,
    pub(in super::super) revision: u64,
    pub(in super::super) quarantined: QuarantinedRevisions,
}

/// What a reload came to.
pub(in super::super) fn module_reload_answer(
    report: &ModuleReloadReport,
    served: Served,
) -> ModuleReloadAnswer {
    ModuleReloadAnswer {
        module: report.module.to_string(),
        status: status(report.outcome).into(),
        dry_run: false,
        generation: Some(report.generation),
        from_version: report.from_version.clone(),
        to_version: Some(report.to_version.clone()),
        phases: report.phases.iter().map(module_phase_answer).collect(),
        pause_us: micros(report.pause),
        held: report.held,
        migrated_from: report.migrated_from,
        to_schema: None,
        steps: report.steps,
        state_bytes: report.state_bytes,
        state_digest: report.state_digest.map(|digest| digest.to_string()),
        pre_copy: report.pre_copy.as_ref().map(module_pre_copy_answer),
        undone: report.undone,
        probes: None,
        behind: served.behind,
        revision: served.revision,
        quarantined: served.quarantined,
    }
}

/// What a reload would come to.
pub(in super::super) fn module_reload_answer_of_dry_run(
    report: &DryRunReport,
    served: Served,
) -> ModuleReloadAnswer {
    ModuleReloadAnswer {
        module: report.module.to_string(),
        status: if report.is_unchanged { "unchanged" } else { "valid" }.into(),
        dry_run: true,
        generation: None,
        from_version: None,
        to_version: None,
        phases: Vec::new(),
        pause_us: 0,
        held: 0,
        migrated_from: report.from_schema.filter(|from| *from != report.to_schema),
        to_schema: Some(report.to_schema),
        steps: report.steps,
        state_bytes: report.state_bytes,
        state_digest: Some(report.state_digest.to_string()),
        pre_copy: None,
        undone: report.undone,
        probes: Some(report.probes),
        behind: served.behind,
        revision: served.revision,
        quarantined: served.quarantined,
    }
}

fn status(outcome: ReloadOutcome) -> &'static str {
    match outcome {
        ReloadOutcome::Committed => "reloaded",
        ReloadOutcome::Unchanged => "unchanged",
        ReloadOutcome::Returned => "returned",
    }
}

/// A reload that ended.
pub(in super::super) fn module_reload_item(past: &PastReload) -> ModuleReloadItem {
    let (report, failure) = match &past.record.result {
        Ok(report) => (Some(report), None),
        Err(failure) => (None, Some(failure)),
    };
    let phases = report.map_or(&[][..], |report| &report.phases);
    ModuleReloadItem {
        at: stamp(past.at),
        status: report.map_or("failed", |report| status(report.outcome)).into(),
        reason: past.record.reason.clone(),
        generation: report.map(|report| report.generation),
        from_version: report.and_then(|report| report.from_version.clone()),
        to_version: report.map(|report| report.to_version.clone()),
        phases: phases.iter().map(module_phase_answer).collect(),
        pause_us: report.map_or(0, |report| micros(report.pause)),
        held: report.map_or(0, |report| report.held),
        migrated_from: report.and_then(|report| report.migrated_from),
        steps: report.map_or(0, |report| report.steps),
        state_bytes: report.map_or(0, |report| report.state_bytes),
        pre_copy: report.and_then(|report| report.pre_copy.as_ref()).map(module_pre_copy_answer),
        undone: report.map_or(0, |report| report.undone),
        failed_phase: failure.map(|failure| failure.phase.word().into()),
        code: failure.map(|failure| failure.code.to_string()),
        message: failure.map(|failure| failure.message.clone()),
    }
}
