{{- /*
The pod, the same for a Deployment and a StatefulSet. No annotation holds a checksum of the configuration: a change of it
must reach the running server, not replace it.
*/ -}}
{{- define "midflight.pod" -}}
{{- include "midflight.check" . -}}
{{- $sleeps := and (gt (int .Values.preStopSleepSeconds) 0) (semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version) -}}
{{- $reloader := include "midflight.reloader" . | fromYaml | merge (dict "root" $) -}}
metadata:
  labels:
    {{- include "midflight.selectorLabels" . | nindent 4 }}
    app.kubernetes.io/part-of: midflight
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: midflight
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "midflight.serviceAccountName" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "midflight.sidecar.pod" $reloader }}
  {{- . | nindent 2 }}
  {{- end }}
  # Longer than all that a stop may take, so that nothing is cut off.
  terminationGracePeriodSeconds: {{ add .Values.preStopSleepSeconds .Values.drainSeconds 10 }}
  securityContext:
    runAsNonRoot: true
    {{- with .Values.runAsUser }}
    runAsUser: {{ . | int64 }}
    runAsGroup: {{ . | int64 }}
    fsGroup: {{ . | int64 }}
    {{- end }}
    # A large volume is not walked through at each start.
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  {{- with include "midflight.sidecar.initContainers" $reloader }}
  initContainers:
    {{- . | nindent 4 }}
  {{- end }}
  containers:
    - name: midflight
      image: {{ include "midflight.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        - serve
        - --listen={{ .Values.listenAddress }}:8080
        {{- if .Values.tls.existingSecret.name }}
        - --tls-cert=/etc/midflight-tls/tls.crt
        - --tls-key=/etc/midflight-tls/tls.key
        {{- else }}
        - --plain-http
        {{- end }}
        - --data-dir=/data
        - --drain-ms-max={{ mul .Values.drainSeconds 1000 }}
        - --replica-id=$(POD_NAME)
        - --label=node=$(NODE_NAME)
        {{- if .Values.adminToken.existingSecret.name }}
        - --admin-token-file=/etc/midflight-admin/{{ .Values.adminToken.existingSecret.key }}
        {{- /* The secret is of all pods, so a new token in it is to replace the one before. */}}
        - --replace-admin-token
        {{- else }}
        - --admin-token-file=/data/admin-token
        {{- end }}
        {{- if not (include "midflight.isPostgres" .) }}
        - --durability={{ .Values.store.sqlite.durability }}
        {{- end }}
        {{- if eq .Values.bus.kind "postgres" }}
        - --bus=postgres
        {{- end }}
        {{- if include "midflight.config" . }}
        - --config=/etc/midflight/config.yaml
        {{- end }}
        {{- with .Values.extraArgs }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      env:
        - name: POD_NAME
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        - name: NODE_NAME
          valueFrom:
            fieldRef:
              fieldPath: spec.nodeName
        {{- if include "midflight.isPostgres" . }}
        - name: MIDFLIGHT_STORE
          {{- include "midflight.fromSecret" .Values.store.postgres.existingSecret | nindent 10 }}
        {{- end }}
        {{- if has .Values.bus.kind (list "redis" "nats") }}
        - name: MIDFLIGHT_BUS
          {{- include "midflight.fromSecret" .Values.bus.existingSecret | nindent 10 }}
        {{- end }}
        {{- with .Values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - name: http
          containerPort: 8080
      # A server that waits for its database at its first start is given five minutes.
      startupProbe:
        httpGet:
          path: /health/live
          port: http
          scheme: {{ include "midflight.scheme" . | upper }}
        periodSeconds: 2
        failureThreshold: 150
      livenessProbe:
        httpGet:
          path: /health/live
          port: http
          scheme: {{ include "midflight.scheme" . | upper }}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      # How a reload went has no probe: a refused change leaves the server serving, and a restart would not mend it.
      readinessProbe:
        httpGet:
          path: /health/ready
          port: http
          scheme: {{ include "midflight.scheme" . | upper }}
        periodSeconds: 5
        timeoutSeconds: 2
        failureThreshold: 2
      {{- if $sleeps }}
      lifecycle:
        preStop:
          sleep:
            seconds: {{ .Values.preStopSleepSeconds }}
      {{- end }}
      {{- with .Values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        runAsNonRoot: true
        capabilities:
          drop: [ALL]
        seccompProfile:
          type: RuntimeDefault
      volumeMounts:
        - name: data
          mountPath: /data
        {{- if include "midflight.config" . }}
        # As a folder: a subPath mount never sees a change.
        - name: config
          mountPath: /etc/midflight
          readOnly: true
        {{- end }}
        {{- if .Values.adminToken.existingSecret.name }}
        - name: admin-token
          mountPath: /etc/midflight-admin
          readOnly: true
        {{- end }}
        {{- if .Values.tls.existingSecret.name }}
        - name: tls
          mountPath: /etc/midflight-tls
          readOnly: true
        {{- end }}
    {{- with include "midflight.sidecar.containers" $reloader }}
    {{- . | nindent 4 }}
    {{- end }}
  {{- with include "midflight.volumes" . | trim }}
  volumes:
    {{- . | nindent 4 }}
  {{- end }}
  {{- if and .Values.topologySpread.enabled (gt (int .Values.replicas) 1) }}
  topologySpreadConstraints:
    {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: {{ $.Values.topologySpread.whenUnsatisfiable }}
      labelSelector:
        matchLabels:
          {{- include "midflight.selectorLabels" $ | nindent 10 }}
    {{- end }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
{{- end }}

{{- define "midflight.fromSecret" -}}
valueFrom:
  secretKeyRef:
    name: {{ .name }}
    key: {{ .key }}
{{- end }}

{{- define "midflight.volumes" -}}
{{- if include "midflight.isPostgres" . }}
- name: data
  emptyDir:
    sizeLimit: {{ .Values.data.size }}
{{- end }}
{{- if include "midflight.config" . }}
- name: config
  configMap:
    name: {{ include "midflight.fullname" . }}-config
{{- end }}
{{- if .Values.adminToken.existingSecret.name }}
- name: admin-token
  secret:
    secretName: {{ .Values.adminToken.existingSecret.name }}
{{- end }}
{{- if .Values.tls.existingSecret.name }}
- name: tls
  secret:
    secretName: {{ .Values.tls.existingSecret.name }}
{{- end }}
{{- with include "midflight.sidecar.volumes" (include "midflight.reloader" . | fromYaml) }}
{{- . | nindent 0 }}
{{- end }}
{{- end }}
