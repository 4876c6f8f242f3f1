/**
 * The capability test on Freestyle: a simulator held to the types of the vendor's client, whose machines really boot
 * (systemd), are given their daemon by a command in them, and reach this server by an address of the network.
 */
import { afterAll, expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createContainers, startFreestyle } from '@berth/sim-freestyle'
import { capabilityOn } from '../capability-steps.ts'
import { modelHost, setUpProviders } from '../providers.ts'
import { openWayIn } from './way-in.ts'

const KEY = 'fs_example'
const containers = createContainers(`sim-freestyle-${process.pid}`)
const freestyle = startFreestyle({ backend: containers })
freestyle.world.keys.add(KEY)
const bridge = modelHost('docker')
const wayIn = openWayIn(bridge)

afterAll(async () => {
  wayIn.close()
  await freestyle.close()
  await containers.close()
})

capabilityOn({
  provider: 'freestyle', modelHost: bridge,
  setUp(home, model) {
    setUpProviders(home, model)
    writeFileSync(join(home, 'config.yaml'), wayIn.config)
    mkdirSync(join(home, 'providers'), { recursive: true })
    writeFileSync(join(home, 'providers/freestyle.yaml'), `endpoint: ${freestyle.url}\n`)
    writeFileSync(join(home, 'providers/freestyle.token'), KEY, { mode: 0o600 })
  },
  inventory: async (workspaceId) => [...freestyle.world.vms.values()].map(({ id, slug }) => `${slug} ${id}`).filter((name) => name.includes(workspaceId.replace('ws_', ''))),
})

test('of all that was bought nothing is paid for any more, and the vendor was asked as it describes', () => {
  const { world, faulty, refused } = freestyle
  // A stop keeps the machine: its disk is one all the time, and the start after it is charged for a second time.
  const bought = (kind: string): number => world.ledger.all().filter((charge) => charge.kind === kind).length
  expect([bought('compute'), bought('disk')]).toEqual([3, 2])
  expect(world.ledger.running()).toEqual([])
  expect([...faulty, ...refused, ...world.failed]).toEqual([])
})
