/** Whether the sandbox works here, found out by making one: a present program may still be forbidden to. */
import type { ProviderCheck } from '@berth/core'
import { probeArgv, type Identity } from './sandbox.ts'
import { AGENT_INSIDE, spawnWithTwoUsers } from './user-namespace.ts'

const PROBE_TIMEOUT_MS = 10_000
/** Any uids do for a look: nothing is written under them. */
const PROBE_USERS = { daemon: 200_000, agent: 200_001 } as const

export async function checkSandbox(mode: 'auto' | 'none', signal: AbortSignal): Promise<ProviderCheck> {
  const none = (detail: string, hint: string): ProviderCheck => ({ ok: true, isolation: 'none', detail, hint })
  if (mode === 'none') return none('the sandbox is switched off', 'switch it on again, or use --provider docker')
  if (process.platform !== 'linux') return none('the sandbox needs Linux', 'use --provider docker, or accept a workspace without isolation')
  const root = process.getuid?.() === 0
  for (const program of ['bwrap', 'prlimit', ...(root ? ['setpriv'] : [])]) {
    if (Bun.which(program) === null) return none(`${program} is not installed`, `install ${program === 'bwrap' ? 'bubblewrap' : 'util-linux'}, or use --provider docker`)
  }
  const sandbox = (detail: string): ProviderCheck => ({ ok: true, isolation: 'sandbox', detail: `bubblewrap works; ${detail}`, hint: null })
  if (root && await twoUsersWork(signal)) return sandbox('the daemon and the agent are two users')
  const refusal = await look(root ? { kind: 'uid', uid: AGENT_INSIDE } : { kind: 'self' }, signal)
  if (refusal === null) return sandbox('the daemon and the agent are one user, so an agent can read its own machine\'s link token')
  return none(`bubblewrap does not work here: ${refusal}`, 'allow unprivileged user namespaces for bwrap, or use --provider docker')
}

/** As root only. */
export async function twoUsersWork(signal: AbortSignal): Promise<boolean> {
  return (await look({ kind: 'two-users' }, signal)) === null
}

/** Null: it works. */
async function look(identity: Identity, signal: AbortSignal): Promise<string | null> {
  const argv = probeArgv(identity)
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' }
  const limit = AbortSignal.any([signal, AbortSignal.timeout(PROBE_TIMEOUT_MS)])
  const probe = identity.kind === 'two-users' ? await spawnWithTwoUsers(argv, env, PROBE_USERS).catch(String) : Bun.spawn(argv, { stdin: 'pipe', stdout: 'pipe', stderr: 'pipe', env })
  if (typeof probe === 'string') return probe
  const onAbort = (): void => probe.kill('SIGKILL')
  limit.addEventListener('abort', onAbort, { once: true })
  try {
    const said = (await new Response(probe.stderr).text()).trim().slice(0, 500)
    if ((await probe.exited) === 0) return null
    signal.throwIfAborted()
    return said
  } finally {
    limit.removeEventListener('abort', onAbort)
  }
}
