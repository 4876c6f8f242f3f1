/**
 * What the agent writes, on a second screen while it writes it: the real Claude Code on `local`, its text line by line
 * before the message is stored, by the page's own socket.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createPageSocket } from '@berth/client/page-socket'
import type { PageSocket } from '@berth/client/page-socket'
import type { StoredEvent, Workspace } from '@berth/wire'
import { SOCKET_PATH } from '@berth/wire/live'
import type { LiveItem, ToPage } from '@berth/wire/live'
import { SERVER_FILE, TOKEN_FILE } from '@berth/wire/server-file'
import { startGround, type Ground } from './ground.ts'

const SECRET = 'a-secret-of-this-workspace-0123456789'
const LINES = Array.from({ length: 12 }, (_, at) => `line ${at} of what the agent writes`)

let ground: Ground
let workspace: Workspace
let screen: Screen

const plainSocket = globalThis.WebSocket

interface Said { readonly at: number; readonly live?: LiveItem; readonly event?: StoredEvent; readonly other?: ToPage }
interface Screen { readonly socket: PageSocket; readonly said: Said[]; until(what: string, holds: () => boolean): Promise<void> }

function openScreen(): Screen {
  const { url } = JSON.parse(readFileSync(join(ground.product.home, SERVER_FILE), 'utf8')) as { url: string }
  const token = readFileSync(join(ground.product.home, TOKEN_FILE), 'utf8').trim()
  const said: Said[] = []
  const listeners = new Set<() => void>()
  const hear = (one: Omit<Said, 'at'>): void => {
    said.push({ at: performance.now(), ...one })
    for (const listener of listeners) listener()
  }
  // A page has a cookie; a test has a token, which Bun's socket takes as a header.
  globalThis.WebSocket = class extends plainSocket {
    constructor(to: string) {
      super(to, { headers: { authorization: `Bearer ${token}` } } as unknown as string[])
    }
  } as unknown as typeof WebSocket
  const socket = createPageSocket({
    url: `${url.replace(/^http/, 'ws')}${SOCKET_PATH}`, onState: () => {},
    on: (message) => { if (message.type === 'live') for (const live of message.items) hear({ live }); else hear({ other: message }) },
    onEvents: (_, events) => { for (const event of events) hear({ event }) },
  })
  return {
    socket, said,
    until: (what, holds) => new Promise((resolve, reject) => {
      const timer = setTimeout(() => { reject(new Error(`never seen: ${what}; last: ${JSON.stringify(said.slice(-8))}`)) }, 90_000)
      const look = (): void => {
        if (!holds()) return
        clearTimeout(timer)
        listeners.delete(look)
        resolve()
      }
      listeners.add(look)
      look()
    }),
  }
}
const eventOf = (said: readonly Said[], fits: (body: StoredEvent['body']) => boolean): Said | undefined => said.find(({ event }) => event !== undefined && fits(event.body))

beforeAll(async () => {
  ground = await startGround({ scenarios: {
    lines: () => [[{ text: LINES.join('\n'), chunkMs: 40, pieces: 48 }], [{ text: 'never said' }]],
    tell: () => [[{ text: `The value is\n${SECRET}\nand again: ${SECRET}.\n\nThat is all of it.\n`, chunkMs: 30, pieces: 20 }], [{ text: 'never said' }]],
  } })
  workspace = await ground.up('live', 'please [[lines]]', '--env', `VALUE_TOKEN=${SECRET}`)
  screen = openScreen()
  screen.socket.watch(workspace.id, 0, { at: 'stream' })
}, 300_000)
afterAll(async () => {
  screen?.socket.close()
  globalThis.WebSocket = plainSocket
  await ground?.close()
}, 120_000)

test('the text comes line by line, and the message of the same id ends it', async () => {
  await screen.until('the turn', () => eventOf(screen.said, (body) => body.type === 'turn.ended') !== undefined)
  const message = eventOf(screen.said, (body) => body.type === 'message' && body['role'] === 'agent')
  const live = screen.said.filter((one) => one.live?.kind === 'text')
  const before = live.filter(({ at }) => at < (message?.at ?? 0))
  // A machine under load renders several lines at once; not all of them.
  expect(before.length).toBeGreaterThan(4)
  let text = ''
  for (const { live: item } of live) {
    expect(item).toMatchObject({ messageId: message?.event?.body['messageId'], role: 'agent', at: text.length })
    text += item?.append ?? ''
  }
  expect(text).toBe(LINES.join('\n'))
  expect(message?.event?.body['text']).toBe(text)
  expect((message?.at ?? 0) - (before[0]?.at ?? 0)).toBeGreaterThan(500)
}, 120_000)

test('the list says what it used and that nothing runs, and no port of ours is one of the workspace', async () => {
  screen.socket.list()
  await screen.until('the list', () => screen.said.some(({ other }) => other?.type === 'list'))
  expect(await ground.workspace(workspace.id)).toMatchObject({ work: null, viewers: 1, usage: { inputTokens: expect.any(Number), model: expect.any(String), costMicros: expect.any(Number), contextPercent: expect.any(Number) } })
  expect(screen.said.some(({ event }) => event?.body.type === 'port')).toBe(false)
})

test('a secret is not shown, neither at once nor in parts', async () => {
  const from = screen.said.length
  await ground.product.cli(['send', workspace.id, 'please [[tell]]'])
  await screen.until('the second turn', () => eventOf(screen.said.slice(from), (body) => body.type === 'turn.ended') !== undefined)
  const text = screen.said.slice(from).map(({ live }) => live?.append ?? '').join('')
  expect(text).toContain('The value is\n[masked]\nand again: [masked].')
  expect(JSON.stringify(screen.said)).not.toContain(SECRET.slice(0, 12))
  expect(JSON.stringify(screen.said)).not.toContain(SECRET.slice(-12))
}, 120_000)
