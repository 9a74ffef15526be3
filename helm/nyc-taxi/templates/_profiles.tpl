{{- define "nyc-taxi.podProfiles" -}}
{{ toYaml .Values.podProfiles }}
{{- end }}

{{/* The pod of a task before its profile is applied. It has no password, key or token of the API of Kubernetes. */}}
{{- define "nyc-taxi.workerPod" -}}
apiVersion: v1
kind: Pod
{{- $pod := include "nyc-taxi.pod" (dict
  "root" .
  "component" "worker"
  "restart" "Never"
  "environment" (include "nyc-taxi.environment.everywhere" . | fromYaml)
  "kubernetes" .Values.worker.launchesPods
  "logs" true
  "mounts" (dict "/opt/airflow/pod_profiles" (printf "%s-pod-profiles" (include "nyc-taxi.name" .)))
  "resources" .Values.podProfiles.default.resources
  "annotations" (dict "cluster-autoscaler.kubernetes.io/safe-to-evict" "false" "karpenter.sh/do-not-disrupt" "true")
) | fromYaml }}
{{- $_ := set $pod.metadata "name" "worker" }}
{{ toYaml $pod }}
{{- end }}
