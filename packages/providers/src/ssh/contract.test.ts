import { afterAll, beforeAll, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import type { Owner } from '@berth/core'
import { providerContract } from '@berth/testkit/provider-contract'
import { openSshBench, type SshBench } from '../testing/ssh-bench.ts'
import { namesOf } from './names.ts'

/** One host for all cases, as people share one. */
let bench: SshBench
beforeAll(async () => { bench = await openSshBench('ssh-contract') }, 120_000)
afterAll(async () => { await (bench as SshBench | undefined)?.close() })

providerContract('ssh', async () => {
  const installation = randomBytes(16).toString('hex')
  const { host, spec } = bench
  const provider = bench.provider(installation)
  const strangers: string[] = []
  return {
    provider, installation,
    makeSpec: () => spec,
    async cleanup() {
      const signal = new AbortController().signal
      for (const { owner } of (await provider.list(installation, signal)).items) if (typeof owner === 'object') while (!(await provider.destroy(owner, { signal })).done) await Bun.sleep(50)
      for (const user of strangers) await host.exec(`userdel -r ${user} 2>/dev/null`)
      const left = await bench.ledger()
      if (left.length > 0) throw new Error(`left on the host: ${left.join('\n')}`)
    },
    capabilities: {
      inside: (owner) => ({
        async readFile(path) {
          const { exitCode, stdout } = await bench.inside(owner, ['sh', '-c', 'cat "$0" && echo', path])
          return exitCode === 0 ? `${stdout}\n` : null
        },
        exec: (argv) => bench.inside(owner, argv),
      }),
      bootFileMode: async (owner) => Number.parseInt((await bench.inside(owner, ['stat', '-c', '%a', '/berth/boot.json'], 'daemon')).stdout, 8),
      async shown(owner) {
        const { unit } = namesOf(owner)
        await bench.inside(owner, ['true'])
        return (await host.look(`systemctl cat ${unit}; systemctl show ${unit}; ps axeww; getent passwd; journalctl -u ${unit} -o cat`)).stdout
      },
      async limits(owner) {
        const { stdout } = await host.look(`systemctl show -p MemoryMax -p CPUQuotaPerSecUSec -p TasksMax ${namesOf(owner).unit}`)
        const said = Object.fromEntries(stdout.split('\n').map((line) => line.split('=')))
        return { memoryBytes: Number(said['MemoryMax']), cpus: said['CPUQuotaPerSecUSec'] === '1s' ? 1 : Number.NaN, pids: Number(said['TasksMax']) }
      },
      async crash(owner) {
        const { unit } = namesOf(owner)
        await host.exec(`kill -9 "$(systemctl show -p MainPID --value ${unit})"; while [ "$(systemctl is-active ${unit})" != failed ]; do sleep 0.05; done`)
      },
      async vanish(owner) {
        const { unit } = namesOf(owner)
        await host.exec(`systemctl stop ${unit}; systemctl disable -q ${unit}; rm /etc/systemd/system/${unit}; systemctl daemon-reload`)
      },
      async foreign(owner) {
        const { user } = namesOf(owner)
        strangers.push(user)
        await host.exec(`useradd --create-home --comment "berth ${installation}/${owner.workspaceId}/1" ${user} && echo mine > /home/${user}/mine`)
        return { untouched: async () => (await host.look(`id ${user} && cat /home/${user}/mine`)).stdout.endsWith('mine') }
      },
    },
  }
})

test('the limits hold: a machine that takes more memory than its own gets none', async () => {
  const installation = randomBytes(16).toString('hex')
  const provider = bench.provider(installation)
  const owner: Owner = { installation, workspaceId: 'ws_0000000000aa', generation: 1 }
  const signal = new AbortController().signal
  await provider.ensure(owner, bench.spec, { signal })
  const eat = (megabytes: number) => bench.host.look(`unit=${namesOf(owner).unit}; path=/sys/fs/cgroup/memory$(systemctl show -p ControlGroup --value $unit); [ -d $path ] || path=/sys/fs/cgroup\${path#/sys/fs/cgroup/memory}; sh -c 'echo $$ > '$path'/cgroup.procs; exec python3 -c "b = bytearray(${megabytes} * 1024 * 1024); print(len(b))"'`)
  expect((await eat(64)).exitCode).toBe(0)
  expect((await eat(400)).exitCode).not.toBe(0)
  expect((await provider.observe(owner, signal)).observed.state).toBe('running')
  await provider.destroy(owner, { signal })
}, 60_000)
