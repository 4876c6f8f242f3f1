/**
 * Files the agent owns. The agent may put anything there, also a link to a file only the daemon can read:
 * so nothing is read that is not a plain file of the agent's own user.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import type { AsAgent } from '../../contracts.ts'

export interface AgentFiles {
  /** Null: absent, not a plain file, or not the agent's. */
  read(path: string, limitBytes: number): string | null
  /** Bytes from `offset`, at most `limitBytes`; null as above. `size` is the file's. */
  readFrom(path: string, offset: number, limitBytes: number): { bytes: Buffer; size: number; inode: number } | null
}

export function createAgentFiles(agentUid: number | null): AgentFiles {
  const readFrom = (path: string, offset: number, limitBytes: number): { bytes: Buffer; size: number; inode: number } | null => {
    let file: number
    try { file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK) } catch { return null }
    try {
      const stat = fstatSync(file)
      if (!stat.isFile() || (agentUid !== null && stat.uid !== agentUid)) return null
      const wanted = Math.max(0, Math.min(limitBytes, stat.size - offset))
      const bytes = Buffer.alloc(wanted)
      const got = wanted === 0 ? 0 : readSync(file, bytes, 0, wanted, offset)
      return { bytes: bytes.subarray(0, got), size: stat.size, inode: stat.ino }
    } finally { closeSync(file) }
  }
  return {
    readFrom,
    read(path, limitBytes) {
      const found = readFrom(path, 0, limitBytes)
      return found === null || found.size > limitBytes ? null : found.bytes.toString('utf8')
    },
  }
}

/** Written by the agent's own user: the home is its tree. The text goes through stdin, never through argv. */
export async function writeAsAgent(asAgent: AsAgent, path: string, text: string): Promise<void> {
  const script = 'umask 077; mkdir -p "$(dirname "$1")" && cat > "$1.berth-new" && mv -f "$1.berth-new" "$1"'
  const result = await asAgent.run(['/bin/sh', '-c', script, 'seed', path], { stdin: text })
  if (result.exitCode !== 0) throw new Error(`cannot write ${path}: ${result.stderr.slice(0, 300)}`)
}
