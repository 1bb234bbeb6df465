//! From Prometheus' text format to the metrics of OTLP, so that both have the same.
//!
//! The text is that of this server's own registry: each metric has its type before its samples, and the samples of one
//! histogram are together.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum, metric,
};

/// The labels of a sample, in their order.
type Labels = Vec<(String, String)>;

/// Reads a text. Counts are since `began`; both times are in nanoseconds since the epoch.
pub(super) fn read(text: &str, began: u64, now: u64) -> Vec<Metric> {
    let mut reader = ExpositionReader { began, now, metrics: Vec::new(), help: None };
    for line in text.lines() {
        match line.strip_prefix("# ") {
            Some(comment) => reader.comment(comment),
            None => {
                reader.sample(line);
            }
        }
    }
    // A metric that nothing was recorded of yet is none for a collector.
    reader.metrics.retain(|metric| match &metric.data {
        Some(metric::Data::Sum(sum)) => !sum.data_points.is_empty(),
        Some(metric::Data::Gauge(gauge)) => !gauge.data_points.is_empty(),
        Some(metric::Data::Histogram(histogram)) => !histogram.data_points.is_empty(),
        _ => false,
    });
    reader.metrics
}

struct ExpositionReader {
    began: u64,
    now: u64,
    metrics: Vec<Metric>,
    /// The description of the next metric, with its name.
    help: Option<(String, String)>,
}

impl ExpositionReader {
    fn comment(&mut self, comment: &str) {
        if let Some((name, help)) = comment.strip_prefix("HELP ").and_then(|rest| rest.split_once(' ')) {
            self.help = Some((name.to_owned(), unescaped(help)));
        }
        let Some((name, sort)) = comment.strip_prefix("TYPE ").and_then(|rest| rest.split_once(' ')) else {
            return;
        };
        let aggregation_temporality = AggregationTemporality::Cumulative.into();
        let data = match sort {
            "counter" => metric::Data::Sum(Sum {
                is_monotonic: true,
                aggregation_temporality,
                data_points: Vec::new(),
            }),
            "histogram" => {
                metric::Data::Histogram(Histogram { aggregation_temporality, data_points: Vec::new() })
            }
            _ => metric::Data::Gauge(Gauge::default()),
        };
        let description = self.help.take().filter(|(of, _)| of == name).map(|(_, help)| help);
        self.metrics.push(Metric {
            name: name.to_owned(),
            description: description.unwrap_or_default(),
            data: Some(data),
            ..Metric::default()
        });
    }

    /// Adds a sample to the metric that it is of; none when the line is no sample.
    fn sample(&mut self, line: &str) -> Option<()> {
        let (name, mut labels, value) = parts(line)?;
        let (began, now) = (self.began, self.now);
        let metric = self.metrics.last_mut()?;
        match metric.data.as_mut()? {
            metric::Data::Sum(Sum { data_points, .. }) | metric::Data::Gauge(Gauge { data_points }) => {
                data_points.push(NumberDataPoint {
                    attributes: attributes(labels),
                    start_time_unix_nano: began,
                    time_unix_nano: now,
                    value: Some(number(value)?),
                    ..NumberDataPoint::default()
                });
            }
            metric::Data::Histogram(Histogram { data_points, .. }) => {
                let part = name.strip_prefix(&*metric.name)?;
                let upper = labels.iter().position(|(name, _)| name == "le").map(|at| labels.remove(at).1);
                let attributes = attributes(labels);
                if data_points.last().is_none_or(|last| last.attributes != attributes) {
                    data_points.push(HistogramDataPoint {
                        attributes,
                        start_time_unix_nano: began,
                        time_unix_nano: now,
                        ..HistogramDataPoint::default()
                    });
                }
                let point = data_points.last_mut()?;
                match (part, upper) {
                    ("_sum", _) => point.sum = Some(value.parse().ok()?),
                    ("_count", _) => point.count = value.parse().ok()?,
                    ("_bucket", Some(upper)) => {
                        // There, a bucket has all below it; here, what is in it alone.
                        let below: u64 = point.bucket_counts.iter().sum();
                        let upto: u64 = value.parse().ok()?;
                        point.bucket_counts.push(upto.saturating_sub(below));
                        if upper != "+Inf" {
                            point.explicit_bounds.push(upper.parse().ok()?);
                        }
                    }
                    _ => return None,
                }
            }
            _ => return None,
        }
        Some(())
    }
}

/// The name, the labels and the value of a sample.
fn parts(line: &str) -> Option<(&str, Labels, &str)> {
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(end);
    let mut labels = Vec::new();
    let Some(mut rest) = rest.strip_prefix('{') else { return Some((name, labels, rest.trim())) };
    loop {
        if let Some(value) = rest.strip_prefix('}') {
            return Some((name, labels, value.trim()));
        }
        let (label, quoted) = rest.strip_prefix(',').unwrap_or(rest).split_once("=\"")?;
        let end = closing_quote(quoted)?;
        labels.push((label.to_owned(), unescaped(&quoted[..end])));
        rest = &quoted[end + 1..];
    }
}

/// Where a quoted text ends.
fn closing_quote(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.bytes().position(|byte| {
        let closes = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        closes
    })
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        plain.push(match letter {
            '\\' => match letters.next() {
                Some('n') => '\n',
                Some(escaped) => escaped,
                None => '\\',
            },
            plain => plain,
        });
    }
    plain
}

fn number(text: &str) -> Option<Number> {
    text.parse().map(Number::AsInt).ok().or_else(|| text.parse().map(Number::AsDouble).ok())
}

fn attributes(labels: Labels) -> Vec<KeyValue> {
    let value = |text| Some(AnyValue { value: Some(Value::StringValue(text)) });
    labels
        .into_iter()
        .map(|(key, text)| KeyValue { key, value: value(text), ..KeyValue::default() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# HELP a_total Counts \\ things.
# TYPE a_total counter
a_total{of="x, y=\"z\"",b="\\"} 3
a_total 4

# TYPE level gauge
level -1.5

# HELP t_seconds A time.
# TYPE t_seconds histogram
t_seconds_bucket{route="/a",le="0.1"} 1
t_seconds_bucket{route="/a",le="1"} 3
t_seconds_bucket{route="/a",le="+Inf"} 6
t_seconds_sum{route="/a"} 7.25
t_seconds_count{route="/a"} 6
t_seconds_bucket{route="/b",le="0.1"} 0
t_seconds_bucket{route="/b",le="1"} 0
t_seconds_bucket{route="/b",le="+Inf"} 0
t_seconds_sum{route="/b"} 0
t_seconds_count{route="/b"} 0

# TYPE nothing gauge
"#;

    fn labels(attributes: &[KeyValue]) -> Vec<String> {
        let text = |it: &KeyValue| match it.value.clone()?.value? {
            Value::StringValue(text) => Some(text),
            _ => None,
        };
        attributes.iter().map(|it| format!("{}={}", it.key, text(it).unwrap())).collect()
    }

    #[test]
    fn counters_and_gauges_keep_their_labels_and_values() {
        let metrics = read(TEXT, 1, 2);
        let names: Vec<_> = metrics.iter().map(|metric| metric.name.as_str()).collect();
        assert_eq!(names, ["a_total", "level", "t_seconds"]);
        assert_eq!(metrics[0].description, "Counts \\ things.");
        let Some(metric::Data::Sum(sum)) = &metrics[0].data else { panic!("{:?}", metrics[0]) };
        assert!(sum.is_monotonic && sum.aggregation_temporality() == AggregationTemporality::Cumulative);
        assert_eq!(labels(&sum.data_points[0].attributes), ["of=x, y=\"z\"", "b=\\"]);
        let values: Vec<_> = sum.data_points.iter().map(|point| point.value.unwrap()).collect();
        assert_eq!(values, [Number::AsInt(3), Number::AsInt(4)]);
        assert_eq!((sum.data_points[0].start_time_unix_nano, sum.data_points[0].time_unix_nano), (1, 2));
        let Some(metric::Data::Gauge(gauge)) = &metrics[1].data else { panic!("{:?}", metrics[1]) };
        assert_eq!(gauge.data_points[0].value, Some(Number::AsDouble(-1.5)));
    }

    #[test]
    fn a_bucket_of_a_histogram_has_what_is_in_it_alone() {
        let metrics = read(TEXT, 1, 2);
        let Some(metric::Data::Histogram(histogram)) = &metrics[2].data else { panic!("{:?}", metrics[2]) };
        let [first, second] = &histogram.data_points[..] else { panic!("{histogram:?}") };
        assert_eq!(labels(&first.attributes), ["route=/a"]);
        assert_eq!((&first.explicit_bounds[..], &first.bucket_counts[..]), (&[0.1, 1.0][..], &[1, 2, 3][..]));
        assert_eq!((first.count, first.sum), (6, Some(7.25)));
        assert_eq!((second.bucket_counts.len(), second.count), (3, 0));
    }
}
