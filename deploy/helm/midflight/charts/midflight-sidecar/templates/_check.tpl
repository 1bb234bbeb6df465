{{- /* Refuses values with which the config-reloader would not start, or would believe nothing. */ -}}
{{- define "midflight.sidecar.check" -}}
{{- $sidecar := .sidecar -}}
{{- $from := .sidecar.from | default dict -}}
{{- $flags := list "method" "reloadUrl" "processName" "signal" "healthUrl" "verify" "verifyTimeout" "verifyPoll" "maxBackoff" "interval" "logLevel" "logFormat" "restoreLastGood" -}}
{{- $others := list "enabled" "native" "image" "metricsPort" "from" "runAsUser" "resources" -}}
{{- include "midflight.sidecar.known" (dict "path" "configReloader" "given" $sidecar "known" (concat $flags $others)) -}}
{{- include "midflight.sidecar.known" (dict "path" "configReloader.image" "given" ($sidecar.image | default dict) "known" (list "repository" "tag" "digest" "pullPolicy")) -}}
{{- include "midflight.sidecar.known" (dict "path" "configReloader.from" "given" $from "known" (list "url" "documents" "tokenSecret")) -}}
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

{{- /* Refuses a key that means nothing: a slip would go unnoticed. */ -}}
{{- define "midflight.sidecar.known" -}}
{{- range $key := keys .given | sortAlpha -}}
{{- if not (has $key $.known) -}}
{{- fail (printf "%s.%s is not known; known are %s" $.path $key (join ", " $.known)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
