//! How components and reloads are shown.

use midflight_client::wire::modules::{
    ModulePhaseAnswer, ModulePreCopyAnswer, ModuleReloadAnswer, ModuleReloadItem,
};
use midflight_module_host::{ComponentDescription, ModuleReloadReport};
use serde::Serialize;

use crate::columns::{optional, record, table};
use crate::output::printable;

/// A component, as it describes itself.
#[derive(Debug, Clone, Serialize)]
pub(super) struct DescribedComponent {
    component: String,
    name: String,
    version: String,
    schema: u32,
    accepts: Vec<u32>,
    capabilities: Vec<&'static str>,
}

impl DescribedComponent {
    pub(super) fn new(description: &ComponentDescription) -> Self {
        Self {
            component: format!("sha256:{}", description.digest),
            name: description.info.name.clone(),
            version: description.info.version.clone(),
            schema: description.info.schema,
            accepts: description.info.accepts.clone(),
            capabilities: description.capabilities.iter().map(|it| it.word()).collect(),
        }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let accepts: Vec<_> = self.accepts.iter().map(ToString::to_string).collect();
        record([
            ("name", self.name.clone()),
            ("version", self.version.clone()),
            ("schema", self.schema.to_string()),
            ("accepts", accepts.join(", ")),
            ("capabilities", self.capabilities.join(", ")),
            ("component", self.component.clone()),
        ])
    }
}

/// What a reload in this process came to.
pub(super) fn reload_line(report: &ModuleReloadReport) -> String {
    let from = report.from_version.as_ref().map_or_else(String::new, |from| format!("{from} -> "));
    let migrated =
        report.migrated_from.map_or_else(String::new, |from| format!(", migrated from schema {from}"));
    let copied = report
        .pre_copy
        .as_ref()
        .map_or_else(String::new, |copy| format!(" ({} copied in the pause)", copy.pause_bytes));
    format!(
        "{from}{}{migrated}: {}, {} bytes{copied}, pause {:.2} ms",
        report.to_version,
        steps(&report.steps.to_string()),
        report.state_bytes,
        report.pause.as_secs_f64() * 1e3
    )
}

fn steps(count: &str) -> String {
    if count == "1" { "1 step".to_owned() } else { format!("{count} steps") }
}

/// What a reload on a server came to: of one that was asked for, or of one in the history.
#[derive(Debug, Default)]
pub(super) struct ShownReload<'a> {
    at: Option<&'a str>,
    module: Option<&'a str>,
    status: &'a str,
    generation: Option<u64>,
    from_version: Option<&'a str>,
    to_version: Option<&'a str>,
    pause_us: u64,
    held: u64,
    migrated_from: Option<u32>,
    to_schema: Option<u32>,
    steps: u32,
    state_bytes: usize,
    state_digest: Option<&'a str>,
    pre_copy: Option<&'a ModulePreCopyAnswer>,
    undone: u64,
    probes: Option<usize>,
    reason: Option<&'a str>,
    failed_phase: Option<&'a str>,
    code: Option<&'a str>,
    message: Option<&'a str>,
    is_behind: bool,
    phases: &'a [ModulePhaseAnswer],
}

impl<'a> ShownReload<'a> {
    pub(super) fn of_answer(answer: &'a ModuleReloadAnswer) -> Self {
        Self {
            module: Some(&answer.module),
            status: &answer.status,
            generation: answer.generation,
            from_version: answer.from_version.as_deref(),
            to_version: answer.to_version.as_deref(),
            pause_us: answer.pause_us,
            held: answer.held,
            migrated_from: answer.migrated_from,
            to_schema: answer.to_schema,
            steps: answer.steps,
            state_bytes: answer.state_bytes,
            state_digest: answer.state_digest.as_deref(),
            pre_copy: answer.pre_copy.as_ref(),
            undone: answer.undone,
            probes: answer.probes,
            is_behind: answer.behind,
            phases: &answer.phases,
            ..Self::default()
        }
    }

    pub(super) fn of_item(item: &'a ModuleReloadItem) -> Self {
        Self {
            at: Some(&item.at),
            status: &item.status,
            generation: item.generation,
            from_version: item.from_version.as_deref(),
            to_version: item.to_version.as_deref(),
            pause_us: item.pause_us,
            held: item.held,
            migrated_from: item.migrated_from,
            steps: item.steps,
            state_bytes: item.state_bytes,
            pre_copy: item.pre_copy.as_ref(),
            undone: item.undone,
            reason: item.reason.as_deref(),
            failed_phase: item.failed_phase.as_deref(),
            code: item.code.as_deref(),
            message: item.message.as_deref(),
            phases: &item.phases,
            ..Self::default()
        }
    }

    /// For people, with its phases.
    pub(super) fn text(&self) -> String {
        let mut shown = record([
            ("at", optional(self.at)),
            ("module", optional(self.module)),
            ("status", self.status.to_owned()),
            ("generation", optional(self.generation)),
            ("from_version", optional(self.from_version)),
            ("to_version", optional(self.to_version)),
            ("pause_us", self.pause_us.to_string()),
            ("held", self.held.to_string()),
            ("migrated_from", optional(self.migrated_from)),
            ("to_schema", optional(self.to_schema)),
            ("steps", self.steps.to_string()),
            ("state_bytes", self.state_bytes.to_string()),
            ("state_digest", optional(self.state_digest)),
            ("copied_before_pause_bytes", optional(self.pre_copy.map(|copy| copy.before_bytes))),
            ("copied_in_pause_bytes", optional(self.pre_copy.map(|copy| copy.pause_bytes))),
            ("pre_copy_fallback", optional(self.pre_copy.and_then(|copy| copy.fallback.as_ref()))),
            ("undone", self.undone.to_string()),
            ("probes", optional(self.probes)),
            ("reason", optional(self.reason)),
            ("failed_phase", optional(self.failed_phase)),
            ("code", optional(self.code)),
            ("message", optional(self.message)),
        ]);
        if !self.phases.is_empty() {
            let row = |phase: &ModulePhaseAnswer| [phase.phase.to_string(), phase.us.to_string()];
            shown += "\n";
            shown += &table(&["PHASE", "MICROSECONDS"], self.phases.iter().map(row));
        }
        shown
    }

    /// In one line.
    pub(super) fn summary(&self) -> String {
        if self.status == "failed" {
            let (phase, message) = (optional(self.failed_phase), optional(self.message));
            return printable(&format!("failed in {phase}: {message}"));
        }
        let from = self.from_version.map_or_else(String::new, |from| format!("{from} -> "));
        let migrated = self.migrated_from.map_or_else(String::new, |schema| {
            format!(", migrated from schema {schema} in {}", steps(&self.steps.to_string()))
        });
        let pause = std::time::Duration::from_micros(self.pause_us).as_secs_f64() * 1e3;
        let behind = match self.is_behind {
            true => "; the log has another manifest: load the version that is to stay",
            false => "",
        };
        printable(&format!(
            "generation {}: {from}{}{migrated}; pause {pause:.2} ms, {} messages held{behind}",
            optional(self.generation),
            optional(self.to_version),
            self.held
        ))
    }
}
