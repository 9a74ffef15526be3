{{/*
A pod of Airflow, as metadata and spec of a template. All pods of Airflow are made here.

root            the root context
component       its name; the values of that name in camel case may extend it
args            what entrypoint.sh is called with; none for a worker pod, whose arguments the executor sets
environment     its variables as a mapping
secrets         files that it needs, of those in nyc-taxi.secrets
kubernetes      whether it calls the API of Kubernetes
logs            whether it reads or writes logs of tasks
mounts          further ConfigMaps by the folder in which they are mounted
container       further fields of the container
annotations     further annotations
restart         restartPolicy
resources       of the container
init            containers that run before, as a list
*/}}
{{- define "nyc-taxi.pod" -}}
{{- $root := .root -}}
{{- $name := include "nyc-taxi.name" $root -}}
{{- $own := (include "nyc-taxi.valuesOf" . | fromYaml).pod | default dict -}}
{{- $all := $root.Values.pods -}}
{{- $together := and .logs (eq (include "nyc-taxi.oneNode" $root) "true") -}}
{{- $spread := concat $all.topologySpreadConstraints ($own.topologySpreadConstraints | default list) -}}
{{- if and (not $spread) (include "nyc-taxi.several" .) -}}
{{- $spread = list (dict "maxSkew" 1 "topologyKey" "kubernetes.io/hostname" "whenUnsatisfiable" "ScheduleAnyway" "matchLabelKeys" (list "pod-template-hash") "labelSelector" (dict "matchLabels" (include "nyc-taxi.selector" . | fromYaml))) -}}
{{- end -}}
{{- $affinity := merge (deepCopy ($own.affinity | default dict)) $all.affinity -}}
{{- if $together -}}
{{- $alongside := dict "labelSelector" (dict "matchLabels" (dict "nyc-taxi/logs" $root.Release.Name)) "topologyKey" "kubernetes.io/hostname" -}}
{{- $affinity = merge $affinity (dict "podAffinity" (dict "requiredDuringSchedulingIgnoredDuringExecution" (list $alongside))) -}}
{{- end -}}
metadata:
  labels:
    {{- include "nyc-taxi.selector" . | nindent 4 }}
    {{- if $together }}
    nyc-taxi/logs: {{ $root.Release.Name }}
    {{- end }}
    {{- with merge (dict) ($own.labels | default dict) $all.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with merge (dict) (.annotations | default dict) ($own.annotations | default dict) $all.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  restartPolicy: {{ .restart | default "Always" }}
  serviceAccountName: {{ include "nyc-taxi.serviceAccount" . }}
  automountServiceAccountToken: {{ .kubernetes | default false }}
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ $own.terminationGracePeriodSeconds | default $all.terminationGracePeriodSeconds }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 50000
    runAsGroup: 0
    fsGroup: 0
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: {type: RuntimeDefault}
  {{- with $root.Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $own.priorityClassName | default $all.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with merge (dict) ($own.nodeSelector | default dict) $all.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with concat $all.tolerations ($own.tolerations | default list) }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $spread }}
  topologySpreadConstraints:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with concat $all.initContainers ($own.initContainers | default list) (.init | default list) }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - {{ include "nyc-taxi.container" (merge (dict "name" (ternary "base" .component (eq .component "worker"))) .) | nindent 6 | trim }}
  volumes:
    - name: tmp
      emptyDir: {medium: Memory, sizeLimit: 64Mi}
    - name: files
      emptyDir: {}
    - name: logs
      {{- if and .logs (eq $root.Values.logs.store "volume") }}
      persistentVolumeClaim:
        claimName: {{ $root.Values.logs.volume.existingClaim | default (printf "%s-logs" $name) }}
      {{- else }}
      emptyDir: {sizeLimit: 1Gi}
      {{- end }}
    {{- include "nyc-taxi.secretVolume" (dict "root" $root "name" "secrets" "secrets" .secrets) | nindent 4 }}
    {{- if and .logs (eq $root.Values.logs.store "remote") $root.Values.logs.remote.credentials.name }}
    - name: logs-credentials
      secret:
        secretName: {{ $root.Values.logs.remote.credentials.name }}
        defaultMode: 0440
        items: [{key: {{ $root.Values.logs.remote.credentials.key }}, path: credentials}]
    {{- end }}
    {{- range $folder, $configMap := .mounts }}
    - name: {{ base $folder | replace "_" "-" }}
      configMap:
        name: {{ $configMap }}
    {{- end }}
    {{- with .volumes }}
    {{- . | nindent 4 }}
    {{- end }}
    {{- with concat $all.volumes ($own.volumes | default list) }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* The container of a pod of Airflow, of the same fields, and its name. */}}
{{- define "nyc-taxi.container" -}}
{{- $values := include "nyc-taxi.valuesOf" . | fromYaml -}}
{{- $own := $values.pod | default dict -}}
{{- $all := .root.Values.pods -}}
{{- $extra := concat $all.env ($own.env | default list) -}}
{{- $environment := .environment -}}
{{- range $extra -}}
{{- $environment = omit $environment .name -}}
{{- end -}}
name: {{ .name }}
image: {{ include "nyc-taxi.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
{{- with .args }}
args:
  {{- toYaml . | nindent 2 }}
{{- end }}
env:
  {{- range $name, $value := $environment }}
  - {name: {{ $name }}, value: {{ $value | quote }}}
  {{- end }}
  {{- with $extra }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with concat $all.envFrom ($own.envFrom | default list) }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .container }}
{{ toYaml . }}
{{- end }}
resources:
  {{- toYaml (.resources | default $values.resources) | nindent 2 }}
securityContext:
  {{- include "nyc-taxi.securityContext" . | nindent 2 }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  - {name: files, mountPath: /opt/airflow/files}
  - {name: logs, mountPath: /opt/airflow/logs}
  {{- if .secrets }}
  - {name: {{ .secretVolume | default "secrets" }}, mountPath: /run/secrets/nyc-taxi, readOnly: true}
  {{- end }}
  {{- if and .logs (eq .root.Values.logs.store "remote") .root.Values.logs.remote.credentials.name }}
  - {name: logs-credentials, mountPath: /run/secrets/nyc-taxi-logs, readOnly: true}
  {{- end }}
  {{- range $folder, $configMap := .mounts }}
  - {name: {{ base $folder | replace "_" "-" }}, mountPath: {{ $folder }}, readOnly: true}
  {{- end }}
  {{- with concat $all.volumeMounts ($own.volumeMounts | default list) }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* The securityContext of every container. */}}
{{- define "nyc-taxi.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* A volume with Secrets as files that only the pod's user and group can read. (root, name, secrets) */}}
{{- define "nyc-taxi.secretVolume" -}}
{{- if .secrets }}
{{- $known := include "nyc-taxi.secrets" .root | fromYaml }}
- name: {{ .name }}
  projected:
    defaultMode: 0440
    sources:
      {{- range .secrets }}
      {{- $one := get $known . }}
      - secret:
          name: {{ $one.name }}
          items: [{key: {{ $one.key }}, path: {{ . }}}]
      {{- end }}
{{- end }}
{{- end }}

{{/* "true" if the logs' volume can be used from one node only, so that all pods that use it run there. */}}
{{- define "nyc-taxi.oneNode" -}}
{{- and (eq .Values.logs.store "volume") (not .Values.logs.volume.existingClaim) (eq .Values.logs.volume.accessMode "ReadWriteOnce") -}}
{{- end }}
