{{- /* The chart's name, as a label. */ -}}
{{- define "botsession.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* The name of what is made. A release called botsession should not give botsession-botsession-operator. */ -}}
{{- define "botsession.fullname" -}}
{{- $name := include "botsession.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else if hasPrefix (printf "%s-" .Release.Name) $name }}
{{- $name }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "botsession.selectorLabels" -}}
app.kubernetes.io/name: {{ include "botsession.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "botsession.labels" -}}
{{ include "botsession.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "botsession.serviceAccountName" -}}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) }}
{{- fail "serviceAccount.name must say which ServiceAccount to use if serviceAccount.create is false" }}
{{- end }}
{{- default (include "botsession.fullname" .) .Values.serviceAccount.name }}
{{- end }}

{{- define "botsession.controlKeySecret" -}}
{{- default (printf "%s-control-key" (include "botsession.fullname" . | trunc 51 | trimSuffix "-")) .Values.controlKey.existingSecret }}
{{- end }}

{{- define "botsession.previousKeyFiles" -}}
{{- range $number, $_ := . }}{{ if $number }},{{ end }}/etc/botsession/previous-{{ $number }}{{ end }}
{{- end }}

{{- /* The policy by which the API server puts the finalizer on new sessions; empty where the operator does. */ -}}
{{- define "botsession.finalizerPolicy" -}}
{{- $kind := "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy" }}
{{- if and (eq .Values.finalizer "Auto") (not .Values.watchNamespaces) (.Capabilities.APIVersions.Has $kind) }}
{{- printf "%s-finalizer" (include "botsession.fullname" . | trunc 53 | trimSuffix "-") }}
{{- end }}
{{- end }}

{{- /* A text for an env value, from which the kubelet makes the text itself: there $(NAME) is a variable, $$ a dollar. */ -}}
{{- define "botsession.literal" -}}
{{- . | replace "$" "$$" }}
{{- end }}

{{- /* Where sessions are, as a peer of a NetworkPolicy. */ -}}
{{- define "botsession.watchedNamespaces" -}}
{{- if .Values.watchNamespaces -}}
namespaceSelector:
  matchExpressions:
  - key: kubernetes.io/metadata.name
    operator: In
    values: {{ toJson .Values.watchNamespaces }}
{{- else -}}
namespaceSelector: {}
{{- end }}
{{- end }}

{{- define "botsession.sessionPods" -}}
podSelector:
  matchExpressions:
  - key: botsession.dev/session
    operator: Exists
{{- end }}

{{- /* Several operators choose a leader by a Lease; empty where one stands alone. */ -}}
{{- define "botsession.hasLease" -}}
{{- if or (gt (int64 .Values.replicas) 1) (include "botsession.isSharded" .) }}true{{ end }}
{{- end }}

{{- define "botsession.isSharded" -}}
{{- if gt (int64 .Values.shards) 1 }}true{{ end }}
{{- end }}

{{- /* For each shard what templates add to their context, as JSON: the name of its Deployment and of its Service for pokes. */ -}}
{{- define "botsession.shards" -}}
{{- $fullname := include "botsession.fullname" . }}
{{- $shards := list }}
{{- range $index := until (int .Values.shards) }}
{{- $name := printf "%s-shard-%d" (trunc 54 $fullname | trimSuffix "-") $index }}
{{- $shards = append $shards (dict "shardName" $name "shard" (dict "index" $index)) }}
{{- end }}
{{- include "botsession.isSharded" . | empty | ternary (list (dict "shardName" $fullname)) $shards | toJson }}
{{- end }}

{{- /* The Leases by which operators choose leaders. What uninstalls takes the first one, as the only shard. */ -}}
{{- define "botsession.leases" -}}
{{- $fullname := include "botsession.fullname" . }}
{{- $names := list $fullname }}
{{- if include "botsession.isSharded" . }}
{{- range $index := until (int .Values.shards) }}
{{- $names = append $names (printf "%s-shard-%d-of-%d" $fullname $index (int $.Values.shards)) }}
{{- end }}
{{- end }}
{{- join ", " $names }}
{{- end }}

{{- /* Selects the operators of the shard that `shard` names, if it does. */ -}}
{{- define "botsession.shardSelectorLabels" -}}
{{ include "botsession.selectorLabels" . }}
{{- with .shard }}
botsession.dev/shard: {{ .index | quote }}
{{- end }}
{{- end }}

{{- define "botsession.leaderRole" -}}
{{- printf "%s-leader" (include "botsession.fullname" . | trunc 56 | trimSuffix "-") }}
{{- end }}

{{- define "botsession.uninstallName" -}}
{{- printf "%s-uninstall" (include "botsession.fullname" . | trunc 53 | trimSuffix "-") }}
{{- end }}

{{- /* The account of the Job that uninstalls: one that exists only then, where the chart may make accounts. */ -}}
{{- define "botsession.uninstallAccount" -}}
{{- if .Values.serviceAccount.create }}{{ include "botsession.uninstallName" . }}{{ else }}{{ include "botsession.serviceAccountName" . }}{{ end }}
{{- end }}

{{- define "botsession.routeGroup" -}}
{{- regexReplaceAll "/.*" (required "expose.route needs an apiVersion" .apiVersion) "" }}
{{- end }}

{{- define "botsession.routeResource" -}}
{{- $resources := dict "Ingress" "ingresses" "HTTPRoute" "httproutes" }}
{{- get $resources .kind | required "expose.route must be of kind Ingress or HTTPRoute" }}
{{- end }}

{{- /* What the operator may do; nothing here that its code does not use. */ -}}
{{- define "botsession.rules" -}}
- apiGroups: [botsession.dev]
  resources: [botsessions]
  verbs: [get, list, watch, patch, delete]  # patch: its own finalizer, never the spec; delete: after ttlAfterFinished
- apiGroups: [botsession.dev]
  resources: [botsessions/status]
  verbs: [patch]
- apiGroups: [botsession.dev]
  resources: [botsessions/finalizers]
  verbs: [update]  # pods name their session as an owner that waits for them; some clusters ask for this right
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: {{ if .Values.eviction.enabled }}[get, create, delete]{{ else }}[get]{{ end }}  # of sessions that spec.eviction protects
- apiGroups: [""]
  resources: [services]
  verbs: {{ if .Values.expose.enabled }}[get, create, delete]{{ else }}[get]{{ end }}  # of sessions with spec.expose
{{- with .Values.expose.enabled | ternary .Values.expose.route dict }}
- apiGroups: [{{ include "botsession.routeGroup" . }}]
  resources: [{{ include "botsession.routeResource" . }}]
  verbs: [get, create, delete]  # as above
{{- end }}
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}

{{- /* What only the Job needs is made just before it, and goes after it. */ -}}
{{- define "botsession.uninstallHook" -}}
helm.sh/hook: pre-delete
helm.sh/hook-weight: "-1"
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{- /* Binds the uninstalling Job's account to a role. Takes root, kind, name, role, and a namespace for a Role. */ -}}
{{- define "botsession.uninstallBinding" }}
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}Binding
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "botsession.labels" .root | nindent 4 }}
  annotations:
    {{- include "botsession.uninstallHook" .root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: {{ .role }}
subjects:
- kind: ServiceAccount
  name: {{ include "botsession.uninstallAccount" .root }}
  namespace: {{ .root.Release.Namespace }}
{{- end }}
