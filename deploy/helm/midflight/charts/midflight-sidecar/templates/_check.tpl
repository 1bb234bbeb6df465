{{- /* Refuses values with which the config-reloader would not start, or would believe nothing. */ -}}
{{- define "midflight.sidecar.check" -}}
{{- $sidecar := .sidecar -}}
{{- $from := .sidecar.from | default dict -}}
{{- if not (has $sidecar.method (list "http" "signal" "none")) -}}
{{- fail (printf "configReloader.method is %q; it is http, signal, or none to write documents without telling anybody" (toString $sidecar.method)) -}}
{{- end -}}
{{- if and (eq $sidecar.method "http") (not $sidecar.reloadUrl) -}}
{{- fail "configReloader.method http needs configReloader.reloadUrl: where an empty POST makes the app reload, as http://127.0.0.1:8080/-/reload" -}}
{{- end -}}
{{- if and (eq $sidecar.method "signal") (not $sidecar.processName) -}}
{{- fail "configReloader.method signal needs configReloader.processName: the name of the app's process, as ps shows it" -}}
{{- end -}}
{{- if and (eq $sidecar.method "signal") (not $sidecar.healthUrl) (ne ($sidecar.verify | default "hash") "none") -}}
{{- fail "configReloader.method signal needs configReloader.healthUrl, where the app says what it serves; without one set configReloader.verify to none, and nothing is verified" -}}
{{- end -}}
{{- if and (eq $sidecar.method "none") (not $from.url) -}}
{{- fail "configReloader.method none only makes sense with configReloader.from.url: without either there is nothing to do" -}}
{{- end -}}
{{- if and $from.url (not $from.documents) -}}
{{- fail "configReloader.from.url needs configReloader.from.documents: which documents, each with the file it is written to" -}}
{{- end -}}
{{- end -}}
