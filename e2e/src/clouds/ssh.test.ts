/**
 * The capability test on a host of a person's own: a real Debian with systemd and sshd, which the server drives by the
 * person's ssh, and whose workspaces call home by an address of the network.
 */
import { afterAll, expect, test } from 'bun:test'
import { capabilityOn } from '../capability-steps.ts'
import { setUpProviders } from '../providers.ts'
import { startSshGround } from './ssh-ground.ts'

const ground = await startSshGround('e2e-ssh')
const { host, bridge } = ground
afterAll(() => ground.close())

/** All that an installation makes on a host: users, units, files, networks, rules. */
const LEDGER = 'getent passwd | grep :berth; ls -A /var/lib/berth /run/netns /etc/systemd/system/multi-user.target.wants | grep -i berth; ls /etc/systemd/system | grep ^berth; find /var/lib/berth; nft list tables | grep berth; ip -o link | grep ": bw"'

capabilityOn({
  provider: 'ssh', modelHost: bridge,
  setUp(home, model) {
    setUpProviders(home, model)
    ground.setUp(home, '', [`${bridge}:${new URL(model.url).port}`])
  },
  inventory: async (workspaceId) => (await host.look(LEDGER)).stdout.split('\n').filter((line) => line.includes(workspaceId)),
})

test('nothing of it is left on the host', async () => {
  expect((await host.look(LEDGER)).stdout).toBe('')
})
