/**
 * The capability test on Fly: a simulator held to the vendor's published description, whose machines really run the image,
 * with the files and the first program of their configuration, and reach this server by an address of the network.
 */
import { afterAll, expect, test } from 'bun:test'
import { machineImage } from '@berth/sim-machine'
import { capabilityOn } from '../capability-steps.ts'
import { setUpProviders } from '../providers.ts'
import { startFlyGround } from './fly-ground.ts'

const ground = startFlyGround('sim-fly')
const { fly, bridge } = ground
afterAll(() => ground.close())

capabilityOn({
  provider: 'fly', modelHost: bridge,
  async setUp(home, model) {
    setUpProviders(home, model)
    ground.setUp(home, { image: await machineImage() })
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
