{{- /*
The alerts about what config-reloaders do, as a list of rules. Takes a selector of PromQL, as namespace="a",pod=~"b-.*".
*/ -}}
{{- define "midflight.sidecar.alerts" -}}
- alert: ConfigReloadRefused
  expr: config_reload_hash_info{ {{- . -}} ,state="refused"} == 1
  for: 1m
  labels:
    severity: warning
  annotations:
    summary: An app refuses the configuration it was given.
    description: >-
      {{ "{{ $labels.pod }}" }} refused the content {{ "{{ $labels.hash }}" }} and serves what it served before. What it has against it
      stands in the log of its config-reloader.
- alert: ConfigReloadNotVerified
  expr: config_reload_hash_info{ {{- . -}} ,state="pending"} == 1
  for: 5m
  labels:
    severity: warning
  annotations:
    summary: An app has not said that it serves its configuration.
    description: >-
      {{ "{{ $labels.pod }}" }} was asked to reload and has not reported the hash {{ "{{ $labels.hash }}" }}. It serves something older,
      or it cannot be reached.
- alert: ConfigReloadFails
  expr: increase(config_reload_failures_total{ {{- . -}} ,reason=~"unreachable|unverified"}[15m]) > 3
  labels:
    severity: warning
  annotations:
    summary: Reloads go on failing.
    description: >-
      Attempts to reload {{ "{{ $labels.pod }}" }} fail as {{ "{{ $labels.reason }}" }}.
- alert: ConfigReloadCannotRead
  expr: increase(config_reload_watch_errors_total{ {{- . -}} }[15m]) > 0
  labels:
    severity: warning
  annotations:
    summary: Watched files cannot be read.
    description: >-
      The config-reloader of {{ "{{ $labels.pod }}" }} cannot read what it watches. The app is left alone meanwhile.
{{- end -}}
