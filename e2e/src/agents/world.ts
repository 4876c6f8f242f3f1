/** One workspace with one real agent, and what the suite asks of it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Approval, EventBody, StoredEvent, Workspace } from '@berth/wire'
import { SOCKET_PATH, type LiveItem, type ToPage } from '@berth/wire/live'
import { SERVER_FILE, TOKEN_FILE } from '@berth/wire/server-file'
import { createVictims, killAll } from '../crash/victims.ts'
import { startGround, type Ground } from '../ground.ts'
import { installationOf } from '../inventory.ts'
import { COMMAND, eventually } from '../product.ts'
import { modelUrl } from '../providers.ts'
import type { CAPABILITIES } from './capabilities.ts'

/** The machine may be busy, and an agent takes seconds to begin. */
export const TURN_MS = 120_000

export interface AgentUnderTest {
  readonly kind: keyof typeof CAPABILITIES
  /** The words of `berth up` that lead it to the model at that address. */
  readonly words: (modelUrl: string) => readonly string[]
  /** Brings its program, where the product does not. */
  readonly prepare?: () => Promise<unknown>
}
export type Body<T extends EventBody['type']> = Extract<EventBody, { type: T }>
export interface AgentWorld {
  readonly ground: Ground
  readonly workspace: Workspace
  /** What a second screen was shown of this moment. */
  readonly live: readonly LiveItem[]
  /** Another workspace of that agent; the one that is asked about from now on. */
  up(name: string, words: readonly string[]): Promise<void>
  /** The seq of the newest event. */
  tail(): Promise<number>
  events(after: number): Promise<StoredEvent[]>
  bodies<T extends EventBody['type']>(type: T, after?: number): Promise<Body<T>[]>
  said(role: Body<'message'>['role'], after: number): Promise<string[]>
  applied(after: number): Promise<string[]>
  first<T extends EventBody['type']>(type: T, after: number, fits?: (body: Body<T>) => boolean): Promise<Body<T>>
  send(text: string): Promise<unknown>
  /** The next question after that event which waits. */
  asked(after: number): Promise<Approval>
  decide(approval: Approval, decision: Record<string, unknown>): Promise<unknown>
  /** Says yes to whatever is asked until the turn is over; resolves to how many were asked. */
  allowAll(after: number): Promise<number>
  /** What the work changed in that file, as a patch; empty: nothing. */
  patchOf(file: string): Promise<string>
  /** The first request of the agent's main loop with that text in it. */
  toldModel(text: string): ReturnType<Ground['model']['waitFor']>
  /** A person at the terminal, by `berth attach`. */
  attach(): Attached
  killDaemon(): number
  processes(): string[]
  close(): Promise<void>
}

export interface Attached { shows(words: string): Promise<void>; type(keys: string): void; detach(): Promise<void> }

export async function startAgentWorld(agent: AgentUnderTest): Promise<AgentWorld> {
  const ground = await startGround({ from: { 'README.md': '# demo\n' } })
  try {
    return await worldOn(ground, agent)
  } catch (error) {
    await ground.close()
    throw error
  }
}

async function worldOn(ground: Ground, agent: AgentUnderTest): Promise<AgentWorld> {
  const { product, model } = ground
  const live: LiveItem[] = []
  const up = (name: string, words: readonly string[]) => product.json<Workspace>(['up', '.', '--provider', 'local', '--agent', agent.kind, '--name', name, '--no-open', '-y', ...words], { cwd: ground.dir })
  await agent.prepare?.()
  let workspace = await up('agent', agent.words(modelUrl(model)))
  const socket = watch(product.home, workspace.id, (item) => { live.push(item) })
  const victims = () => createVictims(product.home)
  const installation = (): string => installationOf(product.home) ?? ''

  const events: AgentWorld['events'] = async (after) => (await ground.events(workspace.id)).filter(({ seq }) => seq > after)
  const bodies: AgentWorld['bodies'] = async <T extends EventBody['type']>(type: T, after = 0) =>
    // Events of a known type are what they say; the store checks them.
    (await events(after)).flatMap(({ body }) => (body.type === type ? [body as Body<T>] : []))
  const decide: AgentWorld['decide'] = ({ approvalId }, decision) => ground.ask('POST', `/approvals/${approvalId}/decision`, { decision, via: 'api' })
  const open = async (): Promise<Approval[]> => (await ground.approvals(workspace.id)).filter(({ state }) => state === 'open')
  return {
    ground, live, events, bodies, decide,
    get workspace() { return workspace },
    async up(name, words) { workspace = await up(name, words) },
    tail: async () => (await ground.events(workspace.id)).at(-1)?.seq ?? 0,
    said: async (role, after) => (await bodies('message', after)).filter((body) => body.role === role).map(({ text }) => text.trim()),
    applied: async (after) => (await bodies('approval.applied', after)).map(({ behavior, via }) => `${behavior} ${via}`),
    first: (type, after, fits = () => true) => eventually(async () => (await bodies(type, after)).find((body) => fits(body)), `a ${type}`, TURN_MS),
    send: (text) => ground.ask('POST', `/workspaces/${workspace.id}/messages`, { text }),
    asked: (after) => eventually(async () => {
      const ids = (await bodies('approval.asked', after)).map(({ ask }) => ask.approvalId)
      return (await open()).find(({ approvalId }) => ids.includes(approvalId))
    }, 'a question', TURN_MS),
    async allowAll(after) {
      const answered = new Set<string>()
      await eventually(async () => {
        for (const approval of await open()) {
          if (answered.has(approval.approvalId)) continue
          answered.add(approval.approvalId)
          await decide(approval, { behavior: 'allow' })
        }
        return (await bodies('turn.ended', after)).length > 0
      }, 'the end of the turn', TURN_MS)
      return answered.size
    },
    patchOf: async (file) => (await ground.ask<{ patch: string }>('GET', `/workspaces/${workspace.id}/diff`)).patch.split('diff --git').find((part) => part.includes(`b/${file}`)) ?? '',
    toldModel: (text) => model.waitFor((request) => request.offersTools && JSON.stringify(request.body).includes(text), AbortSignal.timeout(TURN_MS)),
    attach: () => attachTo(ground, workspace.id),
    killDaemon: () => killAll(victims().daemons(installation()).map(({ pid }) => pid)),
    processes: () => victims().marked(installation()).map(({ command }) => command),
    async close() {
      socket.close()
      await ground.close()
    },
  }
}

function attachTo({ product }: Ground, id: string): Attached {
  let text = ''
  const child = Bun.spawn([...COMMAND, 'attach', id], {
    cwd: product.home, env: { ...product.env, TERM: 'xterm-256color' },
    terminal: { cols: 110, rows: 34, data: (_terminal, bytes) => { text += Buffer.from(bytes).toString() } },
  })
  return {
    // A screen is drawn in pieces, with colours between them and no spaces where the cursor is moved.
    // eslint-disable-next-line no-control-regex -- they are what this removes
    shows: async (words) => { await eventually(async () => text.replaceAll(/\u001b(\[[0-9;?<>=]*[ -/]*[@-~]|\][^\u0007\u001b]*(\u0007|\u001b\\)|[()][A-Z0-9]|[=>78])/g, '').replaceAll(/\s+/g, '').includes(words.replaceAll(/\s+/g, '')), `"${words}" on the screen`, TURN_MS) },
    type: (keys) => { child.terminal?.write(keys) },
    async detach() {
      child.terminal?.write('\u001dd')
      await child.exited
    },
  }
}

/** The page's socket, as another client would open it. */
function watch(home: string, workspaceId: string, onLive: (item: LiveItem) => void): WebSocket {
  const { url } = JSON.parse(readFileSync(join(home, SERVER_FILE), 'utf8')) as { url: string }
  const token = readFileSync(join(home, TOKEN_FILE), 'utf8').trim()
  // Bun takes headers here; the browser's type does not know them.
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}${SOCKET_PATH}`, { headers: { authorization: `Bearer ${token}` } } as unknown as string[])
  socket.addEventListener('open', () => { socket.send(JSON.stringify({ type: 'watch', workspaceId, after: 0 })) })
  socket.addEventListener('message', ({ data }: MessageEvent<string>) => {
    const message = JSON.parse(data) as ToPage
    if (message.type === 'live') for (const item of message.items) onLive(item)
  })
  return socket
}
