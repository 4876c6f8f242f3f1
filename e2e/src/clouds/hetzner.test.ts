/**
 * The capability test on Hetzner Cloud: a simulator held to the vendor's description, whose servers really boot (systemd,
 * cloud-init), and machines that reach this server by an address of the network, through a proxy as a person has one.
 */
import { afterAll, expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createContainers, startHetzner } from '@berth/sim-hetzner'
import { capabilityOn } from '../capability-steps.ts'
import { modelHost, setUpProviders } from '../providers.ts'
import { openWayIn } from './way-in.ts'

const TOKEN = 'T'.repeat(64)
const containers = createContainers(`sim-hetzner-${process.pid}`)
const hetzner = startHetzner({ backend: containers })
hetzner.world.tokens.set(TOKEN, 'read-write')
const bridge = modelHost('docker')
const wayIn = openWayIn(bridge)

afterAll(async () => {
  wayIn.close()
  await hetzner.close()
  await containers.close()
})

capabilityOn({
  provider: 'hetzner', modelHost: bridge,
  setUp(home, model) {
    setUpProviders(home, model)
    writeFileSync(join(home, 'config.yaml'), wayIn.config)
    mkdirSync(join(home, 'providers'), { recursive: true })
    writeFileSync(join(home, 'providers/hetzner.yaml'), `endpoint: ${hetzner.url}\nvolumeGb: 10\n`)
    writeFileSync(join(home, 'providers/hetzner.token'), TOKEN, { mode: 0o600 })
  },
  async inventory(workspaceId) {
    const { servers, volumes } = hetzner.world
    return [...servers.values(), ...volumes.values()].map(({ name }) => name).filter((name) => name.includes(workspaceId.replace('ws_', '')))
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
