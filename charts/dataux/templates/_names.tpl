{{/* The release's name is the name of all; so it has been from the first installation on. */}}
{{- define "chart.fullname" -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* What never changes, because a Deployment's selector cannot. Only pods that serve the console carry the instance. */}}
{{- define "chart.selector" -}}
app.kubernetes.io/name: {{ include "chart.fullname" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "chart.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: dataux
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "chart.labels" -}}
{{ include "chart.selector" . }}
{{ include "chart.commonLabels" . }}
{{- end }}

{{- define "chart.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "chart.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end }}
{{- end }}

{{/* The image's name with the registry in front and the digest behind it. */}}
{{- define "chart.image" -}}
{{- $image := .Values.image }}
{{- with .Values.imageRegistry }}{{ $image = printf "%s/%s" (trimSuffix "/" .) $image }}{{ end }}
{{- with .Values.imageDigest }}{{ $image = printf "%s@%s" $image . }}{{ end }}
{{- $image }}
{{- end }}

{{/* The name in the cluster of a Service: (list . name). */}}
{{- define "chart.host" -}}
{{- $root := index . 0 -}}
{{ index . 1 }}.{{ $root.Release.Namespace }}.svc.{{ $root.Values.mesh.clusterDomain }}
{{- end }}
