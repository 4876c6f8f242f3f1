/**
 * What every benchmark shares: how a figure is stated, how its goal is judged, and how time and memory are taken.
 * A goal that is missed is a result, not a failure; only a benchmark that could not run is one.
 */
import { readFileSync } from 'node:fs'
import { BerthError } from '@berth/wire/error'

export type Unit = 'ms' | 'MB/s' | 'MB' | 'kB' | 'events/s' | 'requests/CPU-s' | '%' | 's/GB'
/** Bounds of the value and of value / floor; all that are given must hold. */
export interface Goal { readonly valueAtMost?: number; readonly valueAtLeast?: number; readonly ratioAtMost?: number; readonly ratioAtLeast?: number }
export interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: Unit
  /** The same work by the plainest means, in the same run. Null: nothing to compare with. */
  readonly floor: number | null
  readonly goal?: Goal
  /** How it was measured, and what the floor was, in a few words. */
  readonly detail: string
}
export interface Result {
  readonly name: string
  readonly value: number
  readonly unit: Unit
  readonly floor: number | null
  readonly ratio: number | null
  /** Null: stated for comparison only. */
  readonly goal: string | null
  readonly pass: boolean | null
  readonly detail: string
}
export interface Bench {
  readonly name: string
  readonly summary: string
  /** It may take longer than others. Absent: as long as any. */
  readonly limitMs?: number
  /** Gives its figures as it has them. What it starts it ends, whichever way it goes. */
  run(world: World): AsyncGenerator<Figure, void, void>
}
export interface World {
  readonly signal: AbortSignal
  /** Said to people while it runs. */
  note(line: string): void
}

/** Fewer runs than this say nothing about a median. */
export const RUNS = 5
export const MB = 1_000_000

export function judge(figure: Figure): Result {
  const { name, value, unit, floor, goal, detail } = figure
  const ratio = floor === null || floor === 0 ? null : value / floor
  return {
    name, value: rounded(value), unit, floor: floor === null ? null : rounded(floor), ratio: ratio === null ? null : rounded(ratio),
    goal: goal === undefined ? null : words(goal, unit), pass: goal === undefined ? null : holds(goal, value, ratio), detail,
  }
}

function holds(goal: Goal, value: number, ratio: number | null): boolean {
  const within = (measured: number | null, least: number | undefined, most: number | undefined): boolean =>
    (least === undefined || (measured !== null && measured >= least)) && (most === undefined || (measured !== null && measured <= most))
  return within(value, goal.valueAtLeast, goal.valueAtMost) && within(ratio, goal.ratioAtLeast, goal.ratioAtMost)
}

function words(goal: Goal, unit: Unit): string {
  const parts: string[] = []
  if (goal.ratioAtMost !== undefined) parts.push(`<= ${goal.ratioAtMost}x`)
  if (goal.ratioAtLeast !== undefined) parts.push(`>= ${goal.ratioAtLeast}x`)
  if (goal.valueAtMost !== undefined) parts.push(`<= ${goal.valueAtMost} ${unit}`)
  if (goal.valueAtLeast !== undefined) parts.push(`>= ${goal.valueAtLeast} ${unit}`)
  return parts.join(' and ')
}

/** Three digits that count; what is smaller than the noise is not shown. */
export function rounded(value: number): number {
  return value === 0 ? 0 : Number(value.toPrecision(value >= 1000 ? Math.ceil(Math.log10(value)) : 3))
}

export function median(values: readonly number[]): number {
  return percentile(values, 50)
}

/** The smallest value that so many per cent of all are at or below (nearest rank); of an even count's median the mean. */
export function percentile(values: readonly number[], percent: number): number {
  if (values.length === 0) throw new BerthError('internal', 'nothing was measured')
  const sorted = values.toSorted((a, b) => a - b)
  const at = (index: number): number => sorted[Math.min(sorted.length - 1, Math.max(0, index))] ?? 0
  if (percent === 50 && sorted.length % 2 === 0) return (at(sorted.length / 2 - 1) + at(sorted.length / 2)) / 2
  return at(Math.ceil((percent / 100) * sorted.length) - 1)
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const since = performance.now()
  await work()
  return performance.now() - since
}

/** Turn about, so that a machine that slows down slows both; the first pair only warms caches. */
export async function sideBySide(signal: AbortSignal, ours: () => Promise<number>, floor: () => Promise<number>, runs = RUNS): Promise<{ value: number; floor: number; values: number[] }> {
  const values: number[] = []
  const floors: number[] = []
  for (let run = 0; run <= runs; run++) {
    signal.throwIfAborted()
    const plain = await floor()
    const own = await ours()
    if (run === 0) continue
    floors.push(plain)
    values.push(own)
  }
  return { value: median(values), floor: median(floors), values }
}

export const spread = (values: readonly number[], unit: Unit): string => `${values.length} runs, ${rounded(Math.min(...values))} to ${rounded(Math.max(...values))} ${unit}`

/** The share of memory that is this process's own doing: shared pages are counted once over all who share them. */
export function pssBytes(pid: number): number {
  const kib = readProc(pid).match(/^Pss:\s+(\d+) kB/m)?.[1]
  if (kib === undefined) throw new BerthError('unsupported', `the memory of process ${pid} cannot be read`, { hint: 'needs Linux 4.14 or newer, and the right to read /proc/<pid>/smaps_rollup' })
  return Number(kib) * 1024
}

function readProc(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  } catch {
    return ''
  }
}

/** A process and all below it. */
export function descendants(root: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of new Bun.Glob('[0-9]*').scanSync({ cwd: '/proc', onlyFiles: false })) {
    const parent = parentOf(Number(name))
    if (parent !== null) children.set(parent, [...(children.get(parent) ?? []), Number(name)])
  }
  const found: number[] = []
  for (let next: number[] = [root]; next.length > 0 && found.length < 10_000;) {
    found.push(...next)
    next = next.flatMap((pid) => children.get(pid) ?? [])
  }
  return found
}

export function parentOf(pid: number): number | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name stands in brackets and may hold anything.
    return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return null
  }
}

export async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new BerthError('timeout', `${what}: not seen within ${ms / 1000} s`)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
