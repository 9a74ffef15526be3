{{/* The beginning of every object's name. Some objects' names may have 52 characters. */}}
{{- define "nyc-taxi.name" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 32 | trimSuffix "-" -}}
{{- end }}

{{/* The labels by which a component's pods are found; they never change. (root, component) */}}
{{- define "nyc-taxi.selector" -}}
app.kubernetes.io/name: nyc-taxi
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* The labels of an object. (root, component) */}}
{{- define "nyc-taxi.labels" -}}
{{ include "nyc-taxi.selector" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: airflow
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{/* Name, namespace and labels of an object. (root, component, and name unless it is the component's) */}}
{{- define "nyc-taxi.metadata" -}}
name: {{ include "nyc-taxi.name" .root }}-{{ .name | default .component }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "nyc-taxi.labels" . | nindent 2 }}
{{- end }}

{{- define "nyc-taxi.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag }}{{ end }}
{{- end -}}
{{- end }}

{{/* The values of a component; empty for one without any. (root, component) */}}
{{- define "nyc-taxi.valuesOf" -}}
{{- get .root.Values (camelcase (.component | replace "-" "_") | untitle) | default dict | toYaml -}}
{{- end }}

{{- define "nyc-taxi.serviceAccount" -}}
{{- $own := (include "nyc-taxi.valuesOf" . | fromYaml).serviceAccount | default dict -}}
{{- $own.name | default (printf "%s-%s" (include "nyc-taxi.name" .root) .component) -}}
{{- end }}

{{/* The components with pods of Airflow's image. */}}
{{- define "nyc-taxi.components" -}}
- api-server
- scheduler
- dag-processor
- triggerer
- worker
- migrations
{{- if .Values.cleanupPods.enabled }}
- cleanup-pods
{{- end }}
{{- if .Values.cleanupMetadata.enabled }}
- cleanup-metadata
{{- end }}
{{- if .Values.dbt.cronJob.enabled }}
- dbt
{{- end }}
{{- end }}

{{/* The databases that this release runs: those without a host. */}}
{{- define "nyc-taxi.developmentPostgres" -}}
{{- $databases := list -}}
{{- if not .Values.metadata.host -}}
{{- $databases = append $databases "metadata" -}}
{{- end -}}
{{- if and (has "postgres" .Values.warehouses) (not .Values.warehouse.host) -}}
{{- $databases = append $databases "warehouse" -}}
{{- end -}}
{{- toYaml $databases -}}
{{- end }}

{{/* Not empty if a component has more than one pod. (root, component) */}}
{{- define "nyc-taxi.several" -}}
{{- $values := include "nyc-taxi.valuesOf" . | fromYaml -}}
{{- if or (gt (int $values.replicas) 1) ($values.autoscaling | default dict).enabled }}true{{ end -}}
{{- end }}
