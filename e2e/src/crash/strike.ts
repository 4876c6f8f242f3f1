/** Kills what a crash names. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { SERVER_FILE } from '@berth/wire/server-file'
import { until, type Life } from './life.ts'
import type { Crash } from './plan.ts'
import { startTwin } from './twin.ts'
import { killAll } from './victims.ts'

const VICTIM_WITHIN_MS = 20_000

interface Victim { readonly pid: number; readonly workspaceId?: string }

/** As soon as there is something to kill. Returns how many processes were. */
export async function strike({ world, subjects, options, tally }: Life, crash: Crash): Promise<number> {
  let killed = 0
  await until(options.signal, async () => {
    const victims = choose(world, crash)
    killed = killAll(victims.map(({ pid }) => pid))
    if (killed > 0 && victims.some(({ workspaceId }) => subjects.some(({ id, spec }) => id === workspaceId && spec.agent === 'claude'))) tally.real += 1
    return killed > 0
  }, `something to kill: ${crash.kind}`, VICTIM_WITHIN_MS)
  tally.kills[crash.kind] += 1
  return killed
}

function choose({ victims, installation }: Life['world'], { kind, victim }: Crash): readonly Victim[] {
  const one = (list: readonly Victim[]): readonly Victim[] => list.length === 0 ? [] : list.slice(victim % list.length).slice(0, 1)
  const plain = (pids: readonly number[]): readonly Victim[] => pids.map((pid) => ({ pid }))
  switch (kind) {
    case 'server': return plain(victims.server())
    case 'postgres': {
      const all = plain(victims.postgres())
      // Its first process alone, one of the others, or all of them.
      return victim % 3 === 0 ? all : victim % 3 === 1 ? all.slice(0, 1) : one(all.slice(1))
    }
    case 'daemon': return one(victims.daemons(installation))
    case 'agent': return one(victims.agents(installation))
    case 'everything': return [...plain(victims.server()), ...plain(victims.postgres()), ...victims.daemons(installation), ...victims.agents(installation)]
  }
}

/** A twin of a running machine takes its link over; when the daemon that dies next is back, the twin is the older one. */
export async function precedeByTwin({ world, subjects, tally, log }: Life, { victim }: Crash): Promise<void> {
  const running = subjects.filter(({ wanted }) => wanted === 'running')
  const subject = running[victim % Math.max(1, running.length)]
  if (subject === undefined) return
  const linkUrl = (JSON.parse(readFileSync(join(world.product.home, SERVER_FILE), 'utf8')) as { linkUrl: string }).linkUrl
  try {
    await startTwin({ machineDir: join(world.product.home, 'workspaces', subject.id, 'machine-g1'), linkUrl, text: 'number 999999' })
    killAll(world.victims.daemons(world.installation).filter(({ workspaceId }) => workspaceId === subject.id).map(({ pid }) => pid))
    tally.twins += 1
  } catch (error) {
    log(`no twin: ${String(error)}`)
  }
}
