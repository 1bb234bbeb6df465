//! Where to export to, by the environment variables of the OpenTelemetry specification
//! (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>).

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::time::Duration;

use midflight_outbound::{OutboundClientError, OutboundPolicy};
use opentelemetry::KeyValue;
use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::Resource;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rustls::RootCertStore;

use crate::authorities::read_authorities;

const DISABLED: &str = "OTEL_SDK_DISABLED";
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const RESOURCE: &str = "OTEL_RESOURCE_ATTRIBUTES";
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";
const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const SAMPLER_ARG: &str = "OTEL_TRACES_SAMPLER_ARG";
const PERIOD: &str = "OTEL_METRIC_EXPORT_INTERVAL";
/// The only protocol that is spoken.
const PROTOCOL: &str = "http/protobuf";
const SAMPLERS: [&str; 6] = [
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
];
/// The specification's defaults.
const TIMEOUT: Duration = Duration::from_secs(10);
const METRICS_PERIOD: Duration = Duration::from_secs(60);
/// How long an export may take at most, and how far apart exports are at most: a slip of the unit is refused.
const MS_MAX: u64 = 3_600_000;
/// The name of the service in traces, unless the operator gives one.
const SERVICE: &str = "midflight";

/// A variable that cannot be as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {variable}: {why}")]
pub struct OtlpError {
    variable: String,
    why: String,
}

impl OtlpError {
    fn new(variable: impl Into<String>, why: impl fmt::Display) -> Self {
        Self { variable: variable.into(), why: why.to_string() }
    }

    /// What the exporter refuses of the variables that it reads itself.
    pub(super) fn exporter(error: &ExporterBuildError) -> Self {
        Self::new("OTEL_EXPORTER_OTLP_*", error)
    }

    /// A client could not be made.
    pub(super) fn client(error: &OutboundClientError) -> Self {
        Self::new(ENDPOINT, error)
    }
}

/// What is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OtlpSignal {
    Traces,
    Metrics,
}

impl OtlpSignal {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
        }
    }

    /// The variable of this signal alone, and the one of both, by the end of their names.
    fn variables(self, end: &str) -> [String; 2] {
        let word = self.word().to_uppercase();
        [format!("OTEL_EXPORTER_OTLP_{word}_{end}"), format!("OTEL_EXPORTER_OTLP_{end}")]
    }
}

/// Where one signal goes.
#[derive(Debug, Clone)]
pub(super) struct CollectorEndpoint {
    pub(super) signal: OtlpSignal,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) timeout: Duration,
    pub(super) is_compressed: bool,
    pub(super) certificate: Option<CollectorCertificate>,
}

/// A file with the certificates of the authorities that the collector is trusted by, and the variable that names it.
#[derive(Debug, Clone)]
pub(super) struct CollectorCertificate {
    variable: String,
    file: PathBuf,
}

impl CollectorCertificate {
    pub(super) fn authorities(&self) -> Result<RootCertStore, OtlpError> {
        read_authorities(&self.file).map_err(|why| OtlpError::new(&*self.variable, why))
    }
}

/// Gives the value of a variable.
type GetVariable<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What is exported, and where to.
#[derive(Debug)]
pub(super) struct OtlpSettings {
    pub(super) traces: Option<CollectorEndpoint>,
    pub(super) metrics: Option<CollectorEndpoint>,
    pub(super) metrics_period: Duration,
    /// The name of the service, unless OTEL_RESOURCE_ATTRIBUTES alone gives one.
    service: Option<String>,
    names_instance: bool,
}

impl OtlpSettings {
    /// Reads them; none when nothing is to be exported. An empty variable is as one that is not set.
    pub(super) fn read(
        variable: GetVariable<'_>,
        policy: &OutboundPolicy,
    ) -> Result<Option<Self>, OtlpError> {
        let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        if variable(DISABLED).is_some_and(|value| value.trim().eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let endpoint = |signal| CollectorEndpoint::read(signal, &variable, policy);
        let (traces, metrics) = (endpoint(OtlpSignal::Traces)?, endpoint(OtlpSignal::Metrics)?);
        if traces.is_none() && metrics.is_none() {
            return Ok(None);
        }
        check_sampler(&variable)?;
        let attributes = variable(RESOURCE).unwrap_or_default();
        let has = |name: &str| {
            attributes.split(',').any(|it| it.split_once('=').is_some_and(|(key, _)| key.trim() == name))
        };
        Ok(Some(Self {
            traces,
            metrics,
            metrics_period: ms(PERIOD, &variable)?.unwrap_or(METRICS_PERIOD),
            service: variable(SERVICE_NAME).or_else(|| (!has("service.name")).then(|| SERVICE.to_owned())),
            names_instance: has("service.instance.id"),
        }))
    }

    /// What is never to be shown: the values of headers, and what follows the scheme in them.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        let endpoints = [&self.traces, &self.metrics].into_iter().flatten();
        let values = endpoints.flat_map(|endpoint| endpoint.headers.values());
        values.filter_map(|value| value.to_str().ok()).flat_map(|value| {
            let credentials = value.split_once(' ').map(|(_, credentials)| credentials.trim());
            [Some(value), credentials].into_iter().flatten()
        })
    }

    /// Who exports: what the variables say, and a name and an instance where they say none.
    pub(super) fn resource(&self) -> Resource {
        // It reads OTEL_RESOURCE_ATTRIBUTES, and would prefer its `service.name` to OTEL_SERVICE_NAME.
        let mut resource = Resource::builder();
        if let Some(service) = &self.service {
            resource = resource.with_service_name(service.clone());
        }
        if !self.names_instance
            && let Ok(random) = getrandom::u64()
        {
            resource =
                resource.with_attribute(KeyValue::new("service.instance.id", format!("{random:016x}")));
        }
        resource.with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))).build()
    }
}

impl CollectorEndpoint {
    fn read(
        signal: OtlpSignal,
        variable: GetVariable<'_>,
        policy: &OutboundPolicy,
    ) -> Result<Option<Self>, OtlpError> {
        let exporter = format!("OTEL_{}_EXPORTER", signal.word().to_uppercase());
        match variable(&exporter).as_deref().map(str::trim) {
            None | Some("otlp") => {}
            Some("none") => return Ok(None),
            Some(other) => {
                return Err(OtlpError::new(exporter, format!("{other:?}: expected otlp or none")));
            }
        }
        let first = |end: &str| {
            signal.variables(end).into_iter().find_map(|name| variable(&name).map(|value| (name, value)))
        };
        let Some((name, text)) = first("ENDPOINT") else { return Ok(None) };
        if let Some((name, protocol)) = first("PROTOCOL").filter(|(_, protocol)| protocol.trim() != PROTOCOL)
        {
            return Err(OtlpError::new(name, format!("{protocol:?}: expected {PROTOCOL}")));
        }
        let is_compressed = match first("COMPRESSION") {
            None => false,
            Some((name, compression)) => match compression.trim() {
                "none" => false,
                "gzip" => true,
                _ => return Err(OtlpError::new(name, format!("{compression:?}: expected gzip or none"))),
            },
        };
        let certificate = first("CERTIFICATE")
            .map(|(variable, file)| CollectorCertificate { variable, file: PathBuf::from(file) });
        if let Some((name, _)) = first("CLIENT_CERTIFICATE").or_else(|| first("CLIENT_KEY")) {
            let why = "not supported; authenticate with OTEL_EXPORTER_OTLP_HEADERS";
            return Err(OtlpError::new(name, why));
        }
        // A password may be in it, so it is not repeated.
        let mut url = Url::parse(text.trim()).map_err(|error| OtlpError::new(&*name, error))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(OtlpError::new(name, "expected http:// or https://"));
        }
        if name == ENDPOINT {
            let path = format!("{}/v1/{}", url.path().trim_end_matches('/'), signal.word());
            url.set_path(&path);
        }
        policy.check(&url).map_err(|refused| OtlpError::new(&*name, refused))?;
        let mut headers = HeaderMap::new();
        if let Some((name, text)) = first("HEADERS") {
            headers = read_headers(&text).map_err(|why| OtlpError::new(name, why))?;
        }
        let [own, common] = signal.variables("TIMEOUT");
        let timeout = ms(&own, variable)?.or(ms(&common, variable)?).unwrap_or(TIMEOUT);
        Ok(Some(Self { signal, url, headers, timeout, is_compressed, certificate }))
    }
}

/// Reads `name=value,name=value`, with values percent-encoded. What is wrong is named by its place, since the values
/// are secrets.
fn read_headers(text: &str) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (place, pair) in text.split(',').enumerate().filter(|(_, pair)| !pair.trim().is_empty()) {
        let wrong = |why: &str| format!("entry {}: {why}", place + 1);
        let (name, value) = pair.split_once('=').ok_or_else(|| wrong("expected name=value"))?;
        let name = HeaderName::from_str(name.trim()).map_err(|_| wrong("not the name of a header"))?;
        let value = percent_decoded(value.trim()).ok_or_else(|| wrong("invalid percent-encoding"))?;
        let mut value = HeaderValue::from_bytes(&value).map_err(|_| wrong("not the value of a header"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    Some(bytes)
}

/// A time in milliseconds.
fn ms(name: &str, variable: GetVariable<'_>) -> Result<Option<Duration>, OtlpError> {
    let Some(text) = variable(name) else { return Ok(None) };
    match text.trim().parse::<u64>() {
        Ok(ms) if (1..=MS_MAX).contains(&ms) => Ok(Some(Duration::from_millis(ms))),
        _ => Err(OtlpError::new(name, format!("{text:?}: expected milliseconds from 1 to {MS_MAX}"))),
    }
}

/// What the SDK reads itself, and would replace by a default without a word.
fn check_sampler(variable: GetVariable<'_>) -> Result<(), OtlpError> {
    let Some(sampler) = variable(SAMPLER) else { return Ok(()) };
    if !SAMPLERS.contains(&&*sampler) {
        return Err(OtlpError::new(SAMPLER, format!("{sampler:?}: expected one of {}", SAMPLERS.join(", "))));
    }
    if sampler.ends_with("traceidratio")
        && let Some(text) = variable(SAMPLER_ARG)
        && !text.parse::<f64>().is_ok_and(|ratio| (0.0..=1.0).contains(&ratio))
    {
        return Err(OtlpError::new(SAMPLER_ARG, format!("{text:?}: expected a number from 0 to 1")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<OtlpSettings>, String> {
        let get = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let policy = OutboundPolicy::only(["127.0.0.1".parse().unwrap(), "*.example".parse().unwrap()]);
        OtlpSettings::read(&get, &policy).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn refused(variables: &[(&str, &str)], part: &str) {
        let all = [&[(ENDPOINT, "http://127.0.0.1:4318")], variables].concat();
        let error = read(&all).unwrap_err();
        assert!(error.contains(part), "{error}");
    }

    #[test]
    fn nothing_is_exported_unless_an_endpoint_is_named() {
        assert!(read(&[]).unwrap().is_none());
        assert!(read(&[(ENDPOINT, " ")]).unwrap().is_none());
        let endpoint = (ENDPOINT, "http://127.0.0.1:4318");
        assert!(read(&[endpoint, (DISABLED, "TRUE")]).unwrap().is_none());
        let none = ("OTEL_TRACES_EXPORTER", "none");
        assert!(read(&[endpoint, none, ("OTEL_METRICS_EXPORTER", "none")]).unwrap().is_none());
        let metrics_only = read(&[endpoint, none]).unwrap().unwrap();
        assert!(metrics_only.traces.is_none() && metrics_only.metrics.is_some());
    }

    #[test]
    fn the_common_endpoint_gets_a_path_and_that_of_a_signal_is_taken_as_it_is() {
        let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://t.example/in");
        let settings = read(&[(ENDPOINT, "http://127.0.0.1:4318/base/"), own]).unwrap().unwrap();
        assert_eq!(settings.traces.unwrap().url.as_str(), "https://t.example/in");
        assert_eq!(settings.metrics.unwrap().url.as_str(), "http://127.0.0.1:4318/base/v1/metrics");
    }

    #[test]
    fn headers_are_decoded_and_their_values_are_secrets_in_every_form() {
        let headers = ("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer%20top-secret, x-key = a=b ,");
        let settings = read(&[(ENDPOINT, "http://127.0.0.1:1"), headers]).unwrap().unwrap();
        let debug = format!("{settings:?}");
        assert!(!debug.contains("top-secret") && !debug.contains("a=b"), "{debug}");
        let secrets: Vec<_> = settings.secrets().collect();
        for secret in ["Bearer top-secret", "top-secret", "a=b"] {
            assert!(secrets.contains(&secret), "{secret} is not in {secrets:?}");
        }
        let [own, common] =
            [&settings.traces, &settings.metrics].map(|it| it.as_ref().unwrap().headers.len());
        assert_eq!((own, common), (2, 2));
    }

    #[test]
    fn a_certificate_that_cannot_be_read_is_refused_by_its_variable_and_file() {
        let certificate = ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "/nowhere/ca.pem");
        let settings = read(&[(ENDPOINT, "http://127.0.0.1:1"), certificate]).unwrap().unwrap();
        let error = settings.traces.unwrap().certificate.unwrap().authorities().unwrap_err().to_string();
        assert!(
            error.starts_with("invalid OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE: /nowhere/ca.pem: "),
            "{error}"
        );
        assert!(settings.metrics.unwrap().certificate.is_none());
    }

    #[test]
    fn what_cannot_be_is_refused_by_the_name_of_its_variable_and_no_secret_is_repeated() {
        refused(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], "OTEL_EXPORTER_OTLP_PROTOCOL: \"grpc\"");
        refused(&[("OTEL_EXPORTER_OTLP_COMPRESSION", "br")], "expected gzip or none");
        refused(&[("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/a.pem")], "not supported");
        refused(&[("OTEL_TRACES_EXPORTER", "zipkin")], "expected otlp or none");
        refused(&[("OTEL_EXPORTER_OTLP_TIMEOUT", "1s")], "expected milliseconds");
        refused(&[(PERIOD, "0")], "expected milliseconds");
        refused(&[(SAMPLER, "some")], "expected one of always_on");
        refused(&[(SAMPLER, "traceidratio"), (SAMPLER_ARG, "2")], "from 0 to 1");
        for headers in ["canary", "a b=canary", "a=canary%2", "a=canary%0a"] {
            let error = read(&[(ENDPOINT, "http://127.0.0.1:1"), ("OTEL_EXPORTER_OTLP_HEADERS", headers)]);
            let error = error.unwrap_err();
            assert!(error.contains("HEADERS: entry 1: ") && !error.contains("canary"), "{error}");
        }
        for (url, part) in [
            ("http://other.test/", "may not be called"),
            ("http://169.254.169.254/", "never called"),
            ("http://u:canary@127.0.0.1/", "user"),
            ("collector:4318", "http"),
        ] {
            let error = read(&[(ENDPOINT, url)]).unwrap_err();
            assert!(error.contains(part) && !error.contains("canary"), "{url}: {error}");
        }
    }

    #[test]
    fn a_service_has_a_name_and_an_instance_of_its_own_unless_they_are_given() {
        let settings = read(&[(ENDPOINT, "http://127.0.0.1:1")]).unwrap().unwrap();
        let resource = settings.resource();
        assert_eq!(resource.get(&"service.name".into()).unwrap().as_str(), SERVICE);
        assert!(resource.get(&"service.instance.id".into()).is_some());
        let given = (RESOURCE, "service.name=a, service.instance.id=b");
        let settings = read(&[(ENDPOINT, "http://127.0.0.1:1"), given]).unwrap().unwrap();
        assert!(settings.service.is_none() && settings.names_instance);
        let both = [(ENDPOINT, "http://127.0.0.1:1"), given, (SERVICE_NAME, "b")];
        assert_eq!(read(&both).unwrap().unwrap().service.as_deref(), Some("b"));
    }
}
