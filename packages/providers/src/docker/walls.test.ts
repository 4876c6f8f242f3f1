/** What a container may not do to the server, to its neighbours, and to its own daemon. */
import { afterEach, describe, expect, it } from 'bun:test'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Owner } from '@berth/core'
import { openBench, WAIT } from '../testing/stand-in.ts'
import { createEngine } from './engine.ts'
import { createDockerProvider } from './index.ts'
import { machineName } from './names.ts'

const signal = new AbortController().signal
const engine = createEngine(undefined)
const { ok, detail } = await createDockerProvider({ installation: 'probe', home: '/nonexistent', log: () => {} }).check(signal)
if (!ok) console.log(`no engine: ${detail}`)
const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function open() {
  const bench = await openBench(WAIT)
  cleanups.push(bench.close)
  const provider = createDockerProvider({ installation: bench.installation, home: bench.home, log: () => {}, baseImage: 'host-usr' })
  await mkdir(dirname(bench.spec.boot.link.unixSocket ?? ''), { recursive: true, mode: 0o700 })
  return {
    bench, provider,
    async machine(): Promise<Owner> {
      const owner = bench.owner()
      cleanups.push(() => provider.destroy(owner, { signal }))
      await provider.ensure(owner, bench.spec, { signal })
      return owner
    },
  }
}
/** Runs as the agent's user unless somebody else is named. */
async function run(owner: Owner, argv: readonly string[], user = 'dev'): Promise<{ exitCode: number; said: string }> {
  const child = Bun.spawn(['docker', 'exec', '--user', user, machineName(owner), ...argv], { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
  const [out, err, exitCode] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited])
  return { exitCode, said: `${out}${err}`.trim() }
}
const inspect = (owner: Owner) => engine.json<{ State: { Running: boolean; Pid: number; OOMKilled: boolean }; NetworkSettings: { Networks: Record<string, { IPAddress: string; Gateway: string }> } }>(`/containers/${machineName(owner)}/json`, { what: 'looking' }, signal)
const addressOf = async (owner: Owner): Promise<{ IPAddress: string; Gateway: string }> => Object.values((await inspect(owner)).NetworkSettings.Networks)[0] ?? { IPAddress: '', Gateway: '' }
const CONNECT = 'import socket,sys; s=socket.create_connection((sys.argv[1],int(sys.argv[2])),2); s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n"); print(s.recv(4096).decode()[-6:])'

describe.skipIf(!ok && process.env['CI'] === undefined)('walls of a container', () => {
  it('reaches neither the server\'s loopback listener nor another workspace\'s container', async () => {
    const control = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('secret') })
    cleanups.push(() => control.stop(true))
    const { machine } = await open()
    const [one, other] = [await machine(), await machine()]
    const serving = Bun.spawn(['docker', 'exec', '--user', 'dev', machineName(one), 'python3', '-m', 'http.server', '8080', '--directory', '/home/dev'], { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' })
    cleanups.push(async () => { serving.kill(); await serving.exited })
    const { IPAddress, Gateway } = await addressOf(one)
    expect(IPAddress).toMatch(/^\d/)
    // Control: the port is open, from where it may be reached.
    while ((await run(one, ['python3', '-c', CONNECT, '127.0.0.1', '8080'])).exitCode !== 0) await Bun.sleep(50)
    expect((await run(one, ['python3', '-c', CONNECT, IPAddress, '8080'])).exitCode).toBe(0)
    for (const user of ['dev', 'root']) {
      expect([user, (await run(other, ['python3', '-c', CONNECT, IPAddress, '8080'], user)).exitCode]).toEqual([user, 1])
      for (const host of ['127.0.0.1', 'host.docker.internal', Gateway]) {
        expect([user, host, (await run(other, ['python3', '-c', CONNECT, host, String(control.port)], user)).exitCode]).toEqual([user, host, 1])
      }
    }
  }, 120_000)

  it('gives the agent no privilege, also not through a setuid program, and no way to the link', async () => {
    const { bench, machine } = await open()
    const link = Bun.serve({ unix: bench.spec.boot.link.unixSocket ?? '', fetch: () => new Response('link!!') })
    cleanups.push(() => link.stop(true))
    const owner = await machine()
    const status = (await run(owner, ['cat', '/proc/self/status'])).said
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m)
    expect(status).toMatch(/^CapEff:\s+0000000000000000$/m)
    expect(status).toMatch(/^CapPrm:\s+0000000000000000$/m)
    expect(status).toMatch(/^Seccomp:\s+2$/m)
    expect((await run(owner, ['sh', '-c', 'cp /usr/bin/id /home/dev/id'])).exitCode).toBe(0)
    expect((await run(owner, ['sh', '-c', 'chown 0:0 /home/dev/id && chmod 4755 /home/dev/id && stat -c %a /home/dev/id'], 'root')).said).toBe('4755')
    expect((await run(owner, ['/home/dev/id', '-u'])).said).toBe('1000')
    const talk = `import socket; s=socket.socket(socket.AF_UNIX); s.connect("/var/lib/berth/link/link.sock"); s.sendall(b"GET / HTTP/1.0\\r\\nHost: x\\r\\n\\r\\n"); print(s.recv(4096).decode()[-6:])`
    // Control: the daemon's user reaches it.
    expect((await run(owner, ['python3', '-c', talk], 'root')).said).toBe('link!!')
    expect((await run(owner, ['python3', '-c', talk])).said).toContain('PermissionError')
  }, 120_000)

  it('holds its limits on memory and processes, and the daemon outlives who runs into them', async () => {
    const { bench, provider, machine } = await open()
    const owner = await machine()
    const { Pid } = (await inspect(owner)).State
    const hog = await run(owner, ['python3', '-c', `open('/proc/self/oom_score_adj','w').write('500')\nx=[]\nwhile True: x.append(bytearray(16<<20))`])
    expect(hog.exitCode).toBe(137)
    const bomb = await run(owner, ['python3', '-c', 'import os,time\nn=0\ntry:\n  while True:\n    if os.fork()==0: time.sleep(1000)\n    n+=1\nexcept OSError: print(n)'])
    const children = Number(bomb.said)
    expect(children).toBeGreaterThan(100)
    expect(children).toBeLessThan(bench.spec.pids)
    expect((await inspect(owner)).State).toMatchObject({ Running: true, Pid })
    expect((await provider.observe(owner, signal)).observed.state).toBe('running')
  }, 120_000)
})
