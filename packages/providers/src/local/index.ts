/**
 * The `local` provider: a machine is a process tree on this host, in a sandbox where one works. It needs neither a
 * container engine nor tmux. Its processes belong to no server: they go on when the server dies, and a later server
 * finds them by their machine directory.
 */
import type { Isolation } from '@berth/wire'
import { ProviderFault, type MachineMade, type MachineSpec, type Owner, type Provider, type ProviderCheck } from '@berth/core'
import { createProcessMachines } from './life.ts'
import { OUTSIDE_DIR, plainRootReaches, uidsOf, type MachineRecord } from './machine-dir.ts'
import { checkSandbox, twoUsersWork } from './probe.ts'
import { LOCAL_MARK } from './process-tree.ts'
import { startMachine } from './start.ts'

/** For the server, which is the way out of machines that have none of their own. */
export { isPublic, parseHead } from './egress.ts'

export interface LocalProviderOptions {
  readonly installation: string
  readonly home: string
  readonly log: (line: string) => void
  /** `host` or `host:port` that machines may reach although it is private. */
  readonly egressAllow?: readonly string[]
  /** Loopback ports of this host that machines may reach as `host.docker.internal:<port>`. */
  readonly hostPorts?: readonly number[]
  /** More of the host's files that machines may read (a toolchain outside /usr). */
  readonly readOnlyPaths?: readonly string[]
  /** `none` skips the sandbox even where it works; a person must have accepted it. */
  readonly sandbox?: 'auto' | 'none'
}

/** SIGTERM, then this long for the daemon to save and end its children, then everything is killed. */
const STOP_GRACE_MS = 10_000

export function createLocalProvider(options: LocalProviderOptions): Provider {
  const { home, installation } = options
  return createProcessMachines({
    name: 'local', installation, place: { home, outside: OUTSIDE_DIR }, mark: LOCAL_MARK, graceMs: STOP_GRACE_MS,
    check: (signal) => checkSandbox(options.sandbox ?? 'auto', signal),
    quote: () => ({ currency: 'USD', runningMicrosPerHour: 0, stoppedMicrosPerHour: 0, note: 'runs on this computer' }),
    refuse(spec) {
      if (spec.image !== null) throw new ProviderFault('unsupported', 'the local provider runs no image', { hint: 'leave the image out, or use --provider docker' })
    },
    isolationFor: acceptedIsolation,
    usersFor: (machine, signal) => usersFor({ home, ...machine }, signal),
    async start({ owner, spec, isolation, machine }, { signal, log }) {
      log?.(isolation === 'sandbox' ? 'starting a sandboxed process tree' : 'starting a process tree without a sandbox')
      await startMachine({ options, owner, spec, isolation, machine }, signal)
    },
    madeFrom: withoutDevcontainer,
  })
}

/** So long is a project looked at whose names nobody knows; then nothing is said of it. */
const LOOK_MS = 10_000

/** A machine here has the programs of this computer, whatever the project asks for; its people are told. */
async function withoutDevcontainer({ project }: MachineSpec, signal: AbortSignal): Promise<MachineMade | null> {
  const path = project?.devcontainer === undefined ? await lookedUp(project, signal) : project.devcontainer
  if (path === null) return null
  const notice = { level: 'warning', code: 'devcontainer_ignored', message: `${path} is not used: a local machine has the programs of this computer`, hint: 'use --provider docker for the environment that the project describes' } as const
  return { from: 'default', notices: [notice], ports: [], recovery: null }
}

async function lookedUp(project: MachineSpec['project'], signal: AbortSignal): Promise<string | null> {
  if (project === undefined) return null
  const said = await project.look({ signal: AbortSignal.any([signal, AbortSignal.timeout(LOOK_MS)]), log: () => {} }).catch(() => null)
  signal.throwIfAborted()
  return said?.kind === 'devcontainer' ? said.path : null
}

/** Two where they work; a machine keeps for its life what it began with, because its files belong to them. */
async function usersFor({ home, owner, spec, isolation }: { home: string; owner: Owner; spec: MachineSpec; isolation: Isolation }, signal: AbortSignal): Promise<Pick<MachineRecord, 'uid' | 'agentUid'>> {
  const uids = uidsOf(owner)
  if (uids === null) return { uid: null }
  const reached = isolation === 'sandbox' && (await Promise.all([home, spec.boot.toolbox.hostDir, process.execPath].map(plainRootReaches))).every(Boolean)
  return reached && await twoUsersWork(signal) ? { uid: uids.daemon, agentUid: uids.agent } : { uid: uids.daemon }
}

function acceptedIsolation(spec: MachineSpec, { isolation, detail, hint }: ProviderCheck): ProviderCheck['isolation'] {
  if (isolation !== 'none' || spec.acceptNoIsolation === true) return isolation
  throw new ProviderFault('unsupported', `nothing would separate the agent from this computer: ${detail}`, { hint: hint ?? 'accept it explicitly, or use --provider docker' })
}
