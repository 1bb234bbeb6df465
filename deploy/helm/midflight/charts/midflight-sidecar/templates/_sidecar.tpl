{{- /*
Puts the config-reloader beside any container. Each template takes the same dictionary:

  root       the chart's own context ($)
  sidecar    its values, as `configReloader` in deploy/examples/app-with-sidecar/values.yaml
  volume     the volume with the files, which the app mounts as well; as a folder, since a subPath never changes
  directory  where both mount it
  file       the one file in it that the app reads; without, everything in the folder counts

  spec:
    {{- include "midflight.sidecar.pod" $sidecar | nindent 6 }}
    {{- with include "midflight.sidecar.initContainers" $sidecar }}
    initContainers:
      {{- . | nindent 8 }}
    {{- end }}
    containers:
      - name: app
        ...
      {{- include "midflight.sidecar.containers" $sidecar | nindent 8 }}
    volumes:
      ...
      {{- include "midflight.sidecar.volumes" $sidecar | nindent 8 }}
*/ -}}

{{- /* `true` where Kubernetes starts it before the app and stops it after, as an init container that goes on running. */ -}}
{{- define "midflight.sidecar.isNative" -}}
{{- $native := .sidecar.native | default "auto" }}
{{- if or (eq $native "always") (and (eq $native "auto") (semverCompare ">=1.29.0-0" .root.Capabilities.KubeVersion.Version)) -}}
true
{{- end }}
{{- end }}

{{- /* What the pod itself must say: a signal reaches another container only where they share their processes. */ -}}
{{- define "midflight.sidecar.pod" -}}
{{- if and .sidecar.enabled (eq .sidecar.method "signal") -}}
shareProcessNamespace: true
{{- end }}
{{- end }}

{{- define "midflight.sidecar.initContainers" -}}
{{- if and .sidecar.enabled (include "midflight.sidecar.isNative" .) }}
{{- include "midflight.sidecar" . }}
{{- end }}
{{- end }}

{{- define "midflight.sidecar.containers" -}}
{{- if and .sidecar.enabled (not (include "midflight.sidecar.isNative" .)) }}
{{- include "midflight.sidecar" . }}
{{- end }}
{{- end }}

{{- define "midflight.sidecar.volumes" -}}
{{- if .sidecar.enabled -}}
- name: reload-state
  emptyDir:
    sizeLimit: 80Mi
{{- with (.sidecar.from | default dict).tokenSecret }}
{{- if .name }}
- name: reload-token
  secret:
    secretName: {{ .name }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "midflight.sidecar.image" -}}
{{- $image := .sidecar.image | default dict -}}
{{- $repository := $image.repository | default "midflight-sidecar" -}}
{{- if $image.digest -}}
{{ $repository }}@{{ $image.digest }}
{{- else -}}
{{ $repository }}:{{ $image.tag | default (include "midflight.sidecar.version" .) }}
{{- end }}
{{- end }}

{{- /* The version that this file came with. */ -}}
{{- define "midflight.sidecar.version" -}}
0.1.0
{{- end }}

{{- define "midflight.sidecar.metricsPort" -}}
{{ .sidecar.metricsPort | default 9091 }}
{{- end }}

{{- /* The container, as an item of a list. */ -}}
{{- define "midflight.sidecar" -}}
{{- include "midflight.sidecar.check" . -}}
{{- $from := .sidecar.from | default dict -}}
- name: config-reloader
  image: {{ include "midflight.sidecar.image" . }}
  imagePullPolicy: {{ (.sidecar.image | default dict).pullPolicy | default "IfNotPresent" }}
  {{- if include "midflight.sidecar.isNative" . }}
  restartPolicy: Always
  {{- end }}
  args:
    {{- include "midflight.sidecar.args" . | nindent 4 }}
  ports:
    - name: reload-metrics
      containerPort: {{ include "midflight.sidecar.metricsPort" . }}
  livenessProbe:
    httpGet:
      path: /healthz
      port: reload-metrics
    periodSeconds: 10
    failureThreshold: 3
  {{- with .sidecar.resources }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    runAsNonRoot: true
    {{- with .sidecar.runAsUser }}
    runAsUser: {{ . | int64 }}
    {{- end }}
    capabilities:
      drop: [ALL]
    seccompProfile:
      type: RuntimeDefault
  volumeMounts:
    - name: {{ .volume }}
      mountPath: {{ .directory }}
      {{- if not $from.url }}
      readOnly: true
      {{- end }}
    - name: reload-state
      mountPath: /state
    {{- if ($from.tokenSecret | default dict).name }}
    - name: reload-token
      mountPath: /token
      readOnly: true
    {{- end }}
{{- end }}

{{- /* Its flags. What is not set is left to the program, which knows its own defaults. */ -}}
{{- define "midflight.sidecar.args" -}}
{{- $sidecar := .sidecar -}}
{{- $from := .sidecar.from | default dict -}}
{{- $directory := .directory -}}
{{- if ne .sidecar.method "none" -}}
- --watch
- {{ if .file }}{{ .directory }}/{{ .file }}{{ else }}{{ .directory }}{{ end }}
- --method
- {{ .sidecar.method }}
{{ end -}}
{{- $flags := list "interval" "logLevel" "logFormat" -}}
{{- if ne .sidecar.method "none" -}}
{{- $flags = concat $flags (list "healthUrl" "verify" "verifyTimeout" "verifyPoll" "maxBackoff") -}}
{{- end -}}
{{- if eq .sidecar.method "http" -}}
{{- $flags = append $flags "reloadUrl" -}}
{{- else if eq .sidecar.method "signal" -}}
{{- $flags = concat $flags (list "processName" "signal") -}}
{{- end -}}
{{- range $flag := $flags -}}
{{- with get $sidecar $flag -}}
- --{{ kebabcase $flag }}
- {{ . | quote }}
{{ end -}}
{{- end -}}
{{- if $from.url -}}
- --from
- {{ $from.url | quote }}
{{ range $from.documents -}}
- --document
- {{ printf "%s=%s/%s" .document $directory .file | quote }}
{{ end -}}
{{- with ($from.tokenSecret | default dict).name -}}
- --token-file
- /token/{{ $from.tokenSecret.key | default "token" }}
{{ end -}}
{{- end -}}
{{- if and $from.url .file $sidecar.restoreLastGood -}}
- --restore-last-good
- {{ .directory }}/{{ .file }}
{{ end -}}
- --state-dir
- /state
- --metrics-addr
- ":{{ include "midflight.sidecar.metricsPort" . }}"
{{- end }}
