{{- define "habeas.labels" -}}
app.kubernetes.io/name: habeas
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "habeas.claim" -}}
accessModes: ["ReadWriteOnce"]
{{- if .storageClass }}
storageClassName: {{ .storageClass | quote }}
{{- end }}
resources: {"requests": {"storage": {{ .size | quote }}}}
{{- end }}

{{- define "habeas.needsDoor" -}}
{{- if and (not .tlsSecret) (not .proxies) -}}
{{- fail (printf "%s: give tlsSecret, or name trustedProxies: nobody else is let in without TLS" .name) -}}
{{- end -}}
{{- end }}
