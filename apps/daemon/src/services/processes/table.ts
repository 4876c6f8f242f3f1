/** The machine's process table, read from /proc. */
import { readdirSync, readFileSync } from 'node:fs'

export interface ProcessEntry { readonly pid: number; readonly parent: number; readonly group: number; readonly session: number; readonly state: string; readonly cpuTicks: number; readonly startTicks: number; readonly residentPages: number }

export function listProcesses(): ProcessEntry[] {
  const entries: ProcessEntry[] = []
  for (const name of readProc()) {
    const entry = readProcess(Number(name))
    if (entry !== null) entries.push(entry)
  }
  return entries
}

export function readProcess(pid: number): ProcessEntry | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The command's name may hold spaces and parentheses; the fields begin after the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const field = (index: number): number => Number(fields[index - 3] ?? 0)
    return {
      pid, state: fields[0] ?? '?', parent: field(4), group: field(5), session: field(6),
      cpuTicks: field(14) + field(15), startTicks: field(22), residentPages: field(24),
    }
  } catch {
    return null
  }
}

/** The uid it runs under now. */
export function uidOf(pid: number): number | null {
  try {
    const uid = /^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
    return uid === undefined ? null : Number(uid)
  } catch {
    return null
  }
}

/** Does its environment, as it was at its start, hold this `NAME=value`? */
export function carries(pid: number, mark: string): boolean {
  try {
    const environ = readFileSync(`/proc/${pid}/environ`, 'latin1')
    return environ.startsWith(`${mark}\0`) || environ.includes(`\0${mark}\0`) || environ.endsWith(`\0${mark}`)
  } catch {
    return false
  }
}

function readProc(): string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  } catch {
    return []
  }
}
