{{- /*
The rules of guardrails, in CEL. They are written once, for two kinds of objects: a BotSession, whose author is told at
`kubectl apply`; and the pod that the operator makes of it, in which nothing can hide. `isPod` says for which.
A list that a rule does not have limits nothing; one that is empty allows nothing.

The rules stand in the policy itself. A ConfigMap as its parameters would be simpler to read, but once the last policy with
such parameters has gone, the API server (1.36) never watches ConfigMaps for policies again: the next one finds none.
*/ -}}
{{- define "botsession.guardrailVariables" }}
{{- $rule := .rule }}
{{- range $name := list "images" "serviceAccounts" "secrets" "priorityClasses" }}
- name: {{ $name }}Allowed
  expression: >-
    {{ hasKey $rule $name | ternary (get $rule $name) (list "*") | default list | toJson }}
    .map(pattern, '^' + pattern.replace('.', '[.]').replace('*', '.*') + '$')
{{- end }}
- name: limits
  expression: {{ .rule.requiredLimits | default list | toJson | quote }}
- name: hostIsClosed
  expression: "{{ not .rule.hostAccess }}"
{{- if .isPod }}
- name: pod
  expression: object.spec
{{- else }}
- name: isNew
  expression: >-
    oldObject == null || object.spec.bot != oldObject.spec.bot ||
    object.spec.?podTemplate != oldObject.spec.?podTemplate
- name: bot
  expression: object.spec.bot
- name: pod
  expression: object.spec.?podTemplate.?spec.orValue({})
{{- end }}
- name: containers
  expression: >-
    variables.pod.?containers.orValue([]) + variables.pod.?initContainers.orValue([])
    + variables.pod.?ephemeralContainers.orValue([])
    {{- if not .isPod }} + [variables.bot]{{ end }}
- name: volumes
  expression: variables.pod.?volumes.orValue([])
- name: images
  expression: >-
    variables.containers.filter(each, has(each.image)).map(each, each.image)
    + variables.volumes.filter(each, has(each.image)).map(each, each.image.?reference.orValue(''))
- name: imagesRefused
  expression: >-
    variables.images.filter(image, {{ if .isPod }}image != {{ toJson .runtime }} && {{ end -}}
    !variables.imagesAllowed.exists(pattern, image.matches(pattern)))
- name: serviceAccounts
  expression: >-
    [variables.pod.?serviceAccountName.orValue(''), variables.pod.?serviceAccount.orValue('')]
    .filter(name, name != '')
- name: serviceAccountsRefused
  expression: >-
    (variables.serviceAccounts.size() > 0 ? variables.serviceAccounts : ['default'])
    .filter(name, !variables.serviceAccountsAllowed.exists(pattern, name.matches(pattern)))
{{- end }}

{{- define "botsession.guardrailValidations" }}
{{- /* What a session runs cannot change. One that is older than the rules may be edited, and cut short. */}}
{{- $isJudged := .isPod | ternary "" "!variables.isNew || " }}
- expression: >-
    {{ $isJudged }}(variables.imagesRefused.size() == 0)
  messageExpression: >-
    'the image ' + variables.imagesRefused.join(', ') + ' is not allowed in this namespace; allowed is {{ .rule.images | join ", " }}'
- expression: >-
    {{ $isJudged }}(variables.serviceAccountsRefused.size() == 0)
  messageExpression: >-
    'the ServiceAccount ' + variables.serviceAccountsRefused.join(', ') + ' is not allowed in this namespace; allowed is
    {{ .rule.serviceAccounts | join ", " }}'
- expression: >-
    {{ $isJudged }}(variables.pod.?priorityClassName.orValue('') == '' ||
    variables.priorityClassesAllowed.exists(pattern, variables.pod.priorityClassName.matches(pattern)))
  message: this priorityClassName is not allowed in this namespace
# Secrets: each way in which a pod can take from one.
- expression: >-
    {{ $isJudged }}(variables.containers.all(container, container.?env.orValue([]).all(each,
    !has(each.valueFrom) || !has(each.valueFrom.secretKeyRef) ||
    variables.secretsAllowed.exists(pattern, each.valueFrom.secretKeyRef.name.matches(pattern)))))
  message: env takes a value from a Secret that is not allowed in this namespace
- expression: >-
    {{ $isJudged }}(variables.containers.all(container, container.?envFrom.orValue([]).all(each, !has(each.secretRef) ||
    variables.secretsAllowed.exists(pattern, each.secretRef.name.matches(pattern)))))
  message: envFrom takes values from a Secret that is not allowed in this namespace
- expression: >-
    {{ $isJudged }}(variables.volumes.all(volume, (!has(volume.secret) ||
    variables.secretsAllowed.exists(pattern, volume.secret.?secretName.orValue('').matches(pattern))) &&
    volume.?projected.?sources.orValue([]).all(each, !has(each.secret) ||
    variables.secretsAllowed.exists(pattern, each.secret.?name.orValue('').matches(pattern)))))
  message: a volume mounts a Secret that is not allowed in this namespace
{{- if hasKey .rule "secrets" }}
- expression: >-
    {{ $isJudged }}(variables.volumes.all(volume, !has(volume.csi) && !has(volume.azureFile) &&
    !has(volume.cephfs) && !has(volume.flexVolume) && !has(volume.iscsi) && !has(volume.rbd) && !has(volume.scaleIO) &&
    !has(volume.storageos)))
  message: a volume of this type may take from any Secret; where Secrets are limited, use a PersistentVolumeClaim
{{- end }}
- expression: >-
    {{ $isJudged }}(variables.pod.?imagePullSecrets.orValue([]).all(each,
    variables.secretsAllowed.exists(pattern, each.?name.orValue('').matches(pattern))))
  message: imagePullSecrets names a Secret that is not allowed in this namespace
{{- if not .isPod }}
- expression: >-
    {{ $isJudged }}((!has(variables.bot.transport) || !has(variables.bot.transport.token) ||
    variables.secretsAllowed.exists(pattern, variables.bot.transport.token.secretKeyRef.name.matches(pattern))) &&
    variables.bot.?transport.?iceServers.orValue([]).all(each, !has(each.credential) ||
    variables.secretsAllowed.exists(pattern, each.credential.secretKeyRef.name.matches(pattern))))
  message: spec.bot.transport takes from a Secret that is not allowed in this namespace
{{- end }}
# The node: what leads out of the pod. Pod Security's level `restricted` refuses more.
- expression: >-
    {{ $isJudged }}(!variables.hostIsClosed || ['hostNetwork', 'hostPID', 'hostIPC'].all(name,
    !(name in variables.pod) || variables.pod[name] == false))
  message: hostNetwork, hostPID and hostIPC are not allowed in this namespace
- expression: >-
    {{ $isJudged }}(!variables.hostIsClosed || variables.volumes.all(volume, volume.all(type, type in ['name', 'configMap', 'csi',
    'downwardAPI', 'emptyDir', 'ephemeral', 'image', 'persistentVolumeClaim', 'projected', 'secret'])))
  message: hostPath volumes, and volumes of other types that lead out of the pod, are not allowed in this namespace
- expression: >-
    {{ $isJudged }}(!variables.hostIsClosed || variables.containers.all(container, container.?ports.orValue([]).all(port,
    port.?hostPort.orValue(0) == 0)))
  message: hostPort is not allowed in this namespace
- expression: >-
    {{ $isJudged }}(!variables.hostIsClosed || variables.containers.all(container,
    container.?securityContext.?privileged.orValue(false) == false &&
    container.?securityContext.?procMount.orValue('Default') == 'Default' &&
    container.?securityContext.?windowsOptions.?hostProcess.orValue(false) == false &&
    container.?securityContext.?capabilities.?add.orValue([]).all(name, name == 'NET_BIND_SERVICE')) &&
    variables.pod.?securityContext.?windowsOptions.?hostProcess.orValue(false) == false)
  message: privileged containers, added capabilities, procMount and hostProcess are not allowed in this namespace
- expression: >-
    {{ $isJudged }}(!variables.hostIsClosed || variables.pod.?nodeName.orValue('') == '')
  message: nodeName is not allowed in this namespace, because it goes past the scheduler
# Limits.
{{- if .isPod }}
- expression: >-
    {{ $isJudged }}(variables.containers.all(container,
    container.name == 'botsession-runtime' && container.image == {{ toJson .runtime }} ||
    variables.limits.all(name, name in container.?resources.?limits.orValue({}))))
  messageExpression: >-
    'each container needs limits of ' + variables.limits.join(' and ') + ' in this namespace'
{{- else }}
- expression: >-
    {{ $isJudged }}(variables.limits.all(name, name in variables.bot.?resources.?limits.orValue({})))
  messageExpression: >-
    'spec.bot.resources.limits needs ' + variables.limits.join(' and ') + ' in this namespace'
- expression: >-
    {{ $isJudged }}((variables.pod.?containers.orValue([]) + variables.pod.?initContainers.orValue([])).all(container,
    container.name == 'bot' || variables.limits.all(name, name in container.?resources.?limits.orValue({}))))
  messageExpression: >-
    'each sidecar and init container needs limits of ' + variables.limits.join(' and ') + ' in this namespace'
{{- with .rule.maxSessionDuration }}
- expression: >-
    duration(object.spec.maxSessionDuration) <= duration('{{ . }}') ||
    oldObject != null && duration(object.spec.maxSessionDuration) <= duration(oldObject.spec.maxSessionDuration)
  message: spec.maxSessionDuration may be at most {{ . }} in this namespace
{{- end }}
{{- end }}
{{- end }}
