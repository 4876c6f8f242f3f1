/**
 * What most tests stand on: one product with the real Claude Code on `local`, a scripted model behind it, and a
 * repository that its workspaces come from.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '@berth/testkit/free-ports'
import { startScriptedModel, type Scenarios, type ScriptedModel } from '@berth/testkit/scripted-model'
import type { Approval, StoredEvent, Workspace } from '@berth/wire'
import { eventually, startProduct, type Product } from './product.ts'
import { modelHost, modelWords, setUpProviders } from './providers.ts'
import { dirtyRepository, repositoryOf, type Files } from './repository.ts'

const TURN_MS = 120_000

export interface Ground {
  readonly product: Product
  readonly model: ScriptedModel
  /** Where `up` takes the code from. */
  readonly dir: string
  /** A workspace with Claude Code; `words` are further words of `berth up`. */
  up(name: string, prompt: string, ...words: string[]): Promise<Workspace>
  /** What the API answers; anything but a yes is thrown, with what it said. */
  ask<T>(method: string, path: string, body?: unknown): Promise<T>
  workspace(id: string): Promise<Workspace>
  events(id: string): Promise<StoredEvent[]>
  /** What waits for an answer, of one workspace or of all. */
  approvals(id?: string): Promise<Approval[]>
  /** Until the agent neither works nor asks. */
  turnOver(id: string): Promise<void>
  close(): Promise<void>
}
export interface GroundOptions {
  readonly scenarios?: Scenarios
  /** A committed repository of these; absent: one with every state of a working tree. A path: one that the test removes itself. */
  readonly from?: Files | string
  /** Further lines of the server's settings. */
  readonly config?: string
}

export async function startGround({ scenarios = {}, from, config = '' }: GroundOptions = {}): Promise<Ground> {
  const closers = createClosers()
  try {
    const repository = typeof from === 'string' ? { dir: from, remove: () => {} } : await (from === undefined ? dirtyRepository() : repositoryOf(from))
    closers.add(() => repository.remove())
    const model = await startScriptedModel({ hostname: modelHost('local'), scenarios })
    closers.add(() => model.close())
    const product = startProduct({ USER: 'ada' })
    closers.add(() => product.close())
    setUpProviders(product.home, model)
    // A server that comes back at another port would be another server to a page.
    writeFileSync(join(product.home, 'config.yaml'), `port: ${freePort()}\n${config}`)
    const ask = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
      const response = await product.fetch(`/api/v1${path}`, { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
      // As the contract says it; what matters of it is expected by the tests.
      return (await response.json()) as T
    }
    const workspace = (id: string) => ask<Workspace>('GET', `/workspaces/${id}`)
    return {
      product, model, dir: repository.dir, ask, workspace, close: closers.close,
      up: (name, prompt, ...words) => product.json<Workspace>(['up', '.', '--provider', 'local', '--prompt', prompt, ...modelWords(model), '--no-open', '-y', '--name', name, ...words], { cwd: repository.dir }),
      events: async (id) => (await ask<{ events: StoredEvent[] }>('GET', `/workspaces/${id}/events?after=0&limit=1000`)).events,
      approvals: (id) => ask<Approval[]>('GET', id === undefined ? '/approvals' : `/approvals?workspace=${id}`),
      async turnOver(id) {
        await eventually(async () => (await workspace(id)).agentState === 'idle', 'the end of the turn', TURN_MS)
      },
    }
  } catch (error) {
    await closers.close()
    throw error
  }
}

/** What was begun last ends first; one that fails does not keep the others from ending. */
export function createClosers(): { add(close: () => Promise<unknown> | void): void; close(): Promise<void> } {
  const closers: (() => Promise<unknown> | void)[] = []
  return {
    add: (close) => void closers.unshift(close),
    async close() {
      for (const close of closers.splice(0)) await Promise.resolve(close()).catch((error: unknown) => console.error(error))
    },
  }
}
