/**
 * The capability test on Fly: a simulator held to the vendor's published description, whose machines really run the image,
 * with the files and the first program of their configuration, and reach this server by an address of the network.
 */
import { afterAll, expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createContainers, startFly } from '@berth/sim-fly'
import { machineImage } from '@berth/sim-machine'
import { capabilityOn } from '../capability-steps.ts'
import { modelHost, setUpProviders } from '../providers.ts'
import { openWayIn } from './way-in.ts'

const TOKEN = 'fo1_example'
const containers = createContainers(`sim-fly-${process.pid}`)
const fly = startFly({ backend: containers })
fly.world.tokens.set(TOKEN, { org: 'berth' })
const bridge = modelHost('docker')
const wayIn = openWayIn(bridge)

afterAll(async () => {
  wayIn.close()
  await fly.close()
  await containers.close()
})

capabilityOn({
  provider: 'fly', modelHost: bridge,
  async setUp(home, model) {
    setUpProviders(home, model)
    writeFileSync(join(home, 'config.yaml'), wayIn.config)
    mkdirSync(join(home, 'providers'), { recursive: true })
    writeFileSync(join(home, 'providers/fly.yaml'), `endpoint: ${fly.url}\norganization: berth\nimage: ${await machineImage()}\nvolumeGb: 10\n`)
    writeFileSync(join(home, 'providers/fly.token'), TOKEN, { mode: 0o600 })
  },
  async inventory(workspaceId) {
    const { apps, machines, volumes } = fly.world
    return [...[...apps.values()].map(({ name }) => name), ...[...machines.values(), ...volumes.values()].map(({ app, id }) => `${app} ${id}`)].filter((name) => name.includes(workspaceId.replace('ws_', '')))
  },
})

test('of all that was bought nothing is paid for any more, and the vendor was asked as it describes', () => {
  const { world, faulty, refused } = fly
  expect(world.ledger.all().map(({ kind }) => kind)).toEqual(expect.arrayContaining(['machine', 'volume']))
  // A stop gives the machine back and keeps the volume: the start after it made another one beside it.
  const bought = (kind: string): number => world.ledger.all().filter((charge) => charge.kind === kind).length
  expect([bought('machine'), bought('volume')]).toEqual([3, 2])
  expect(world.ledger.running()).toEqual([])
  expect([...faulty, ...refused, ...world.failed]).toEqual([])
})
