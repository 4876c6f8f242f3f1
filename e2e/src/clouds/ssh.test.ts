/**
 * The capability test on a host of a person's own: a real Debian with systemd and sshd, which the server drives by the
 * person's ssh, and whose workspaces call home by an address of the network.
 */
import { afterAll, expect, test } from 'bun:test'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startSshHost } from '@berth/sim-machine/ssh-host'
import { capabilityOn } from '../capability-steps.ts'
import { modelHost, setUpProviders } from '../providers.ts'
import { openWayIn } from './way-in.ts'

const host = await startSshHost(`e2e-ssh-${process.pid}`)
const bridge = modelHost('docker')
const wayIn = openWayIn(bridge)

afterAll(async () => {
  wayIn.close()
  await host.close()
})

/** All that an installation makes on a host: users, units, files, networks, rules. */
const LEDGER = 'getent passwd | grep :berth; ls -A /var/lib/berth /run/netns /etc/systemd/system/multi-user.target.wants | grep -i berth; ls /etc/systemd/system | grep ^berth; find /var/lib/berth; nft list tables | grep berth; ip -o link | grep ": bw"'

capabilityOn({
  provider: 'ssh', modelHost: bridge,
  setUp(home, model) {
    setUpProviders(home, model)
    writeFileSync(join(home, 'config.yaml'), wayIn.config)
    mkdirSync(join(home, 'providers'), { recursive: true })
    writeFileSync(join(home, 'providers/ssh.yaml'), `host: admin@${host.address}\nidentityFile: ${host.identityFile}\negressAllow: ["${bridge}:${new URL(model.url).port}"]\n`)
    writeFileSync(join(home, 'providers/ssh.known_hosts'), `${host.hostKey}\n`)
  },
  inventory: async (workspaceId) => (await host.look(LEDGER)).stdout.split('\n').filter((line) => line.includes(workspaceId)),
})

test('nothing of it is left on the host', async () => {
  expect((await host.look(LEDGER)).stdout).toBe('')
})
