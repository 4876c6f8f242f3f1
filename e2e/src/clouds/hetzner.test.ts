/**
 * The capability test on Hetzner Cloud: a simulator held to the vendor's description, whose servers really boot (systemd,
 * cloud-init), and machines that reach this server by an address of the network, through a proxy as a person has one.
 */
import { afterAll, expect, test } from 'bun:test'
import { capabilityOn } from '../capability-steps.ts'
import { setUpProviders } from '../providers.ts'
import { startHetznerGround } from './hetzner-ground.ts'

const { hetzner, bridge, setUp, inventory, close } = startHetznerGround()
afterAll(close)

capabilityOn({
  provider: 'hetzner', modelHost: bridge, inventory,
  setUp(home, model) {
    setUpProviders(home, model)
    setUp(home)
  },
})

test('of all that was bought nothing is paid for any more, and the vendor was asked as it describes', () => {
  const { world, faulty, refused } = hetzner
  expect(world.ledger.all().map(({ kind }) => kind)).toEqual(expect.arrayContaining(['server', 'volume', 'ipv4']))
  // A stop gives the server back: the start after it bought another one for the same workspace.
  const servers = world.ledger.all().filter(({ kind }) => kind === 'server').map(({ name }) => name)
  expect(servers.length).toBe(new Set(servers).size + 1)
  expect(world.ledger.running()).toEqual([])
  expect([...faulty, ...refused]).toEqual([])
})
