/** The disk that a new machine starts with: Debian packages alone, made once on this host and kept by the engine. */
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { docker } from './docker.ts'

/** What vendors' Debian images have and a workspace wants. */
export const PACKAGES = ['ca-certificates', 'cloud-init', 'systemd', 'systemd-sysv', 'dbus', 'iproute2', 'curl', 'netbase', 'openssh-server', 'git', 'sudo', 'procps', 'zstd', 'nftables']
export const DROPPED_PATHS = ['doc', 'man', 'locale'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`)
/** Of no use in a container, or in its way. */
export const MASKED_TIMERS = ['apt-daily.timer', 'apt-daily-upgrade.timer', 'e2scrub_all.timer', 'fstrim.timer']
const MASKED = ['systemd-udevd.service', 'systemd-udev-trigger.service', 'systemd-logind.service', 'getty.target', 'console-getty.service', 'systemd-modules-load.service', 'systemd-remount-fs.service', ...MASKED_TIMERS, 'dev-hugepages.mount', 'sys-fs-fuse-connections.mount']
/** The seed is what the metadata service is there; the network is the container's. */
const CLOUD_CONFIG = ['datasource_list: [NoCloud, None]', 'network: {config: disabled}', 'locale: false', 'ssh_genkeytypes: [ed25519]', ''].join('\n')

const DOCKERFILE = `FROM scratch
ADD root.tar /
RUN ${MASKED.map((unit) => `ln -sf /dev/null /etc/systemd/system/${unit}`).join(' && ')} && : > /etc/machine-id && rm -f /etc/ssh/ssh_host_* && printf '${CLOUD_CONFIG.replaceAll('\n', '\\n')}' > /etc/cloud/cloud.cfg.d/99_sim.cfg
STOPSIGNAL SIGRTMIN+3
CMD ["/sbin/init"]
`

let made: Promise<string> | null = null

/** The image's name. Takes half a minute once in a host's life; throws where mmdebstrap is missing. */
export function machineImage(): Promise<string> {
  made ??= make().catch((error: unknown) => {
    made = null
    throw error
  })
  return made
}

async function make(): Promise<string> {
  const tag = `berth-sim/machine:${createHash('sha256').update(DOCKERFILE).update(PACKAGES.join(' ')).digest('hex').slice(0, 12)}`
  if ((await docker(['image', 'inspect', '--format', '{{.Id}}', tag], { mayFail: true })).exitCode === 0) return tag
  const dir = await mkdtemp(join(tmpdir(), 'sim-machine-image-'))
  try {
    const child = Bun.spawn(['mmdebstrap', '--quiet', '--variant=minbase', `--include=${PACKAGES.join(',')}`, ...DROPPED_PATHS, 'bookworm', join(dir, 'root.tar')], { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' })
    const [stderr, exitCode] = await Promise.all([new Response(child.stderr).text(), child.exited])
    if (exitCode !== 0) throw new Error(`mmdebstrap ended with ${exitCode}: ${stderr.trim().slice(-800)}`)
    await Bun.write(join(dir, 'Dockerfile'), DOCKERFILE)
    await docker(['build', '--quiet', '--tag', tag, dir])
    return tag
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}
