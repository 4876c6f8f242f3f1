/** The daemon's end of the link: enrols, connects, and comes back whatever happens, until it is told not to. */
import { readFileSync } from 'node:fs'
import { BerthError } from '@berth/wire'
import { LINK_CLOSE, LINK_PATH } from '@berth/wire/daemon'
import type { Hello } from '@berth/wire/daemon'
import type { DaemonContext, Link, LinkHandlers } from '../contracts.ts'
import type { UploadJournal } from '../journal/journal.ts'
import { parseLinkUrl } from './address.ts'
import { createLiveText } from './live-text.ts'
import { startSession } from './session.ts'
import type { Session, SessionEnd } from './session.ts'
import { backoffMs, LINK_TIMINGS } from './timings.ts'
import type { LinkTimings } from './timings.ts'
import { createLinkTokens } from './token.ts'

export interface LinkDeps {
  readonly context: DaemonContext
  /** The context's journal, with what the upload needs of it. */
  readonly journal: UploadJournal
  readonly handlers: LinkHandlers
  /** The boot file itself; its boot token is blanked once a link stands. */
  readonly bootPath: string | null
  readonly tmux: boolean
  readonly timings?: Partial<LinkTimings>
}

export function createLink(deps: LinkDeps): Link {
  const { context, journal, handlers } = deps
  const timings: LinkTimings = { ...LINK_TIMINGS, ...deps.timings }
  const address = parseLinkUrl(context.boot.linkUrl)
  const tokens = createLinkTokens({ boot: context.boot, bootPath: deps.bootPath, address, log: context.log })
  const stop = new AbortController()
  const signal = AbortSignal.any([context.signal, stop.signal])
  const boot = crypto.randomUUID()
  const platform: Hello['platform'] = { os: process.platform, arch: process.arch, libc: libc(), tmux: deps.tmux }
  const progress = new Set<() => void>()
  let session: Session | null = null
  let soon: ReturnType<typeof setTimeout> | null = null
  const liveText = createLiveText({ secrets: journal.secrets, send: (items) => session?.live(items) })
  journal.mask([context.boot.bootToken])

  async function attempt(): Promise<SessionEnd> {
    const token = await tokens.get(signal)
    journal.mask([token])
    const started = startSession({
      context, journal, handlers, platform, boot, token, timings, url: address.socket(LINK_PATH),
      onWelcome() { tokens.confirmed() },
      onProgress() { for (const listener of progress) listener() },
    })
    session = started
    const onAbort = (): void => { started.close('the daemon is ending') }
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    try {
      return await started.ended
    } finally {
      signal.removeEventListener('abort', onAbort)
      session = null
    }
  }

  const retry = (failures: number): Next => ({ waitMs: backoffMs(failures, timings, Math.random), failures: failures + 1 })

  /** What follows from how a connection ended; null: never again. */
  function afterEnd(end: SessionEnd, failures: number): Next | null {
    const before = end.livedMs >= timings.stableMs ? 0 : failures
    const atOnce = before === 0 ? { waitMs: 0, failures: 1 } : retry(before)
    switch (end.code) {
      case LINK_CLOSE.rejected: return tokens.forget() ? atOnce : null
      case LINK_CLOSE.goaway: return atOnce
      case LINK_CLOSE.fenced: case LINK_CLOSE.incompatible:
        context.log(`link: closed by the server: ${end.reason}`)
        return { waitMs: timings.longWaitMs * (0.5 + Math.random()), failures: 0 }
      default: return end.again ? atOnce : retry(before)
    }
  }

  async function once(failures: number): Promise<Next | null> {
    try {
      return afterEnd(await attempt(), failures)
    } catch (error) {
      if (error instanceof BerthError && error.code === 'unauthorized') return null
      if (failures === 0 && !signal.aborted) context.log(`link: ${error instanceof Error ? error.message : String(error)}`)
      return retry(failures)
    }
  }

  async function run(): Promise<void> {
    let failures = 0
    while (!signal.aborted) {
      const next = await once(failures)
      if (signal.aborted) return
      if (next === null) {
        context.log('link: the server does not want this machine')
        handlers.onRejected()
        return
      }
      failures = next.failures
      await wait(next.waitMs, signal)
    }
  }
  const running = run().catch((error: unknown) => { context.log(`link: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`) })

  return {
    get connected() { return session?.welcomed ?? false },
    openStream: (open, streamSignal) => session?.openStream(open, streamSignal) ?? Promise.reject(new BerthError('server_unreachable', 'the link to the server is down')),
    reportSoon() {
      soon ??= setTimeout(() => { soon = null; session?.report() }, timings.reportSoonMs)
    },
    live: liveText.add,
    flush: (withinMs) => acked(journal, progress, withinMs),
    async close() {
      stop.abort()
      liveText.close()
      if (soon !== null) clearTimeout(soon)
      await running
    },
  }
}

function acked(journal: UploadJournal, progress: Set<() => void>, withinMs: number): Promise<boolean> {
  const target = { id: journal.id, n: journal.lastN }
  const done = (): boolean => journal.ackedN >= (journal.id === target.id ? target.n : journal.lastN)
  if (done()) return Promise.resolve(true)
  return new Promise((resolve) => {
    const settle = (value: boolean): void => { clearTimeout(timer); progress.delete(look); resolve(value) }
    const look = (): void => { if (done()) settle(true) }
    const timer = setTimeout(() => { settle(false) }, withinMs)
    progress.add(look)
  })
}

/** How long until the next attempt, and how many in a row have failed by then. */
interface Next { readonly waitMs: number; readonly failures: number }

function wait(ms: number, signal: AbortSignal): Promise<void> {
  if (ms === 0 || signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => { clearTimeout(timer); signal.removeEventListener('abort', done); resolve() }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
  })
}

function libc(): string | null {
  if (process.platform !== 'linux') return null
  // What this process itself runs on: a loader that merely lies on the disk says nothing.
  return readFileSync('/proc/self/maps', 'utf8').includes('/ld-musl-') ? 'musl' : 'glibc'
}
