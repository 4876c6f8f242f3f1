/** A workspace of the provider that is here everywhere, with a command in its terminal, and a view into its daemon. */
import { Database } from 'bun:sqlite'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Workspace, WorkspaceId } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { startProduct } from './product.ts'
import type { Product } from './product.ts'

export interface TerminalWorkspace {
  readonly product: Product
  readonly id: WorkspaceId
  readonly keeper: 'tmux' | 'holder'
  /** A file of the workspace's tree; empty when it is not there. */
  readWork(name: string): Promise<string>
  close(): Promise<void>
}
export interface PlainWorkspace extends TerminalWorkspace {
  /** When the daemon journaled an event, in ms since the epoch (cut to whole ones). Null: the event is not the daemon's. */
  journaledAt(eventId: string): number | null
}

export async function startPlainWorkspace(command: string): Promise<PlainWorkspace> {
  const product = startProduct()
  const source = mkdtempSync(join(tmpdir(), 'berth-bench-src-'))
  let journal: Database | null = null
  try {
    writeFileSync(join(source, 'README.md'), '# bench\n')
    const { id } = await product.json<Workspace>(['up', source, '--provider', 'local', '--agent', 'plain', '--command', command, '--no-open', '-y', '--accept-no-isolation', '--name', 'bench'])
    const db = (journal = openJournal(product.home, id))
    const at = db.query<{ at: number }, [string]>('SELECT at FROM entry WHERE id = ?')
    return {
      product, id,
      journaledAt: (eventId) => at.get(eventId)?.at ?? null,
      keeper: 'tmux',
      readWork: (name) => readFile(join(machineDir(product.home, id), 'work', name), 'utf8').catch(() => ''),
      async close() {
        db.close()
        rmSync(source, { recursive: true, force: true })
        await product.close()
      },
    }
  } catch (error) {
    journal?.close()
    rmSync(source, { recursive: true, force: true })
    await product.close().catch(() => {})
    throw error
  }
}

/** Read beside the daemon, which goes on writing. */
function openJournal(home: string, id: string): Database {
  return new Database(join(machineDir(home, id), 'state/journal.sqlite'), { readonly: true })
}

function machineDir(home: string, id: string): string {
  const [path] = [...new Bun.Glob(`workspaces/${id}/*/state/journal.sqlite`).scanSync({ cwd: home, absolute: true })]
  if (path === undefined) throw new BerthError('not_found', 'the daemon\'s journal is not where it was looked for', { hint: `below workspaces/${id} of the home` })
  return dirname(dirname(path))
}
