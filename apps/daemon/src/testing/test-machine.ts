/** A machine for tests: the real daemon under its real supervisor, and the server's end of its link. */
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EventBody } from '@berth/wire'
import { ENROL_PATH, LINK_PATH } from '@berth/wire/daemon'
import type { Assignment, BootFile, DaemonMethod, DaemonParams, DaemonResult, FromDaemon, StreamOpen } from '@berth/wire/daemon'
import { serveHttp } from '@berth/wire/http-stream'
import { createMux } from '@berth/wire/mux'
import type { Mux, MuxStream } from '@berth/wire/mux'
import { selfCommand } from '../self.ts'
import { carries, listProcesses } from '../services/processes/table.ts'

const WAIT_MS = 20_000
export const AGENT = process.getuid?.() === 0 ? { uid: 65534, gid: 65534, name: 'nobody' } : null

export interface TestMachine {
  readonly root: string
  readonly boot: BootFile
  readonly events: EventBody[]
  readonly supervisor: Bun.Subprocess<'ignore', 'inherit', 'inherit'>
  readonly hellos: number
  /** Of each hello so far. */
  readonly versions: readonly string[]
  event(matches: (body: EventBody) => boolean): Promise<EventBody>
  call<M extends DaemonMethod>(method: M, params: DaemonParams<M>): Promise<DaemonResult<M>>
  open(open: StreamOpen): Promise<MuxStream>
  assign(assignment: Partial<Assignment>): void
  /** From now on nothing that is uploaded is acknowledged. */
  stopAcking(): void
  closeLink(code: number): void
  connected(hellos?: number): Promise<void>
  runPid(): number
  marked(): number[]
  close(): Promise<void>
}

export async function startMachine(options: { /** Another build of the daemon than its source. */ program?: string; /** Holds `berth-daemon`, which is the program then. */ toolboxDir?: string; assignment?: Partial<Assignment>; http?: (request: Request) => Promise<Response>; agentUser?: BootFile['agentUser'] } = {}): Promise<TestMachine> {
  const root = mkdtempSync(join(tmpdir(), 'berth-m-'))
  chmodSync(root, 0o755)
  const agentUser = options.agentUser === undefined ? AGENT : options.agentUser
  for (const name of ['work', 'home']) {
    mkdirSync(join(root, name))
    if (agentUser !== null) chownSync(join(root, name), agentUser.uid, agentUser.gid)
  }
  const server = startServer({ ...assignmentOf(options.assignment ?? {}) }, options.http)
  const boot: BootFile = {
    workspaceId: 'ws_aaaabbbbcccc' as BootFile['workspaceId'], generation: 1, linkUrl: `http://127.0.0.1:${server.port}`, bootToken: 'boot-token-for-once', stateDir: join(root, 'state'), runDir: join(root, 'run'),
    workDir: join(root, 'work'), homeDir: join(root, 'home'), agentUser, toolboxDir: options.toolboxDir ?? join(root, 'toolbox'), isolation: 'none',
  }
  const path = join(root, 'boot.json')
  writeFileSync(path, JSON.stringify(boot), { mode: 0o600 })
  const env = { ...process.env, TEST_ROOT: root }
  const program = options.program ?? (options.toolboxDir === undefined ? undefined : join(options.toolboxDir, 'berth-daemon'))
  const supervisor = Bun.spawn(program === undefined ? selfCommand('supervise', '--boot', path) : [program, 'supervise', '--boot', path], { env, stdin: 'ignore', stdout: 'inherit', stderr: 'inherit' })
  const marked = (): number[] => listProcesses().filter((entry) => entry.state !== 'Z' && entry.pid !== process.pid && entry.pid !== supervisor.pid && (carries(entry.pid, `TEST_ROOT=${root}`) || carriesMachine(entry.pid, root))).map((entry) => entry.pid)
  return {
    root, boot, supervisor, marked, versions: server.versions, events: server.events, event: server.event, call: server.call, open: server.open, assign: server.assign, stopAcking: server.stopAcking, closeLink: server.closeLink, connected: server.connected,
    get hellos() { return server.hellos() },
    runPid: () => listProcesses().find((entry) => entry.parent === supervisor.pid)?.pid ?? -1,
    async close() {
      supervisor.kill('SIGTERM')
      await supervisor.exited
      await server.stop()
      rmSync(root, { recursive: true, force: true })
    },
  }
}

function carriesMachine(pid: number, root: string): boolean {
  return carries(pid, `HOME=${join(root, 'home')}`)
}

export function assignmentOf(over: Partial<Assignment>): Assignment {
  return {
    workspaceId: 'ws_aaaabbbbcccc' as Assignment['workspaceId'], name: 'demo', source: { kind: 'empty' }, sourceReady: true, services: [], env: {}, homeFiles: [], prompts: [], decisions: [],
    agent: { kind: 'plain', sessionId: 'ses_aaaabbbbcccc' as Assignment['agent']['sessionId'], command: 'echo agent-here; exec cat', approvalMode: 'ask', executable: null, version: null }, ...over,
  }
}

function startServer(first: Assignment, http: ((request: Request) => Promise<Response>) | undefined) {
  let assignment = first
  let epoch = 0
  let hellos = 0
  let ackedN = 0
  let rid = 0
  let acking = true
  let socket: Bun.ServerWebSocket<unknown> | null = null
  let mux: Mux | null = null
  const events: EventBody[] = []
  const versions: string[] = []
  const listeners = new Set<() => void>()
  const calls = new Map<number, { resolve(value: unknown): void; reject(cause: unknown): void }>()
  const send = (message: unknown): void => { socket?.send(JSON.stringify(message)) }
  const until = <T>(what: string, look: () => T | undefined): Promise<T> => new Promise((resolve, reject) => {
    const check = (): void => {
      const found = look()
      if (found === undefined) return
      clearTimeout(timer)
      listeners.delete(check)
      resolve(found)
    }
    const timer = setTimeout(() => { reject(new Error(`never came: ${what}; events: ${JSON.stringify(events).slice(-3000)}`)) }, WAIT_MS)
    listeners.add(check)
    check()
  })
  const onMessage = (message: FromDaemon): void => {
    if (message.type === 'hello') {
      hellos++
      versions.push(message.daemonVersion)
      epoch++
      send({ type: 'welcome', protocol: 1, epoch, serverVersion: 'test', journal: { do: 'continue', ackedN }, assignment })
    } else if (message.type === 'events') {
      for (const entry of message.entries) {
        if (entry.n <= ackedN) continue
        ackedN = entry.n
        // What the daemon sends is what it journaled.
        events.push(entry.body as EventBody)
      }
      if (acking) send({ type: 'ack', journalId: message.journalId, n: ackedN })
    } else if (message.type === 'result') {
      if (message.ok) calls.get(message.rid)?.resolve(message.value)
      else calls.get(message.rid)?.reject(message.error)
    }
    for (const listener of listeners) listener()
  }
  const server = Bun.serve({
    hostname: '127.0.0.1', port: 0, idleTimeout: 0,
    fetch(request, self) {
      const { pathname } = new URL(request.url)
      if (pathname === ENROL_PATH) return Response.json({ linkToken: 'link-token-of-a-test' })
      if (pathname === LINK_PATH && self.upgrade(request, { data: undefined })) return undefined
      return new Response('not found', { status: 404 })
    },
    websocket: {
      open(opened) {
        socket = opened
        mux = createMux({
          role: 'server', send: (frame) => { opened.send(frame) },
          onOpen: (_, stream) => { void serveHttp(stream, http ?? (async () => new Response('no', { status: 404 }))) },
        })
      },
      message(_, data) {
        // The daemon's own type: a newer one would be ignored.
        if (typeof data === 'string') onMessage(JSON.parse(data) as FromDaemon)
        else mux?.receive(new Uint8Array(data))
      },
      close() { mux?.close('closed') },
    },
  })
  return {
    port: server.port, events, versions, hellos: () => hellos,
    event: (matches: (body: EventBody) => boolean) => until(matches.toString(), () => events.find(matches)),
    connected: async (count = 1) => { await until(`hello ${count}`, () => (hellos >= count ? true : undefined)) },
    call: <M extends DaemonMethod>(method: M, params: DaemonParams<M>) => new Promise<DaemonResult<M>>((resolve, reject) => {
      rid++
      calls.set(rid, { resolve: (value) => { resolve(value as DaemonResult<M>) }, reject })
      send({ type: 'call', rid, method, params })
    }),
    open: async (open: StreamOpen) => {
      if (mux === null) throw new Error('no link')
      return mux.open(open)
    },
    assign(over: Partial<Assignment>) {
      assignment = { ...assignment, ...over }
      send({ type: 'assign', assignment })
    },
    stopAcking() { acking = false },
    closeLink: (code: number) => { socket?.close(code, 'test') },
    stop: () => server.stop(true),
  }
}
