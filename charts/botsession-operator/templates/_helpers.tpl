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
{{- fail "serviceAccount.name must say which ServiceAccount to use where serviceAccount.create is false" }}
{{- end }}
{{- default (include "botsession.fullname" .) .Values.serviceAccount.name }}
{{- end }}

{{- define "botsession.controlKeySecret" -}}
{{- default (printf "%s-control-key" (include "botsession.fullname" . | trunc 51 | trimSuffix "-")) .Values.controlKey.existingSecret }}
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
  verbs: [get, create, delete]  # of sessions that spec.eviction protects
- apiGroups: [""]
  resources: [services]
  verbs: [get, create, delete]  # of sessions with spec.expose
{{- with .Values.expose.route }}
- apiGroups: [{{ include "botsession.routeGroup" . }}]
  resources: [{{ include "botsession.routeResource" . }}]
  verbs: [get, create, delete]  # as above
{{- end }}
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}
