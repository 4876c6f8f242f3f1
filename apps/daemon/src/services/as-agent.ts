/** Runs commands as the agent's user: the only way anything touches the workspace's tree. */
import type { BootFile } from '@berth/wire/daemon'
import { MACHINE_ENV } from '../machine.ts'
import type { AsAgent } from '../contracts.ts'
import { endFirst } from './processes/victim.ts'
import { withSystemPath } from './system-path.ts'

/** On a machine that is a person's own, only what says how to find and show things is passed on. */
const HARMLESS = /^(PATH|LANG|LC_[A-Z]+|LANGUAGE|TZ|TMPDIR|SHELL|TERMINFO|SSL_CERT_FILE|SSL_CERT_DIR|NIX_[A-Z_]+)$/
/** Names the file for git that the daemon runs itself. */
export const GIT_CONFIG_ENV = 'BERTH_GIT_CONFIG'
const OUTPUT_LIMIT_BYTES = 8 * 1024 * 1024

export interface AsAgentDeps {
  readonly boot: Pick<BootFile, 'workspaceId' | 'homeDir' | 'agentUser' | 'isolation' | 'env'>
  readonly machineBoot: string
  /** The workspace's own environment; changes with the assignment. */
  readonly workspaceEnv: () => Readonly<Record<string, string>>
  readonly hostEnv?: Readonly<Record<string, string | undefined>>
  /** Last on the PATH, and `BERTH_PROGRAMS`: the agents by their names. */
  readonly programs?: string
  /** Included by every git, if it is there. */
  readonly gitConfig?: string
}

export function createAsAgent(deps: AsAgentDeps): AsAgent {
  const { boot } = deps
  const isRoot = process.getuid?.() === 0
  const user = isRoot ? boot.agentUser : null

  const environment = (extra: Record<string, string> = {}): Record<string, string> => {
    const name = boot.agentUser?.name ?? process.env['USER'] ?? 'agent'
    const all: Record<string, string> = {
      ...inherited(deps.hostEnv ?? process.env, boot.isolation),
      HOME: boot.homeDir, USER: name, LOGNAME: name, TERM: 'xterm-256color',
      ...boot.env, ...deps.workspaceEnv(), ...extra,
      BERTH_WORKSPACE: boot.workspaceId, [MACHINE_ENV]: deps.machineBoot,
    }
    const path = withSystemPath(all['PATH'])
    return { ...all, PATH: path, ...withPrograms(path, deps.programs), ...withGitConfig(all, deps.gitConfig) }
  }
  const command: AsAgent['command'] = (argv) => ({ argv: [...argv], ...(user === null ? {} : { uid: user.uid, gid: user.gid }) })

  return {
    environment,
    command,
    async run(argv, options) {
      options.signal?.throwIfAborted()
      const { argv: whole, ...identity } = command(argv)
      const env = environment(options.env)
      const [name = '', ...rest] = whole
      const program = Bun.which(name, { PATH: env['PATH'] ?? '' })
      if (program === null) return { exitCode: 127, stdout: '', stderr: `${name}: not found in this machine` }
      // Its own process group, so that an abort ends its children too.
      const child = Bun.spawn([program, ...rest], {
        cwd: options.cwd ?? boot.homeDir, env, ...identity, detached: true,
        stdin: options.stdin === undefined ? 'ignore' : new Blob([options.stdin as Uint8Array<ArrayBuffer> | string]),
        stdout: 'pipe', stderr: 'pipe',
      })
      endFirst(child.pid)
      const onAbort = (): void => killGroup(child.pid)
      options.signal?.addEventListener('abort', onAbort, { once: true })
      try {
        const limit = options.limitBytes ?? OUTPUT_LIMIT_BYTES
        const [stdout, stderr, exitCode] = await Promise.all([readLimited(child.stdout, limit, options.bytes), readLimited(child.stderr, limit), child.exited])
        options.signal?.throwIfAborted()
        return { exitCode, stdout, stderr }
      } finally {
        options.signal?.removeEventListener('abort', onAbort)
      }
    },
  }
}

function withPrograms(path: string, dir: string | undefined): Record<string, string> {
  return dir === undefined ? {} : { PATH: `${path}:${dir}`, BERTH_PROGRAMS: dir }
}

/** A person's own configuration by environment stays as it is, and loses the way to the git hosts. */
function withGitConfig(env: Readonly<Record<string, string>>, path: string | undefined): Record<string, string> {
  if (path === undefined) return {}
  return { [GIT_CONFIG_ENV]: path, ...(env['GIT_CONFIG_COUNT'] === undefined ? { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'include.path', GIT_CONFIG_VALUE_0: path } : {}) }
}

function inherited(env: Readonly<Record<string, string | undefined>>, isolation: BootFile['isolation']): Record<string, string> {
  const whole = isolation === 'container' || isolation === 'vm'
  const kept: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || name.startsWith('BERTH_')) continue
    if (whole || HARMLESS.test(name)) kept[name] = value
  }
  return kept
}

/** Reads to the end and keeps the first `limit` bytes, so that the writer is never blocked by a full pipe. */
async function readLimited(stream: ReadableStream<Uint8Array>, limit: number, bytes = false): Promise<string> {
  const chunks: Uint8Array[] = []
  let kept = 0
  for await (const chunk of stream) {
    if (kept >= limit) continue
    chunks.push(chunk.subarray(0, limit - kept))
    kept += Math.min(chunk.length, limit - kept)
  }
  const all = Buffer.concat(chunks)
  return bytes ? all.toString('latin1') : new TextDecoder().decode(all)
}

export function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL')
  } catch {
    // Already gone.
  }
}
