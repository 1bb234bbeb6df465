//! The bounds of a server as flags, each with the name that refusals call it by.

use clap::Args;
use midflight_server::ServeOptions;

/// Declares the flags once: the name, where it goes, what it bounds.
macro_rules! bounds {
    ($($(#[doc = $doc:literal])* $name:ident: $kind:ty => $($place:ident).+, $env:literal;)+) => {
        /// The limits of the server.
        #[derive(Debug, Default, Args)]
        #[command(next_help_heading = "Bounds")]
        pub(super) struct Bounds {
            $($(#[doc = $doc])*
            #[arg(long, env = $env, hide_short_help = true, value_name = "NUMBER")]
            $name: Option<$kind>,)+
            /// The largest a SQLite log's file may grow, in bytes; by default what the disk holds.
            #[arg(long, env = "MIDFLIGHT_STORE_BYTES_MAX", hide_short_help = true, value_name = "NUMBER")]
            store_bytes_max: Option<u64>,
        }

        impl Bounds {
            /// Sets those that were given.
            pub(super) fn set(&self, options: &mut ServeOptions) {
                $(if let Some(bound) = self.$name {
                    options.$($place).+ = bound;
                })+
                options.store_bytes_max = self.store_bytes_max;
            }
        }

        /// The same command with the default of each bound in its help.
        pub(in super::super) fn with_defaults(command: clap::Command) -> clap::Command {
            let options = ServeOptions::new("");
            [$((stringify!($name), options.$($place).+.to_string()),)+].into_iter().fold(
                command,
                |command, (name, default)| {
                    command.mut_arg(name, |arg| {
                        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                        arg.help(format!("{help} [default: {default}]"))
                    })
                },
            )
        }
    };
}

bounds! {
    /// The largest body of a request, in bytes.
    body_bytes_max: usize => limits.body_bytes_max, "MIDFLIGHT_BODY_BYTES_MAX";
    /// How many bytes of memory the values of a body may need, in bytes.
    body_parsed_bytes_max: usize => limits.body_parsed_bytes_max, "MIDFLIGHT_BODY_PARSED_BYTES_MAX";
    /// How many bytes of memory the values of an import may need, in bytes.
    import_parsed_bytes_max: usize => limits.import_parsed_bytes_max, "MIDFLIGHT_IMPORT_PARSED_BYTES_MAX";
    /// The largest body of an import, in bytes.
    import_bytes_max: usize => limits.import_bytes_max, "MIDFLIGHT_IMPORT_BYTES_MAX";
    /// How many bytes the bodies of all requests may have together, in bytes.
    bodies_bytes_max: usize => limits.bodies_bytes_max, "MIDFLIGHT_BODIES_BYTES_MAX";
    /// How many bytes of documents one answer may have, in bytes.
    answer_bytes_max: usize => limits.answer_bytes_max, "MIDFLIGHT_ANSWER_BYTES_MAX";
    /// How many bytes all long answers may have together, in bytes.
    answers_bytes_max: usize => limits.answers_bytes_max, "MIDFLIGHT_ANSWERS_BYTES_MAX";
    /// How long a client may leave what it is sent unread, in ms.
    write_idle_ms_max: u64 => limits.write_idle_ms_max, "MIDFLIGHT_WRITE_IDLE_MS_MAX";
    /// How long receiving a request may take, in ms.
    receive_ms_max: u64 => limits.receive_ms_max, "MIDFLIGHT_RECEIVE_MS_MAX";
    /// How long answering a request may take, in ms.
    request_ms_max: u64 => limits.request_ms_max, "MIDFLIGHT_REQUEST_MS_MAX";
    /// How many connections may be open.
    connections_max: usize => limits.connections_max, "MIDFLIGHT_CONNECTIONS_MAX";
    /// How many connections one address may have open; 0 is no limit.
    connections_per_address_max: usize => limits.connections_per_address_max, "MIDFLIGHT_CONNECTIONS_PER_ADDRESS_MAX";
    /// How many WebSocket clients may be connected.
    websocket_clients_max: usize => limits.websocket_clients_max, "MIDFLIGHT_WEBSOCKET_CLIENTS_MAX";
    /// How many reloads a WebSocket client may be behind.
    websocket_queue_max: usize => limits.websocket_queue_max, "MIDFLIGHT_WEBSOCKET_QUEUE_MAX";
    /// How long sending a message to a WebSocket client may take, in ms.
    websocket_send_ms_max: u64 => limits.websocket_send_ms_max, "MIDFLIGHT_WEBSOCKET_SEND_MS_MAX";
    /// How many watchers of the log may be connected.
    watchers_max: usize => limits.watchers_max, "MIDFLIGHT_WATCHERS_MAX";
    /// The largest share of its documents that a watched directory may delete at once, in percent; more waits to be
    /// confirmed (`midflight reload --confirm-loss NAME`). 100 switches the check off.
    watch_loss_percent_max: u8 => directory.loss_percent_max, "MIDFLIGHT_WATCH_LOSS_PERCENT_MAX";
    /// The fewest deleted documents to which that share applies.
    watch_loss_documents_min: usize => directory.loss_documents_min, "MIDFLIGHT_WATCH_LOSS_DOCUMENTS_MIN";
    /// How many inputs a batch may have.
    batch_items_max: usize => rules.batch_items_max, "MIDFLIGHT_BATCH_ITEMS_MAX";
    /// How long an execution of rules may compute, in ms.
    execute_ms_max: u64 => rules.execute_ms_max, "MIDFLIGHT_EXECUTE_MS_MAX";
    /// How long the patterns may take for a query or a page of their list, in ms.
    classify_ms_max: u64 => patterns.classify_ms_max, "MIDFLIGHT_CLASSIFY_MS_MAX";
    /// How long a search, a list or a selection of tools may compute, in ms.
    select_ms_max: u64 => tools.select_ms_max, "MIDFLIGHT_SELECT_MS_MAX";
    /// How long the lint of a page of tools may compute, in ms.
    lint_ms_max: u64 => tools.lint_ms_max, "MIDFLIGHT_LINT_MS_MAX";
    /// The largest component of a module, in bytes.
    blob_bytes_max: usize => modules.blob_bytes_max, "MIDFLIGHT_BLOB_BYTES_MAX";
    /// How many bytes all components in the store may have together, in bytes.
    blobs_bytes_max: u64 => modules.blobs_bytes_max, "MIDFLIGHT_BLOBS_BYTES_MAX";
    /// How many modules there may be.
    modules_max: usize => modules.modules_max, "MIDFLIGHT_MODULES_MAX";
    /// How many bytes of memory the instances of all modules may have together, in bytes; each counts with the limit of
    /// its manifest.
    modules_memory_bytes_max: u64 => modules.modules_memory_bytes_max, "MIDFLIGHT_MODULES_MEMORY_BYTES_MAX";
    /// The largest state of a module that a request may bring, in bytes.
    module_state_bytes_max: usize => modules.module_state_bytes_max, "MIDFLIGHT_MODULE_STATE_BYTES_MAX";
    /// How long reading an import of tools or writing an export of them may compute, in ms.
    import_ms_max: u64 => tools.import_ms_max, "MIDFLIGHT_IMPORT_MS_MAX";
    /// How many bytes the documents of a past catalogue may have that an agent works with, in bytes.
    past_catalogue_bytes_max: usize => tools.past_catalogue_bytes_max, "MIDFLIGHT_PAST_CATALOGUE_BYTES_MAX";
    /// The largest answer of an execution or a batch, in bytes.
    execution_bytes_max: usize => rules.execution_bytes_max, "MIDFLIGHT_EXECUTION_BYTES_MAX";
    /// How long a batch may compute, in ms.
    batch_ms_max: u64 => rules.batch_ms_max, "MIDFLIGHT_BATCH_MS_MAX";
    /// How many requests with a long computation may wait for a thread.
    compute_queue_max: usize => limits.compute_queue_max, "MIDFLIGHT_COMPUTE_QUEUE_MAX";
    /// How many bytes the diffs of an answer may have together, in bytes.
    diff_bytes_max: usize => limits.diff_bytes_max, "MIDFLIGHT_DIFF_BYTES_MAX";
    /// How long the diffs of an answer may be computed, in ms.
    diff_ms_max: u64 => limits.diff_ms_max, "MIDFLIGHT_DIFF_MS_MAX";
    /// How many writes a caller may send in a second; 0 is no limit.
    writes_per_second_max: u32 => limits.writes_per_second_max, "MIDFLIGHT_WRITES_PER_SECOND_MAX";
    /// How many reloads a caller may send in a second; 0 is no limit.
    reloads_per_second_max: u32 => limits.reloads_per_second_max, "MIDFLIGHT_RELOADS_PER_SECOND_MAX";
    /// How many sessions of browsers a token may begin and end in a second; 0 is no limit.
    sessions_per_second_max: u32 => limits.sessions_per_second_max, "MIDFLIGHT_SESSIONS_PER_SECOND_MAX";
    /// How long what is served may be older than the log before it is not ready, in ms; 0 is no limit.
    ready_stale_ms_max: u64 => limits.ready_stale_ms_max, "MIDFLIGHT_READY_STALE_MS_MAX";
    /// How many requests of a caller may be in flight; 0 is no limit.
    requests_per_caller_max: usize => limits.requests_per_caller_max, "MIDFLIGHT_REQUESTS_PER_CALLER_MAX";
    /// How many watchers of the log a caller may have connected; 0 is no limit.
    watchers_per_caller_max: usize => limits.watchers_per_caller_max, "MIDFLIGHT_WATCHERS_PER_CALLER_MAX";
    /// How many WebSocket clients of a caller may be connected; 0 is no limit.
    websocket_clients_per_caller_max: usize => limits.websocket_clients_per_caller_max,
        "MIDFLIGHT_WEBSOCKET_CLIENTS_PER_CALLER_MAX";
    /// How many documents a restore may change.
    restore_documents_max: usize => limits.restore_documents_max, "MIDFLIGHT_RESTORE_DOCUMENTS_MAX";
    /// How many bytes of memory the bodies of a restore may need, in bytes.
    restore_bytes_max: usize => limits.restore_bytes_max, "MIDFLIGHT_RESTORE_BYTES_MAX";
    /// How long a write may wait for its replicas, in ms.
    wait_ms_max: u64 => limits.wait_ms_max, "MIDFLIGHT_WAIT_MS_MAX";
    /// How long a stop waits for requests in flight, in ms.
    drain_ms_max: u64 => limits.drain_ms_max, "MIDFLIGHT_DRAIN_MS_MAX";
    /// The largest body of a document, in bytes.
    document_bytes_max: usize => engine_limits.body_bytes_max, "MIDFLIGHT_DOCUMENT_BYTES_MAX";
    /// How many documents the log may hold.
    documents_max: u64 => engine_limits.documents_max, "MIDFLIGHT_DOCUMENTS_MAX";
    /// How long a reload may take before it goes live, in ms.
    reload_ms_max: u64 => engine_limits.reload_ms_max, "MIDFLIGHT_RELOAD_MS_MAX";
    /// How much memory a compile may reserve, in bytes.
    compile_bytes_max: u64 => engine_limits.compile_bytes_max, "MIDFLIGHT_COMPILE_BYTES_MAX";
    /// How many edits and reloads may be queued.
    queue_max: usize => engine_limits.queue_max, "MIDFLIGHT_QUEUE_MAX";
    /// How many reload events are kept.
    history_max: usize => engine_limits.history_max, "MIDFLIGHT_HISTORY_MAX";
    /// How many threads of one kind may be abandoned because their work does not end.
    runaways_max: usize => engine_limits.runaways_max, "MIDFLIGHT_RUNAWAYS_MAX";
    /// How many changes of a reload are reported one by one.
    changes_reported_max: usize => engine_limits.changes_reported_max, "MIDFLIGHT_CHANGES_REPORTED_MAX";
}
