//! Components that are built here, put, and called.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use midflight_core::Digest;
use midflight_testkit::guest::Guest;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Server, answer};

/// The module of most tests.
pub(crate) const NAME: &str = "counter";

impl Server {
    /// Puts bytes under their digest.
    pub(crate) async fn put_blob(&self, bytes: &[u8]) -> Answer {
        self.put_blob_as(&Digest::of_bytes(bytes).to_string(), bytes).await
    }

    /// Puts bytes under a digest, be it theirs or not.
    pub(crate) async fn put_blob_as(&self, digest: &str, bytes: &[u8]) -> Answer {
        let put = self.request(Method::PUT, &format!("/api/v1/blobs/{digest}"));
        answer(put.header("content-type", "application/octet-stream").body(bytes.to_vec())).await
    }

    /// Puts a component and a manifest of it, which may have other members.
    pub(crate) async fn load_with(&self, guest: &Guest, members: Value) -> Answer {
        let bytes = guest.build();
        let put = self.put_blob(&bytes).await.status.as_u16();
        assert!(matches!(put, 200 | 201), "{put}");
        self.put(&format!("/api/v1/modules/{}", guest.name), &manifest(&bytes, guest, members)).await
    }

    /// Puts a component and its manifest, which must be taken.
    pub(crate) async fn load(&self, guest: &Guest) {
        let answered = self.load_with(guest, json!({})).await;
        assert!(matches!(answered.status.as_u16(), 200 | 201), "{:#}", answered.json);
    }

    /// Sends a message.
    pub(crate) async fn call(&self, module: &str, operation: &str) -> Answer {
        self.post(&format!("/api/v1/modules/{module}/call"), &json!({ "operation": operation })).await
    }

    /// Lets the counter count; gives what it has counted.
    pub(crate) async fn add(&self) -> u64 {
        count(&self.call(NAME, "add").await.ok())
    }

    /// What the counter has counted.
    pub(crate) async fn counted(&self) -> u64 {
        count(&self.call(NAME, "get").await.ok())
    }

    /// The member `module` of the view of a module.
    pub(crate) async fn module(&self, module: &str) -> Value {
        self.get(&format!("/api/v1/modules/{module}")).await.ok()["module"].clone()
    }
}

/// The manifest of a component.
pub(crate) fn manifest(bytes: &[u8], guest: &Guest, members: Value) -> Value {
    let mut body = json!({
        "component": format!("sha256:{}", Digest::of_bytes(bytes)),
        "version": guest.version,
        "schema": guest.schema,
        "capabilities": guest.imports,
        "limits": {"cool_down_ms": 0},
    });
    if let (Value::Object(body), Value::Object(members)) = (&mut body, members) {
        body.extend(members);
    }
    body
}

/// The word of eight bytes that the counter answers.
pub(crate) fn count(answered: &Value) -> u64 {
    let bytes = STANDARD.decode(answered["result_base64"].as_str().unwrap()).unwrap();
    u64::from_le_bytes(bytes.try_into().unwrap())
}
