/** Which ports the workspace listens on, read every two seconds; one is announced when it was seen twice in a row. */
import { readFileSync } from 'node:fs'
import type { Journal } from '../../contracts.ts'

export const LOOK_EVERY_MS = 2000
const LISTEN = '0A'
const PORTS_LIMIT = 256

export interface Ports { list(): number[]; look(): void; close(): void }

export function watchPorts(deps: { journal: Pick<Journal, 'append'>; ignore: () => readonly number[]; readTables?: () => string[]; changed?: () => void }): Ports {
  let seenOnce = new Set<number>()
  let missedOnce = new Set<number>()
  const open = new Set<number>()
  const look = (): void => {
    const now = new Set((deps.readTables ?? readTables)().flatMap(parseListeners).filter((port) => !deps.ignore().includes(port)).slice(0, PORTS_LIMIT))
    const before = open.size
    let changes = 0
    for (const port of now) {
      if (open.has(port) || !seenOnce.has(port)) continue
      open.add(port)
      changes++
      deps.journal.append({ type: 'port', port, state: 'open', process: null })
    }
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
  const timer = setInterval(look, LOOK_EVERY_MS)
  timer.unref()
  return { list: () => [...open].sort((one, other) => one - other), look, close: () => clearInterval(timer) }
}

/** Pure: the listening ports of one /proc/net/tcp table, without those that only Docker's resolver or nobody can reach. */
export function parseListeners(table: string): number[] {
  const ports = new Set<number>()
  for (const line of table.split('\n').slice(1)) {
    const [, local = '', , state] = line.trim().split(/\s+/)
    const [address = '', port = ''] = local.split(':')
    if (state === LISTEN && address !== DOCKER_RESOLVER) ports.add(Number.parseInt(port, 16))
  }
  return [...ports]
}
/** 127.0.0.11 as the kernel writes it. */
const DOCKER_RESOLVER = '0B00007F'

function readTables(): string[] {
  return ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => {
    try {
      return readFileSync(path, 'utf8')
    } catch {
      return ''
    }
  })
}
