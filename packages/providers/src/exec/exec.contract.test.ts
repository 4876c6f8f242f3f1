/** With the documented example: real processes with a file view of their own. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Owner } from '@berth/core'
import { providerContract } from '@berth/testkit/provider-contract'
import { machineName } from '../owner-labels.ts'
import { openExecBench } from '../testing/exec-bench.ts'
import { eventually } from '../testing/stand-in.ts'

providerContract('exec', async () => {
  const bench = openExecBench()
  const installation = randomBytes(16).toString('hex')
  const provider = bench.provider(installation)
  const { signal } = new AbortController()
  const dirOf = (owner: Owner): string => join(bench.machines, machineName(owner))
  const processesOf = (dir: string): number[] => readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && environ(pid).includes(`EXAMPLE_MACHINE=${dir}\0`)).map(Number)
  /** What bwrap, the first process of the namespace, became or started. */
  const firstInside = (owner: Owner): Promise<number> => eventually(async () => {
    if (!(await provider.logs(owner, 10_000, signal)).includes('up supervise')) return null
    const pid = processesOf(dirOf(owner)).find((each) => /^NSpid:\t\d+\t2$/m.test(statusOf(each)) && !readFileSync(`/proc/${each}/cmdline`, 'utf8').startsWith('bwrap'))
    return pid ?? null
  })
  return {
    provider, installation,
    makeSpec: () => bench.spec,
    async cleanup() {
      for (const { owner } of (await provider.list(installation, signal)).items) if (typeof owner === 'object') while (!(await provider.destroy(owner, { signal })).done) await Bun.sleep(20)
      const left = processesOf(bench.machines)
      for (const pid of left) process.kill(pid, 'SIGKILL')
      await bench.close()
      if (left.length > 0) throw new Error(`processes were left: ${left.join(', ')}`)
    },
    capabilities: {
      inside: (owner) => ({
        async readFile(path) {
          const { exitCode, stdout } = await enter(await firstInside(owner), ['cat', path])
          return exitCode === 0 ? stdout : null
        },
        exec: async (argv) => enter(await firstInside(owner), argv),
      }),
      bootFileMode: async (owner) => statSync(join(dirOf(owner), 'boot/boot.json')).mode & 0o777,
      async shown(owner) {
        await firstInside(owner)
        return [...processesOf(dirOf(owner)).map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8') + environ(String(pid))), readFileSync(`${dirOf(owner)}.json`, 'utf8')].join('\n')
      },
      async crash(owner) {
        process.kill(await firstInside(owner), 'SIGKILL')
        await eventually(async () => processesOf(dirOf(owner)).length === 0)
      },
      async vanish(owner) { rmSync(`${dirOf(owner)}.json`) },
      async foreign(owner) {
        mkdirSync(dirOf(owner), { recursive: true })
        writeFileSync(join(dirOf(owner), 'mine'), 'mine')
        return { untouched: async () => readFileSync(join(dirOf(owner), 'mine'), 'utf8') === 'mine' }
      },
    },
  }
})

function environ(pid: string): string {
  try {
    return `${readFileSync(`/proc/${pid}/environ`, 'utf8')}\0`
  } catch {
    return ''
  }
}
const statusOf = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    return ''
  }
}

/** As the agent's user, in the machine's view. */
async function enter(pid: number, argv: readonly string[]): Promise<{ exitCode: number; stdout: string }> {
  const child = Bun.spawn(['nsenter', '-t', String(pid), '-m', '-p', '--', 'setpriv', '--reuid=1000', '--regid=1000', '--clear-groups', '--', 'env', '-i', 'HOME=/home/dev', 'PATH=/usr/bin:/bin', ...argv], { stdin: 'ignore', stdout: 'pipe', stderr: 'ignore' })
  const [stdout, exitCode] = await Promise.all([new Response(child.stdout).text(), child.exited])
  return { exitCode, stdout }
}
