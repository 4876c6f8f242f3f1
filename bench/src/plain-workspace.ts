/** A workspace of the provider that is here everywhere, with a command in its terminal, and a view into its daemon. */
import { Database } from 'bun:sqlite'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { WorkspaceId } from '@berth/wire'
import { startProduct } from './product.ts'
import type { Product } from './product.ts'
import { bringUp, machineDir, plainOn } from './workspace.ts'

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
  let journal: Database | null = null
  try {
    const { id } = await bringUp(product, 'bench', plainOn(command))
    const db = (journal = openJournal(product.home, id))
    const at = db.query<{ at: number }, [string]>('SELECT at FROM entry WHERE id = ?')
    return {
      product, id,
      journaledAt: (eventId) => at.get(eventId)?.at ?? null,
      keeper: 'tmux',
      readWork: (name) => readFile(join(machineDir(product.home, id), 'work', name), 'utf8').catch(() => ''),
      async close() {
        db.close()
        await product.close()
      },
    }
  } catch (error) {
    journal?.close()
    await product.close().catch(() => {})
    throw error
  }
}

/** Read beside the daemon, which goes on writing. */
function openJournal(home: string, id: WorkspaceId): Database {
  return new Database(join(machineDir(home, id), 'state/journal.sqlite'), { readonly: true })
}
