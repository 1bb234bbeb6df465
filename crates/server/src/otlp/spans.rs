//! Spans as they are exported: without secrets, and with the names that the semantic conventions have.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use midflight_config::Redactor;
use opentelemetry::{Array, StringValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use super::collector::ExportRecord;

/// Exports spans cleaned.
#[derive(Debug)]
pub(super) struct CleanSpans<E> {
    inner: E,
    redactor: Redactor,
    record: Arc<ExportRecord>,
}

impl<E> CleanSpans<E> {
    pub(super) fn new(inner: E, redactor: Redactor, record: Arc<ExportRecord>) -> Self {
        Self { inner, redactor, record }
    }
}

impl<E: SpanExporter> SpanExporter for CleanSpans<E> {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        batch.iter_mut().for_each(|span| clean(span, &self.redactor));
        let spans = batch.len();
        let exported = self.inner.export(batch).await;
        if exported.is_err() {
            self.record.dropped(spans);
        }
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

fn clean(span: &mut SpanData, redactor: &Redactor) {
    if let Cow::Owned(name) = redactor.redact(&span.name) {
        span.name = name.into();
    }
    span.attributes.retain_mut(|attribute| {
        let Some(key) = exported_key(attribute.key.as_str()) else { return false };
        if key != attribute.key.as_str() {
            attribute.key = key.into_owned().into();
        }
        redact(&mut attribute.value, redactor);
        true
    });
}

/// The key of an attribute, by the name of a field of a span: that of the semantic conventions where they have one, and
/// else one of Midflight. None for what is there under another key already.
fn exported_key(field: &str) -> Option<Cow<'_, str>> {
    match field {
        "method" => None,
        "path" => Some(Cow::Borrowed("url.path")),
        "id" => Some(Cow::Borrowed("midflight.request_id")),
        known if known.contains('.') => Some(Cow::Borrowed(known)),
        own => Some(Cow::Owned(format!("midflight.{own}"))),
    }
}

fn redact(value: &mut Value, redactor: &Redactor) {
    let clean = |text: &mut StringValue| {
        if let Cow::Owned(clean) = redactor.redact(text.as_str()) {
            *text = clean.into();
        }
    };
    match value {
        Value::String(text) => clean(text),
        Value::Array(Array::String(texts)) => texts.iter_mut().for_each(clean),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_become_attributes_of_the_conventions_or_of_midflight() {
        let keys = ["path", "id", "http.route", "trigger"].map(|field| exported_key(field).unwrap());
        assert_eq!(keys, ["url.path", "midflight.request_id", "http.route", "midflight.trigger"]);
        assert_eq!(exported_key("method"), None);
    }

    #[test]
    fn secrets_are_taken_out_of_values() {
        let redactor = Redactor::default();
        redactor.hide("hunter22");
        let mut text = Value::from("/a/hunter22/b");
        redact(&mut text, &redactor);
        assert_eq!(text, Value::from("/a/***/b"));
        let mut texts = Value::Array(Array::String(vec!["x".into(), "hunter22".into()]));
        redact(&mut texts, &redactor);
        assert_eq!(texts, Value::Array(Array::String(vec!["x".into(), "***".into()])));
    }
}
