{{- define "app.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "app.labels" -}}
{{ include "app.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "app.name" -}}
{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- /* Whether the app has a file: of a ConfigMap, or of a Midflight server. */ -}}
{{- define "app.hasFile" -}}
{{- if or .Values.configFile.enabled (and .Values.configReloader.enabled .Values.configReloader.from.url) }}true{{ end }}
{{- end }}
