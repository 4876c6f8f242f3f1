/** Both ways of setting the walls of a machine's network, and that neither ever sets those of another. */
import { afterEach, describe, expect, it } from 'bun:test'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { finish, openBench, WAIT } from '../testing/stand-in.ts'
import { createEngine } from './engine.ts'
import { createDockerProvider } from './index.ts'
import { machineName } from './names.ts'
import { runInNetwork } from './netns.ts'
import { setWalls, type WalledMachine } from './walls.ts'

const signal = new AbortController().signal
const engine = createEngine(undefined)
const { ok, detail } = await createDockerProvider({ installation: 'probe', home: '/nonexistent', log: () => {} }).check(signal)
const isRoot = process.geteuid?.() === 0
if (!ok || !isRoot) console.log(ok ? 'not root: walls are set from a container only' : `no engine: ${detail}`)
const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => { for (const cleanup of cleanups.splice(0).toReversed()) await cleanup() })

async function open() {
  const bench = await openBench(WAIT)
  cleanups.push(bench.close)
  const provider = createDockerProvider({ installation: bench.installation, home: bench.home, log: () => {}, baseImage: 'host-usr' })
  await mkdir(dirname(bench.spec.boot.link.unixSocket ?? ''), { recursive: true, mode: 0o700 })
  const owner = bench.owner()
  cleanups.push(() => finish((poll) => provider.destroy(owner, { signal, ...(poll ? { poll } : {}) })))
  await finish(() => provider.ensure(owner, { ...bench.spec, egress: 'closed' }, { signal }))
  const machine = await engine.json<WalledMachine & { State: { Pid: number }; NetworkSettings: { SandboxKey: string } }>(`/containers/${machineName(owner)}/json`, { what: 'looking' }, signal)
  // Addresses of the host come and go with what others do on it.
  const deps = { engine, images: { engine, engineIsHere: true, base: 'host-usr', log: () => {} }, options: { hostPorts: [7400], egressAllow: ['10.1.2.3:443'] }, hostAddresses: () => ['192.0.2.2', '198.51.100.7'] } as const
  return {
    machine,
    walls: (of: WalledMachine, maybeTouched: boolean, mode: 'open' | 'closed' = 'open') => setWalls(deps, { owner, machine: of, mode, beside: ['db', 'a-name-that-takes-more-words-than-one-match-has.example'], maybeTouched }, { signal }),
    rules: () => rulesIn(`/proc/${machine.State.Pid}/ns/net`),
  }
}

/** All rules of both families, byte by byte but for what counts and dates them. */
function rulesIn(network: string): string {
  return ['iptables-save', 'ip6tables-save'].map((family) => {
    const { exitCode, stdout, stderr } = Bun.spawnSync(['nsenter', `--net=${network}`, 'xtables-nft-multi', family], { env: { PATH: '/usr/sbin:/usr/bin' } })
    if (exitCode !== 0) throw new Error(stderr.toString())
    return stdout.toString().replace(/^#.*\n/gm, '').replace(/\[\d+:\d+\]/g, '[0:0]')
  }).join('\n')
}
const OURS = '/proc/self/ns/net'

describe.skipIf((!ok || !isRoot) && process.env['CI'] === undefined)('walls set by this host', () => {
  it('are byte for byte those set from a container, of an open machine and of a closed one, also when set again', async () => {
    const { machine, walls, rules } = await open()
    for (const mode of ['open', 'closed'] as const) {
      await walls(machine, true, mode)
      const fromContainer = rules()
      expect(fromContainer).toContain(mode === 'open' ? '-A BERTH -d 10.1.2.3/32 -p tcp -m tcp --dport 443 -j ACCEPT' : '-A BERTH -d 127.0.0.11/32 -j REJECT')
      await walls(machine, true, mode === 'open' ? 'closed' : 'open')
      expect(rules()).not.toBe(fromContainer)
      expect(await runInNetwork(machine, 'true', signal)).toBe(true)
      await walls(machine, false, mode)
      expect(rules()).toBe(fromContainer)
    }
  }, 120_000)

  it('are hooked in once however often they are set, and again where the hook was lost', async () => {
    const { machine, walls, rules } = await open()
    const hooks = (): string[] => rules().split('\n').filter((line) => line.startsWith('-A') && line.endsWith('-j BERTH')).toSorted()
    const both = ['-A OUTPUT -j BERTH', '-A OUTPUT -j BERTH', '-A POSTROUTING -j BERTH', '-A POSTROUTING -j BERTH']
    for (const mode of ['open', 'closed', 'open'] as const) await walls(machine, false, mode)
    expect(hooks()).toEqual(both)
    const right = rules()
    for (const family of ['iptables', 'ip6tables']) {
      for (const [table, chain] of [['filter', 'OUTPUT'], ['mangle', 'POSTROUTING']] as const) {
        expect(await runInNetwork(machine, `xtables-nft-multi ${family} -t ${table} -D ${chain} -j BERTH`, signal)).toBe(true)
      }
    }
    expect(hooks()).toEqual([])
    await walls(machine, false, 'open')
    expect(rules()).toBe(right)
  }, 120_000)

  it('come from a container when the engine names another network than the machine\'s, or none, and this host keeps its own', async () => {
    const { machine, walls, rules } = await open()
    const ofOurs = (): string[] => rulesIn(OURS).split('\n').filter((line) => line.includes('BERTH'))
    const before = ofOurs()
    await walls(machine, false, 'open')
    const right = rules()
    const named = (SandboxKey: string, Pid = machine.State.Pid): WalledMachine => ({ ...machine, State: { Pid }, NetworkSettings: { ...machine.NetworkSettings, SandboxKey } })
    const wrong = [named(''), named('relative'), named('/nonexistent'), named('/dev/null'), named(OURS), named(OURS, process.pid), named(machine.NetworkSettings.SandboxKey, process.pid), named(machine.NetworkSettings.SandboxKey, 0)]
    for (const of of wrong) expect(await runInNetwork(of, 'exit 0', signal)).toBe(false)
    await walls(machine, true, 'closed')
    for (const of of wrong.slice(4, 6)) {
      await walls(of, false, 'open')
      expect(rules()).toBe(right)
      await walls(machine, true, 'closed')
    }
    expect(ofOurs()).toEqual(before)
  }, 120_000)

  it('are set with no other right than over that network, and a script that fails is told of', async () => {
    const { machine } = await open()
    const status = (script: string): Promise<boolean> => runInNetwork(machine, script, signal)
    expect(await status('grep -qx "CapEff:\t0000000000003000" /proc/self/status && grep -qx "NoNewPrivs:\t1" /proc/self/status')).toBe(true)
    expect(await status('mount -t tmpfs none /mnt')).toBe(false)
    expect(await status('exit 3')).toBe(false)
    const over = new AbortController()
    over.abort()
    expect(await runInNetwork(machine, 'true', over.signal)).toBe(false)
  }, 60_000)
})
