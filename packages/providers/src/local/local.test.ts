import { afterEach, describe, expect, it } from 'bun:test'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Project, Provider } from '@berth/core'
import { eventually, finish, openBench, refusalOf, WAIT, type Bench } from '../testing/stand-in.ts'
import { createLocalProvider, type LocalProviderOptions } from './index.ts'
import { ownerKey } from './machine-dir.ts'
import { LOCAL_MARK, markedProcesses } from './process-tree.ts'

const signal = new AbortController().signal
const context = { signal }
const benches: Bench[] = []
const sandboxed = (await createLocalProvider({ installation: 'probe', home: '/nonexistent', log: () => {} }).check(signal)).isolation === 'sandbox'

async function open(script: string, options: Partial<LocalProviderOptions> = {}, change = {}) {
  const bench = await openBench(script, change)
  benches.push(bench)
  const provider = createLocalProvider({ installation: bench.installation, home: bench.home, log: () => {}, ...options })
  return { bench, provider, owner: bench.owner() }
}
const processesOf = (bench: Bench) => markedProcesses(LOCAL_MARK, (value) => value.startsWith(`${bench.installation}/`))
async function clear(provider: Provider, bench: Bench): Promise<void> {
  for (const machine of (await provider.list(bench.installation, signal)).items) {
    if (typeof machine.owner === 'object') await finish((poll) => provider.destroy(machine.owner as never, { signal, ...(poll ? { poll } : {}) }))
  }
}
afterEach(async () => {
  for (const bench of benches.splice(0)) {
    await clear(createLocalProvider({ installation: bench.installation, home: bench.home, log: () => {} }), bench)
    await bench.close()
  }
})

describe.skipIf(!sandboxed)('local provider, sandboxed', () => {
  it('says that a stopped machine has processes which nobody talks to, and ends them with the next stop', async () => {
    const { bench, provider, owner } = await open(WAIT)
    await finish(() => provider.ensure(owner, bench.spec, context))
    const stop = () => finish((poll) => provider.stop(owner, { signal, ...(poll ? { poll } : {}) }))
    await stop()
    const stray = Bun.spawn(['sleep', '1000'], { env: { [LOCAL_MARK]: ownerKey(owner) }, stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' })
    await eventually(async () => (await processesOf(bench)).length === 1)
    expect((await provider.observe(owner, signal)).observed).toMatchObject({ state: 'stopped', charged: true })
    expect((await provider.list(bench.installation, signal)).items.map(({ observed }) => observed)).toMatchObject([{ state: 'stopped', charged: true }])
    expect(await stop()).toEqual({ state: 'stopped', exitCode: 0, detail: null })
    expect(await stray.exited).not.toBe(0)
  }, 30_000)

  it('leaves the claim of a host that came after it', async () => {
    const { bench, provider, owner } = await open(WAIT)
    const { ref } = await finish(() => provider.ensure(owner, bench.spec, context))
    const claim = join(String(ref['dir']), 'process.json')
    const first = JSON.parse(await readFile(claim, 'utf8')) as { pid: number }
    const later = JSON.stringify({ ...first, pid: process.pid })
    await writeFile(claim, later)
    process.kill(first.pid, 'SIGTERM')
    await eventually(async () => (await processesOf(bench)).length === 0)
    expect(await readFile(claim, 'utf8')).toBe(later)
  }, 30_000)

  it('runs the daemon with its boot file, keeps its disk over a stop, and leaves nothing when destroyed', async () => {
    const { bench, provider, owner } = await open(`echo once >> /workspace/count; cp "$3" /workspace/boot.json; ${WAIT}`)
    const machine = await finish(() => provider.ensure(owner, bench.spec, context))
    expect(machine).toMatchObject({ owner, isolation: 'sandbox', observed: { state: 'running' } })
    const work = join(String(machine.ref['dir']), 'work')
    await eventually(async () => existsSync(join(work, 'boot.json')) && readFile(join(work, 'boot.json'), 'utf8'))
    const boot = JSON.parse(await readFile(join(work, 'boot.json'), 'utf8'))
    expect(boot).toMatchObject({ workspaceId: owner.workspaceId, generation: 1, workDir: '/workspace', linkUrl: 'unix:/run/berth-host/link/link.sock', isolation: 'sandbox', bootToken: 'boot-token-of-the-test' })
    expect(await provider.logs(owner, 1000, signal)).toContain('up supervise --boot /run/berth-boot/boot.json')
    // It is the agent's: what runs the daemon keeps nothing of its own there.
    expect(await readdir(join(String(machine.ref['dir']), 'home'))).toEqual([])

    // Asked again: the same machine, no second process.
    const before = (await processesOf(bench)).map((one) => one.pid)
    await finish(() => provider.ensure(owner, bench.spec, context))
    expect((await processesOf(bench)).map((one) => one.pid)).toEqual(before)

    expect(await finish((poll) => provider.stop(owner, { signal, ...(poll ? { poll } : {}) }))).toEqual({ state: 'stopped', exitCode: 0, detail: null })
    expect(await processesOf(bench)).toEqual([])
    expect(await provider.logs(owner, 1000, signal)).toContain('ended')
    await finish(() => provider.ensure(owner, bench.spec, context))
    await eventually(async () => (await readFile(join(work, 'count'), 'utf8')) === 'once\nonce\n')

    await finish(() => provider.destroy(owner, context))
    expect(await provider.observe(owner, signal)).toMatchObject({ observed: { state: 'absent' } })
    expect(await processesOf(bench)).toEqual([])
    expect(await readdir(join(bench.home, 'workspaces'))).toEqual([])
    expect((await provider.leftovers(bench.installation, signal)).items).toEqual([])
  }, 60_000)

  it('says once that it does not use the devcontainer of a project, known or to be looked for', async () => {
    const told = async (project: Partial<Project>): Promise<unknown> => {
      const { bench, provider, owner } = await open(WAIT)
      const spec = { ...bench.spec, project: { revision: 1, look: async () => ({ kind: 'nothing' }) as const, ...project } }
      const first = await finish(() => provider.ensure(owner, spec, context))
      await finish((poll) => provider.stop(owner, { signal, ...(poll ? { poll } : {}) }))
      expect((await finish(() => provider.ensure(owner, spec, context))).made).toBeNull()
      return first.made?.notices.map(({ code, level, message }) => [level, code, message.split(' ')[0]])
    }
    const path = '.devcontainer/devcontainer.json'
    expect(await told({ devcontainer: path })).toEqual([['warning', 'devcontainer_ignored', path]])
    expect(await told({ look: async () => ({ kind: 'devcontainer', path, others: [], contentOf: async () => null, checkOut: async () => {} }) })).toEqual([['warning', 'devcontainer_ignored', path]])
    expect(await told({ look: async () => { throw new Error('no network') } })).toBeUndefined()
    expect(await told({ devcontainer: null })).toBeUndefined()
  }, 60_000)

  it('shows a path of the host that was given, also one below /tmp, and keeps it as it is', async () => {
    const given = await mkdtemp(join(tmpdir(), 'berth-given-'))
    try {
      await chmod(given, 0o755)
      await writeFile(join(given, 'word'), 'from the host', { mode: 0o644 })
      const { bench, provider, owner } = await open(`{ cat ${given}/word; touch ${given}/mine 2>/dev/null && echo written; } > /workspace/report.part; mv /workspace/report.part /workspace/report; ${WAIT}`, { readOnlyPaths: [given] })
      const machine = await finish(() => provider.ensure(owner, bench.spec, context))
      expect(await eventually(async () => readFile(join(String(machine.ref['dir']), 'work/report'), 'utf8').catch(() => null))).toBe('from the host')
    } finally {
      await rm(given, { recursive: true })
    }
  }, 60_000)

  it('goes on without the server that started it', async () => {
    const { bench, owner } = await open(WAIT)
    const script = join(bench.root, 'server.ts')
    await Bun.write(script, `import { createLocalProvider } from ${JSON.stringify(join(import.meta.dir, 'index.ts'))}
      const [home, installation, owner, spec] = process.argv.slice(2)
      await createLocalProvider({ installation, home, log: () => {} }).ensure(JSON.parse(owner), JSON.parse(spec), { signal: new AbortController().signal })
      console.log('made'); process.kill(process.pid, 'SIGKILL')`)
    const server = Bun.spawn([process.execPath, script, bench.home, bench.installation, JSON.stringify(owner), JSON.stringify(bench.spec)], { stdout: 'pipe' })
    expect(await new Response(server.stdout).text()).toBe('made\n')
    await server.exited
    const later = createLocalProvider({ installation: bench.installation, home: bench.home, log: () => {} })
    expect((await later.observe(owner, signal)).observed.state).toBe('running')
    expect((await later.list(bench.installation, signal)).items).toHaveLength(1)
  }, 60_000)

  it('shows a machine whose processes were killed as stopped, and starts it again', async () => {
    const { bench, provider, owner } = await open(WAIT)
    await finish(() => provider.ensure(owner, bench.spec, context))
    for (const { pid } of await processesOf(bench)) try { process.kill(pid, 'SIGKILL') } catch { /* its parent took it along */ }
    await eventually(async () => (await provider.observe(owner, signal)).observed.state === 'stopped')
    expect((await finish(() => provider.ensure(owner, bench.spec, context))).observed.state).toBe('running')
  }, 60_000)

  it('removes what the machine wrote, whoever owns it and however it is protected', async () => {
    const { bench, provider, owner } = await open(`mkdir -p /workspace/a/b; echo x > /workspace/a/b/c; chmod 500 /workspace/a/b /workspace/a; ln -s / /workspace/root; touch /workspace/done; ${WAIT}`)
    const machine = await finish(() => provider.ensure(owner, bench.spec, context))
    await eventually(async () => existsSync(join(String(machine.ref['dir']), 'work', 'done')))
    await finish(() => provider.destroy(owner, context))
    expect(await readdir(join(bench.home, 'workspaces'))).toEqual([])
  }, 60_000)

  it.skipIf(process.getuid?.() !== 0)('starts a machine of before there were two users as the one user its files belong to', async () => {
    const { bench, provider, owner } = await open(`id -u >> /workspace/who; ${WAIT}`)
    const machine = await finish(() => provider.ensure(owner, bench.spec, context))
    const dir = String(machine.ref['dir'])
    const who = (lines: number) => eventually(async () => {
      const text = await readFile(join(dir, 'work', 'who'), 'utf8').catch(() => '')
      return text.split('\n').length > lines && text
    })
    await who(1)
    await finish((poll) => provider.stop(owner, { signal, ...(poll ? { poll } : {}) }))
    const { agentUid: _, ...record } = JSON.parse(await readFile(join(dir, 'machine.json'), 'utf8')) as { uid: number; agentUid?: number }
    await writeFile(join(dir, 'machine.json'), JSON.stringify(record))
    expect(Bun.spawnSync(['chown', '-R', `${record.uid}:${record.uid}`, ...['work', 'home', 'state', 'tmp'].map((name) => join(dir, name))]).exitCode).toBe(0)
    expect((await finish(() => provider.ensure(owner, bench.spec, context))).observed.state).toBe('running')
    expect((await who(2)).trim().split('\n').at(-1)).toBe(String(record.uid))
  }, 60_000)

  it('refuses an image, and a machine without isolation that nobody accepted', async () => {
    const { bench, provider, owner } = await open(WAIT)
    expect(await refusalOf(provider.ensure(owner, { ...bench.spec, image: 'debian' }, context))).toMatchObject({ name: 'ProviderFault', category: 'unsupported' })
    const bare = createLocalProvider({ installation: bench.installation, home: bench.home, log: () => {}, sandbox: 'none' })
    expect(await refusalOf(bare.ensure(owner, bench.spec, context))).toMatchObject({ category: 'unsupported' })
    expect(await provider.observe(owner, signal)).toMatchObject({ observed: { state: 'absent' } })
  })

  it('finishes a removal that a crash cut short when it is destroyed again', async () => {
    const { bench, provider, owner } = await open(WAIT)
    const left = join(bench.home, 'workspaces', owner.workspaceId, `.removing-${owner.generation}-0123456789ab`)
    await mkdir(join(left, 'work'), { recursive: true })
    await finish(() => provider.destroy(owner, context))
    expect(await readdir(join(bench.home, 'workspaces'))).toEqual([])
  })
})

describe('local provider, without a sandbox that somebody accepted', () => {
  it('sweeps processes that left their session, and stops within the grace', async () => {
    const { bench, provider, owner } = await open(`setsid sleep 1000 & setsid sh -c 'trap "" TERM; while :; do sleep 1000; done' & touch "$(dirname "$(dirname "$3")")/work/done"; ${WAIT}`, { sandbox: 'none' }, { acceptNoIsolation: true })
    const machine = await finish(() => provider.ensure(owner, bench.spec, context))
    expect(machine).toMatchObject({ isolation: 'none', observed: { state: 'running' } })
    await eventually(async () => existsSync(join(String(machine.ref['dir']), 'work', 'done')))
    expect((await processesOf(bench)).length).toBeGreaterThanOrEqual(4)
    expect(await finish((poll) => provider.stop(owner, { signal, ...(poll ? { poll } : {}) }))).toMatchObject({ state: 'stopped' })
    expect(await processesOf(bench)).toEqual([])
  }, 60_000)
})
