/** What every benchmark that needs a workspace begins with: `berth up` of a small tree, and the machine's place on this host. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Workspace, WorkspaceId } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import type { Product } from './product.ts'

/** `words`: further ones of `berth up`. Once it is up the tree it came from is not needed any more. */
export async function bringUp(product: Product, name: string, words: readonly string[], withinMs?: number): Promise<Workspace> {
  const source = mkdtempSync(join(tmpdir(), 'berth-bench-src-'))
  try {
    writeFileSync(join(source, 'README.md'), '# bench\n')
    return await product.json<Workspace>(['up', source, '--no-open', '-y', '--name', name, ...words], withinMs === undefined ? {} : { withinMs })
  } finally {
    rmSync(source, { recursive: true, force: true })
  }
}

/** On the provider that is here everywhere, with a command in its terminal. */
export const plainOn = (command: string): string[] => ['--provider', 'local', '--accept-no-isolation', '--agent', 'plain', '--command', command]

/** Of a machine of `local`. */
export function machineDir(home: string, id: WorkspaceId): string {
  const [path] = [...new Bun.Glob(`workspaces/${id}/*/state/journal.sqlite`).scanSync({ cwd: home, absolute: true })]
  if (path === undefined) throw new BerthError('not_found', 'the machine is not where it was looked for', { hint: `below workspaces/${id} of the home` })
  return dirname(dirname(path))
}

/** Every process of a machine carries its owner in the environment. */
export function processOf(id: string, role: 'run' | 'supervise'): number {
  for (const pid of new Bun.Glob('[0-9]*').scanSync({ cwd: '/proc', onlyFiles: false })) {
    const words = read(`/proc/${pid}/cmdline`).split('\0')
    if (words[0]?.endsWith('/berth-daemon') && words[1] === role && read(`/proc/${pid}/environ`).includes(`/${id}/`)) return Number(pid)
  }
  throw new BerthError('not_found', `no daemon of ${id} is among this host's processes`, { hint: 'needs Linux, and the right to read /proc of the workspace\'s user' })
}

/** Empty for a process that is gone. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
