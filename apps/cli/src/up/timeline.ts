/** Steps as they happen: on a terminal the running one is redrawn with its time, elsewhere each line is said once. */
import { cleanLine } from '../clean.ts'
import { hang, visibleWidth, type Io } from '../io.ts'
import { duration } from '../words.ts'

export interface Step { readonly key: string; readonly title: string; readonly state: 'pending' | 'started' | 'done' | 'failed'; readonly durationMs: number | null; readonly detail: string | null }
export interface Timeline {
  step(step: Step): void
  /** More about the step under way: a percentage, a size. */
  progress(detail: string): void
  /** `info`: good to know, nothing to worry about. */
  notice(text: string, hint?: string | null, level?: 'info' | 'warning'): void
  /** Leaves nothing half drawn. */
  end(): void
}

const REDRAW_MS = 100
const TITLE_COLUMNS = 30

export function createTimeline(io: Io, now: () => number): Timeline {
  const style = io.noteStyle
  const finished = new Set<string>()
  let current: { key: string; title: string; since: number; detail: string } | null = null
  let timer: ReturnType<typeof setInterval> | null = null

  const line = (mark: string, title: string, facts: readonly string[]): string => {
    const known = facts.filter((fact) => fact !== '').join('  ')
    return known ? hang(`${mark} ${title}${' '.repeat(Math.max(2, TITLE_COLUMNS - visibleWidth(title)))}`, style.dim(known), io.noteColumns) : `${mark} ${title}`
  }
  const erase = (): void => io.redraw?.write('\r\u001b[2K')
  const draw = (): void => {
    if (!io.redraw || !current) return
    const elapsed = now() - current.since
    const text = line(style.blue('●'), current.title, [elapsed >= 1000 ? duration(elapsed) : '', current.detail])
    // A line that wraps cannot be taken back.
    io.redraw.write(`\r\u001b[2K${visibleWidth(text) < io.redraw.columns ? text : `${style.blue('●')} ${current.title.slice(0, io.redraw.columns - 3)}`}`)
  }
  const begin = (next: { key: string; title: string; detail: string }): void => {
    if (current?.key === next.key) {
      current = { ...current, ...next }
      return
    }
    current = { ...next, since: now() }
    if (!io.redraw) return io.note(line('●', next.title, []))
    timer ??= setInterval(draw, REDRAW_MS)
    draw()
  }
  const say = (text: string): void => {
    erase()
    io.note(text)
    draw()
  }

  return {
    step({ key, title: raw, state, durationMs, detail }) {
      const said = cleanLine(raw, 100)
      const title = said.charAt(0).toUpperCase() + said.slice(1)
      if (state === 'pending' || finished.has(key)) return
      if (state === 'started') return begin({ key, title, detail: cleanLine(detail ?? '', 200) })
      finished.add(key)
      const facts = [durationMs === null ? '' : duration(durationMs), cleanLine(detail ?? '', 200)]
      if (current?.key === key) current = null
      say(line(state === 'done' ? style.green('✓') : style.red('✗'), title, facts))
    },
    progress(detail) {
      if (current) current.detail = cleanLine(detail, 60)
    },
    notice(text, hint, level = 'warning') {
      say(hang(level === 'info' ? `${style.dim('·')} ` : `${style.yellow('⚠')} `, cleanLine(text, 2000), io.noteColumns))
      if (hint) say(hang('  ', style.dim(cleanLine(hint)), io.noteColumns))
    },
    end() {
      if (timer) clearInterval(timer)
      timer = null
      if (current) erase()
      current = null
    },
  }
}

/** A step of the CLI's own, timed and told. */
export async function timed<T>(timeline: Timeline, step: { key: string; title: string }, run: () => Promise<{ value: T; detail?: string }>): Promise<T> {
  const since = performance.now()
  const tell = (state: Step['state'], detail: string | null): void => timeline.step({ ...step, state, durationMs: state === 'started' ? null : performance.now() - since, detail })
  tell('started', null)
  try {
    const { value, detail } = await run()
    tell('done', detail ?? null)
    return value
  } catch (error) {
    tell('failed', null)
    throw error
  }
}
