/** Which ports the workspace listens on, read every two seconds; one is announced when it was seen twice in a row. */
import { readdirSync, readlinkSync } from 'node:fs'
import type { Journal } from '../../contracts.ts'
import { createListening } from './listening.ts'

export const LOOK_EVERY_MS = 2000
const PORTS_LIMIT = 256

export interface Ports { list(): number[]; look(): void; close(): void }

export function watchPorts(deps: { journal: Pick<Journal, 'append'>; ignore: () => readonly number[]; /** Which sockets are this workspace's, where the network is shared. */ owned?: () => ReadonlySet<string>; /** Who listens on these sockets, by inode; asked once when ports open. Never rejects. */ namesOf?: (inodes: readonly string[]) => Promise<ReadonlyMap<string, string>>; changed?: () => void }): Ports {
  let seenOnce = new Set<number>()
  let missedOnce = new Set<number>()
  const open = new Set<number>()
  let lastTable = ''
  let ours = new Map<number, string>()
  const listening = createListening()
  const look = (): void => {
    const listeners = listening()
    const table = listeners.map(({ port, inode }) => `${port}/${inode}`).join(' ')
    // Whose sockets they are is dear to find out, and changes only with the table.
    if (table !== lastTable) {
      const owned = deps.owned?.()
      ours = new Map(listeners.filter(({ inode }) => owned?.has(inode) ?? true).map(({ port, inode }) => [port, inode]))
      lastTable = table
    }
    const now = new Set([...ours.keys()].filter((port) => !deps.ignore().includes(port)).slice(0, PORTS_LIMIT))
    const before = open.size
    let changes = 0
    const opened = [...now].filter((port) => !open.has(port) && seenOnce.has(port)).map((port) => ({ port, inode: ours.get(port) ?? '' }))
    for (const { port } of opened) open.add(port)
    changes += opened.length
    if (opened.length > 0) void announce(opened)
    const missing = new Set([...open].filter((port) => !now.has(port)))
    for (const port of missing) {
      if (!missedOnce.has(port)) continue
      open.delete(port)
      changes++
      deps.journal.append({ type: 'port', port, state: 'closed', process: null })
    }
    seenOnce = now
    missedOnce = missing
    if (changes > 0 || before !== open.size) deps.changed?.()
  }
  const announce = async (opened: readonly { port: number; inode: string }[]): Promise<void> => {
    const names = await deps.namesOf?.(opened.map(({ inode }) => inode))
    for (const { port, inode } of opened) deps.journal.append({ type: 'port', port, state: 'open', process: names?.get(inode) ?? null })
  }
  const timer = setInterval(look, LOOK_EVERY_MS)
  timer.unref()
  return { list: () => [...open].sort((one, other) => one - other), look, close: () => clearInterval(timer) }
}

/** The sockets that these processes hold. */
export function socketInodes(pids: readonly number[]): Set<string> {
  const inodes = new Set<string>()
  for (const pid of pids) {
    for (const name of listDir(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(readLink(`/proc/${pid}/fd/${name}`))?.[1]
      if (inode !== undefined) inodes.add(inode)
    }
  }
  return inodes
}

function listDir(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
