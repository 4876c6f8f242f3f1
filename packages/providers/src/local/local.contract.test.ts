import { randomBytes } from 'node:crypto'
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { providerContract } from '@berth/testkit/provider-contract'
import { processMachines } from '../testing/process-machine.ts'
import { eventually, openBench, WAIT } from '../testing/stand-in.ts'
import { createLocalProvider } from './index.ts'
import { LOCAL_MARK } from './process-tree.ts'

const signal = new AbortController().signal
const probe = await createLocalProvider({ installation: 'probe', home: '/nonexistent', log: () => {} }).check(signal)

for (const sandbox of ['auto', 'none'] as const) {
  if (sandbox === 'auto' && probe.isolation !== 'sandbox') {
    console.log(`skipped: the local provider's contract in a sandbox: ${probe.detail}`)
    continue
  }
  providerContract(`local, sandbox ${sandbox}`, async () => {
    const bench = await openBench(WAIT, { acceptNoIsolation: sandbox === 'none' })
    const installation = randomBytes(16).toString('hex')
    const provider = createLocalProvider({ installation, home: bench.home, log: () => {}, sandbox })
    const machines = processMachines(provider, LOCAL_MARK)
    return {
      provider, installation,
      makeSpec: () => bench.spec,
      async cleanup() {
        await machines.removeAll(installation)
        await bench.close()
      },
      capabilities: {
        bootFileMode: async (owner) => (await stat(join(await machines.dirOf(owner), 'boot', 'boot.json'))).mode & 0o777,
        shown: machines.shown,
        crash: machines.crash,
        async vanish(owner) {
          await eventually(async () => (await provider.logs(owner, 1000, signal)).includes('up supervise'))
          // The directory goes; its processes stay and are what is left over.
          await rm(await machines.dirOf(owner), { recursive: true, force: true })
        },
      },
    }
  })
}
