import { randomBytes } from 'node:crypto'
import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'bun:test'
import { providerContract } from '@berth/testkit/provider-contract'
import { VM_MARK } from '../local/process-tree.ts'
import { processMachines } from '../testing/process-machine.ts'
import { eventually, openBench, WAIT } from '../testing/stand-in.ts'
import { createVmProvider } from './index.ts'
import { DISK, inQemusWords } from './copy-disk.ts'
import { DRIVE, QEMU, whyItDoesNotBoot } from './qemu.ts'

/** A guest that sleeps: `hlt; jmp $-1`, as a boot sector on the least disk that a firmware reads. */
const SLEEPS = Buffer.concat([Buffer.from([0xf4, 0xeb, 0xfd]), Buffer.alloc(507), Buffer.from([0x55, 0xaa]), Buffer.alloc(2 ** 20 - 512)])
const isThere = Bun.which(QEMU) !== null && process.platform === 'linux' && process.arch === 'x64'
if (!isThere) console.log(`skipped: the vm provider: ${QEMU} is not installed`)

const WORDS = ['before', 'after', 'of the fork', 'mine']
const patternOf = (word: string): number => 0x41 + WORDS.indexOf(word)

async function asked(control: string, line: string): Promise<void> {
  await inQemusWords(control, [{ execute: 'qmp_capabilities' }, { execute: 'human-monitor-command', arguments: { 'command-line': line } }], { isEnd: ({ return: said }) => said === '' }, new AbortController().signal)
}

if (isThere) {
  test('a guest boots, as the look at KVM wants it to', async () => {
    expect(await whyItDoesNotBoot('tcg', new AbortController().signal)).toBeNull()
  })

  providerContract('vm', async () => {
    const bench = await openBench(WAIT, { acceptNoIsolation: false })
    const installation = randomBytes(16).toString('hex')
    const image = join(bench.home, 'sleeps.raw')
    await writeFile(image, SLEEPS)
    const provider = createVmProvider({ installation, home: bench.home, log: () => {}, image, diskGb: 1, graceMs: 300, acceleration: 'tcg' })
    const machines = processMachines(provider, VM_MARK)
    return {
      provider, installation,
      makeSpec: () => ({ ...bench.spec, memoryBytes: 256 * 2 ** 20 }),
      async cleanup() {
        await machines.removeAll(installation)
        await bench.close()
      },
      capabilities: {
        bootFileMode: async (owner) => (await stat(join(await machines.dirOf(owner), 'boot', 'user-data'))).mode & 0o777,
        system: {
          // What its guest would write: QEMU itself writes it, to the sector behind that which boots.
          async write(owner, word) {
            const control = join(await machines.dirOf(owner), 'run/control.sock')
            await eventually(async () => asked(control, `qemu-io ${DRIVE} "write -q -f -P ${patternOf(word)} 512 512"`).then(() => true, () => false))
          },
          async read(owner) {
            const raw = join(bench.home, `${randomBytes(4).toString('hex')}.raw`)
            // A QEMU that was killed lets go of its disk a moment later.
            const disk = join(await machines.dirOf(owner), 'state', DISK)
            await eventually(async () => Bun.spawnSync(['qemu-img', 'dd', '-O', 'raw', 'bs=512', 'count=2', `if=${disk}`, `of=${raw}`]).exitCode === 0)
            const [byte = 0] = (await readFile(raw)).subarray(512)
            return WORDS.find((word) => patternOf(word) === byte) ?? null
          },
        },
        shown: machines.shown,
        crash: machines.crash,
        async vanish(owner) {
          await eventually(async () => (await machines.commands(owner)).some((command) => command.startsWith(QEMU)))
          // The directory goes; its processes stay and are what is left over.
          await rm(await machines.dirOf(owner), { recursive: true, force: true })
        },
      },
    }
  })
}
