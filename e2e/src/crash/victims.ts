/** Finds, in this machine's process table, what a sweep may kill. Only processes of one home are ever found. */
import { readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { SERVER_FILE } from '@berth/wire/server-file'

interface Process { readonly pid: number; readonly parent: number; readonly argv: readonly string[]; readonly owner: string | null }
export interface Victims {
  server(): number[]
  /** The first process of the database, then its children. */
  postgres(): number[]
  daemons(installation: string): { pid: number; workspaceId: string }[]
  agents(installation: string): { pid: number; workspaceId: string }[]
  /** Every process that carries the mark of a machine of this installation. */
  marked(installation: string): { pid: number; workspaceId: string; command: string }[]
}

export function createVictims(home: string): Victims {
  const marked = (installation: string) => processes().flatMap((entry) => {
    const [of, workspaceId] = entry.owner?.split('/') ?? []
    return of === installation && workspaceId !== undefined ? [{ ...entry, workspaceId }] : []
  })
  const brief = ({ pid, workspaceId }: { pid: number; workspaceId: string }) => ({ pid, workspaceId })
  return {
    server() {
      const pid = Number(readJson(join(home, SERVER_FILE))?.['pid'] ?? 0)
      return pid > 1 && isAlive(pid) ? [pid] : []
    },
    postgres() {
      const first = postmaster(home)
      return first === null ? [] : [first, ...processes().filter(({ parent }) => parent === first).map(({ pid }) => pid)]
    },
    daemons(installation) {
      const found = marked(installation).filter(({ argv: [program = '', verb] }) => program.endsWith('/berth-daemon') && verb === 'run')
      // What a daemon has just forked has its arguments until it becomes another program.
      return found.filter(({ parent }) => !found.some(({ pid }) => pid === parent)).map(brief)
    },
    agents: (installation) => marked(installation).filter(({ argv: [program = '', script = ''] }) => script.endsWith('/numbered-agent/main.ts') || /\/claude-[^/]+\/claude$/.test(program)).map(brief),
    marked: (installation) => marked(installation).map((entry) => ({ ...brief(entry), command: entry.argv.join(' ').slice(0, 120) })),
  }
}

function postmaster(home: string): number | null {
  try {
    const pid = Number(readFileSync(join(realpathSync(join(home, 'postgres')), 'data/postmaster.pid'), 'utf8').split('\n')[0])
    // A stale file may name a pid that somebody else has by now.
    return pid > 1 && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(realpathSync(join(home, 'postgres'))) ? pid : null
  } catch {
    return null
  }
}

export function killAll(pids: readonly number[]): number {
  let killed = 0
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
      killed++
    } catch {
      // It ended by itself between the look and the kill.
    }
  }
  return killed
}

export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.charAt(stat.lastIndexOf(')') + 2) !== 'Z'
  } catch {
    return false
  }
}

function processes(): Process[] {
  const found: Process[] = []
  for (const name of new Bun.Glob('[0-9]*').scanSync({ cwd: '/proc', onlyFiles: false })) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      if (state === 'Z') continue
      const owner = `\0${readFileSync(`/proc/${name}/environ`, 'latin1')}`.match(/\0BERTH_OWNER=([^\0]*)/)?.[1] ?? null
      found.push({ pid: Number(name), parent: Number(parent), argv: readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0'), owner })
    } catch {
      // It ended while we looked.
    }
  }
  return found
}

function readJson(path: string): Record<string, unknown> | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
  } catch {
    return null
  }
}
