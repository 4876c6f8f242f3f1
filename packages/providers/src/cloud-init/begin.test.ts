/** Which of a machine's first instructions starts what is Berth's, in Debian with systemd and its own cloud-init. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createMachines, machineImage } from '@berth/sim-machine'
import { cloudConfig, UNIT, userData, type MachineBoot } from './cloud-config.ts'
import { bootOf, LIMIT, TOOLBOX } from './testing.ts'

const machines = createMachines(`begin-${process.pid}`)
beforeAll(async () => void await machineImage(), 240_000)
afterAll(() => machines.close(), 60_000)

type Told = Record<'bootcmd' | 'runcmd', unknown>
const toldTo = (change: Partial<MachineBoot> = {}): Told => JSON.parse(cloudConfig({ boot: bootOf(), toolboxHash: TOOLBOX.hash, diskMount: '/mnt/disk', diskDevice: null, ...change }, LIMIT).slice('#cloud-config\n'.length)) as Told
/** Whether the daemon's unit was begun by the end of all of cloud-init. */
async function begunBy(name: string, told: Partial<Told>): Promise<boolean> {
  await machines.create({ name, hostname: name, instanceId: name, userData: userData(told, LIMIT.limitBytes), volumes: {} })
  // Where it is degraded it ends with another code than 0, and is over too.
  expect((await machines.exec(name, ['cloud-init', 'status', '--wait'])).stdout).toMatch(/status: done/)
  const { stdout } = await machines.exec(name, ['systemctl', 'show', '--property', 'ActiveEnterTimestampMonotonic', '--value', UNIT])
  return stdout.trim() !== '0'
}

test('it begins before the last stage of cloud-init, and without its help', async () => {
  expect(await begunBy('early', { ...toldTo(), runcmd: [] })).toBe(true)
  // The home is the workspace's from then on, and no stage puts anything in it.
  expect((await machines.exec('early', ['find', '/home/dev', '-name', 'authorized_keys'])).stdout).toBe('')
}, 60_000)

test('and by the last stage, where the stages before it are called something else', async () => {
  const { bootcmd: _, ...late } = toldTo()
  expect(await begunBy('late', late)).toBe(true)
}, 60_000)

test('where somebody may install as root, only by the last stage: the addresses of packages are known then', async () => {
  for (const change of [{ sudo: true }, { docker: true }] as const) expect(toldTo(change).bootcmd).toBeUndefined()
  expect(await begunBy('root', { ...toldTo({ sudo: true }), runcmd: [] })).toBe(false)
}, 60_000)
