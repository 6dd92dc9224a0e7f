{{/* Parts of the platform that scale alone: `roles.query` and `roles.worker`, when values ask for them. */}}

{{/* "yes" if a part is asked for: (list . "worker"). */}}
{{- define "chart.asked" -}}
{{- $role := index (index . 0).Values.roles (index . 1) }}
{{- if or $role.autoscaling.enabled (gt (int $role.replicas) 0) }}yes{{ end }}
{{- end }}

{{/* The parts, as YAML: first the pods that serve the console and do what no other part does, then those that are asked for. */}}
{{- define "chart.parts" -}}
{{- $own := list "control" }}
{{- $others := list }}
{{- range $role := list "query" "worker" }}
{{- if include "chart.asked" (list $ $role) }}{{ $others = append $others $role }}{{ else }}{{ $own = append $own $role }}{{ end }}
{{- end }}
{{- $name := include "chart.fullname" . }}
{{- $first := dict "name" $name "role" (ternary (join "," $own) "" (gt (len $others) 0)) "component" "" "replicas" .Values.replicas "autoscaling" .Values.autoscaling "resources" .Values.resources }}
{{- $parts := list $first }}
{{- range $role := $others }}
{{- $values := index $.Values.roles $role }}
{{- $parts = append $parts (dict "name" (printf "%s-%s" $name $role) "role" $role "component" $role "replicas" $values.replicas "autoscaling" $values.autoscaling "resources" ($values.resources | default $.Values.resources)) }}
{{- end }}
{{- toYaml $parts }}
{{- end }}

{{/* Most replicas of a part. */}}
{{- define "chart.partReplicas" -}}
{{- if .autoscaling.enabled }}{{ .autoscaling.maxReplicas }}{{ else }}{{ .replicas }}{{ end }}
{{- end }}

{{/* What tells the pods of one part: (list . part). Only pods that serve the console carry the instance. */}}
{{- define "chart.partSelector" -}}
{{- $part := index . 1 }}
{{- if $part.component -}}
app.kubernetes.io/name: {{ $part.name }}
app.kubernetes.io/component: {{ $part.component }}
{{- else }}
{{- include "chart.selector" (index . 0) }}
{{- end }}
{{- end }}

{{- define "chart.inParts" -}}
{{- if or (include "chart.asked" (list . "query")) (include "chart.asked" (list . "worker")) }}yes{{ end }}
{{- end }}

{{/* What tells the pods of all parts. */}}
{{- define "chart.platformSelector" -}}
{{- if include "chart.inParts" . -}}
dataux/platform: {{ include "chart.fullname" . }}
{{- else }}
{{- include "chart.selector" . }}
{{- end }}
{{- end }}

{{/* The Services that users reach, as a YAML list of names. */}}
{{- define "chart.served" -}}
- {{ include "chart.fullname" . }}
{{- if include "chart.asked" (list . "query") }}
- {{ include "chart.fullname" . }}-query
{{- end }}
{{- end }}
