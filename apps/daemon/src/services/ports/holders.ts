/**
 * Which programs listen. Of another user's process the kernel shows no descriptors, not even to a daemon that is root in its
 * container (it may not trace); the agent's user sees its own, and is asked. `ss -p` knows no more than that.
 */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { AsAgent } from '../../contracts.ts'

const WITHIN_MS = 3000
const NAME_LIMIT = 60

/** What each of these sockets' programs is called, by inode, as far as it may be seen. */
export async function holdersOf(asAgent: Pick<AsAgent, 'run'>, inodes: readonly string[]): Promise<ReadonlyMap<string, string>> {
  try {
    const { stdout } = await asAgent.run(['sh', '-c', 'exec ls -l /proc/[0-9]*/fd 2>/dev/null'], { signal: AbortSignal.timeout(WITHIN_MS) })
    const holders = [...parseHolders(stdout, inodes)].map(([inode, pid]) => [inode, nameOf(pid)] as const)
    return new Map(holders.filter((holder): holder is readonly [string, string] => holder[1] !== null))
  } catch {
    // A port without a name is better than none.
    return new Map()
  }
}

/** Pure: of those who hold a socket together the one that was there first. */
export function parseHolders(listing: string, inodes: readonly string[]): ReadonlyMap<string, number> {
  const holders = new Map<string, number>()
  let pid = 0
  for (const line of listing.split('\n')) {
    pid = Number(/^\/proc\/(\d+)\/fd:$/.exec(line)?.[1] ?? pid)
    const inode = /-> socket:\[(\d+)\]$/.exec(line)?.[1]
    if (inode !== undefined && inodes.includes(inode)) holders.set(inode, Math.min(pid, holders.get(inode) ?? pid))
  }
  return holders
}

/** The program and what it runs, as a person knows it: `node vite.js`. Null: it is gone. */
function nameOf(pid: number): string | null {
  const [program = '', script] = commandOf(pid).split('\0')
  const words = [program, script === undefined || script.startsWith('-') ? '' : script].map((word) => basename(word)).filter((word) => word !== '')
  return words.length === 0 ? null : words.join(' ').slice(0, NAME_LIMIT)
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}
