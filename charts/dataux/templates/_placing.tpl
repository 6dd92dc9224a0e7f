{{/* Where pods run. */}}
{{- define "chart.placing" -}}
{{- if include "chart.oneNode" . }}
# The volume is on one node at a time, so all replicas are where the first is.
affinity:
  {{- $same := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" (include "chart.selector" . | fromYaml)) }}
  {{- $pods := dict "requiredDuringSchedulingIgnoredDuringExecution" (list $same) }}
  {{- toYaml (mergeOverwrite (dict "podAffinity" $pods) .Values.affinity) | nindent 2 }}
{{- else if .Values.affinity }}
affinity:
  {{- toYaml .Values.affinity | nindent 2 }}
{{- end }}
{{- if and .Values.topologySpread.enabled (include "chart.several" .) (not (include "chart.oneNode" .)) }}
topologySpreadConstraints:
  {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ $key }}
    maxSkew: 1
    whenUnsatisfiable: {{ $.Values.topologySpread.whenUnsatisfiable }}
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels:
        {{- include "chart.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}
{{- range $key := list "nodeSelector" "tolerations" "hostAliases" "dnsConfig" }}
{{- with index $.Values $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- end }}
