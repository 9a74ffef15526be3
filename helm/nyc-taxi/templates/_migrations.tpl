{{/* Init needs what its connections are made of, besides Airflow's own database. */}}
{{- define "nyc-taxi.migrations.secrets" -}}
- fernet_key
- metadata_password
{{- range $file, $one := include "nyc-taxi.secrets" . | fromYaml }}
{{- if has $one.value (list "warehousePassword" "bigqueryKey") }}
- {{ $file }}
{{- end }}
{{- end }}
{{- end }}

{{- define "nyc-taxi.migrations.environment" -}}
{{ include "nyc-taxi.environment.component" . }}
{{ include "nyc-taxi.environment.connections" . }}
{{- end }}

{{- define "nyc-taxi.migrations.args" -}}
[init, --wait, {{ .Values.migrations.wait | quote }}]
{{- end }}

{{/* Init as a container that runs before a scheduler. */}}
{{- define "nyc-taxi.migrations.container" -}}
{{- include "nyc-taxi.container" (dict
  "root" .
  "component" "migrations"
  "name" "init"
  "args" (include "nyc-taxi.migrations.args" . | fromYamlArray)
  "environment" (include "nyc-taxi.migrations.environment" . | fromYaml)
  "secrets" (include "nyc-taxi.migrations.secrets" . | fromYamlArray)
  "secretVolume" "init-secrets"
  "mounts" (dict "/opt/airflow/pod_profiles" (printf "%s-pod-profiles" (include "nyc-taxi.name" .)))
) -}}
{{- end }}

{{/* The pod of the Job. (root, profiles: the ConfigMap with the pod profiles) */}}
{{- define "nyc-taxi.migrations.pod" -}}
{{- include "nyc-taxi.pod" (dict
  "root" .root
  "component" "migrations"
  "restart" "OnFailure"
  "args" (include "nyc-taxi.migrations.args" .root | fromYamlArray)
  "environment" (include "nyc-taxi.migrations.environment" .root | fromYaml)
  "secrets" (include "nyc-taxi.migrations.secrets" .root | fromYamlArray)
  "mounts" (dict "/opt/airflow/pod_profiles" .profiles)
) -}}
{{- end }}
