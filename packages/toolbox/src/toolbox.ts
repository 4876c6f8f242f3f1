/**
 * The toolbox: what is put into machines, whatever their image. One directory, mounted read-only at /opt/berth:
 *
 *   <dir>/<hash>/berth-daemon          the daemon, named by the content it was built from
 *   <dir>/<hash>/agents -> ../agents
 *   <dir>/agents/<name>-<version>/…    the agents, and what runs those that are scripts (node)
 *
 * Everything is written beside its final place and renamed, so a reader never sees half of it, and several servers
 * may share the directory. Nothing in it is secret: an unprivileged agent reads and runs it.
 */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fetchAgent, pinnedVersion, type AgentName } from './agents.ts'
import { daemonFromProduct, daemonFromSource, type EmbeddedDaemon } from './daemon-build.ts'
import { ensureSshServer } from './ssh-server.ts'
import { hostTarget, type Target } from './targets.ts'

/** The shape of core's ToolboxRef; this package may not import core. */
export interface ToolboxRef { readonly hostDir: string; readonly hash: string }
export interface ToolboxOptions {
  readonly dir: string
  readonly log: (line: string) => void
  /** Entry point compiled when running from source. */
  readonly daemonEntry?: string
  /** Set by the compiled product: returns the daemon that travels inside it. */
  readonly embedded?: EmbeddedDaemon
}
export interface Toolbox {
  readonly dir: string
  ensureDaemon(target: Target | undefined, signal: AbortSignal): Promise<ToolboxRef>
  /** Path on this host of the agent's executable. */
  ensureAgent(request: AgentRequest, signal: AbortSignal): Promise<string>
}
export interface AgentRequest { readonly agent: AgentName; readonly version?: string; readonly target?: Target; readonly onProgress?: (line: string) => void }

/** BERTH_TOOLBOX, else a place that every user of this host may read when we are root, else the user's cache. */
export function defaultToolboxDir(env: Readonly<Record<string, string | undefined>>): string {
  if (env['BERTH_TOOLBOX']) return env['BERTH_TOOLBOX']
  if (process.getuid?.() === 0) return '/var/lib/berth/toolbox'
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'berth', 'toolbox')
}

/** Copying takes a fraction of it. */
const SSH_PATIENCE_MS = 1500

export function createToolbox(options: ToolboxOptions): Toolbox {
  const { dir, log } = options
  const flights = new Map<string, Promise<unknown>>()
  /** A second caller waits for the first; a failure is forgotten, so the next call tries again. */
  const once = <T>(key: string, work: () => Promise<T>): Promise<T> => {
    const running = flights.get(key)
    // Keys name the kind of work, so the stored promise has the type of this call.
    if (running !== undefined) return running as Promise<T>
    const flight = work().finally(() => flights.delete(key))
    flights.set(key, flight)
    return flight
  }
  return {
    dir,
    async ensureDaemon(target = hostTarget(), signal) {
      const { embedded, daemonEntry } = options
      const build = embedded === undefined
        ? () => daemonFromSource({ dir, log, entry: daemonEntry ?? defaultDaemonEntry() }, target, signal)
        : () => daemonFromProduct({ dir, log, embedded }, target, signal)
      const hash = await once(`daemon ${target}`, build)
      // A fetch goes on by itself: only who comes by ssh, to an image that has no sshd, ever misses it.
      if (target === hostTarget()) await Promise.race([once('ssh server', () => ensureSshServer({ dir, log }, signal)), Bun.sleep(SSH_PATIENCE_MS)])
      return { hostDir: dir, hash }
    },
    async ensureAgent({ agent, version, target = hostTarget(), onProgress = log }, signal) {
      const wanted = version ?? pinnedVersion(agent)
      return await once(`${agent} ${wanted} ${target}`, () => fetchAgent(agent, { dir, version: wanted, target, onProgress }, signal))
    },
  }
}

function defaultDaemonEntry(): string {
  return join(import.meta.dir, '../../../apps/daemon/src/main.ts')
}
