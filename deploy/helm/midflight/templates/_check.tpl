{{- /* Refuses values that are each allowed and do not go together. */ -}}
{{- define "midflight.check" -}}
{{- $values := .Values -}}
{{- if and (eq $values.store.kind "sqlite") (gt (int $values.replicas) 1) -}}
{{- fail (printf "replicas is %d with store.kind sqlite, which is one file of one server: set replicas to 1, or store.kind to postgres" (int $values.replicas)) -}}
{{- end -}}
{{- if and (eq $values.store.kind "postgres") (not $values.store.postgres.existingSecret.name) -}}
{{- fail "store.kind postgres needs store.postgres.existingSecret.name: a secret whose key `url` is postgres://user:password@host:5432/database" -}}
{{- end -}}
{{- if and (eq $values.store.kind "postgres") (not $values.adminToken.existingSecret.name) -}}
{{- fail "store.kind postgres needs adminToken.existingSecret.name, since all replicas have one token: kubectl create secret generic midflight-admin --from-literal=token=mf_$(openssl rand -hex 32)" -}}
{{- end -}}
{{- if and (eq $values.store.kind "sqlite") (ne $values.bus.kind "auto") -}}
{{- fail (printf "bus.kind is %s with store.kind sqlite, where one server has nobody to send hints to: set bus.kind to auto, or store.kind to postgres" $values.bus.kind) -}}
{{- end -}}
{{- if and (has $values.bus.kind (list "redis" "nats")) (not $values.bus.existingSecret.name) -}}
{{- fail (printf "bus.kind %s needs bus.existingSecret.name: a secret whose key `url` is where it is, as %s" $values.bus.kind (ternary "redis://host:6379" "nats://host:4222" (eq $values.bus.kind "redis"))) -}}
{{- end -}}
{{- if and $values.tls.existingSecret.name $values.configReloader.enabled (eq $values.configReloader.verify "hash") -}}
{{- fail "tls.existingSecret.name with configReloader.verify hash: the config-reloader asks the server in plain HTTP; set configReloader.verify to none" -}}
{{- end -}}
{{- end -}}
