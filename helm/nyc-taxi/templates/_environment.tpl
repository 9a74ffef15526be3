{{/* Each of these templates returns environment variables as a mapping, in YAML. */}}

{{- define "nyc-taxi.environment.config" -}}
{{- range $section, $options := .Values.config -}}
{{- range $option, $value := $options }}
{{ printf "AIRFLOW__%s__%s" (upper $section) (upper $option) }}: {{ include "nyc-taxi.scalar" $value }}
{{- end }}
{{- end }}
{{- end }}

{{/* A value as Airflow reads it; a large number would otherwise get an exponent. */}}
{{- define "nyc-taxi.scalar" -}}
{{- if kindIs "float64" . -}}
{{- if eq . (floor .) }}{{ int64 . | toString | quote }}{{ else }}{{ toString . | quote }}{{ end -}}
{{- else if kindIs "bool" . -}}
{{ ternary "True" "False" . | quote }}
{{- else -}}
{{ toString . | quote }}
{{- end -}}
{{- end }}

{{/* What every process of Airflow has, also a task's. Nothing of it is secret. */}}
{{- define "nyc-taxi.environment.everywhere" -}}
AIRFLOW__API__BASE_URL: {{ include "nyc-taxi.baseUrl" . | quote }}
AIRFLOW__CORE__EXECUTION_API_SERVER_URL: http://{{ include "nyc-taxi.name" . }}-api-server:{{ .Values.apiServer.service.port }}/execution/
AIRFLOW__CORE__EXECUTOR: KubernetesExecutor
AIRFLOW__NYC_TAXI__POD_PROFILES: /opt/airflow/pod_profiles/pod_profiles.yaml
AIRFLOW__NYC_TAXI__WAREHOUSES: {{ join "," .Values.warehouses | quote }}
{{- if eq .Values.logs.store "volume" }}
AIRFLOW__NYC_TAXI__DBT_DOCS: file:///opt/airflow/logs/dbt_docs
{{- end }}
{{- if eq .Values.logs.store "remote" }}
AIRFLOW__LOGGING__LOGGING_CONFIG_CLASS: nyc_taxi.task_logs.LOGGING_CONFIG
AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER: {{ .Values.logs.remote.url | quote }}
{{- if .Values.logs.remote.credentials.name }}
{{ hasPrefix "s3://" .Values.logs.remote.url | ternary "AWS_SHARED_CREDENTIALS_FILE" "GOOGLE_APPLICATION_CREDENTIALS" }}: /run/secrets/nyc-taxi-logs/credentials
{{- end }}
{{- end }}
{{- if .Values.metrics.enabled }}
AIRFLOW__METRICS__LEGACY_NAMES_ON: "False"
AIRFLOW__METRICS__STATSD_HOST: {{ include "nyc-taxi.name" . }}-statsd
AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED: "True"
AIRFLOW__METRICS__STATSD_ON: "True"
AIRFLOW__METRICS__STATSD_PORT: "9125"
AIRFLOW__METRICS__STATSD_PREFIX: airflow
{{- end }}
NYC_TAXI_RELOAD: "0"
TMPDIR: /opt/airflow/files
{{- include "nyc-taxi.environment.config" . }}
{{- end }}

{{/* What the components have as well: how they reach Airflow's database, and how they start tasks. */}}
{{- define "nyc-taxi.environment.component" -}}
{{ include "nyc-taxi.environment.everywhere" . }}
{{ include "nyc-taxi.environment.metadata" . }}
AIRFLOW__KUBERNETES_EXECUTOR__NAMESPACE: {{ .Release.Namespace }}
AIRFLOW__KUBERNETES_EXECUTOR__POD_TEMPLATE_FILE: /opt/airflow/pod_templates/worker.yaml
NYC_TAXI_LOG_DAYS: {{ .Values.logs.days | quote }}
{{- end }}

{{- define "nyc-taxi.environment.metadata" -}}
{{- $parameters := list -}}
{{- range $name, $value := .Values.metadata.parameters -}}
{{- $parameters = append $parameters (printf "%s=%s" (urlquery $name) (toString $value | urlquery)) -}}
{{- end -}}
{{- with .Values.metadata -}}
AIRFLOW__CORE__FERNET_KEY_CMD: cat /run/secrets/nyc-taxi/fernet_key
AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: {{ printf "postgresql+psycopg2://%s@%s:%v/%s%s" (urlquery .user) (include "nyc-taxi.metadataHost" $) .port (urlquery .database) (empty $parameters | ternary "" (printf "?%s" (join "&" $parameters))) | quote }}
METADATA_PASSWORD_FILE: /run/secrets/nyc-taxi/metadata_password
PGPASSFILE: /tmp/pgpass
{{- end }}
{{- end }}

{{- define "nyc-taxi.metadataHost" -}}
{{ .Values.metadata.host | default (printf "%s-metadata" (include "nyc-taxi.name" .)) }}
{{- end }}

{{- define "nyc-taxi.warehouseHost" -}}
{{ .Values.warehouse.host | default (printf "%s-warehouse" (include "nyc-taxi.name" .)) }}
{{- end }}

{{/* Where people reach the UI. */}}
{{- define "nyc-taxi.baseUrl" -}}
{{- if .Values.apiServer.baseUrl -}}
{{ .Values.apiServer.baseUrl }}
{{- else if .Values.ingress.enabled -}}
{{ ternary "https" "http" (not (empty .Values.ingress.tlsSecretName)) }}://{{ .Values.ingress.host }}
{{- else if .Values.httpRoute.enabled -}}
https://{{ first .Values.httpRoute.hostnames }}
{{- else -}}
http://localhost:8080
{{- end -}}
{{- end }}

{{/* What init makes the connections of. */}}
{{- define "nyc-taxi.environment.connections" -}}
{{- if has "postgres" .Values.warehouses -}}
NYC_TAXI_WAREHOUSE_HOST: {{ include "nyc-taxi.warehouseHost" . | quote }}
NYC_TAXI_WAREHOUSE_PORT: {{ .Values.warehouse.port | quote }}
NYC_TAXI_WAREHOUSE_USER: {{ .Values.warehouse.user | quote }}
NYC_TAXI_WAREHOUSE_DATABASE: {{ .Values.warehouse.database | quote }}
NYC_TAXI_WAREHOUSE_PASSWORD_FILE: /run/secrets/nyc-taxi/warehouse_password
{{- with .Values.warehouse.parameters }}
NYC_TAXI_WAREHOUSE_EXTRA: {{ toJson . | quote }}
{{- end }}
{{- end }}
{{- if has "bigquery" .Values.warehouses }}
{{- range $name, $value := .Values.bigquery }}
{{- with $value }}
NYC_TAXI_BIGQUERY_{{ snakecase $name | upper }}: {{ include "nyc-taxi.scalar" . }}
{{- end }}
{{- end }}
{{- if include "nyc-taxi.bigqueryKey" . }}
NYC_TAXI_BIGQUERY_KEY_FILE: /run/secrets/nyc-taxi/bigquery_key
{{- end }}
{{- end }}
{{- end }}

{{/* Not empty if BigQuery is reached with a key. */}}
{{- define "nyc-taxi.bigqueryKey" -}}
{{- if has "bigquery" .Values.warehouses }}{{ .Values.secrets.bigqueryKey.name }}{{ end -}}
{{- end }}
