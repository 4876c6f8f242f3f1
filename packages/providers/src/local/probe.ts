/** Whether the sandbox works here, found out by making one: a present program may still be forbidden to. */
import type { ProviderCheck } from '@berth/core'
import { probeArgv } from './sandbox.ts'

const PROBE_TIMEOUT_MS = 10_000

export async function checkSandbox(mode: 'auto' | 'none', signal: AbortSignal): Promise<ProviderCheck> {
  const none = (detail: string, hint: string): ProviderCheck => ({ ok: true, isolation: 'none', detail, hint })
  if (mode === 'none') return none('the sandbox is switched off', 'switch it on again, or use --provider docker')
  if (process.platform !== 'linux') return none('the sandbox needs Linux', 'use --provider docker, or accept a workspace without isolation')
  for (const program of ['bwrap', 'prlimit', ...(process.getuid?.() === 0 ? ['setpriv'] : [])]) {
    if (Bun.which(program) === null) return none(`${program} is not installed`, `install ${program === 'bwrap' ? 'bubblewrap' : 'util-linux'}, or use --provider docker`)
  }
  const probe = Bun.spawn(probeArgv(), {
    stdin: 'ignore', stdout: 'ignore', stderr: 'pipe', env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    signal: AbortSignal.any([signal, AbortSignal.timeout(PROBE_TIMEOUT_MS)]),
  })
  const said = (await new Response(probe.stderr).text()).trim().slice(0, 500)
  if ((await probe.exited) === 0) return { ok: true, isolation: 'sandbox', detail: 'bubblewrap works', hint: null }
  signal.throwIfAborted()
  return none(`bubblewrap does not work here: ${said}`, 'allow unprivileged user namespaces for bwrap, or use --provider docker')
}
