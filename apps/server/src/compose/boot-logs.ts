/** How machines came up, written down: files below the home, and what the reconciler tells of it. */
import { join } from 'node:path'
import type { BootNotes, Store, WorkspaceRecord } from '@berth/core'
import type { WorkspaceId } from '@berth/wire'
import { createBootLogs, type BootLogs, type BootOf } from '../services/boot-logs.ts'

const CONSOLE_BYTES = 128 * 1024
const CONSOLE_WITHIN_MS = 15_000

interface Deps { readonly home: string; readonly store: Pick<Store, 'links' | 'wake'>; readonly clock: { now(): number }; readonly installation: string; readonly log: (line: string) => void; poke(): void }

export function openBootLogs({ home, store, clock, installation, log, poke }: Deps): { bootLogs: BootLogs; boot: BootNotes } {
  const unwritten = (error: unknown): void => log(`boot log: ${String(error)}`)
  const bootLogs = createBootLogs({ dir: join(home, 'boot'), links: store.links, changed: (id: WorkspaceId) => void store.wake(id, clock.now()).then(poke, unwritten) })
  const of = ({ workspace: { id, generation } }: WorkspaceRecord): BootOf => ({ id, generation })
  return {
    bootLogs,
    boot: {
      said: (record, line) => void bootLogs.said(of(record), line).catch(unwritten),
      told: (record, instructions, { boot: { bootToken } }) => void bootLogs.told(of(record), readable(instructions), [bootToken]).catch(unwritten),
      lastLine: (record) => bootLogs.lastLine(of(record)),
      async failed(record, provider) {
        try {
          const text = await provider.logs({ installation, workspaceId: record.workspace.id, generation: record.workspace.generation }, CONSOLE_BYTES, AbortSignal.timeout(CONSOLE_WITHIN_MS))
          if (text !== '') await bootLogs.console(of(record), text)
        } catch (error) {
          unwritten(error)
        }
      },
    },
  }
}

/** Files in instructions are packed, and a secret in them would not be seen there. */
function readable(instructions: string): string {
  return instructions.replace(/"encoding":"b64","content":"([A-Za-z0-9+/=]*)"/g, (_, packed: string) => `"content":${JSON.stringify(Buffer.from(packed, 'base64').toString())}`)
}
