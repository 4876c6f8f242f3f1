/**
 * Long-running commands beside the agent. Each is its own session with its output in a log file; it outlives the
 * daemon, which finds it again by pid and start time. One that ends is started again, ever more slowly. One that goes to
 * the background is not begun beside itself: what it left carries its mark, and is watched in its place.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, copyFileSync, mkdirSync, openSync, renameSync, statSync, truncateSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { AsAgent, Journal } from '../../contracts.ts'
import { endMarked, endTree } from './end.ts'
import { carries, listProcesses, readProcess } from './table.ts'
import { endFirst } from './victim.ts'

export interface ServiceSpec { readonly name: string; readonly command: string }
export interface Services { converge(specs: readonly ServiceSpec[]): void; /** Ends all. */ stop(): Promise<void>; /** Lets go; they live on. */ release(): void; logFile(name: string): string }

const MARK_ENV = 'BERTH_SERVICE'
const BACKOFF_MIN_MS = 1000
const BACKOFF_MAX_MS = 30_000
const WELL_AFTER_MS = 30_000
const LOOK_MS = 1000
const LOG_LIMIT_BYTES = 16 * 1024 * 1024

interface Running { readonly spec: ServiceSpec; /** In the environment of all that it starts. */ mark: string; pid: number; startTicks: number; startedAt: number; backoffMs: number; stopped: boolean; timer: Timer | null }

export function createServices(deps: { asAgent: AsAgent; journal: Journal; workDir: string; logDir: string; log: (line: string) => void; logLimitBytes?: number }): Services {
  const logLimit = deps.logLimitBytes ?? LOG_LIMIT_BYTES
  const running = new Map<string, Running>()
  const logFile = (name: string): string => join(deps.logDir, `service-${safeName(name)}.log`)
  const key = (name: string): string => `service.${name}`

  const start = (service: Running): void => {
    const shell = Bun.which('sh', { PATH: deps.asAgent.environment()['PATH'] ?? '/bin:/usr/bin' })
    // Without a shell the words of the command are its arguments.
    const { argv, ...identity } = deps.asAgent.command(shell === null ? service.spec.command.split(/\s+/) : [shell, '-c', service.spec.command])
    service.mark = `${MARK_ENV}=${safeName(service.spec.name)}.${randomBytes(8).toString('hex')}`
    const output = openLog(logFile(service.spec.name), logLimit)
    try {
      const child = Bun.spawn(argv, { cwd: deps.workDir, env: { ...deps.asAgent.environment(), [MARK_ENV]: service.mark.slice(MARK_ENV.length + 1) }, ...identity, detached: true, stdin: 'ignore', stdout: output, stderr: output })
      endFirst(child.pid)
      child.unref()
      service.pid = child.pid
      service.startTicks = readProcess(child.pid)?.startTicks ?? 0
      service.startedAt = performance.now()
      remember(service)
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
      deps.journal.append({ type: 'workspace.notice', level: 'info', code: 'service_in_background', message: `${name} went to the background: what it left there is watched in its place`, hint: 'a command that stays in the foreground is restarted sooner, and its exit code is known' }, { key: `background.${mark}` })
      watchLeft(service)
      return
    }
    deps.journal.append({ type: 'service', name, state: 'exited', exitCode })
    // What a broken one left holds its port.
    if (isMarked(mark)) void endMarked(mark).then(() => { startLater(service) }, (cause: unknown) => { deps.log(`service ${name}: ${String(cause)}`); startLater(service) })
    else startLater(service)
  }
  const watchLeft = (service: Running): void => {
    if (service.stopped) return
    if (!isMarked(service.mark)) return ended(service, null)
    service.timer = setTimeout(() => { watchLeft(service) }, LOOK_MS)
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
  const remember = (service: Running): void => deps.journal.set(key(service.spec.name), JSON.stringify({ pid: service.pid, startTicks: service.startTicks, command: service.spec.command, mark: service.mark }))
  const adopt = (service: Running): boolean => {
    const kept = deps.journal.get(key(service.spec.name))
    if (kept === null) return false
    // Written by `remember`.
    const { pid, startTicks, command, mark = '' } = JSON.parse(kept) as { pid: number; startTicks: number; command: string; mark?: string }
    if (command !== service.spec.command) return false
    Object.assign(service, { pid, startTicks, mark })
    if (!alive(pid, startTicks)) {
      if (!isMarked(mark)) return false
      watchLeft(service)
      return true
    }
    const look = (): void => {
      if (service.stopped) return
      if (!alive(pid, startTicks)) return ended(service, null)
      service.timer = setTimeout(look, LOOK_MS)
    }
    look()
    return true
  }
  // Whoever writes without end keeps the file open, so it cannot be put aside while it runs.
  const shorten = setInterval(() => {
    for (const { spec } of running.values()) {
      try {
        keepShort(logFile(spec.name), logLimit)
      } catch (cause) {
        deps.log(`service ${spec.name}: its log: ${String(cause)}`)
      }
    }
  }, LOOK_MS)
  shorten.unref()
  const end = async (service: Running): Promise<void> => {
    service.stopped = true
    if (service.timer !== null) clearTimeout(service.timer)
    deps.journal.set(key(service.spec.name), null)
    if (alive(service.pid, service.startTicks)) await endTree(service.pid)
    if (isMarked(service.mark)) await endMarked(service.mark)
  }
  return {
    logFile,
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
      clearInterval(shorten)
      await Promise.all([...running.values()].map(end))
      running.clear()
    },
    release() {
      clearInterval(shorten)
      for (const service of running.values()) {
        service.stopped = true
        if (service.timer !== null) clearTimeout(service.timer)
      }
    },
  }
}

/** Somebody who was started by it lives. */
const isMarked = (mark: string): boolean => mark !== '' && listProcesses().some(({ pid, state }) => state !== 'Z' && carries(pid, mark))

function alive(pid: number, startTicks: number): boolean {
  const entry = pid > 1 ? readProcess(pid) : null
  return entry !== null && entry.startTicks === startTicks && entry.state !== 'Z'
}

/** Begins a new file when the old one is large; the one before it is kept. */
function openLog(path: string, limitBytes: number): number {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  if (sizeOf(path) > limitBytes) renameSync(path, `${path}.1`)
  return openSync(path, 'a', 0o600)
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0

/** It is open for appending: what is written next stands at the new beginning. What is written between the two is lost. */
function keepShort(path: string, limitBytes: number): void {
  const size = sizeOf(path)
  if (size <= limitBytes) return
  // What ran far ahead within a second is no use to anybody, and would take as long again to copy.
  if (size <= 2 * limitBytes) copyFileSync(path, `${path}.1`)
  truncateSync(path)
}

export function safeName(name: string): string {
  return name.replace(/[^A-Za-z0-9._-]/g, '_').slice(0, 64)
}
