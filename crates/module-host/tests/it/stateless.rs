use std::sync::Arc;

use midflight_module_host::{
    CallError, HostOptions, ModuleFailure, ModuleHost, ModuleInfo, ModuleMessage, ModulePhase, NativeModule,
    NativeModules, StateSnapshot,
};
use midflight_modules::Manifest;
use serde_json::json;

use crate::support::{name, reported};

/// Answers with its config; `wait` meets another call at a barrier.
struct Plain {
    config: String,
    barrier: Arc<std::sync::Barrier>,
}

impl NativeModule for Plain {
    fn describe(&self) -> ModuleInfo {
        ModuleInfo { name: "plain".into(), version: "1.0.0".into(), schema: 0, accepts: vec![] }
    }
    fn init(&mut self, config: &str) -> Result<(), ModuleFailure> {
        if config == "null" {
            return Err(ModuleFailure::new("no_config", "needs a config"));
        }
        config.clone_into(&mut self.config);
        Ok(())
    }
    fn handle(&mut self, message: &ModuleMessage) -> Result<Vec<u8>, ModuleFailure> {
        match message.operation.as_str() {
            "wait" => drop(self.barrier.wait()),
            "panic" => panic!("asked for"),
            "once" if message.attempt == 1 => panic!("asked for once"),
            _ => {}
        }
        Ok(self.config.clone().into_bytes())
    }
    fn save(&self) -> StateSnapshot {
        StateSnapshot { schema: 0, bytes: vec![] }
    }
    fn load(&mut self, _: &StateSnapshot) -> Result<u32, ModuleFailure> {
        Ok(0)
    }
    fn check(&self) -> Result<(), ModuleFailure> {
        Ok(())
    }
}

fn manifest(config: u32) -> Arc<Manifest> {
    let body = json!({"native": "plain", "version": "1.0.0", "schema": 0, "config": config, "limits": {"cool_down_ms": 0}});
    Arc::new(Manifest::read(&name("plain"), &Arc::new(body)).unwrap())
}

fn host() -> (ModuleHost, Arc<std::sync::Barrier>) {
    let barrier = Arc::new(std::sync::Barrier::new(2));
    let shared = Arc::clone(&barrier);
    let mut options = HostOptions::default();
    options.engine.serving_instances_max = 4;
    options.natives = NativeModules::default()
        .with("plain", move || Plain { config: String::new(), barrier: Arc::clone(&shared) });
    (ModuleHost::new(options).unwrap(), barrier)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_ends_on_the_generation_it_began_with_and_nothing_waits() {
    let (host, barrier) = host();
    host.load(manifest(1)).await.unwrap();
    let handle = host.handle(&name("plain")).unwrap();
    assert_eq!(handle.call("get", vec![]).await.unwrap().result, b"1");
    let slow = tokio::spawn({
        let handle = handle.clone();
        async move { handle.call("wait", vec![]).await }
    });
    while host.metrics(&name("plain")).unwrap().waiting < 1 {
        tokio::task::yield_now().await;
    }
    let report = host.load(manifest(2)).await.unwrap();
    assert_eq!((report.generation, report.held), (2, 0));
    tokio::task::spawn_blocking(move || barrier.wait()).await.unwrap();
    let reply = slow.await.unwrap().unwrap();
    // It is taken by whichever generation answered when its task began; both give their own config and number.
    assert_eq!(reply.result, reply.live.generation.to_string().into_bytes());
    assert_eq!(handle.call("get", vec![]).await.unwrap().result, b"2");
    assert_eq!(host.metrics(&name("plain")).unwrap().abandoned, 0);
}

#[tokio::test]
async fn a_panic_ends_an_instance_alone() {
    let (host, _) = host();
    host.load(manifest(1)).await.unwrap();
    let handle = host.handle(&name("plain")).unwrap();
    assert_eq!(handle.call("once", vec![]).await.unwrap().result, b"1");
    let failure = handle.call("panic", vec![]).await.unwrap_err();
    assert!(matches!(&failure, CallError::Poisoned { .. }), "{failure}");
    assert_eq!(handle.call("get", vec![]).await.unwrap().result, b"1");
    let metrics = host.metrics(&name("plain")).unwrap();
    assert_eq!((metrics.traps, metrics.poisoned, metrics.abandoned), (3, 1, 0));
}

#[tokio::test]
async fn a_bad_candidate_is_refused_and_a_module_stays_of_its_kind() {
    let (host, _) = host();
    host.load(manifest(1)).await.unwrap();
    let body = json!({"native": "plain", "version": "1.0.0", "schema": 0});
    let bad = Arc::new(Manifest::read(&name("plain"), &Arc::new(body)).unwrap());
    let failure = host.load(bad).await.unwrap_err();
    assert_eq!((failure.phase, failure.code.as_ref()), (ModulePhase::Prepare, "init_failed"));
    let body = json!({"native": "plain", "version": "1.0.0", "schema": 1, "config": 1});
    let with_state = Arc::new(Manifest::read(&name("plain"), &Arc::new(body)).unwrap());
    assert_eq!(reported(&host.load(with_state).await.unwrap_err()), "prepare state_kind");
    let body = json!({"native": "absent", "version": "1.0.0", "schema": 0, "config": 1});
    let unknown = Arc::new(Manifest::read(&name("plain"), &Arc::new(body)).unwrap());
    assert_eq!(reported(&host.load(unknown).await.unwrap_err()), "prepare unknown_native");
    let handle = host.handle(&name("plain")).unwrap();
    assert_eq!(handle.call("get", vec![]).await.unwrap().result, b"1");
    host.unload(&name("plain")).await;
    assert_eq!(handle.call("get", vec![]).await.unwrap_err(), CallError::Unloaded(name("plain")));
}
