/** The same in a computer of its own, which QEMU makes on the server's host: its own kernel, and no file of that host. */
import { expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { diskImage } from '@berth/sim-machine/disk-image'
import type { Workspace } from '@berth/wire'
import { setUpVm } from '../clouds/vm-ground.ts'
import { eventually } from '../product.ts'
import { canaryOn } from './cloud.ts'

/** Each instruction is translated where KVM runs no guest. */
const SLOW_MS = 15 * 60_000
const image = await diskImage()
let home = ''
const canary = canaryOn({
  provider: 'vm', withinMs: SLOW_MS, secrets: {}, close: async () => {},
  setUp(of, config) {
    home = of
    setUpVm(of, image)
    writeFileSync(join(of, 'config.yaml'), config)
  },
  // Its guest writes to its disk some seconds later than it thinks.
  linkTokenOf: (workspace) => eventually(async () => linkTokenOn(workspace), 'the token on its disk', SLOW_MS),
})

/** As the host's root reads it, past the guest: its disk is one file system. */
function linkTokenOn({ id }: Workspace): string | null {
  const machines = join(home, 'vms/workspaces', id)
  const dir = mkdtempSync(join(tmpdir(), 'berth-disk-'))
  try {
    const [generation = ''] = readdirSync(machines)
    const raw = join(dir, 'raw')
    if (Bun.spawnSync(['qemu-img', 'convert', '--force-share', '-O', 'raw', join(machines, generation, 'state/disk.qcow2'), raw]).exitCode !== 0) return null
    const told = ['/var/lib/berth', '/var/lib/berth-disk/state'].map((place) => Bun.spawnSync(['debugfs', '-R', `cat ${place}/link-token.json`, raw]).stdout.toString()).join('')
    return /"linkToken":"([^"]+)"/.exec(told)?.[1] ?? null
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

test('in a computer of its own the agent comes to no secret', () => canary.meetsNothing(), SLOW_MS)
test('where a person puts a token into a computer, the same search finds it', () => canary.meetsWhatAPersonPutIn(), SLOW_MS)
test('in a computer of its own the agent becomes root by no program that is there', () => canary.becomesNoRoot(), SLOW_MS)

test('a computer of its own comes to no metadata and to nothing on the loopback of its host', async () => {
  const { url } = canary.world().urls()
  const { port } = new URL(url)
  const ask = (words: string, address: string): Promise<string> => canary.world().at.product.cli(['run', 'demo', '--', 'sh', '-c', `curl -s -m 20 ${words} -o /dev/null -w '%{http_code}' ${address}`], { exit: null }).then(({ stdout }) => stdout)
  // It is there, and wants to know who asks.
  expect((await fetch(url)).status).toBe(401)
  for (const address of ['http://169.254.169.254/latest/meta-data/', url, `http://10.0.2.2:${port}/`]) {
    expect({ address, beside: await ask('--noproxy "*"', address), byTheWayOut: await ask('--noproxy ""', address) }).toEqual({ address, beside: '000', byTheWayOut: '403' })
  }
}, SLOW_MS)
