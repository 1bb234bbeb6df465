use std::sync::Arc;

use midflight_module_host::{
    HostOptions, ModuleFailure, ModuleHandle, ModuleHost, ModuleInfo, ModuleMessage, NativeModule,
    NativeModules, ReloadOptions, StateSnapshot,
};
use midflight_modules::Manifest;
use serde_json::{Value, json};

use crate::support::{name, reported};

/// Keeps a JSON object: `set` merges members into it, `get` gives it.
struct Ledger {
    schema: u32,
    state: Value,
}

impl NativeModule for Ledger {
    fn describe(&self) -> ModuleInfo {
        ModuleInfo {
            name: "ledger".into(),
            version: format!("{}.0.0", self.schema),
            schema: self.schema,
            accepts: vec![],
        }
    }
    fn init(&mut self, _: &str) -> Result<(), ModuleFailure> {
        Ok(())
    }
    fn handle(&mut self, message: &ModuleMessage) -> Result<Vec<u8>, ModuleFailure> {
        match message.operation.as_str() {
            "set" => {
                let members: Value = serde_json::from_slice(&message.payload)
                    .map_err(|error| ModuleFailure::new("bad_payload", error.to_string()))?;
                self.state.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            }
            "panic" => panic!("asked for"),
            _ => {}
        }
        Ok(self.state.to_string().into_bytes())
    }
    fn save(&self) -> StateSnapshot {
        StateSnapshot { schema: self.schema, bytes: self.state.to_string().into_bytes() }
    }
    fn load(&mut self, snapshot: &StateSnapshot) -> Result<u32, ModuleFailure> {
        self.state = serde_json::from_slice(&snapshot.bytes)
            .map_err(|error| ModuleFailure::new("corrupt", error.to_string()))?;
        Ok(0)
    }
    fn check(&self) -> Result<(), ModuleFailure> {
        if self.state.get("broken").is_some() {
            return Err(ModuleFailure::new("broken", "the state says so"));
        }
        Ok(())
    }
}

fn host() -> ModuleHost {
    let mut options = HostOptions::default();
    options.engine.serving_instances_max = 4;
    for schema in 1..=4 {
        let make = move || Ledger { schema, state: json!({}) };
        options.natives = options.natives.with(&format!("ledger{schema}"), make);
    }
    ModuleHost::new(options).unwrap()
}

fn manifest(schema: u32, migrations: Value) -> Arc<Manifest> {
    let body = json!({
        "native": format!("ledger{schema}"), "version": format!("{schema}.0.0"), "schema": schema,
        "migrations": migrations, "limits": {"cool_down_ms": 0},
    });
    Arc::new(
        Manifest::read(&name("ledger"), &Arc::new(body)).unwrap_or_else(|problems| panic!("{problems:?}")),
    )
}

async fn ask(handle: &ModuleHandle, operation: &str, payload: Value) -> Value {
    let reply = handle.call(operation, payload.to_string().into_bytes()).await.unwrap();
    serde_json::from_slice(&reply.result).unwrap()
}

fn hops() -> Value {
    json!([
        {"from": 1, "to": 2, "steps": [
            {"split": "/name", "separator": " ", "into": ["first", "last"]},
            {"add": "/visits", "default": 0},
        ], "before": {"required": ["name"]}, "after": {"required": ["first", "last", "visits"]}},
        {"from": 2, "to": 3, "steps": [
            {"add": "/person", "default": {}},
            {"move": "/first", "to": "/person/first"},
            {"move": "/last", "to": "/person/last"},
            {"convert": "/visits", "into": "text"},
        ]},
    ])
}

#[tokio::test]
async fn a_state_of_data_is_migrated_by_the_manifest_alone() {
    let host = host();
    host.load(manifest(1, json!([]))).await.unwrap();
    let ledger = host.handle(&name("ledger")).unwrap();
    ask(&ledger, "set", json!({"name": "Ada Lovelace"})).await;
    let report = host.load(manifest(3, hops())).await.unwrap();
    assert_eq!((report.migrated_from, report.steps), (Some(1), 2));
    let expected = json!({"person": {"first": "Ada", "last": "Lovelace"}, "visits": "0"});
    assert_eq!(ask(&ledger, "get", json!(null)).await, expected);
    // And back by the way that the lower manifest declares.
    let back = json!([
        {"from": 3, "to": 2, "steps": [
            {"convert": "/visits", "into": "integer"},
            {"move": "/person/first", "to": "/first"}, {"move": "/person/last", "to": "/last"}, {"remove": "/person"},
        ]},
        {"from": 2, "to": 1, "steps": [
            {"merge": ["/first", "/last"], "separator": " ", "to": "/name"}, {"remove": "/visits"},
        ]},
    ]);
    let report = host.load(manifest(1, back)).await.unwrap();
    assert_eq!((report.migrated_from, report.steps), (Some(3), 2));
    assert_eq!(ask(&ledger, "get", json!(null)).await, json!({"name": "Ada Lovelace"}));
}

#[tokio::test]
async fn a_state_that_the_schema_refuses_stays_with_the_old_version() {
    let host = host();
    host.load(manifest(1, json!([]))).await.unwrap();
    let ledger = host.handle(&name("ledger")).unwrap();
    ask(&ledger, "set", json!({"nickname": "Ada"})).await;
    let failure = host.load(manifest(3, hops())).await.unwrap_err();
    assert_eq!(reported(&failure), "prepare migration_failed");
    assert!(failure.message.contains("before the migration from schema 1"), "{failure}");
    assert_eq!(ask(&ledger, "get", json!(null)).await, json!({"nickname": "Ada"}));
    let failure = host.load(manifest(4, hops())).await.unwrap_err();
    assert_eq!(reported(&failure), "prepare schema_not_accepted");
    ask(&ledger, "set", json!({"name": "Ada Lovelace"})).await;
    host.load(manifest(3, hops())).await.unwrap();
}

#[tokio::test]
async fn a_panic_is_what_a_trap_is() {
    let host = host();
    host.load(manifest(1, json!([]))).await.unwrap();
    let ledger = host.handle(&name("ledger")).unwrap();
    ask(&ledger, "set", json!({"a": 1})).await;
    host.checkpoint(&name("ledger")).await.unwrap();
    let failure = ledger.call("panic", vec![]).await.unwrap_err();
    assert!(failure.to_string().contains("panicked: asked for"), "{failure}");
    assert_eq!(ask(&ledger, "get", json!(null)).await, json!({"a": 1}));
    ask(&ledger, "set", json!({"broken": true})).await;
    let failure = host.load(manifest(1, json!([{"from": 2, "to": 1, "steps": []}]))).await.unwrap_err();
    assert_eq!(reported(&failure), "prepare check_failed");
}

/// Says when it works on a message, and goes on when it is let.
struct Gate {
    entered: std::sync::mpsc::Sender<()>,
    barrier: Arc<std::sync::Barrier>,
}

impl NativeModule for Gate {
    fn describe(&self) -> ModuleInfo {
        ModuleInfo { name: "gate".into(), version: "1.0.0".into(), schema: 1, accepts: vec![] }
    }
    fn init(&mut self, _: &str) -> Result<(), ModuleFailure> {
        Ok(())
    }
    fn handle(&mut self, _: &ModuleMessage) -> Result<Vec<u8>, ModuleFailure> {
        self.entered.send(()).unwrap();
        self.barrier.wait();
        Ok(vec![])
    }
    fn save(&self) -> StateSnapshot {
        StateSnapshot { schema: 1, bytes: vec![] }
    }
    fn load(&mut self, _: &StateSnapshot) -> Result<u32, ModuleFailure> {
        Ok(0)
    }
    fn check(&self) -> Result<(), ModuleFailure> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_does_not_wait_longer_for_a_message_than_it_may() {
    let (entered, has_entered) = std::sync::mpsc::channel();
    let barrier = Arc::new(std::sync::Barrier::new(2));
    let shared = Arc::clone(&barrier);
    let mut options = HostOptions::default();
    options.engine.serving_instances_max = 4;
    // A sender is shared by one thread at a time.
    let entered = std::sync::Mutex::new(entered);
    options.natives = NativeModules::default().with("gate", move || Gate {
        entered: entered.lock().unwrap().clone(),
        barrier: Arc::clone(&shared),
    });
    let host = ModuleHost::new(options).unwrap();
    let manifest = |config: u32| {
        let limits = json!({"drain_ms_max": 1, "cool_down_ms": 0});
        let body =
            json!({"native": "gate", "version": "1.0.0", "schema": 1, "config": config, "limits": limits});
        Arc::new(Manifest::read(&name("gate"), &Arc::new(body)).unwrap())
    };
    host.load(manifest(1)).await.unwrap();
    let handle = host.handle(&name("gate")).unwrap();
    let prepared = host.prepare(manifest(2), ReloadOptions::default()).await.unwrap().unwrap();
    let slow = tokio::spawn({
        let handle = handle.clone();
        async move { handle.call("wait", vec![]).await }
    });
    tokio::task::spawn_blocking(move || has_entered.recv()).await.unwrap().unwrap();
    let failure = prepared.pause().await.err().unwrap();
    assert_eq!(reported(&failure), "drain drain_deadline");
    tokio::task::spawn_blocking(move || barrier.wait()).await.unwrap();
    assert_eq!(slow.await.unwrap().unwrap().live.generation, 1);
    // On a busy machine, an idle module may need more than its millisecond too.
    let loaded = loop {
        match host.load(manifest(2)).await {
            Err(failure) if reported(&failure) == "drain drain_deadline" => {}
            loaded => break loaded,
        }
    };
    assert_eq!(loaded.unwrap().generation, 2);
    assert_eq!(host.metrics(&name("gate")).unwrap().abandoned, 0);
}
