/** What machines are told at first boot, held to cloud-init's own description of it, by the cloud-init of a Debian host. */
import { beforeAll, expect, test } from 'bun:test'
import { docker, machineImage } from '@berth/sim-machine'
import { cloudConfig, userData, type MachineBoot } from './cloud-config.ts'
import { imageConfig } from './image-config.ts'
import { bootOf, LIMIT, LINK, TOOLBOX } from './testing.ts'

const machine = (change: Partial<MachineBoot>): string => cloudConfig({ boot: bootOf(), toolboxHash: TOOLBOX.hash, diskMount: '/mnt/disk', diskDevice: null, ...change }, LIMIT)

const TOLD: Readonly<Record<string, string>> = {
  'a machine whose disk the vendor mounts': machine({}),
  'one that is bought anew, with a disk to look for': machine({ diskDevice: '/dev/disk/by-id/scsi-0HC_Volume_1' }),
  'one that is started again, formats its disk and ends by itself': machine({ diskDevice: '/dev/nvme1n1', prepareDisk: 'true', restarts: true, endAfterMinutes: 720 }),
  'a copy, with root and an engine of its own': machine({ restarts: true, copied: true, sudo: true, docker: true }),
  'what an image is made of': imageConfig({ toolbox: TOOLBOX, programs: ['claude-2.1.329'], link: { publicUrl: LINK.publicUrl, token: 'once' } }, LIMIT),
}

let image: string
// Made at the first use on a host.
beforeAll(async () => { image = await machineImage() }, 240_000)
const asked = (text: string) => docker(['run', '--rm', '--interactive', '--network', 'none', '--entrypoint', '/bin/sh', image, '-c', 'cat > /tmp/told && cloud-init schema --config-file /tmp/told 2>&1'], { mayFail: true, stdin: new Blob([text]) })

for (const [what, text] of Object.entries(TOLD)) {
  test(`${what} is told what cloud-init has a word for`, async () => {
    const { exitCode, stdout } = await asked(text)
    expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/Valid cloud-config/)])
  }, 60_000)
}

test('and it would say of one word that is not its own, or means another kind of thing', async () => {
  for (const wrong of [{ write_files: [{ path: '/a', permission: '0600' }] }, { runcmd: 'reboot' }]) {
    expect((await asked(userData(wrong, LIMIT.limitBytes))).exitCode).not.toBe(0)
  }
}, 60_000)
