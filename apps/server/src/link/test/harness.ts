/** A real listener with the link's server half, and real daemon links to it; everything ends with `stop()`. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LinkStore } from '@berth/core'
import { randomIds } from '@berth/wire'
import type { EventBody, SessionId, WorkspaceId } from '@berth/wire'
import type { ActivityReport, Assignment, BootFile, DaemonMethod } from '@berth/wire/daemon'
import type { CallHandlers, Link, LinkHandlers } from '../../../../daemon/src/contracts.ts'
import { openJournal } from '../../../../daemon/src/journal/journal.ts'
import type { UploadJournal } from '../../../../daemon/src/journal/journal.ts'
import { createLink } from '../../../../daemon/src/link/link.ts'
import type { LinkTimings } from '../../../../daemon/src/link/timings.ts'
import { listen } from '../../http/listen.ts'
import type { Listener } from '../../http/listen.ts'
import { createLinkServer } from '../link-server.ts'
import type { LinkServer, LinkServerDeps } from '../link-server.ts'
import { createMemoryLinkStore } from './memory-link-store.ts'
import type { MemoryLinkStore } from './memory-link-store.ts'

/** The same waits in small, so that a test of reconnecting takes no time. */
const HASTY: Partial<LinkTimings> = { backoffMinMs: 5, backoffMaxMs: 40, reportSoonMs: 5, stableMs: 0 }
const sessionId = 'ses_000000000000' as SessionId
export const ACTIVITY: ActivityReport = { agent: 'idle', turnProgressAgeMs: null, backgroundTasks: 0, humanInputAgeMs: null, cpuCores: 0, previewAgeMs: null, waitingSinceAgeMs: null, memoryBytes: 0, ports: [] }
export const message = (text: string): EventBody => ({ type: 'message', sessionId, messageId: 'm', role: 'agent', text })
export const textsOf = (events: readonly { body: { type: string } }[]): unknown[] => events.map((event) => (event.body as { text?: unknown }).text ?? event.body.type)

export function assignmentOf(workspaceId: WorkspaceId, name = 'demo'): Assignment {
  return { workspaceId, name, source: { kind: 'empty' }, sourceReady: true, agent: { kind: 'plain', sessionId, command: 'true', approvalMode: 'ask', executable: null, version: null }, services: [], env: {}, homeFiles: [], prompts: [], decisions: [] }
}

export interface TestDaemon { readonly link: Link; readonly journal: UploadJournal; readonly boot: BootFile; readonly bootPath: string; readonly assignments: Assignment[]; readonly rejected: Promise<void>; readonly log: string[]; stop(): Promise<void> }
export interface DaemonOptions { workspaceId?: WorkspaceId; generation?: number; dir?: string; bootToken?: string; linkUrl?: string; timings?: Partial<LinkTimings>; calls?: Partial<CallHandlers>; onStream?: LinkHandlers['onStream'] }
export interface Harness {
  readonly store: MemoryLinkStore
  readonly log: string[]
  readonly dir: string
  readonly server: LinkServer
  readonly listener: Listener
  readonly changed: WorkspaceId[]
  /** Ends the listener as a crash would, and starts one anew on the same address with the same store. */
  restartServer(): Promise<void>
  stopServer(): Promise<void>
  daemon(options?: DaemonOptions): Promise<TestDaemon>
  stop(): Promise<void>
}

export async function harness(options: { over?: 'unix' | 'tcp'; deps?: Partial<Omit<LinkServerDeps, 'store'>>; links?: LinkStore } = {}): Promise<Harness> {
  const dir = mkdtempSync(join(tmpdir(), 'berth-link-'))
  const store = createMemoryLinkStore()
  const log: string[] = []
  const changed: WorkspaceId[] = []
  const daemons: TestDaemon[] = []
  let port = 0
  const serve = (): { server: LinkServer; listener: Listener } => {
    const server = createLinkServer({
      store: { links: options.links ?? store }, clock: { now: () => 1_000_000 }, serverId: 'srv', log: (line) => { log.push(line) }, onChange: (id) => { changed.push(id) },
      assignmentFor: (id) => Promise.resolve(assignmentOf(id)), linkHttp: () => Promise.resolve(new Response('ok')), ...options.deps,
    })
    const listener = listen({ fetch: server.fetch, websocket: server.websocket, ...(options.over === 'tcp' ? { port } : { unix: join(dir, 'link.sock') }) })
    port = listener.port ?? 0
    return { server, listener }
  }
  let now = serve()

  const self: Harness = {
    store, log, dir, changed,
    get server() { return now.server },
    get listener() { return now.listener },
    async stopServer() { await now.listener.stop() },
    async restartServer() {
      await now.listener.stop()
      now = serve()
    },
    async daemon(wanted = {}) {
      const workspaceId = wanted.workspaceId ?? randomIds.workspace()
      const generation = wanted.generation ?? 1
      const bootToken = wanted.bootToken ?? await store.issueBootToken(workspaceId, generation, 0)
      const stateDir = wanted.dir ?? mkdtempSync(join(dir, 'state-'))
      const boot: BootFile = { workspaceId, generation, linkUrl: wanted.linkUrl ?? now.listener.url, bootToken, stateDir, runDir: stateDir, workDir: stateDir, homeDir: stateDir, agentUser: null, toolboxDir: stateDir, isolation: 'none' }
      const daemon = startDaemon(boot, wanted)
      daemons.push(daemon)
      return daemon
    },
    async stop() {
      for (const daemon of daemons) await daemon.stop()
      await now.listener.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
  return self
}

function startDaemon(boot: BootFile, wanted: DaemonOptions): TestDaemon {
  const journal = openJournal({ path: join(boot.stateDir, 'journal.sqlite') })
  const assignments: Assignment[] = []
  const rejected = Promise.withResolvers<void>()
  const log: string[] = []
  const abort = new AbortController()
  const bootPath = join(boot.stateDir, 'boot.json')
  writeFileSync(bootPath, JSON.stringify(boot), { mode: 0o600 })
  const calls = new Proxy((wanted.calls ?? {}) as CallHandlers, { get: (target, name) => target[name as DaemonMethod] ?? (() => Promise.reject(new Error(`no handler for ${String(name)}`))) })
  const link = createLink({
    context: { boot, journal, machineBoot: 'machine', log: (line) => { log.push(line) }, signal: abort.signal }, journal, bootPath, tmux: false, timings: { ...HASTY, ...wanted.timings },
    handlers: { calls, onAssignment: (assignment) => { assignments.push(assignment) }, onStream: wanted.onStream ?? ((_, stream) => { stream.abort('no streams here') }), activity: () => ACTIVITY, onRejected: () => { rejected.resolve() } },
  })
  let stopped: Promise<void> | null = null
  return {
    link, journal, boot, bootPath, assignments, log, rejected: rejected.promise,
    stop() {
      stopped ??= link.close().then(() => { journal.close() })
      return stopped
    },
  }
}

/** For what has no event to await: looks again each turn of the loop, and gives up aloud. */
export async function until(what: string, holds: () => boolean, withinMs = 30_000): Promise<void> {
  const end = performance.now() + withinMs
  while (!holds()) {
    if (performance.now() > end) throw new Error(`never came: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/**
 * What a promise is rejected with. Not `expect().rejects`: bun's spins the event loop inside the present callback,
 * and a socket whose message is being handled there gets its next one in the middle of it and breaks.
 */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then((value) => { throw new Error(`expected a failure, got ${JSON.stringify(value)}`) }, (error: unknown) => error)
}
