{{/* The probes of a component without a web server. It waits for init and the API before it starts. (component) */}}
{{- define "nyc-taxi.heartbeat" -}}
startupProbe:
  exec: &health
    command: [/opt/airflow/entrypoint.sh, health, {{ .component }}]
  periodSeconds: 10
  timeoutSeconds: 30
  failureThreshold: 90
livenessProbe:
  exec: *health
  periodSeconds: 30
  timeoutSeconds: 30
  failureThreshold: 5
{{- end }}
