{{/* The Secrets of this release as a mapping: value's name, then name, key and file; and whether it is generated. */}}
{{- define "nyc-taxi.secrets" -}}
{{- $root := . -}}
{{- $used := list "fernetKey" "jwtSecret" "apiSecret" "airflowPassword" "metadataPassword" -}}
{{- if has "postgres" .Values.warehouses -}}
{{- $used = append $used "warehousePassword" -}}
{{- end -}}
{{- if include "nyc-taxi.bigqueryKey" . -}}
{{- $used = append $used "bigqueryKey" -}}
{{- end -}}
{{- range $used }}
{{- $given := get $root.Values.secrets . }}
{{ snakecase . }}:
  name: {{ $given.name | default $root.Values.secrets.name | default (printf "%s-%s" (include "nyc-taxi.name" $root) (kebabcase .)) }}
  key: {{ $given.key }}
  value: {{ . }}
  generated: {{ not (or $given.name $root.Values.secrets.name) }}
{{- end }}
{{- end }}
