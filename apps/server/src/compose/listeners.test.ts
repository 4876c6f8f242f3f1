/** Where people find the server again after it was away. */
import { afterEach, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SERVER_FILE } from '@berth/wire/server-file'
import { serve, type Server } from '../main.ts'
import { FAKE_TOOLBOX, startHarness } from '../test/harness.ts'
import { rememberedPort, rememberPort } from './home.ts'
import { listenForPeople } from './listeners.ts'

const after: (() => Promise<unknown> | void)[] = []
afterEach(async () => {
  for (let next = after.pop(); next; next = after.pop()) await next()
})

/** A program of somebody else. */
function stranger(port = 0): { port: number; leave(): void } {
  const server = Bun.listen({ hostname: '127.0.0.1', port, socket: { data() {} } })
  after.push(() => server.stop(true))
  return { port: server.port, leave: () => server.stop(true) }
}

function people(options: { port?: number; remembered: number }) {
  const said: string[] = []
  const listener = listenForPeople({ hostname: undefined, port: options.port, remembered: options.remembered, log: (line) => void said.push(line) })
  after.push(() => listener.stop())
  return { ...listener, said }
}

test('the port of the last time is taken again, though the usual one is free', async () => {
  const before = stranger()
  before.leave()
  const again = people({ remembered: before.port })
  expect([again.port, again.movedFrom, again.said]).toEqual([before.port, null, []])
  expect(await (await fetch(`http://127.0.0.1:${before.port}/`)).json()).toMatchObject({ code: 'server_unreachable' })
})

test('what another program has taken is left to it, and said', () => {
  const { port } = stranger()
  const moved = people({ remembered: port })
  expect(moved.port).toBeGreaterThanOrEqual(7420)
  expect(moved.port).not.toBe(port)
  expect(moved.movedFrom).toBe(port)
  expect(moved.said).toEqual([expect.stringMatching(new RegExp(`port ${port}, .*is not free: listening on ${moved.port};`))])
})

test('a port that may not be had any more is no reason not to try another', () => {
  expect(() => listenForPeople({ hostname: '192.0.2.1', port: undefined, remembered: 7999, log: () => {} })).toThrow('cannot listen on 192.0.2.1:7420')
})

test('a port that was asked for is that one or none, whatever was before', () => {
  const asked = stranger()
  const remembered = stranger()
  remembered.leave()
  expect(() => people({ port: asked.port, remembered: remembered.port })).toThrow(`${asked.port} is in use`)
  asked.leave()
  const listener = people({ port: asked.port, remembered: remembered.port })
  expect([listener.port, listener.movedFrom, listener.said]).toEqual([asked.port, null, []])
})

test('each door has a port of its own in the home, and what is no port is none', async () => {
  const home = await mkdtemp(join(tmpdir(), 'berth-doors-'))
  after.push(() => rm(home, { recursive: true, force: true }))
  expect(await rememberedPort(home, 'page')).toBe(0)
  await rememberPort(home, 'page', 7421)
  await rememberPort(home, 'link', 5000)
  expect([await rememberedPort(home, 'page'), await rememberedPort(home, 'link'), await rememberedPort(home, 'preview')]).toEqual([7421, 5000, 0])
  for (const text of ['', 'seven', '70000', '-1', '1.5']) {
    await Bun.write(join(home, 'run', 'page-port'), text)
    expect(await rememberedPort(home, 'page')).toBe(0)
  }
})

test('a server that comes back is where it was, and tells the CLI of its home where it could not', async () => {
  const first = await startHarness()
  after.push(() => first.close())
  await first.server.stop()
  const { home, database, provider } = first
  const start = async (): Promise<Server> => {
    const server = await serve({ home, databaseUrl: database.url, providers: () => [provider], toolbox: FAKE_TOOLBOX, previews: { port: 0 } })
    after.push(() => server.stop())
    return server
  }
  const again = await start()
  expect(again.url).toBe(first.server.url)
  expect(await Bun.file(join(home, SERVER_FILE)).json()).not.toHaveProperty('movedFrom')
  await again.stop()

  const { port } = stranger(Number(new URL(first.server.url).port))
  const elsewhere = await start()
  expect(elsewhere.url).not.toBe(first.server.url)
  expect(await Bun.file(join(home, SERVER_FILE)).json()).toMatchObject({ url: elsewhere.url, movedFrom: port })
}, 60_000)
