{{/* The fields that all CronJobs share, up to the template of their pods. */}}
{{- define "nyc-taxi.cronJob" -}}
concurrencyPolicy: Forbid
startingDeadlineSeconds: 600
successfulJobsHistoryLimit: 1
failedJobsHistoryLimit: 3
jobTemplate:
  spec:
    backoffLimit: 0
{{- end }}
