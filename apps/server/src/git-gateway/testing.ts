/** The git gateway of a real server, without machines: a real database and git host, and real git where a workspace is. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { NewWorkspace } from '@berth/core'
import { openTestDatabase } from '@berth/store/testing'
import type { TestDatabase } from '@berth/store/testing'
import { startGitServer } from '@berth/testkit/git-server'
import type { GitServer } from '@berth/testkit/git-server'
import { BerthError, randomIds } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import type { AuditRecord } from '@berth/wire/git-access'
import { LFS_BASE_HEADER } from '@berth/wire/daemon'
import { GitPolicy } from '@berth/wire/git-policy'
import { createLinkHttp } from '../link/link-http.ts'
import { createRepositories } from '../git-hosting/repositories.ts'
import { createUploads } from '../git-hosting/uploads.ts'
import { createServerAsks } from '../services/server-asks.ts'
import type { ServerAsks } from '../services/server-asks.ts'
import type { AheadOf } from './asking-ahead.ts'
import { openGitGateway } from './index.ts'
import type { GitGatewayRoom } from './index.ts'

export const HOST_TOKEN = 'longlived-canary-4f1d9a7c2b'
const SECRET = 'a'.repeat(48)

export interface Ran { readonly code: number; readonly text: string }
export interface GatewayWorkspace {
  readonly id: WorkspaceId
  readonly name: string
  /** What the workspace's git is given for a repository of the host. */
  remote(repository: string): string
  /** As it is in there. */
  git(cwd: string, ...args: string[]): Promise<Ran>
  policy(change: Partial<GitPolicy>): Promise<void>
}
export interface GitWorld {
  readonly root: string
  readonly host: GitServer
  readonly origin: string
  readonly database: TestDatabase
  readonly asks: ServerAsks
  /** A repository at the host with one commit; its refs are read by `refs`. */
  repository(name: string, files?: Readonly<Record<string, string>>): void
  refs(name: string): Record<string, string>
  workspace(name: string, over?: Partial<NewWorkspace>): Promise<GatewayWorkspace>
  /** As when its first machine is about to be made. Resolves when nothing more is asked. */
  ahead(id: WorkspaceId, over?: Partial<AheadOf>): Promise<void>
  /** For the server it is later by so much. */
  pass(ms: number): void
  /** Nothing is asked ahead any more. */
  stop(): Promise<void>
  /** As the link of that workspace would. */
  ask(id: WorkspaceId, request: Request): Promise<Response>
  /** Straight to the host, as a person. */
  person(cwd: string, ...args: string[]): Promise<Ran>
  audit(): Promise<AuditRecord[]>
  /** Answers what waits, as soon as it does. */
  answer(id: WorkspaceId, behavior: 'allow' | 'deny', message?: string): Promise<{ title: string; input: Readonly<Record<string, unknown>> }>
  close(): Promise<void>
}

export async function openGitWorld(over: Pick<GitGatewayRoom, 'fetch' | 'packLimits'> = {}): Promise<GitWorld> {
  const root = mkdtempSync(join(tmpdir(), 'berth-git-world-'))
  const database = await openTestDatabase()
  const { store } = database
  const hosted = join(root, 'host')
  mkdirSync(hosted)
  const host = startGitServer(hosted, { username: 'x-access-token', token: HOST_TOKEN })
  const origin = `http://127.0.0.1:${host.port}`
  let passedMs = 0
  const clock = { now: () => Date.now() + passedMs }
  const logged: string[] = []
  const log = (line: string) => void logged.push(line)
  const { orgId, userId } = await store.access.bootstrap(clock.now())
  await store.gitHosts.put({ orgId, origin, username: 'x-access-token', token: HOST_TOKEN }, clock.now())
  const asks = createServerAsks({ store, clock, log, expireEveryMs: 50 })
  const git = openGitGateway({ store, github: { credentialFor: async () => null }, asks, clock, log, dir: join(root, 'pushes'), pageUrl: Promise.resolve('http://berth.test'), ...over })
  const linkHttp = createLinkHttp({ store, clock, log, repositories: createRepositories({ dir: join(root, 'repos') }), uploads: createUploads({ dir: join(root, 'uploads') }), gitGateway: git.gateway, toolboxFiles: { program: async () => new Response() }, modelGateway: () => Promise.reject(new Error('no model')), inject: () => Promise.reject(new Error('nothing is put in here')) })

  // The daemon's part: its secret path, and who asks.
  const listeners: Bun.Server<undefined>[] = []
  const machine = (id: WorkspaceId): string => {
    const server = Bun.serve({
      hostname: '127.0.0.1', port: 0, idleTimeout: 0,
      fetch(request) {
        const url = new URL(request.url)
        const headers = new Headers(request.headers)
        headers.set(LFS_BASE_HEADER, `${url.origin}/${SECRET}`)
        return linkHttp(id, new Request(`http://link${url.pathname.slice(SECRET.length + 1)}${url.search}`, { method: request.method, headers, signal: request.signal, ...(request.method === 'GET' ? {} : { body: request.body, duplex: 'half' as const }) }))
      },
    })
    listeners.push(server)
    return `http://127.0.0.1:${server.port}/${SECRET}/upstream/http/127.0.0.1:${host.port}`
  }
  const run = (cwd: string, args: readonly string[], env: Record<string, string> = {}) => runGit(cwd, args, { HOME: root, ...env })
  const must = (args: readonly string[], cwd = root): string => {
    const done = Bun.spawnSync(['git', '-c', 'init.defaultBranch=main', '-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', ...args], { cwd, env: { PATH: process.env['PATH'] ?? '', HOME: root } })
    if (!done.success) throw new Error(`git ${args.join(' ')}: ${done.stderr.toString()}`)
    return done.stdout.toString()
  }

  return {
    root, host, origin, database, asks,
    pass(ms) { passedMs += ms },
    repository(name, files = { 'ledger.txt': `${name}\n` }) {
      const work = mkdtempSync(join(root, 'seed-'))
      must(['init', '-q'], work)
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(work, path)), { recursive: true })
        writeFileSync(join(work, path), text)
      }
      must(['add', '-A'], work)
      must(['commit', '-qm', 'first'], work)
      must(['clone', '-q', '--bare', work, join(hosted, `${name}.git`)])
    },
    refs: (name) => Object.fromEntries(must(['--git-dir', join(hosted, `${name}.git`), 'for-each-ref', '--format=%(refname) %(objectname)']).split('\n').filter(Boolean).map((line) => line.split(' ') as [string, string])),
    async workspace(name, more = {}) {
      const id = randomIds.workspace()
      await store.createWorkspace({
        id, orgId, creatorId: userId, name, repository: 'r', branch: null, source: { kind: 'git', url: `${origin}/private-own.git` }, sourceReady: true, provider: 'local', image: null, resources: {}, agent: 'plain',
        command: null, services: [], approvalMode: 'ask', acceptNoIsolation: true, sessionId: randomIds.session(), exposures: [], autoStopMs: 0, steps: [], secrets: { env: {}, homeFiles: [] }, prompt: null, idempotencyKey: null, ...more,
      }, clock.now())
      const base = machine(id)
      return {
        id, name,
        remote: (repository) => `${base}/${repository}.git`,
        git: (cwd, ...args) => run(cwd, args, { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: `url.${base}/.insteadOf`, GIT_CONFIG_VALUE_0: `${origin}/` }),
        policy: async (change) => store.gitPolicies.put(id, { ...GitPolicy.parse({}), ...change }, clock.now()),
      }
    },
    async ahead(id, over = {}) {
      const record = await store.getWorkspace(id)
      if (record !== null) await git.ahead({ ...record.workspace, ...over })
    },
    stop: git.stop,
    ask: linkHttp,
    person: (cwd, ...args) => run(cwd, ['-c', `http.extraHeader=Authorization: Basic ${btoa(`x-access-token:${HOST_TOKEN}`)}`, ...args]),
    audit: async () => (await store.audit.list(orgId, { limit: 500 })).toReversed(),
    answer: (id, behavior, message) => answered(store, id, { behavior, message }),
    async close() {
      await git.stop()
      await asks.stop()
      for (const listener of listeners) await listener.stop(true)
      await host.close()
      await database.close()
      rmSync(root, { recursive: true, force: true })
    },
  }
}

async function runGit(cwd: string, args: readonly string[], env: Record<string, string>): Promise<Ran> {
  const child = Bun.spawn(['git', '-c', 'init.defaultBranch=main', '-c', 'http.postBuffer=65536', ...args], {
    cwd, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe',
    env: { PATH: process.env['PATH'] ?? '', GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C', GIT_AUTHOR_NAME: 'Ada', GIT_AUTHOR_EMAIL: 'ada@example.org', GIT_COMMITTER_NAME: 'Ada', GIT_COMMITTER_EMAIL: 'ada@example.org', ...env },
  })
  const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  return { code, text: out + err }
}

async function answered(store: TestDatabase['store'], id: WorkspaceId, { behavior, message }: { behavior: 'allow' | 'deny'; message: string | undefined }): Promise<{ title: string; input: Readonly<Record<string, unknown>> }> {
  for (;;) {
    const moved = Promise.withResolvers<void>()
    const remove = store.events.onAppend((workspace) => { if (workspace === id) moved.resolve() })
    try {
      const [asked] = await store.approvals.list({ workspaceId: id, all: false })
      if (asked === undefined) {
        await moved.promise
        continue
      }
      const { won } = await store.approvals.decide(asked.approvalId, { behavior, scope: 'once', ...(message === undefined ? {} : { message }) }, { who: 'Ana', via: 'push', at: Date.now() }, Date.now())
      if (!won) throw new BerthError('conflict', 'somebody else answered')
      return { title: asked.title, input: asked.input }
    } finally {
      remove()
    }
  }
}
