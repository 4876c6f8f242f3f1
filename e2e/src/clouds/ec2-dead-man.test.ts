/**
 * The end that Berth gives a machine of Amazon EC2 along: its server is gone for longer than it may be, so it switches
 * itself off, and off it is not paid for. The machine really boots; the hours are virtual, by the mark of the last answer.
 */
import { afterAll, expect, test } from 'bun:test'
import type { MachineSpec, Owner } from '@berth/core'
import { createEc2Provider } from '@berth/providers/ec2'
import { createContainers, REGION, startEc2 } from '@berth/sim-ec2'
import { eventually } from '../product.ts'
import { modelHost } from '../providers.ts'

const KEYS = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret/of+the test', sessionToken: null }
const HOURS = 12
const WITHIN_MS = 240_000
const containers = createContainers(`sim-ec2-end-${process.pid}`, '/mnt/berth')
const ec2 = startEc2({ backend: containers })
ec2.world.keys.set(KEYS.accessKeyId, { secret: KEYS.secretAccessKey })
const bridge = modelHost('docker')
/** Answers, as a server does that knows nothing of who asks. */
const server = Bun.serve({ hostname: bridge, port: 0, fetch: () => new Response('not found', { status: 404 }) })

afterAll(async () => {
  await server.stop(true)
  await ec2.close()
  await containers.close()
})

test(`a machine whose server does not answer for ${HOURS} hours ends itself, and one whose server answers does not`, async () => {
  const owner: Owner = { installation: '0123456789abcdef0123456789abcdef', workspaceId: 'ws_0000000000aa', generation: 1 }
  const spec: MachineSpec = { image: null, memoryBytes: 4 * 1024 ** 3, cpus: 2, pids: 512, boot: { bootToken: 'first', link: { unixSocket: null, loopbackUrl: null, publicUrl: `http://${bridge}:${server.port}` }, toolbox: { hostDir: '/nonexistent', hash: '0123456789abcdef' } } }
  const provider = createEc2Provider({ installation: owner.installation, credentials: () => KEYS, log: () => {}, endpoint: ec2.url, region: REGION, endAfterHours: HOURS })
  const { signal } = new AbortController()
  await eventually(async () => (await provider.ensure(owner, spec, { signal })).done, 'the instance', WITHIN_MS)
  const [instance] = ec2.world.instances.values()
  const name = instance?.id ?? ''
  const root = async (...argv: string[]) => containers.machines.exec(name, argv)
  await eventually(async () => (await root('systemctl', 'is-active', 'berth-ends.timer')).stdout.trim() === 'active', 'its timer', WITHIN_MS)
  const pass = (hours: number) => root('touch', '--date', `${hours} hours ago`, '/run/berth-server-seen')
  const look = () => root('systemctl', 'start', 'berth-ends.service')
  const isOn = async () => (await provider.observe(owner, signal)).observed.state === 'running'

  await look()
  // The server answers: however long ago it did before.
  await pass(HOURS + 1)
  await look()
  expect((await root('find', '/run/berth-server-seen', '-mmin', '-5')).stdout.trim()).toBe('/run/berth-server-seen')
  expect(await isOn()).toBe(true)
  await server.stop(true)
  await pass(HOURS - 1)
  await look()
  expect(await isOn()).toBe(true)
  await pass(HOURS + 1)
  await look().catch(() => {})
  await eventually(async () => !(await isOn()), 'the end of the machine', WITHIN_MS)
  const charged = () => ec2.world.ledger.running().map(({ kind }) => kind)
  await eventually(async () => !charged().includes('instance'), 'the end of its price', WITHIN_MS)
  // What a person worked on is kept.
  expect(charged()).toContain('volume')
  await eventually(async () => (await provider.destroy(owner, { signal })).done, 'its deletion', WITHIN_MS)
  await eventually(async () => charged().length === 0, 'an empty bill', WITHIN_MS)
  expect([...ec2.faulty, ...ec2.refused, ...ec2.world.failed]).toEqual([])
}, WITHIN_MS * 2)
