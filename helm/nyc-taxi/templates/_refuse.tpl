{{/* Stop with one sentence, and where to read more. (section of the page, sentence) */}}
{{- define "nyc-taxi.refuse" -}}
{{- fail (printf "%s. See docs/kubernetes.md#%s" (last .) (first .)) -}}
{{- end }}
