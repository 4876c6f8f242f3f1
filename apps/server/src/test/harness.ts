/** A whole server in this process, on a database of its own, with machines that are rows in memory. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@berth/client'
import type { Client } from '@berth/client'
import { openTestDatabase } from '@berth/store/testing'
import type { TestDatabase } from '@berth/store/testing'
import { createFakeProvider } from '@berth/testkit'
import type { FakeProvider } from '@berth/testkit'
import type { StoredEvent, Workspace, WorkspaceId } from '@berth/wire'
import { serve } from '../main.ts'
import type { ServeOptions, Server } from '../main.ts'

export interface Harness {
  readonly server: Server
  readonly home: string
  readonly provider: FakeProvider
  readonly database: TestDatabase
  readonly client: Client
  readonly logged: string[]
  /** With the CLI's token. */
  fetch(path: string, init?: Omit<RequestInit, 'headers'> & { headers?: Record<string, string> }): Promise<Response>
  create(over?: Partial<Parameters<Client['createWorkspace']>[0]>): Promise<Workspace>
  /** Looks again at each event of the workspace until it holds. */
  until(id: WorkspaceId, holds: (workspace: Workspace) => boolean): Promise<Workspace>
  close(): Promise<void>
}

/** For machines that never run what is brought to them. */
export const FAKE_TOOLBOX: NonNullable<ServeOptions['toolbox']> = { ensureDaemon: async () => ({ hostDir: '/opt/berth', hash: 'test' }), ensureAgent: async () => '/opt/berth/agents/claude' }

export async function startHarness(over: Partial<ServeOptions> = {}): Promise<Harness> {
  const home = await mkdtemp(join(tmpdir(), 'berth-server-'))
  const database = await openTestDatabase()
  const provider = createFakeProvider({ clock: { now: () => Date.now() } })
  const logged: string[] = []
  const server = await serve({
    home, port: 0, databaseUrl: database.url, providers: () => [provider], log: (line) => void logged.push(line),
    toolbox: FAKE_TOOLBOX,
    ...over,
  })
  const client = createClient({ url: server.url, token: server.token })
  return {
    server, home, provider, database, client, logged,
    fetch: (path, init = {}) => fetch(`${server.url}${path}`, { ...init, headers: { authorization: `Bearer ${server.token}`, ...init.headers } }),
    create: (input) => client.createWorkspace({ source: { kind: 'empty' }, agent: 'plain', command: 'sleep 1', ...input }),
    async until(id, holds) {
      for await (const _ of changes(server, id)) {
        const workspace = await client.getWorkspace({ id })
        if (holds(workspace)) return workspace
      }
      throw new Error('the stream ended')
    },
    async close() {
      await server.stop()
      await database.close()
      await rm(home, { recursive: true, force: true })
    },
  }
}

async function* changes(server: Server, id: WorkspaceId): AsyncGenerator<StoredEvent[]> {
  let after = 0
  for (;;) {
    const appended = Promise.withResolvers<void>()
    const remove = server.store.events.onAppend((workspaceId) => {
      if (workspaceId === id) appended.resolve()
    })
    try {
      const events = await server.store.events.read(id, after, 1000)
      after = events.at(-1)?.seq ?? after
      if (events.length === 0) await appended.promise
      else yield events
    } finally {
      remove()
    }
  }
}
