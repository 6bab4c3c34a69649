{{- /* The operator's pod, for its Deployment and for the Job that takes its place while the release is uninstalled. */ -}}
{{- define "botsession.podLabels" -}}
{{- merge (include "botsession.shardSelectorLabels" . | fromYaml) (include "botsession.labels" . | fromYaml) .Values.podLabels | toYaml }}
{{- end }}

{{- define "botsession.podSpec" -}}
serviceAccountName: {{ include "botsession.serviceAccountName" . }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
containers:
- name: operator
  image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  env:
  - name: BOTSESSION_CONTROL_KEY_FILE
    value: /etc/botsession/control-key
  {{- with .Values.controlKey.previousSecretKeys }}
  - name: BOTSESSION_PREVIOUS_CONTROL_KEY_FILES
    value: {{ include "botsession.previousKeyFiles" . }}
  {{- end }}
  - name: BOTSESSION_RUNTIME_IMAGE
    value: {{ .Values.runtime.image | default (printf "botsession/runtime:%s" .Chart.AppVersion) | include "botsession.literal" | quote }}
  - name: BOTSESSION_INJECTION
    value: {{ .Values.runtime.injection }}
  - name: BOTSESSION_HOST_NETWORK_PORTS
    value: {{ .Values.hostNetwork.controlPorts | quote }}
  {{- if include "botsession.hasLease" . }}
  - name: BOTSESSION_LEASE
    value: {{ .Release.Namespace }}/{{ include "botsession.fullname" . }}
  - name: BOTSESSION_POD_NAME
    valueFrom:
      fieldRef:
        fieldPath: metadata.name
  {{- end }}
  {{- with .shard }}
  - name: BOTSESSION_SHARD
    value: {{ printf "%d/%d" (int .index) (int $.Values.shards) | quote }}
  {{- end }}
  - name: BOTSESSION_LISTEN
    value: 0.0.0.0:8475
  - name: BOTSESSION_POKE_BASE_URL
    value: http://{{ .shardName | default (include "botsession.fullname" .) }}.{{ .Release.Namespace }}.svc:8475
  - name: BOTSESSION_HEARTBEAT_ADDRESS
    value: {{ .shardName | default (include "botsession.fullname" .) }}.{{ .Release.Namespace }}.svc:8476
  - name: BOTSESSION_WATCH_NAMESPACES
    value: {{ join "," .Values.watchNamespaces | include "botsession.literal" | quote }}
  - name: BOTSESSION_WORKERS
    value: {{ .Values.workers | quote }}
  {{- with .Values.expose.url }}
  - name: BOTSESSION_EXPOSE_URL
    value: {{ include "botsession.literal" . | quote }}
  {{- end }}
  {{- with .Values.expose.route }}
  - name: BOTSESSION_EXPOSE_ROUTE
    value: {{ toJson . | include "botsession.literal" | quote }}
  {{- end }}
  - name: BOTSESSION_LOG_FORMAT
    value: {{ .Values.log.format }}
  - name: BOTSESSION_LOG_LEVEL
    value: {{ .Values.log.level }}
  {{- with .Values.webhook }}
  {{- if .url }}
  - name: BOTSESSION_WEBHOOK_URL
    value: {{ include "botsession.literal" .url | quote }}
  - name: BOTSESSION_WEBHOOK_SECRET_FILE
    value: /etc/botsession-webhook/secret
  - name: BOTSESSION_WEBHOOK_EVENTS
    value: {{ join "," .events | quote }}
  - name: BOTSESSION_WEBHOOK_SOURCE
    value: {{ include "botsession.literal" .source | quote }}
  - name: BOTSESSION_WEBHOOK_PATIENCE_SECONDS
    value: {{ int64 .patienceSeconds | quote }}
  {{- end }}
  {{- end }}
  ports:
  - name: http
    containerPort: 8475
  - name: heartbeats
    containerPort: 8476
    protocol: UDP
  livenessProbe:
    httpGet:
      path: /livez
      port: http
    initialDelaySeconds: 5
    periodSeconds: 10
    timeoutSeconds: 5
    failureThreshold: 6
  readinessProbe:
    httpGet:
      path: /readyz
      port: http
    periodSeconds: 2
    timeoutSeconds: 5
  securityContext:
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities:
      drop: [ALL]
  {{- with .Values.resources }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  volumeMounts:
  - name: control-key
    mountPath: /etc/botsession
    readOnly: true
  {{- if .Values.webhook.url }}
  - name: webhook-secret
    mountPath: /etc/botsession-webhook
    readOnly: true
  {{- end }}
  - name: tmp
    mountPath: /tmp
volumes:
- name: control-key
  secret:
    secretName: {{ include "botsession.controlKeySecret" . }}
    defaultMode: 0440
    items:
    - key: {{ .Values.controlKey.existingSecretKey }}
      path: control-key
    {{- range $number, $key := .Values.controlKey.previousSecretKeys }}
    - key: {{ $key }}
      path: previous-{{ $number }}
    {{- end }}
{{- if .Values.webhook.url }}
- name: webhook-secret
  secret:
    secretName: {{ required "webhook.url needs webhook.existingSecret, the Secret with what its messages are signed with" .Values.webhook.existingSecret }}
    defaultMode: 0440
    items:
    - key: {{ .Values.webhook.existingSecretKey }}
      path: secret
{{- end }}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
