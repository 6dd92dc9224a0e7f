{{/* Where the platform's state is, and what follows from it. Answers of templates are text: "yes", or nothing. */}}

{{/* Most pods that there can be, of all parts together. */}}
{{- define "chart.replicasMax" -}}
{{- $count := 0 }}
{{- range include "chart.parts" . | fromYamlArray }}{{ $count = add $count (int (include "chart.partReplicas" .)) }}{{ end }}
{{- $count }}
{{- end }}

{{- define "chart.several" -}}
{{- if gt (int (include "chart.replicasMax" .)) 1 }}yes{{ end }}
{{- end }}

{{/* There is a volume that outlives the pods. */}}
{{- define "chart.volume" -}}
{{- if or .Values.persistence.enabled .Values.persistence.existingClaim }}yes{{ end }}
{{- end }}

{{- define "chart.claim" -}}
{{ .Values.persistence.existingClaim | default (include "chart.fullname" .) }}
{{- end }}

{{/* Several replicas share the volume: it has the lake, or the master key. */}}
{{- define "chart.sharedVolume" -}}
{{- if and (include "chart.several" .) (include "chart.volume" .) (or (not .Values.lake.location) (not (include "chart.masterKeyGiven" .))) }}yes{{ end }}
{{- end }}

{{/* One replica owns the volume; a second process on it is refused by the platform's lock. */}}
{{- define "chart.ownVolume" -}}
{{- if and (not (include "chart.several" .)) (include "chart.volume" .) }}yes{{ end }}
{{- end }}

{{/* The shared volume can be on one node only, so all replicas are. */}}
{{- define "chart.oneNode" -}}
{{- if and (include "chart.sharedVolume" .) (not (has "ReadWriteMany" .Values.persistence.accessModes)) }}yes{{ end }}
{{- end }}

{{/* Settings of the lake's store that are in a Secret, and their keys there, as YAML. */}}
{{- define "chart.lakeSecrets" -}}
{{- if .Values.lake.existingSecret }}
{{- .Values.lake.secretKeys | default (dict "access_key_id" "access_key_id" "secret_access_key" "secret_access_key") | toYaml }}
{{- end }}
{{- end }}

{{- define "chart.masterKeyGiven" -}}
{{- if or .Values.masterKey.existingSecret .Values.masterKey.value }}yes{{ end }}
{{- end }}

{{/* The chart's own Secret has something to hold. */}}
{{- define "chart.ownSecret" -}}
{{- $v := .Values }}
{{- if or (and (not $v.database.existingSecret) (or $v.database.user $v.database.password)) (and (not $v.redis.existingSecret) $v.redis.password) (and (not $v.admin.existingSecret) $v.admin.password) (and (not $v.masterKey.existingSecret) $v.masterKey.value) }}yes{{ end }}
{{- end }}

{{/* What the schema cannot say. Each sentence says what to set. */}}
{{- define "chart.check" -}}
{{- $v := .Values }}
{{- if include "chart.several" . }}
{{- $count := include "chart.replicasMax" . }}
{{- if hasPrefix "sqlite:" ($v.env.DATABASE_URL | toString | trim) }}
{{- fail (printf "%s replicas cannot share an SQLite database: set env.DATABASE_URL to MySQL or PostgreSQL, such as jdbc:mysql://host:3306/dataux, or set replicas to 1" $count) }}
{{- end }}
{{- if and (include "chart.sharedVolume" .) (has "ReadWriteOncePod" $v.persistence.accessModes) }}
{{- fail (printf "%s replicas cannot share a volume of one pod: set persistence.accessModes to [ReadWriteMany] or [ReadWriteOnce], or set lake.location and masterKey.existingSecret" $count) }}
{{- end }}
{{- end }}
{{- if lt (int $v.drain.graceSeconds) (add (int $v.drain.delaySeconds) 37) }}
{{- fail (printf "drain.graceSeconds is %v, and the pod needs drain.delaySeconds (%v) and 37 seconds more to end in order: set drain.graceSeconds to %v or more" $v.drain.graceSeconds $v.drain.delaySeconds (add (int $v.drain.delaySeconds) 37)) }}
{{- end }}
{{- range $name, $scaling := dict "autoscaling" $v.autoscaling "roles.query.autoscaling" $v.roles.query.autoscaling "roles.worker.autoscaling" $v.roles.worker.autoscaling }}
{{- if and $scaling.enabled (lt (int $scaling.maxReplicas) (int $scaling.minReplicas)) }}
{{- fail (printf "%s.maxReplicas is less than %s.minReplicas" $name $name) }}
{{- end }}
{{- if and $scaling.enabled (not $scaling.cpuPercent) (not $scaling.memoryPercent) (not $scaling.metrics) }}
{{- fail (printf "%s.enabled needs a metric: set %s.cpuPercent, %s.memoryPercent or %s.metrics" $name $name $name $name) }}
{{- end }}
{{- end }}
{{- range $name := list "database" "redis" "admin" "masterKey" }}
{{- $secret := index $v $name }}
{{- $value := ternary $secret.value $secret.password (eq $name "masterKey") }}
{{- if and $secret.existingSecret $value }}
{{- fail (printf "%s.existingSecret and %s.%s are both set: keep one" $name $name (ternary "value" "password" (eq $name "masterKey"))) }}
{{- end }}
{{- end }}
{{- if and $v.metrics.serviceMonitor.enabled $v.metrics.podMonitor.enabled }}
{{- fail "metrics.serviceMonitor and metrics.podMonitor would both count every pod: enable one" }}
{{- end }}
{{- if and $v.gateway.enabled (not $v.gateway.parentRefs) }}
{{- fail "gateway.enabled needs gateway.parentRefs: the gateway that the route belongs to" }}
{{- end }}
{{- if and $v.ingress.enabled (not $v.ingress.hosts) }}
{{- fail "ingress.enabled needs ingress.hosts" }}
{{- end }}
{{- $mesh := $v.mesh }}
{{- if and $mesh.destinationRule.failover $mesh.destinationRule.distribute }}
{{- fail "mesh.destinationRule.failover and mesh.destinationRule.distribute exclude each other: keep one" }}
{{- end }}
{{- if and $mesh.sidecarHosts (ne $mesh.mode "sidecar") }}
{{- fail "mesh.sidecarHosts needs mesh.mode: sidecar" }}
{{- end }}
{{- if eq $mesh.mode "none" }}
{{- if or $mesh.mtls $mesh.destinationRule.enabled $mesh.routing.kind $mesh.authorization.enabled $mesh.egress $mesh.telemetry.enabled }}
{{- fail "resources of the mesh are asked for while mesh.mode is none: set mesh.mode to sidecar or ambient" }}
{{- end }}
{{- end }}
{{- if and (eq $mesh.mode "ambient") (not $mesh.waypoint) (or $mesh.destinationRule.enabled (eq $mesh.routing.kind "VirtualService") $mesh.telemetry.enabled) }}
{{- fail "in ambient mode mesh.destinationRule, mesh.telemetry and a VirtualService work in a waypoint only: set mesh.waypoint" }}
{{- end }}
{{- if and $mesh.authorization.enabled (not $mesh.authorization.principals) (not $mesh.authorization.namespaces) }}
{{- fail "mesh.authorization.enabled would refuse everybody: set mesh.authorization.principals or mesh.authorization.namespaces" }}
{{- end }}
{{- end }}
