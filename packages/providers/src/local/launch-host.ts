/** Starts the host process of a machine, whose directory holds its programs and its host.json. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { ProviderFault, type Owner } from '@berth/core'
import { ownerKey, readProcess } from './machine-dir.ts'
import { PLAIN_BUN } from './plain-bun.ts'
import { isAlive, type Mark } from './process-tree.ts'
import { HOST_PROGRAM } from './programs.ts'

const START_TIMEOUT_MS = 20_000

/** Detached: its own session, no pipe that matters after `ready`, nothing of the server's environment. */
export async function launchHost({ dir, owner, mark }: { readonly dir: string; readonly owner: Owner; readonly mark: Mark }, signal: AbortSignal): Promise<void> {
  const child = spawn(process.execPath, [join(dir, 'programs', HOST_PROGRAM)], {
    cwd: dir, detached: true, stdio: ['ignore', 'pipe', 'ignore'],
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', ...PLAIN_BUN, [mark]: ownerKey(owner) },
  })
  child.unref()
  const limit = AbortSignal.any([signal, AbortSignal.timeout(START_TIMEOUT_MS)])
  const said = await new Promise<string>((resolve, reject) => {
    limit.addEventListener('abort', () => resolve('late'), { once: true })
    child.once('error', reject)
    child.stdout.once('data', (bytes: Buffer) => resolve(bytes.toString()))
    child.stdout.once('end', () => resolve('ended'))
  })
  child.stdout.destroy()
  const file = await readProcess(dir)
  if (said.startsWith('ready') || (file !== null && isAlive(file))) return
  signal.throwIfAborted()
  throw new ProviderFault('unknown', 'the machine did not start', { committed: 'unknown', hint: `see ${join(dir, 'log')}` })
}
