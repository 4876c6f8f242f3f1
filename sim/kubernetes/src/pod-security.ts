/**
 * The Pod Security Standards, `baseline` and `restricted`, as the admission of a namespace checks them:
 * https://kubernetes.io/docs/concepts/security/pod-security-standards/
 */
import type { Container, PodSpec } from './model.ts'

export const LEVELS = ['privileged', 'baseline', 'restricted'] as const
export type Level = (typeof LEVELS)[number]
export const LABEL = 'pod-security.kubernetes.io/enforce'

const DEFAULT_CAPABILITIES = new Set(['AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'MKNOD', 'NET_BIND_SERVICE', 'SETFCAP', 'SETGID', 'SETPCAP', 'SETUID', 'SYS_CHROOT'])
const VOLUMES = new Set(['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'persistentVolumeClaim', 'projected', 'secret'])
const PROFILES = new Set(['RuntimeDefault', 'Localhost'])

const containersOf = ({ containers, initContainers = [] }: PodSpec): readonly Container[] => [...initContainers, ...containers]
const each = (pod: PodSpec, wrong: (container: Container) => boolean, words: string): string[] => containersOf(pod).filter(wrong).map(({ name }) => `${words} (container "${name}")`)

/** What the level refuses, in words; none: it is let in. */
export function violations(level: Level, pod: PodSpec): string[] {
  if (level === 'privileged') return []
  return level === 'baseline' ? baseline(pod) : [...baseline(pod), ...restricted(pod)]
}

function baseline(pod: PodSpec): string[] {
  return [
    ...(pod.hostNetwork === true || pod.hostPID === true || pod.hostIPC === true ? ['host namespaces'] : []),
    ...(pod.volumes ?? []).filter((volume) => volume['hostPath'] !== undefined).map(({ name }) => `hostPath volumes (volume "${name}")`),
    ...each(pod, ({ securityContext }) => securityContext?.privileged === true, 'privileged'),
    ...each(pod, ({ securityContext }) => (securityContext?.capabilities?.add ?? []).some((name) => !DEFAULT_CAPABILITIES.has(name)), 'non-default capabilities'),
    ...each(pod, ({ ports }) => (ports ?? []).some(({ hostPort }) => hostPort !== undefined && hostPort !== 0), 'hostPort'),
    ...each(pod, ({ securityContext }) => securityContext?.procMount !== undefined && securityContext.procMount !== 'Default', 'procMount'),
    ...each(pod, ({ securityContext }) => securityContext?.seccompProfile?.type === 'Unconfined', 'seccompProfile'),
  ]
}

function restricted(pod: PodSpec): string[] {
  const { securityContext: whole } = pod
  return [
    ...(pod.volumes ?? []).filter((volume) => Object.keys(volume).some((kind) => kind !== 'name' && !VOLUMES.has(kind))).map(({ name }) => `restricted volume types (volume "${name}")`),
    ...each(pod, ({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false, 'allowPrivilegeEscalation != false'),
    ...each(pod, ({ securityContext }) => !(securityContext?.capabilities?.drop ?? []).includes('ALL') || (securityContext?.capabilities?.add ?? []).some((name) => name !== 'NET_BIND_SERVICE'), 'unrestricted capabilities'),
    ...each(pod, ({ securityContext }) => (securityContext?.runAsNonRoot ?? whole?.runAsNonRoot) !== true, 'runAsNonRoot != true'),
    ...each(pod, ({ securityContext }) => (securityContext?.runAsUser ?? whole?.runAsUser) === 0, 'runAsUser=0'),
    ...each(pod, ({ securityContext }) => !PROFILES.has(securityContext?.seccompProfile?.type ?? whole?.seccompProfile?.type ?? ''), 'seccompProfile'),
  ]
}
