//! Midflight changes what a running service does, in milliseconds, on every replica, with no request lost.
//!
//! This is the library: one dependency for a program that embeds the engine. Documents of a kind are kept in a log,
//! compiled into a snapshot, and read through a [`Live`] handle without a lock. An edit is validated, compiled and
//! checked before the log takes it, and it is live when [`Engine::apply`] returns.
//!
//! ```
//! use midflight::{Collection, Edit, Engine};
//! use serde_json::json;
//!
//! #[derive(serde::Deserialize)]
//! struct Limit { max: u64 }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("limits.db");
//! let mut builder = Engine::builder().sqlite(path);
//! let limits = builder.kind(Collection::<Limit>::new("limits")?);
//! let engine = builder.start().await?;
//! let limits = engine.live(limits);
//!
//! engine.apply(Edit::by("ann").because("more room").put("limits/uploads", json!({"max": 10}))).await?;
//! assert_eq!(limits.load().get("uploads").unwrap().max, 10);
//!
//! // An invalid edit is refused with its reasons, and changes nothing.
//! let refused = engine.apply(Edit::by("ann").put("limits/uploads", json!({"max": -1}))).await.unwrap_err();
//! assert!(refused.to_string().contains("limits/uploads at /max: invalid value: integer `-1`, expected u64"));
//! assert_eq!(limits.load().get("uploads").unwrap().max, 10);
//! # engine.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! Request handlers keep `limits` and load it once per request: [`Live`] says which way of reading is right when, and
//! what it costs. Documents that are compiled together, or that answer something, are a [`Kind`] of their own. What
//! follows a change and can fail, as a pool of connections, is a [`Component`]: it is prepared beside the old one, and
//! the edit is refused or rolled back when that fails.
//!
//! # Several processes
//! `Engine::builder().store(...)` takes a log in PostgreSQL, and `bus(...)` what tells the others that it moved. Give
//! [`EngineBuilder::identity`] the identity of each process, and [`EngineBuilder::last_good`] the path of its copy.
//!
//! # Features
//! - `sqlite` (default): the log in a SQLite file, [`EngineBuilder::sqlite`] and [`store`]`::SqliteStore`.
//! - `postgres`: the log in PostgreSQL, [`store`]`::PostgresStore`, for several processes, and hints through it.
//! - `redis`, `nats`: hints by those, in [`bus`].
//! - `schema`: JSON Schemas of collections, derived by `schemars`.
//! - `testing`: harnesses for those who write kinds and components, in `midflight::testing`.
//! - `rules`: the kind `rules` that the server has, in `midflight::rules`.
//! - `patterns`: the kind `patterns` that the server has, in `midflight::patterns`; with `learning`, what asks an LLM
//!   about what nothing matches and learns from its answers, in `midflight::learning`.
//! - `tools`: the kind `tools` that the server has, in `midflight::tools`.
//! - `modules`: the kind `modules` and the host that runs them, in `midflight::modules` and `midflight::module_host`.
//!   It brings a compiler of WASM, which takes minutes to build.
//! - `source`: documents from YAML and JSON files and watched directories, in `midflight::source`.
//! - `app`: a program whose config changes while it runs, in `midflight::app`, declared by `midflight::config`. With
//!   it, each for itself, what follows that config, in `midflight::components`: `pool-postgres`, `pool-redis`, `llm`,
//!   `log` and `cache`. `examples/hot-service` is a whole one.
//! - `server`: a whole server in the program, or its API as an `axum::Router` beside the program's own routes, in
//!   `midflight::server`.

pub use midflight_core::{
    Change, Diff, Digest, Document, DocumentId, DocumentName, Edit, EditBuilder, EditKey, IntoEdit,
    JsonPointer, KindName, NameError, Open, Outcome, Owner, Precondition, PrincipalId, Problem, Problems,
    ReloadEvent, Revision, RevisionNumber, Trigger,
};
pub use midflight_engine::{
    AcceptedEdit, Collection, CollectionItem, CollectionItems, Committed, Component, Criticality,
    DocumentSchema, EditMode, Engine, EngineBuilder, EngineStatus, FirstEdit, Identity, InvalidPolicy, Kind,
    KindChange, KindSlot, Limits, Prepared, Refresh, Refusal, Refused, ReloadScope, Schedule,
    ScheduledAction, Section, StartError, WindowText, Work, schedule_id,
};
pub use midflight_live::{Basis, Changes, Live, Loaded, Pinned, Publisher, Reader, SnapshotSlot, World};

/// What carries hints that the log moved.
pub mod bus {
    pub use midflight_bus::{Bus, BusError, BusStatus, Hint, HintEvent, Hints, JoinedBus, MemoryBus};
    #[cfg(feature = "nats")]
    pub use midflight_bus::{NatsBus, NatsOptions, NatsTransport};
    #[cfg(feature = "postgres")]
    pub use midflight_bus::{PostgresBus, PostgresBusOptions, PostgresTransport};
    #[cfg(feature = "redis")]
    pub use midflight_bus::{RedisBus, RedisOptions, RedisTransport};
}

/// The log.
pub mod store {
    pub use midflight_store::{
        AppendError, Availability, BlobStore, EventStore, FleetStore, LastGood, LastGoodFile, LastGoodView,
        MemoryStore, RevisionLog, Store, StoreError, TallyStore, TokenStore,
    };
    #[cfg(feature = "sqlite")]
    pub use midflight_store::{Durability, SqliteOptions, SqliteStore};
    #[cfg(feature = "postgres")]
    pub use midflight_store::{
        PostgresOptions, PostgresSessions, PostgresStore, PostgresUrl, PostgresUrlError,
    };
}

/// Harnesses for those who write kinds and components.
#[cfg(feature = "testing")]
pub mod testing {
    pub use midflight_engine::testing::{BrokenContract, fail_every_step, try_component, try_kind};
}

/// A program on one config that changes while it runs.
#[cfg(feature = "app")]
pub mod app {
    pub use midflight_app::{
        App, AppBuilder, AppError, Bootstrap, ConfigReloader, LiveConfig, Process, References,
        ReferencesError, Report,
    };
}

/// Components that follow a config.
#[cfg(feature = "app")]
pub mod components {
    #[cfg(any(feature = "pool-postgres", feature = "pool-redis"))]
    pub use midflight_components::drivers;
    #[cfg(feature = "llm")]
    pub use midflight_components::{
        BreakerSettings, BreakerState, ChatAnswer, ChatMessage, ChatRequest, ChatSchema, Llm, LlmCounts,
        LlmError, LlmFactory, LlmSettings, LlmStatus,
    };
    #[cfg(feature = "cache")]
    pub use midflight_components::{Cache, CacheFactory, CacheSettings};
    pub use midflight_components::{
        ComponentFactory, ComponentRole, CurrentComponent, Exchange, ExchangeFactory, ExchangePart,
        ManagedComponent, SettingsSource,
    };
    #[cfg(feature = "pool-postgres")]
    pub use midflight_components::{
        Database, DatabaseConnection, DatabaseError, DatabaseFactory, DatabaseSettings, DatabaseStatus,
        DatabaseTransaction,
    };
    #[cfg(feature = "log")]
    pub use midflight_components::{LogFormat, LogOutput, LogSettings, Logger, LoggerError, LoggerFactory};
    #[cfg(feature = "pool-redis")]
    pub use midflight_components::{Redis, RedisError, RedisFactory, RedisSettings, RedisStatus};
}

/// The kind `config`.
#[cfg(feature = "app")]
pub mod config {
    pub use midflight_config::{
        ApplyMode, Config, ConfigDocument, ConfigEntry, ConfigSchema, ConfigValues, Configs, DurationText,
        InferredSchema, KeyChange, KeyDifference, Masked, OperatorContents, Origin, Override, REDACTED,
        REFERENCED_BYTES_MAX, Redactor, SCHEMAS_FOLDER, Secret, differences, infer_schema, limits,
    };
}

/// The kind `rules`.
#[cfg(feature = "rules")]
pub mod rules {
    pub use midflight_rules::{
        ExecuteError, ExecuteRequest, Execution, RuleEvaluation, RuleInfo, RuleOutcome, RuleStatus, Rules,
        RulesDocument, RulesSnapshot, RulesetInfo, import, limits,
    };
}

/// The kind `patterns`.
#[cfg(feature = "patterns")]
pub mod patterns {
    pub use midflight_patterns::{
        Action, Category, Classification, ClassifyError, CreatedBy, DEFAULT_PROFILE, DUPLICATE_PATTERN,
        LEARNING_FOLDER, LearnFrom, LearningMode, LearningPolicy, LearningProposal, Match, NotLearned,
        PROFILES_FOLDER, PROMPTS_FOLDER, Pattern, PatternMatch, PatternStatus, Patterns, PatternsDocument,
        PatternsSnapshot, Personal, Profile, Prompt, Redaction, Reply, ReplyError, import, limits,
        wilson_lower_bound,
    };
}

/// The kind `tools`.
#[cfg(feature = "tools")]
pub mod tools {
    pub use midflight_tools::{
        CATEGORIES, CORRECTIONS_FOLDER, Capability, DUPLICATE_TOOL, EstimateCorrection, EstimateCorrections,
        FEATURES, FeatureVector, PLATFORMS, Policy, PreferenceMatch, PreferenceMode, RESERVED_MCP_NAMES,
        SELECTION_SETTINGS, SETTINGS_FOLDER, SearchHit, SelectionSettings, Tool, ToolInput, ToolPattern,
        ToolStatus, Tools, ToolsDocument, ToolsSnapshot, catalogue_digest, derive_mcp_name, diff, export,
        expression, import, is_mcp_name, limits, lint, selection, suggest_word, telemetry,
    };
}

/// The kind `modules`.
#[cfg(feature = "modules")]
pub mod modules {
    pub use midflight_modules::{
        CodeSource, Downgrade, GroupCycle, GroupMember, GroupPlace, Manifest, ModuleCapability, ModuleLimits,
        Modules, ModulesSnapshot, Probe, ProbeReply, limits, migration, topological_order,
    };
}

/// What runs modules: components and registered Rust types.
#[cfg(feature = "modules")]
pub mod module_host {
    pub use midflight_module_host::{
        BlobSource, CacheCounts, CallError, CallResult, ComponentDescription, DryRunReport, EngineOptions,
        HostError, HostOptions, ImportContext, InstancePurpose, LiveModule, MemoryBlobs, MetricsSnapshot,
        ModuleCode, ModuleFailure, ModuleHandle, ModuleHost, ModuleInfo, ModuleInstance, ModuleMessage,
        ModulePhase, ModuleRefusal, ModuleReloadReport, ModuleReply, ModuleServices, ModuleStatus,
        ModulesComponent, NativeModule, NativeModules, ParkedMessage, PauseHistogram, PausedModule,
        PhaseDuration, PhaseHook, PlainServices, PreparedModule, ReloadFailure, ReloadObserver,
        ReloadOptions, ReloadOutcome, ReloadRecord, SharedCode, StateSnapshot, Trap, encode, journal,
    };
}

/// Queries classified by live patterns, and by an LLM whose answers become patterns.
#[cfg(feature = "learning")]
pub mod learning {
    pub use midflight_learning::{
        AnswerSource, AskedBy, Classifier, Corrected, Correction, Counts, Feedback, FeedbackAnswer,
        FeedbackError, ForeignCount, Learned, LearningOptions, Matched, PatternLookup, PatternPerformance,
        PatternUsage, Performance, QueryAnswer, Savings, Sender,
    };
}

/// A server within the program: `Service::router` is its API, for an axum application that mounts it beside its own
/// routes.
#[cfg(feature = "server")]
pub mod server {
    pub use midflight_server::{
        Backend, Code, HttpLimits, KindSetup, OwnConfig, RunningServer, ServeError, ServeOptions, Service,
        start, start_on,
    };
}

/// Documents from files, and watched directories.
#[cfg(feature = "source")]
pub mod source {
    pub use midflight_source::{
        Agreed, ConfigText, DirectoryHandle, DirectoryOptions, DirectorySource, DirectoryStatus,
        FileDocument, FileOptions, FileProblem, FileValue, FileWatch, HeldLoss, LeftAlone, LossBounds,
        NamedDirectory, OwnedDocuments, OwnedExtent, SourceError, ValueError, WriteError,
        distinct_directories, duplicates, locate, locate_all, parse_config, parse_documents, parse_values,
        write_documents, write_value,
    };
}

/// The example of the README, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
