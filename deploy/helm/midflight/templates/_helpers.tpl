{{- define "midflight.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "midflight.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- $name := include "midflight.name" . }}
{{- /* Room is left for what a StatefulSet and a ConfigMap put behind it. */}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "midflight.selectorLabels" -}}
app.kubernetes.io/name: {{ include "midflight.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: server
{{- end }}

{{- define "midflight.labels" -}}
{{ include "midflight.selectorLabels" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | quote }}
app.kubernetes.io/part-of: midflight
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
{{- end }}

{{- define "midflight.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{- define "midflight.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "midflight.fullname" .) "default" .Values.serviceAccount.create) }}
{{- end }}

{{- define "midflight.isPostgres" -}}
{{- if eq .Values.store.kind "postgres" }}true{{ end }}
{{- end }}

{{- define "midflight.scheme" -}}
{{- ternary "https" "http" (ne .Values.tls.existingSecret.name "") -}}
{{- end }}

{{- /* The text of the config file, if there is one. The config-reloader has always one to watch: of nothing but defaults. */ -}}
{{- define "midflight.config" -}}
{{- if .Values.config.content -}}
{{- .Values.config.content -}}
{{- else if .Values.configReloader.enabled -}}
{{- print "{}\n" -}}
{{- end -}}
{{- end }}

{{- /* What the config-reloader's templates take. */ -}}
{{- define "midflight.reloader" -}}
{{- $fixed := dict "method" "signal" "processName" "midflight" "healthUrl" "http://127.0.0.1:8080/health/reload" -}}
{{- if eq .Values.configReloader.verify "none" -}}
{{- $fixed = omit $fixed "healthUrl" -}}
{{- end -}}
{{- $sidecar := merge $fixed .Values.configReloader -}}
{{- dict "sidecar" $sidecar "volume" "config" "directory" "/etc/midflight" "file" "config.yaml" | toYaml }}
{{- end }}
