/** Who is let in by the door, and what whoever is not hears. */
import { afterEach, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { joinedMuxes } from '@berth/testkit'
import { DOOR_ASK_LIMIT, DOOR_OPEN } from '@berth/wire/reach-door'
import { openReachDoor } from './reach-door.ts'
import type { DoorDeps } from './reach-door.ts'

const cleanups: (() => void)[] = []
afterEach(() => { for (const cleanup of cleanups.splice(0).reverse()) cleanup() })

const KEY = Buffer.from('ssh-ed25519 AAAAC3Nz').toString('base64url')
const ask = (more: object = {}): string => `${JSON.stringify({ token: 'good', workspace: 'ws_0123456789ab', key: KEY, ...more })}\n`

/** The machine gives back what it is told, and ends when that ends. */
function openDoor(): string {
  const dir = mkdtempSync(join(tmpdir(), 'berth-door-'))
  const path = join(dir, 'reach.sock')
  const now = 1
  const workspace = { id: 'ws_0123456789ab', name: 'demo', wish: { target: 'running' } }
  const { server: link } = joinedMuxes((_, stream) => void stream.readable.pipeTo(stream.writable).catch(() => {}))
  // Of a whole server, what the door asks: who that is, whether the machine runs, and its stream.
  const deps = {
    store: { audit: { write: async () => {} }, access: { authenticate: async (token: string) => (token === 'good' ? { userId: 'usr_1' } : null) }, getWorkspace: async () => ({ workspace, machine: { observed: { state: 'running' } }, link: { connected: true } }) },
    clock: { now: () => now }, log: () => {}, upSince: () => 0,
    daemons: { connected: () => true, openStream: () => link.open({}) },
    gate: { require: async () => {}, may: async () => true },
  } as unknown as DoorDeps
  const door = openReachDoor(deps, path)
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }), () => door.stop())
  expect(statSync(path).mode & 0o777).toBe(0o600)
  return path
}

function told(path: string, line: string | Uint8Array): Promise<string> {
  const socket = createConnection({ path })
  let text = ''
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('data', (bytes) => { text += bytes.toString() })
    socket.on('close', () => resolve(text))
    socket.write(line)
  })
}

test('without a credential, a workspace or a key there is an error and the end', async () => {
  const path = openDoor()
  for (const [line, code] of [[ask({ token: 'bad' }), 'unauthorized'], [ask({ token: '' }), 'bad_request'], [ask({ workspace: '../x' }), 'bad_request'], ['{}\n', 'bad_request'], ['no json\n', 'bad_request']] as const) {
    expect(JSON.parse(await told(path, line))).toMatchObject({ code })
  }
  expect(DOOR_OPEN).not.toStartWith('{')
})

test('who says too much at once, or more than the line, is not answered', async () => {
  const path = openDoor()
  expect(await told(path, 'x'.repeat(DOOR_ASK_LIMIT + 2))).toBe('')
  expect(await told(path, `${ask()}early`)).toBe('')
})
