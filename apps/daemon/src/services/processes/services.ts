/**
 * Long-running commands beside the agent. Each is its own session with its output in a log file; it outlives the
 * daemon, which finds it again by pid and start time. One that ends is started again, ever more slowly. One that goes to
 * the background is not begun beside itself: what it left carries its mark, and is watched in its place.
 */
import { randomBytes } from 'node:crypto'
import { closeSync } from 'node:fs'
import type { AsAgent, Journal } from '../../contracts.ts'
import { endMarked, endTree } from './end.ts'
import { createServiceLogs, safeName } from './service-logs.ts'
import { carries, listProcesses, readProcess } from './table.ts'
import { endFirst } from './victim.ts'

export interface ServiceSpec { readonly name: string; readonly command: string }
export interface Services { converge(specs: readonly ServiceSpec[]): void; /** Ends all. */ stop(): Promise<void>; /** Lets go; they live on. */ release(): void; logFile(name: string): string }

const MARK_ENV = 'BERTH_SERVICE'
const BACKOFF_MIN_MS = 1000
const BACKOFF_MAX_MS = 30_000
const WELL_AFTER_MS = 30_000
const LOOK_MS = 1000

interface Running { readonly spec: ServiceSpec; /** In the environment of all that it starts. */ mark: string; pid: number; startTicks: number; startedAt: number; backoffMs: number; stopped: boolean; timer: Timer | null }

export function createServices(deps: { asAgent: AsAgent; journal: Journal; workDir: string; logDir: string; log: (line: string) => void; logLimitBytes?: number }): Services {
  const running = new Map<string, Running>()
  const logs = createServiceLogs({ ...deps, names: () => running.keys() })
  const key = (name: string): string => `service.${name}`

  const start = (service: Running): void => {
    const shell = Bun.which('sh', { PATH: deps.asAgent.environment()['PATH'] ?? '/bin:/usr/bin' })
    // Without a shell the words of the command are its arguments.
    const { argv, ...identity } = deps.asAgent.command(shell === null ? service.spec.command.split(/\s+/) : [shell, '-c', service.spec.command])
    service.mark = `${MARK_ENV}=${safeName(service.spec.name)}.${randomBytes(8).toString('hex')}`
    const output = logs.open(service.spec.name)
    try {
      const child = Bun.spawn(argv, { cwd: deps.workDir, env: { ...deps.asAgent.environment(), [MARK_ENV]: service.mark.slice(MARK_ENV.length + 1) }, ...identity, detached: true, stdin: 'ignore', stdout: output, stderr: output })
      endFirst(child.pid)
      child.unref()
      service.pid = child.pid
      service.startTicks = readProcess(child.pid)?.startTicks ?? 0
      service.startedAt = performance.now()
      deps.journal.set(key(service.spec.name), JSON.stringify({ pid: service.pid, startTicks: service.startTicks, command: service.spec.command, mark: service.mark }))
      deps.journal.append({ type: 'service', name: service.spec.name, state: 'started', exitCode: null })
      child.exited.then((code) => ended(service, child.signalCode === null ? code : null), () => ended(service, null))
    } catch (cause) {
      deps.log(`service ${service.spec.name}: ${String(cause)}`)
      ended(service, null)
    } finally {
      closeSync(output)
    }
  }
  const ended = (service: Running, exitCode: number | null): void => {
    if (service.stopped) return
    const { spec: { name }, mark } = service
    if (exitCode === 0 && isMarked(mark)) {
      tellOfBackground(deps.journal, name, mark)
      return watch(service, () => isMarked(mark))
    }
    deps.journal.append({ type: 'service', name, state: 'exited', exitCode })
    // What a broken one left holds its port.
    if (isMarked(mark)) void endMarked(mark).then(() => { startLater(service) }, (cause: unknown) => { deps.log(`service ${name}: ${String(cause)}`); startLater(service) })
    else startLater(service)
  }
  /** Of it or of what it left in the background nobody tells us that it ended. */
  const watch = (service: Running, lives: () => boolean): void => {
    if (service.stopped) return
    if (!lives()) return ended(service, null)
    service.timer = setTimeout(() => { watch(service, lives) }, LOOK_MS)
  }
  const startLater = (service: Running): void => {
    if (service.stopped) return
    if (performance.now() - service.startedAt > WELL_AFTER_MS) service.backoffMs = BACKOFF_MIN_MS
    service.timer = setTimeout(() => {
      deps.journal.append({ type: 'service', name: service.spec.name, state: 'restarting', exitCode: null })
      start(service)
    }, service.backoffMs)
    service.backoffMs = Math.min(service.backoffMs * 2, BACKOFF_MAX_MS)
  }
  const adopt = (service: Running): boolean => {
    const kept = keptOf(deps.journal.get(key(service.spec.name)), service.spec)
    if (kept === null) return false
    Object.assign(service, kept)
    const lives = [() => alive(kept.pid, kept.startTicks), () => isMarked(kept.mark)].find((of) => of())
    if (lives !== undefined) watch(service, lives)
    return lives !== undefined
  }
  const end = async (service: Running): Promise<void> => {
    service.stopped = true
    if (service.timer !== null) clearTimeout(service.timer)
    deps.journal.set(key(service.spec.name), null)
    if (alive(service.pid, service.startTicks)) await endTree(service.pid)
    if (isMarked(service.mark)) await endMarked(service.mark)
  }
  return {
    logFile: logs.fileOf,
    converge(specs) {
      for (const [name, service] of running) {
        if (specs.some((spec) => spec.name === name && spec.command === service.spec.command)) continue
        running.delete(name)
        end(service).catch((cause: unknown) => deps.log(`service ${name}: ${String(cause)}`))
      }
      for (const spec of specs) {
        if (running.has(spec.name)) continue
        const service: Running = { spec, mark: '', pid: 0, startTicks: 0, startedAt: performance.now(), backoffMs: BACKOFF_MIN_MS, stopped: false, timer: null }
        running.set(spec.name, service)
        if (!adopt(service)) start(service)
      }
    },
    async stop() {
      logs.close()
      await Promise.all([...running.values()].map(end))
      running.clear()
    },
    release() {
      logs.close()
      for (const service of running.values()) {
        service.stopped = true
        if (service.timer !== null) clearTimeout(service.timer)
      }
    },
  }
}

/** What was remembered of it; null: nothing, or of another command. */
function keptOf(kept: string | null, { command }: ServiceSpec): Pick<Running, 'pid' | 'startTicks' | 'mark'> | null {
  if (kept === null) return null
  // Written when it was started.
  const { pid, startTicks, mark = '', command: before } = JSON.parse(kept) as { pid: number; startTicks: number; command: string; mark?: string }
  return before === command ? { pid, startTicks, mark } : null
}

function tellOfBackground(journal: Journal, name: string, mark: string): void {
  journal.append({
    type: 'workspace.notice', level: 'info', code: 'service_in_background', message: `${name} went to the background: what it left there is watched in its place`,
    hint: 'a command that stays in the foreground is restarted sooner, and its exit code is known',
  }, { key: `background.${mark}` })
}

/** Somebody who was started by it lives. */
const isMarked = (mark: string): boolean => mark !== '' && listProcesses().some(({ pid, state }) => state !== 'Z' && carries(pid, mark))

function alive(pid: number, startTicks: number): boolean {
  const entry = pid > 1 ? readProcess(pid) : null
  return entry !== null && entry.startTicks === startTicks && entry.state !== 'Z'
}
