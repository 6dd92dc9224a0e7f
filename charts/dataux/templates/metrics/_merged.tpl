{{/* Under strict mutual TLS Prometheus, which is outside the mesh, reads metrics from the proxy, which adds its own. */}}
{{- define "chart.mergedMetrics" -}}
{{- if and (eq .Values.mesh.mode "sidecar") (eq .Values.mesh.mtls "STRICT") }}yes{{ end }}
{{- end }}
