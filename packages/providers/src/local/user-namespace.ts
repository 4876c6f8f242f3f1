/**
 * A sandbox with two users: its root, who is the daemon, and the agent. Each is a uid of the host that nobody else
 * has, so neither is anything outside, and the kernel keeps the agent away from what the daemon owns. Only the host's
 * root may write such a map. The sandbox is made while its maker still is the host's root (a home that only root may
 * enter can be bound), which therefore needs a number inside too; nothing in the machine runs under it.
 *
 * This file is copied into the machine's directory and runs on its own: platform imports only.
 */
import { closeSync, writeFileSync, writeSync } from 'node:fs'

export interface TwoUsers { /** Uids of the host. */ readonly daemon: number; readonly agent: number }
export const AGENT_INSIDE = 1000
const MAKER_INSIDE = 65_533
/** Descriptors by which bubblewrap names its child and waits for the map. */
const [INFO_FD, BLOCK_FD] = [3, 4] as const
const INFO_LIMIT = 4096

export const TWO_USERS_ARGV = ['--unshare-user', '--info-fd', String(INFO_FD), '--userns-block-fd', String(BLOCK_FD)] as const

type Spawned = Bun.Subprocess<'pipe', 'pipe', 'pipe'>

/** Starts bubblewrap, whose arguments hold TWO_USERS_ARGV, and maps its users. */
export async function spawnWithTwoUsers(argv: readonly string[], env: Readonly<Record<string, string>>, users: TwoUsers): Promise<Spawned> {
  // The types know only the first three; the runtime gives descriptors for the others.
  const child = Bun.spawn([...argv], { stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'], env: { ...env } } as never) as unknown as Spawned & { stdio: readonly (number | null)[] }
  const [info, block] = [child.stdio[INFO_FD] ?? -1, child.stdio[BLOCK_FD] ?? -1]
  try {
    const pid = await readChildPid(info)
    if (pid !== null) {
      const map = `0 ${users.daemon} 1\n${AGENT_INSIDE} ${users.agent} 1\n${MAKER_INSIDE} 0 1\n`
      for (const kind of ['uid', 'gid']) writeFileSync(`/proc/${pid}/${kind}_map`, map)
      writeSync(block, 'x')
    }
    // Without a child it says why on its stderr and ends by itself.
    return child
  } catch (cause) {
    child.kill('SIGKILL')
    throw cause
  } finally {
    closeSync(block)
  }
}

async function readChildPid(info: number): Promise<number | null> {
  let text = ''
  for await (const chunk of Bun.file(info).stream()) {
    text += new TextDecoder().decode(chunk)
    const pid = /"child-pid"\s*:\s*(\d+)/.exec(text)?.[1]
    if (pid !== undefined) return Number(pid)
    if (text.length > INFO_LIMIT) break
  }
  return null
}
