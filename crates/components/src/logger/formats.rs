//! Lines in one of two formats, which changes between two lines.
//!
//! Both formats are always there, and one of them writes. The fields of spans are kept in neither of them, so that a
//! span that was opened under one has its fields under the other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tracing::dispatcher::{WeakDispatch, with_default};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::{DefaultFields, Format, Json, JsonFields};
use tracing_subscriber::fmt::{self, FormattedFields, MakeWriter};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::settings::LogFormat;
use super::span_fields::{SpanFields, format_fields};

/// Which format is in use.
#[derive(Debug, Clone, Default)]
pub(super) struct ActiveFormat(Arc<AtomicBool>);

impl ActiveFormat {
    pub(super) fn choose(&self, format: LogFormat) {
        self.0.store(format == LogFormat::Json, Ordering::Relaxed);
    }

    fn is_json(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The dispatch that these lines come by.
#[derive(Clone, Default)]
pub(super) struct RegisteredDispatch(Arc<OnceLock<WeakDispatch>>);

impl RegisteredDispatch {
    /// Makes the call sites that log ask again whether they are enabled. Where only one dispatch was ever made they ask
    /// that of the thread that does it, which need not be this one.
    pub(super) fn by_it(&self, change: impl FnOnce()) {
        match self.0.get().and_then(WeakDispatch::upgrade) {
            Some(dispatch) => with_default(&dispatch, change),
            None => change(),
        }
    }
}

pub(super) struct Formats<S, W> {
    text: fmt::Layer<S, DefaultFields, Format, W>,
    json: fmt::Layer<S, JsonFields, Format<Json>, W>,
    chosen: ActiveFormat,
    registered: RegisteredDispatch,
}

impl<S, W> Formats<S, W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + Clone + 'static,
{
    pub(super) fn new(writer: W, chosen: ActiveFormat, registered: RegisteredDispatch) -> Self {
        let text = fmt::layer().with_ansi(false).with_writer(writer.clone());
        let json = fmt::layer().json().with_writer(writer);
        Self { text, json, chosen, registered }
    }
}

impl<S, W> Layer<S> for Formats<S, W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + 'static,
{
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        // There is one, with which it is registered when it is made.
        self.registered.0.set(dispatch.downgrade()).ok();
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = SpanFields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().replace(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut extensions = span.extensions_mut();
        if let Some(fields) = extensions.get_mut::<SpanFields>() {
            values.record(fields);
        }
        extensions.remove::<FormattedFields<DefaultFields>>();
        extensions.remove::<FormattedFields<JsonFields>>();
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        match self.chosen.is_json() {
            true => {
                format_fields::<JsonFields, S>(event, &context);
                self.json.on_event(event, context);
            }
            false => {
                format_fields::<DefaultFields, S>(event, &context);
                self.text.on_event(event, context);
            }
        }
    }
}
