//! What did not change is in memory once, also while everything is compiled anew.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use midflight_core::{Change, DocumentId, DocumentName, KindName, Open, Outcome, Problem, Problems, Trigger};
use midflight_engine::{Kind, KindChange, ReloadScope, Work};
use midflight_store::MemoryStore;
use serde_json::{Value, json};

use crate::support::{Bench, edit};

/// A kind that keeps bodies, as they are.
struct Texts;

type Bodies = BTreeMap<DocumentName, Arc<Value>>;

impl Kind for Texts {
    type Document = Arc<Value>;
    type Snapshot = Bodies;

    fn name(&self) -> KindName {
        KindName::new("texts").unwrap()
    }

    fn empty(&self) -> Bodies {
        Bodies::new()
    }

    fn validate(&self, _: &DocumentName, body: &Arc<Value>, _: &Work) -> Result<Arc<Value>, Problems> {
        Ok(Arc::clone(body))
    }

    fn compile(
        &self,
        before: &Bodies,
        changes: Vec<KindChange<Arc<Value>>>,
        _: &Work,
    ) -> Result<Bodies, Problems> {
        let mut next = before.clone();
        for KindChange { name, document } in changes {
            match document {
                Some(body) => next.insert(name, body),
                None => next.remove(&name),
            };
        }
        Ok(next)
    }

    fn body<'a>(&self, snapshot: &'a Bodies, name: &DocumentName) -> Option<&'a Arc<Value>> {
        snapshot.get(name)
    }

    fn answer(&self, _: &Bodies, _: &Value) -> Result<Value, Problem> {
        Ok(Value::Null)
    }
}

fn put(name: &str, text: &str) -> Change {
    Change::put(DocumentId::new("texts", name).unwrap(), json!({ "text": text }))
}

#[tokio::test]
async fn a_forced_reload_keeps_the_bodies_of_what_did_not_change() {
    let mut slot = None;
    let bench = Bench::with(MemoryStore::new(), |builder, _| slot = Some(builder.kind(Texts))).await;
    let live = bench.engine.live(slot.unwrap());
    bench.engine.apply(edit([put("a", "one"), put("b", "one")])).await.unwrap();
    let before = live.load();
    bench.by_hand([put("b", "two"), put("c", "two")]).await;
    let event = bench.engine.reload(Trigger::Manual, "tester", ReloadScope::Everything).await.unwrap();
    assert_eq!(event.outcome, Open::from(Outcome::Success));
    let after = live.load();
    assert!(!std::ptr::eq(&*before, &*after), "it was compiled anew");
    let texts: Vec<_> = after.iter().map(|(name, body)| format!("{name} {}", body["text"])).collect();
    assert_eq!(texts, ["a \"one\"", "b \"two\"", "c \"two\""]);
    let is_shared = |name: &str| {
        let name = DocumentName::new(name).unwrap();
        Arc::ptr_eq(&before[&name], &after[&name])
    };
    assert_eq!((is_shared("a"), is_shared("b")), (true, false));
}
