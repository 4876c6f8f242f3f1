/** Only the file that was put there is emptied from here; everything else is the engine's. */
import { afterEach, beforeEach, expect, it } from 'bun:test'
import { link, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HELD_FOR } from './container.ts'
import { createEngine } from './engine.ts'
import { createHolding, type HeldContainer } from './held.ts'

const signal = new AbortController().signal
let dir = ''
let asked: string[] = []
let server: Bun.Server<undefined>
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-held-'))
  asked = []
  server = Bun.serve({
    hostname: '127.0.0.1', port: 0,
    fetch({ method, url }) {
      const { pathname } = new URL(url)
      if (pathname === '/version') return Response.json({ ApiVersion: '1.41' })
      asked.push(`${method} ${pathname.replace(/^\/v1\.41/, '')}`)
      return new Response(null, { headers: { 'x-docker-container-path-stat': btoa(JSON.stringify({ size: HELD_FOR.length })) } })
    },
  })
})
afterEach(async () => {
  await server.stop(true)
  await rm(dir, { recursive: true, force: true })
})
const machine = (Source: string): HeldContainer => ({ Id: 'one', State: { StartedAt: 'now' }, Mounts: [{ Type: 'volume', Source: '/elsewhere', Destination: '/workspace' }, { Type: 'volume', Source, Destination: '/var/lib/berth' }] })
const letGo = async (container: HeldContainer) => {
  const holding = createHolding(createEngine(`tcp://127.0.0.1:${server.port}`))
  expect(await holding.isHeld(container, signal)).toBe(true)
  asked = []
  await holding.letGo(container, signal)
  const calls = asked
  // Once is enough: nobody asks again.
  expect([await holding.isHeld(container, signal), asked.length]).toEqual([false, calls.length])
  return calls
}
const BY_ENGINE = ['PUT /containers/one/archive']

it('empties the file where the volume lies here, without the engine', async () => {
  await writeFile(join(dir, 'hold'), HELD_FOR)
  expect(await letGo(machine(dir))).toEqual([])
  expect(await readFile(join(dir, 'hold'), 'utf8')).toBe('')
})

it('leaves what is not that file to the engine', async () => {
  const [hold, other] = [join(dir, 'hold'), join(dir, 'other')]
  await writeFile(other, HELD_FOR)
  const ways: (() => Promise<unknown>)[] = [async () => {}, () => symlink(other, hold), () => link(other, hold), () => writeFile(hold, 'x'.repeat(HELD_FOR.length)), () => writeFile(hold, `${HELD_FOR} `), async () => { Bun.spawnSync(['mkfifo', hold]) }]
  for (const make of ways) {
    await make()
    expect(await letGo(machine(dir))).toEqual(BY_ENGINE)
    expect(await readFile(other, 'utf8')).toBe(HELD_FOR)
    await rm(hold, { force: true })
  }
  for (const where of ['', 'relative', '/nonexistent']) expect(await letGo(machine(where))).toEqual(BY_ENGINE)
  expect(await letGo({ Id: 'one', State: {} })).toEqual(BY_ENGINE)
})
