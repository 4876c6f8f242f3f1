/**
 * The pod of a machine, from values alone. It is refused nothing by the `restricted` level of Pod Security: no root, no
 * capability, no token of the cluster. No secret is in it: the boot file is in a Secret that only its first container
 * sees, which puts it on the disk; the Secret goes when the pod runs.
 */
import type { MachineSpec } from '@berth/core'
import type { BootFile } from '@berth/wire/daemon'
import { bringDaemon, daemonIn } from '../bring-daemon.ts'
import { AGENT, PLACES } from '../cloud-init/cloud-config.ts'
import { DAEMON_CAPABILITIES } from '../machine-view.ts'

export type PodSecurity = 'restricted' | 'baseline'
export interface PodOptions {
  readonly image: string
  /**
   * `restricted`: the daemon is the agent's own user. `baseline`: the daemon is root of its pod with seven capabilities,
   * and the agent cannot reach what it keeps.
   */
  readonly podSecurity: PodSecurity
  /** A stronger wall than a kernel that is shared: `gvisor`, `kata`. */
  readonly runtimeClass: string | null
  readonly imagePullSecret: string | null
}
export interface PodPlan { readonly name: string; readonly spec: Pick<MachineSpec, 'image' | 'memoryBytes' | 'cpus'>; readonly linkUrl: string; readonly toolboxHash: string; readonly labels: Readonly<Record<string, string>> }

export const MAIN = 'workspace'
export const PREPARE = 'prepare'
export const BOOT_KEY = 'boot.json'
export const HEADER_KEY = 'authorization'
const DISK = '/berth/disk'
const BOOT = '/berth/boot'
const BOOT_FILE = `${PLACES.stateDir}/boot.json`
/** The daemon saves what it has. */
const STOP_GRACE_S = 30
/** What a scheduler sets aside; the rest is taken when it is free. */
const CPU_ASKED = 0.25
const MEBI = 1024 ** 2
const ON_DISK = [['work', PLACES.workDir], ['home', PLACES.homeDir], ['state', PLACES.stateDir], ['toolbox', PLACES.toolboxDir]] as const

export const agentUserOf = (level: PodSecurity): BootFile['agentUser'] => (level === 'baseline' ? { ...AGENT } : null)

export function podTemplate({ name, spec, linkUrl, toolboxHash, labels }: PodPlan, options: PodOptions): Record<string, unknown> {
  const image = spec.image ?? options.image
  const memory = `${Math.ceil(spec.memoryBytes / MEBI)}Mi`
  const milli = (cpus: number): string => `${Math.max(1, Math.round(cpus * 1000))}m`
  const resources = { requests: { memory, cpu: milli(spec.cpus * CPU_ASKED) }, limits: { memory, cpu: milli(spec.cpus) } }
  const { whole, each } = security(options.podSecurity)
  return {
    metadata: { labels },
    spec: {
      automountServiceAccountToken: false, enableServiceLinks: false, hostname: name, restartPolicy: 'Always', terminationGracePeriodSeconds: STOP_GRACE_S,
      // Somebody must take in the processes that the agent leaves behind.
      shareProcessNamespace: true,
      securityContext: whole,
      ...(options.runtimeClass === null ? {} : { runtimeClassName: options.runtimeClass }),
      ...(options.imagePullSecret === null ? {} : { imagePullSecrets: [{ name: options.imagePullSecret }] }),
      initContainers: [{ name: PREPARE, image, command: ['/bin/sh', '-c', prepare({ linkUrl, toolboxHash })], resources, securityContext: each, volumeMounts: [{ name: 'disk', mountPath: DISK }, { name: 'boot', mountPath: BOOT, readOnly: true }] }],
      containers: [{
        name: MAIN, image, command: [daemonIn(PLACES.toolboxDir, toolboxHash), 'supervise', '--boot', BOOT_FILE], workingDir: '/', resources, securityContext: each,
        volumeMounts: [...ON_DISK.map(([subPath, mountPath]) => ({ name: 'disk', mountPath, subPath })), { name: 'run', mountPath: PLACES.runDir }],
      }],
      volumes: [
        { name: 'disk', persistentVolumeClaim: { claimName: name } },
        // Absent once the daemon has called home: a pod that is made again by the cluster has what it needs on its disk.
        { name: 'boot', secret: { secretName: name, optional: true, defaultMode: 0o400 } },
        { name: 'run', emptyDir: { medium: 'Memory', sizeLimit: '64Mi' } },
      ],
    },
  }
}

function security(level: PodSecurity): { whole: Record<string, unknown>; each: Record<string, unknown> } {
  const seccompProfile = { type: 'RuntimeDefault' }
  const { uid, gid } = AGENT
  if (level === 'baseline') return { whole: { runAsUser: 0, runAsGroup: 0, seccompProfile }, each: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'], add: [...DAEMON_CAPABILITIES] } } }
  return {
    // Handing the disk over again at each start would take long, and open what only the daemon reads.
    whole: { runAsNonRoot: true, runAsUser: uid, runAsGroup: gid, fsGroup: gid, fsGroupChangePolicy: 'OnRootMismatch', seccompProfile },
    each: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
  }
}

/** Runs before each start of the pod; each line may be repeated. */
function prepare({ linkUrl, toolboxHash }: Pick<PodPlan, 'linkUrl' | 'toolboxHash'>): string {
  const toolboxDir = `${DISK}/toolbox`
  return `set -eu
umask 022
mkdir -p ${ON_DISK.map(([dir]) => `${DISK}/${dir}`).join(' ')}
chmod 700 ${DISK}/state
if [ -s ${BOOT}/${BOOT_KEY} ]; then
  given=$(sha256sum < ${BOOT}/${BOOT_KEY})
  if [ "$given" != "$(cat ${DISK}/state/boot.given 2>/dev/null || true)" ]; then
    # The token of the machine before is refused: this one enrols itself.
    rm -f ${DISK}/state/link-token.json
    (umask 077; cat ${BOOT}/${BOOT_KEY} > ${DISK}/state/boot.json.new)
    mv ${DISK}/state/boot.json.new ${DISK}/state/boot.json
    printf %s "$given" > ${DISK}/state/boot.given
  fi
fi
${bringDaemon({ toolboxDir, hash: toolboxHash, linkUrl, headerPath: `${BOOT}/${HEADER_KEY}` })}
`
}
