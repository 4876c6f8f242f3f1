/** What services write, a file for each, kept short while they run. */
import { copyFileSync, mkdirSync, openSync, renameSync, statSync, truncateSync } from 'node:fs'
import { dirname, join } from 'node:path'

const LIMIT_BYTES = 16 * 1024 * 1024
const LOOK_MS = 1000

export interface ServiceLogs { fileOf(name: string): string; /** To append to. */ open(name: string): number; close(): void }

export function createServiceLogs(deps: { logDir: string; logLimitBytes?: number; names: () => Iterable<string>; log: (line: string) => void }): ServiceLogs {
  const limit = deps.logLimitBytes ?? LIMIT_BYTES
  const fileOf = (name: string): string => join(deps.logDir, `service-${safeName(name)}.log`)
  // Whoever writes without end keeps the file open, so it cannot be put aside while it runs.
  const shorten = setInterval(() => {
    for (const name of deps.names()) {
      try {
        keepShort(fileOf(name), limit)
      } catch (cause) {
        deps.log(`service ${name}: its log: ${String(cause)}`)
      }
    }
  }, LOOK_MS)
  shorten.unref()
  return { fileOf, open: (name) => openLog(fileOf(name), limit), close: () => { clearInterval(shorten) } }
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
