import { randomBytes } from 'node:crypto'
import { readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { providerContract } from '@berth/testkit/provider-contract'
import type { Owner } from '@berth/core'
import { eventually, openBench, WAIT } from '../testing/stand-in.ts'
import { createLocalProvider } from './index.ts'
import { readProcess } from './machine-dir.ts'
import { markedProcesses, sweep } from './process-tree.ts'

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
    const dirOf = async (owner: Owner): Promise<string> => String((await provider.observe(owner, signal)).ref['dir'])
    return {
      provider, installation,
      makeSpec: () => bench.spec,
      async cleanup() {
        for (const { value } of await markedProcesses((mark) => mark.startsWith(`${installation}/`))) await sweep(value, signal)
        for (const machine of (await provider.list(installation, signal)).items) if (typeof machine.owner === 'object') await provider.destroy(machine.owner, { signal })
        await bench.close()
      },
      capabilities: {
        async bootFileMode(owner) {
          return (await stat(join(await dirOf(owner), 'boot', 'boot.json'))).mode & 0o777
        },
        async shown(owner) {
          const key = `${owner.installation}/${owner.workspaceId}/${owner.generation}`
          const marked = await markedProcesses((mark) => mark === key)
          const texts = await Promise.all(marked.flatMap(({ pid }) => ['cmdline', 'environ'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => ''))))
          return texts.join('\n')
        },
        async crash(owner) {
          const file = await readProcess(await dirOf(owner))
          if (file === null) throw new Error('no process file')
          process.kill(file.pid, 'SIGKILL')
          await sweep(`${owner.installation}/${owner.workspaceId}/${owner.generation}`, signal)
        },
        async vanish(owner) {
          await eventually(async () => (await provider.logs(owner, 1000, signal)).includes('up supervise'))
          // The directory goes; its processes stay and are what is left over.
          await rm(await dirOf(owner), { recursive: true, force: true })
        },
      },
    }
  })
}
