{{/* The container's variables: what must hold, what values set, and what comes from Secrets. The rest comes by envFrom. */}}
{{- define "chart.environment" -}}
{{- $own := printf "%s-secret" (include "chart.fullname" .) -}}
- name: DATAUX_LISTEN
  value: {{ printf "%s:8080" .Values.listenAddress | quote }}
- name: DATAUX_HOME
  {{- /* With several replicas each has a home of its own, and shares what is on the volume. */}}
  value: {{ ternary "/run/dataux" "/var/lib/dataux" (eq (include "chart.several" .) "yes") }}
- name: DATAUX_REPLICAS
  value: {{ include "chart.replicasMax" . | quote }}
{{- range $name := list "PORT" "REDIS_HOST" "REDIS_PORT" "REDIS_URL" "DATABASE_URL" }}
{{- $value := index $.Values.env $name }}
{{- if and (kindIs "string" $value | not) (kindIs "invalid" $value | not) }}{{ $value = int64 $value | toString }}{{ end }}
{{- if $value }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- with .Values.database }}
{{- if .existingSecret }}
{{- if .urlKey }}
{{ include "chart.fromSecret" (list "DATABASE_URL" .existingSecret .urlKey) }}
{{- end }}
{{- if .userKey }}
{{ include "chart.fromSecret" (list "DATABASE_USER" .existingSecret .userKey) }}
{{- end }}
{{- if .passwordKey }}
{{ include "chart.fromSecret" (list "DATABASE_PASSWORD" .existingSecret .passwordKey) }}
{{- end }}
{{- else }}
{{- if .user }}
{{ include "chart.fromSecret" (list "DATABASE_USER" $own "DATABASE_USER") }}
{{- end }}
{{- if .password }}
{{ include "chart.fromSecret" (list "DATABASE_PASSWORD" $own "DATABASE_PASSWORD") }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.redis }}
{{- with .user }}
- name: REDIS_USER
  value: {{ . | quote }}
{{- end }}
{{- if .existingSecret }}
{{ include "chart.fromSecret" (list "REDIS_PASSWORD" .existingSecret .passwordKey) }}
{{- else if .password }}
{{ include "chart.fromSecret" (list "REDIS_PASSWORD" $own "REDIS_PASSWORD") }}
{{- end }}
{{- end }}
{{- with .Values.admin }}
{{- if .existingSecret }}
{{ include "chart.fromSecret" (list "DATAUX_ADMIN_PASSWORD" .existingSecret .passwordKey) }}
{{- else if .password }}
{{ include "chart.fromSecret" (list "DATAUX_ADMIN_PASSWORD" $own "DATAUX_ADMIN_PASSWORD") }}
{{- end }}
{{- end }}
{{- with .Values.masterKey }}
{{- if .existingSecret }}
{{ include "chart.fromSecret" (list "DATAUX_MASTER_KEY" .existingSecret .key) }}
{{- else if .value }}
{{ include "chart.fromSecret" (list "DATAUX_MASTER_KEY" $own "DATAUX_MASTER_KEY") }}
{{- end }}
{{- end }}
{{- range $setting, $key := include "chart.lakeSecrets" . | fromYaml }}
{{ include "chart.fromSecret" (list (printf "LAKE_%s" (upper $setting)) $.Values.lake.existingSecret $key) }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A variable from a key of a Secret: (list NAME SECRET KEY). */}}
{{- define "chart.fromSecret" -}}
- name: {{ index . 0 }}
  valueFrom: {secretKeyRef: {name: {{ index . 1 | quote }}, key: {{ index . 2 | quote }}}}
{{- end }}
