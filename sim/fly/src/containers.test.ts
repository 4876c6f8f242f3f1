/** Machines of the simulator that really run: what the vendor promises of files, the first program, the volume and the end. */
import { afterAll, expect, test } from 'bun:test'
import { machineImage } from '@berth/sim-machine'
import { createContainers, startFly } from './index.ts'

const TOKEN = 'fo1_example'
const UP_WITHIN_MS = 30_000
const containers = createContainers(`sim-fly-test-${process.pid}`)
const fly = startFly({ backend: containers })
fly.world.tokens.set(TOKEN, { org: 'berth' })
afterAll(async () => {
  await fly.close()
  await containers.close()
})

type Json = Record<string, unknown> & { id: string; state: string; error: string }
const ask = async (method: string, path: string, body?: unknown): Promise<{ status: number; body: Json }> => {
  const answer = await fetch(`${fly.url}/apps${path}`, { method, headers: { authorization: `Bearer ${TOKEN}` }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  const text = await answer.text()
  return { status: answer.status, body: (text === '' ? {} : JSON.parse(text)) as Json }
}
async function until(id: string, state: string): Promise<void> {
  let seen = ''
  for (const end = Date.now() + UP_WITHIN_MS; Date.now() < end; await Bun.sleep(50)) {
    seen = (await ask('GET', `/one/machines/${id}`)).body.state
    if (seen === state) return
  }
  throw new Error(`the machine is ${seen}, not ${state}`)
}

test('files and the first program are there, the volume outlives a stop and the disk does not, and an end is seen', async () => {
  const config = (more: Record<string, unknown>) => ({ guest: { cpu_kind: 'shared', cpus: 1, memory_mb: 256 }, restart: { policy: 'no' }, ...more })
  await ask('POST', '', { name: 'one', org_slug: 'berth', network: 'own' })
  expect(await ask('POST', '/one/machines', { region: 'iad', config: config({ image: 'berth-sim/no-such-image:0' }) })).toMatchObject({ status: 400, body: { error: expect.stringContaining('not found') } })
  const { body: volume } = await ask('POST', '/one/volumes', { name: 'data', region: 'iad', size_gb: 1 })
  const script = 'trap "echo asked to end >> /data/said; exit 0" TERM; echo boot >> /data/said; echo boot >> /said; while :; do sleep 0.1; done'
  const files = [{ guest_path: '/etc/own/start', raw_value: Buffer.from(script).toString('base64'), mode: 0o750 }]
  const { body: { id } } = await ask('POST', '/one/machines', { name: 'm', region: 'iad', config: config({ image: await machineImage(), files, init: { exec: ['/bin/sh', '/etc/own/start'] }, env: { WHO: 'me' }, mounts: [{ volume: volume.id, path: '/data' }] }) })
  await until(id, 'started')
  const look = async (command: string): Promise<string> => (await containers.machines.exec(id, ['sh', '-c', command])).stdout
  expect(await look('stat -c "%a %u" /etc/own/start /etc; tr "\\0" "\\n" < /proc/$(pgrep -f "^/bin/sh /etc/own")/environ | grep ^WHO')).toBe('750 0\n755 0\nWHO=me')

  await ask('POST', `/one/machines/${id}/stop`, { signal: 'SIGTERM', timeout: '10s' })
  await until(id, 'stopped')
  expect(fly.world.ledger.running().map(({ kind }) => kind)).toEqual(['volume'])
  await ask('POST', `/one/machines/${id}/start`)
  await until(id, 'started')
  const said = async () => look('cat /data/said; echo --; cat /said')
  for (const end = Date.now() + UP_WITHIN_MS; !(await said()).endsWith('boot') && Date.now() < end;) await Bun.sleep(50)
  expect(await said()).toBe('boot\nasked to end\nboot\n--\nboot')

  // By itself.
  await look('kill -KILL $(pgrep -f "^/bin/sh /etc/own")')
  await until(id, 'stopped')
  expect((await ask('DELETE', `/one/machines/${id}`)).status).toBe(200)
  for (const end = Date.now() + UP_WITHIN_MS; (await ask('DELETE', `/one/volumes/${volume.id}`)).status !== 200 && Date.now() < end;) await Bun.sleep(50)
  expect(fly.world.ledger.running()).toEqual([])
  expect([...fly.faulty, ...fly.refused, ...fly.world.failed]).toEqual([])
}, 120_000)
