//! The fields of a span, kept as values. Most spans write no line, so their fields are formatted when one is written.

use std::fmt::{Debug, Write as _};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::FormattedFields;
use tracing_subscriber::fmt::format::{DefaultFields, JsonFields};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

/// The fields of one span, in the order in which they came.
#[derive(Default)]
pub(super) struct SpanFields(Vec<(&'static str, FieldValue)>);

enum FieldValue {
    /// A number, a text or a truth value.
    Plain(Value),
    /// What the `Debug` or the `Display` of another value wrote.
    Written(String),
}

/// A format of the fields of a span in a line.
pub(super) trait SpanFormat: Sized + 'static {
    fn write(fields: &SpanFields) -> String;
}

impl SpanFormat for DefaultFields {
    fn write(fields: &SpanFields) -> String {
        let mut text = String::new();
        for (name, value) in &fields.0 {
            let space = if text.is_empty() { "" } else { " " };
            let written = match value {
                FieldValue::Plain(Value::String(value)) => write!(text, "{space}{name}={value:?}"),
                FieldValue::Plain(value) => write!(text, "{space}{name}={value}"),
                FieldValue::Written(value) => write!(text, "{space}{name}={value}"),
            };
            debug_assert!(written.is_ok(), "a string takes every write");
        }
        text
    }
}

impl SpanFormat for JsonFields {
    fn write(fields: &SpanFields) -> String {
        let value = |value: &FieldValue| match value {
            FieldValue::Plain(value) => value.clone(),
            FieldValue::Written(value) => value.as_str().into(),
        };
        let fields = fields.0.iter().map(|(name, it)| ((*name).to_owned(), value(it)));
        Value::Object(fields.collect::<Map<_, _>>()).to_string()
    }
}

impl SpanFields {
    fn set(&mut self, field: &Field, value: FieldValue) {
        let name = field.name();
        let name = name.strip_prefix("r#").unwrap_or(name);
        // What these say is for exporters of traces; the line has the same in its other fields.
        if name.starts_with("otel.") {
            return;
        }
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name, value)),
        }
    }
}

impl Visit for SpanFields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        match serde_json::Number::from_f64(value) {
            Some(number) => self.set(field, FieldValue::Plain(number.into())),
            None => self.record_debug(field, &value),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, FieldValue::Plain(value.into()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, FieldValue::Plain(value.into()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, FieldValue::Plain(value.into()));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, FieldValue::Plain(value.into()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.set(field, FieldValue::Written(format!("{value:?}")));
    }
}

/// Formats the fields of the spans that a line of this event may name, where that was not done before.
pub(super) fn format_fields<F: SpanFormat, S>(event: &Event<'_>, context: &Context<'_, S>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    // An event that names its parent is written beside the span that its thread is in.
    let named = context.event_scope(event).into_iter().flatten();
    let current = context.lookup_current().into_iter().flat_map(|span| span.scope());
    named.chain(current).for_each(|span| format_fields_of::<F, S>(&span));
}

fn format_fields_of<F: SpanFormat, S: for<'a> LookupSpan<'a>>(span: &SpanRef<'_, S>) {
    let mut extensions = span.extensions_mut();
    if extensions.get_mut::<FormattedFields<F>>().is_none() {
        let fields = extensions.get_mut::<SpanFields>().map(|fields| F::write(fields));
        let fields = fields.unwrap_or_else(|| F::write(&SpanFields::default()));
        extensions.insert(FormattedFields::<F>::new(fields));
    }
}
