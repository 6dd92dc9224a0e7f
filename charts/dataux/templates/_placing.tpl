{{/* Where the pods of a part run: (list . part). */}}
{{- define "chart.placing" -}}
{{- $root := index . 0 }}
{{- $part := index . 1 }}
{{- if include "chart.oneNode" $root }}
# The volume is on one node at a time, so all pods are where the first is.
affinity:
  {{- $same := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" (include "chart.platformSelector" $root | fromYaml)) }}
  {{- $pods := dict "requiredDuringSchedulingIgnoredDuringExecution" (list $same) }}
  {{- /* No node has this label, so it keeps no pod from anywhere. But a scheduler that has it looks again when the last pod is gone from a
         drained node; by the affinity alone it would look after five minutes. */}}
  {{- $none := dict "requiredDuringSchedulingIgnoredDuringExecution" (list (merge (dict "topologyKey" "dataux/look-again") $same)) }}
  {{- toYaml (mergeOverwrite (dict "podAffinity" $pods "podAntiAffinity" $none) $root.Values.affinity) | nindent 2 }}
{{- else if $root.Values.affinity }}
affinity:
  {{- toYaml $root.Values.affinity | nindent 2 }}
{{- end }}
{{- if and $root.Values.topologySpread.enabled (gt (int (include "chart.partReplicas" $part)) 1) (not (include "chart.oneNode" $root)) }}
topologySpreadConstraints:
  {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ $key }}
    maxSkew: 1
    whenUnsatisfiable: {{ $root.Values.topologySpread.whenUnsatisfiable }}
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels:
        {{- include "chart.partSelector" (list $root $part) | nindent 8 }}
  {{- end }}
{{- end }}
{{- range $key := list "nodeSelector" "tolerations" "hostAliases" "dnsConfig" }}
{{- with index $root.Values $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- with $root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $root.Values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- end }}
