/** Which processes belong to a machine, found without trusting a pid alone. */
import { readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import type { ProcessFile } from './machine-host.ts'

/** The variable that every process of a machine carries, with the machine's owner key in it. */
export type Mark = 'BERTH_OWNER' | 'BERTH_VM_OWNER'
export const LOCAL_MARK: Mark = 'BERTH_OWNER'
export const VM_MARK: Mark = 'BERTH_VM_OWNER'
const SWEEP_ROUNDS = 50
/** `USER_HZ`, the same on every Linux of our processors. */
const TICKS_PER_SECOND = 100

/** True while the very process that wrote the file lives: same pid, same start, same boot of the host. */
export function isAlive(file: ProcessFile): boolean {
  if (process.platform !== 'linux') {
    const ps = Bun.spawnSync(['ps', '-o', 'lstart=', '-p', String(file.pid)])
    return ps.exitCode === 0 && ps.stdout.toString().trim() === file.startTime
  }
  try {
    if (readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() !== file.bootId) return false
    const { state, startTicks } = statOf(file.pid)
    // A zombie holds its pid, but nothing runs.
    return startTicks === file.startTime && state !== 'Z' && state !== 'X'
  } catch {
    return false
  }
}

/** A signal to a process that ended meanwhile is no error. */
export function signalProcess(file: ProcessFile, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (!isAlive(file)) return
  try {
    process.kill(file.pid, signal)
  } catch {
    // Gone between the look and the signal.
  }
}

/** Living processes whose environment names this owner, or any owner of the installation; `startedAt` in ms since 1970. Linux only. */
export async function markedProcesses(mark: Mark, isMeant: (value: string) => boolean): Promise<{ pid: number; value: string; startedAt: number }[]> {
  if (process.platform !== 'linux') return []
  const found: { pid: number; value: string; startedAt: number }[] = []
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue
    const environ = await readFile(`/proc/${entry}/environ`, 'latin1').catch(() => '')
    const start = `\0${environ}`.indexOf(`\0${mark}=`)
    if (start < 0) continue
    const value = environ.slice(start + mark.length + 1).split('\0', 1)[0] ?? ''
    if (isMeant(value)) found.push({ pid: Number(entry), value, startedAt: startedAt(entry) })
  }
  return found
}

/** Throws for one that is gone. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: fields 3 and 22, the start in ticks since the host began. */
function statOf(pid: number | string): { state: string | undefined; startTicks: string | undefined } {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0], startTicks: fields[19] }
}

/** Of a process that ended meanwhile: now. */
function startedAt(pid: string): number {
  try {
    const beganAt = Date.now() - Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000
    return Math.round(beganAt + Number(statOf(pid).startTicks) * (1000 / TICKS_PER_SECOND))
  } catch {
    return Date.now()
  }
}

/** Kills everything marked, again until a look finds nothing: a process may fork between the look and the kill. */
export async function sweep(mark: Mark, ownerKey: string, signal: AbortSignal): Promise<void> {
  for (let round = 0; round < SWEEP_ROUNDS; round++) {
    signal.throwIfAborted()
    const left = await markedProcesses(mark, (value) => value === ownerKey)
    if (left.length === 0) return
    for (const { pid } of left) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // Gone already, or another user's process that only looks like ours.
      }
    }
    await Bun.sleep(5)
  }
}
