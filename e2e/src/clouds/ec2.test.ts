/**
 * The capability test on Amazon EC2: a simulator held to the schemas of the vendor's client, whose instances really boot
 * (systemd, cloud-init), and machines that reach this server by an address of the network, through a proxy as a person has one.
 */
import { afterAll, expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createContainers, REGION, startEc2 } from '@berth/sim-ec2'
import { capabilityOn } from '../capability-steps.ts'
import { modelHost, setUpProviders } from '../providers.ts'
import { openWayIn } from './way-in.ts'

const KEYS = { id: 'AKIAEXAMPLE', secret: 'secret/of+the/test' }
/** Where the provider expects its disk. */
const containers = createContainers(`sim-ec2-${process.pid}`, '/mnt/berth')
const ec2 = startEc2({ backend: containers })
ec2.world.keys.set(KEYS.id, { secret: KEYS.secret })
const bridge = modelHost('docker')
const wayIn = openWayIn(bridge)

afterAll(async () => {
  wayIn.close()
  await ec2.close()
  await containers.close()
})

capabilityOn({
  provider: 'ec2', modelHost: bridge,
  setUp(home, model) {
    setUpProviders(home, model)
    writeFileSync(join(home, 'config.yaml'), wayIn.config)
    mkdirSync(join(home, 'providers'), { recursive: true })
    writeFileSync(join(home, 'providers/ec2.yaml'), `endpoint: ${ec2.url}\nregion: ${REGION}\n`)
    writeFileSync(join(home, 'providers/ec2.credentials'), `[default]\naws_access_key_id = ${KEYS.id}\naws_secret_access_key = ${KEYS.secret}\n`, { mode: 0o600 })
  },
  async inventory(workspaceId) {
    const { instances, volumes, interfaces } = ec2.world
    return [...[...instances.values()].filter(({ state }) => state !== 'terminated'), ...volumes.values(), ...interfaces.values()].filter(({ tags }) => tags['dev.berth.workspace'] === workspaceId).map(({ id }) => id)
  },
})

test('of all that was bought nothing is paid for any more, and the vendor was asked as it describes', () => {
  const { world, faulty, refused } = ec2
  expect(world.ledger.all().map(({ kind }) => kind)).toEqual(expect.arrayContaining(['instance', 'volume', 'ipv4']))
  // A stop keeps the instance: the start after it is the same one, charged for a second time.
  const instances = world.ledger.all().filter(({ kind }) => kind === 'instance').map(({ id }) => id)
  expect(instances.length).toBe(new Set(instances).size + 1)
  expect(world.ledger.running()).toEqual([])
  expect(world.groups.size).toBe(0)
  expect([...faulty, ...refused, ...world.failed]).toEqual([])
})
