import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Owner } from '@berth/core'
import { providerContract } from '@berth/testkit/provider-contract'
import { openBench, WAIT } from '../testing/stand-in.ts'
import { createEngine } from './engine.ts'
import { createDockerProvider } from './index.ts'
import { filterOf, machineName } from './names.ts'

const signal = new AbortController().signal
const engine = createEngine(undefined)
const { ok, detail } = await createDockerProvider({ installation: 'probe', home: '/nonexistent', log: () => {} }).check(signal)

/** Everything with the label of this installation, however a case ended. */
export async function removeAll(installation: string): Promise<void> {
  const filters = filterOf(installation)
  for (const { Id } of await engine.json<{ Id: string }[]>('/containers/json', { query: { all: '1', filters }, what: 'cleaning up' }, signal)) {
    await engine.call(`/containers/${Id}`, { method: 'DELETE', query: { force: '1', v: '1' }, what: 'cleaning up', accept: [404, 409] }, signal)
  }
  const { Volumes } = await engine.json<{ Volumes: { Name: string }[] | null }>('/volumes', { query: { filters }, what: 'cleaning up' }, signal)
  for (const { Name } of Volumes ?? []) await engine.call(`/volumes/${Name}`, { method: 'DELETE', query: { force: '1' }, what: 'cleaning up', accept: [404] }, signal)
  for (const { Id } of await engine.json<{ Id: string }[]>('/networks', { query: { filters }, what: 'cleaning up' }, signal)) {
    await engine.call(`/networks/${Id}`, { method: 'DELETE', what: 'cleaning up', accept: [404] }, signal)
  }
}

async function exec(owner: Owner, argv: readonly string[]): Promise<{ exitCode: number; stdout: string }> {
  const child = Bun.spawn(['docker', 'exec', '--user', 'dev', machineName(owner), ...argv], { stdin: 'ignore', stdout: 'pipe', stderr: 'ignore' })
  const stdout = await new Response(child.stdout).text()
  return { stdout, exitCode: await child.exited }
}

if (!ok && process.env['CI'] === undefined) console.log(`skipped: the docker provider's contract: ${detail}`)
else {
  providerContract('docker', async () => {
    const bench = await openBench(WAIT)
    const installation = randomBytes(16).toString('hex')
    const provider = createDockerProvider({ installation, home: bench.home, log: () => {}, baseImage: 'host-usr' })
    await mkdir(dirname(bench.spec.boot.link.unixSocket ?? ''), { recursive: true, mode: 0o700 })
    const inspect = (owner: Owner) => engine.json<Record<string, unknown> & { HostConfig: { Memory: number; NanoCpus: number; PidsLimit: number } }>(`/containers/${machineName(owner)}/json`, { what: 'looking' }, signal)
    const remove = async (name: string): Promise<void> => void await engine.call(`/containers/${name}`, { method: 'DELETE', query: { force: '1' }, what: 'removing', accept: [404] }, signal)
    const strangers: string[] = []
    return {
      provider, installation,
      makeSpec: () => bench.spec,
      async cleanup() {
        for (const name of strangers) await remove(name)
        await removeAll(installation)
        await bench.close()
      },
      capabilities: {
        inside: (owner) => ({
          exec: (argv) => exec(owner, argv),
          async readFile(path) {
            const { exitCode, stdout } = await exec(owner, ['cat', path])
            return exitCode === 0 ? stdout : null
          },
        }),
        async bootFileMode(owner) {
          const child = Bun.spawn(['docker', 'exec', machineName(owner), 'stat', '-c', '%a', '/var/lib/berth/boot.json'], { stdin: 'ignore', stdout: 'pipe' })
          return Number.parseInt((await new Response(child.stdout).text()).trim(), 8)
        },
        async shown(owner) {
          return JSON.stringify(await inspect(owner))
        },
        async limits(owner) {
          const { HostConfig } = await inspect(owner)
          return { memoryBytes: HostConfig.Memory, cpus: HostConfig.NanoCpus / 1e9, pids: HostConfig.PidsLimit }
        },
        async crash(owner) {
          await engine.call(`/containers/${machineName(owner)}/kill`, { method: 'POST', what: 'killing' }, signal)
          await engine.call(`/containers/${machineName(owner)}/wait`, { method: 'POST', what: 'waiting' }, signal)
        },
        vanish: (owner) => remove(machineName(owner)),
        async foreign(owner) {
          const name = machineName(owner)
          strangers.push(name)
          const image = (await engine.json<{ RepoTags: string[] | null }[]>('/images/json', { query: { filters: JSON.stringify({ reference: ['berth/host-usr'] }) }, what: 'looking' }, signal))[0]?.RepoTags?.[0]
          const { Id } = await engine.json<{ Id: string }>('/containers/create', { method: 'POST', query: { name }, json: { Image: image, Cmd: ['true'] }, what: 'making a stranger' }, signal)
          return { untouched: async () => (await engine.json<{ Id: string }>(`/containers/${name}/json`, { what: 'looking' }, signal)).Id === Id }
        },
      },
    }
  })
}
