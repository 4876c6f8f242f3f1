import { afterEach, describe, expect, it } from 'bun:test'
import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { denials, layPrey } from '../testing/hostile.ts'
import { eventually, finish, openBench, WAIT, type Bench } from '../testing/stand-in.ts'
import { createLocalProvider } from './index.ts'
import { twoUsersWork } from './probe.ts'

const signal = new AbortController().signal
const sandboxed = (await createLocalProvider({ installation: 'probe', home: '/nonexistent', log: () => {} }).check(signal)).isolation === 'sandbox'
const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function open(script: string, hostPorts: readonly number[] = []) {
  const bench: Bench = await openBench(script)
  const provider = createLocalProvider({ installation: bench.installation, home: bench.home, log: () => {}, hostPorts })
  cleanups.push(bench.close)
  const ensure = async () => {
    const owner = bench.owner()
    cleanups.push(() => provider.destroy(owner, { signal }))
    const machine = await finish(() => provider.ensure(owner, bench.spec, { signal }))
    return { owner, work: join(String(machine.ref['dir']), 'work') }
  }
  return { bench, provider, ensure }
}
const runGiven = (prefix: string): string => `while test ! -e /workspace/go.sh; do sleep 0.05; done; ${prefix} bash /workspace/go.sh > /workspace/report.part 2>&1; mv /workspace/report.part /workspace/report; ${WAIT}`
/** As the daemon drops to it, where it can. */
const twoUsers = process.getuid?.() === 0 && await twoUsersWork(signal)
const AS_AGENT = runGiven(twoUsers ? 'setpriv --reuid=1000 --regid=1000 --clear-groups --inh-caps=-all' : '')
const AS_DAEMON = runGiven('')
const reportOf = (work: string): Promise<string> => eventually(async () => readFile(join(work, 'report'), 'utf8').catch(() => null))

/** As a server does. */
async function listenForDaemons({ spec }: Bench): Promise<void> {
  const path = spec.boot.link.unixSocket ?? ''
  const link = Bun.serve({ unix: path, fetch: (request) => new Response(`link ${new URL(request.url).pathname}`) })
  cleanups.push(() => link.stop(true))
  await chmod(path, 0o600)
}

describe.skipIf(!sandboxed)('a hostile program in the local sandbox', () => {
  it.skipIf(!twoUsers)('is another user than its daemon: reads no token, no boot file, no memory, and cannot end it', async () => {
    const { bench, ensure } = await open(`echo the-link-token > /var/lib/berth/link-token.json; ${AS_AGENT}`)
    await listenForDaemons(bench)
    const { work } = await ensure()
    const tries: Record<string, string> = {
      state: 'cat /var/lib/berth/link-token.json; ls /var/lib/berth', boot: 'cat /run/berth-boot/boot.json', link: 'curl -sS --unix-socket /run/berth-host/link/link.sock http://berth/link/v1 2>&1 | grep -v denied | grep -iv "could.*t connect"',
      run: 'touch /run/berth/x && echo wrote', environ: 'cat /proc/1/environ; tr "\\0" "\\n" < /proc/2/environ', memory: 'head -c 1 /proc/2/mem', kill: 'kill -9 1 && echo signalled; kill -9 2 && echo signalled',
      setuid: 'setpriv --reuid=0 id -u; setpriv --reuid=65533 id -u', ptrace: 'ls /proc/2/fd /proc/2/root/var/lib/berth',
    }
    const lines = Object.entries(tries).map(([name, command]) => `got=$(timeout 5 bash -c '${command}' 2>/dev/null); test -z "$got" && echo ${name}=denied || echo "${name}=GOT $got"`)
    await writeFile(join(work, 'go.sh'), [...lines, 'echo me=$(id -u)', 'touch /workspace/mine /home/dev/mine /tmp/mine && echo own=ok'].join('\n'), { mode: 0o644 })
    const report = await reportOf(work)
    expect(report.trim().split('\n')).toEqual([...Object.keys(tries).map((name) => `${name}=denied`), 'me=1000', 'own=ok'])
    // Nor is any of them somebody on the host.
    const { uid: agent } = await stat(join(work, 'mine'))
    const { uid: daemon } = await stat(join(work, '../state/link-token.json'))
    expect(agent).toBeGreaterThanOrEqual(200_000)
    expect(daemon).toBe(agent - 1)
  }, 60_000)

  it('reads nothing of the home, the database, the engine, other workspaces or the server', async () => {
    const { bench, ensure } = await open(AS_AGENT)
    const other = await ensure()
    const { work } = await ensure()
    const prey = await layPrey(bench, other.work)
    cleanups.push(prey.close)
    await writeFile(join(work, 'go.sh'), prey.script, { mode: 0o644 })
    const report = await reportOf(work)
    expect(report.split('\n').length).toBeGreaterThan(15)
    expect(denials(report)).toEqual([])
  }, 60_000)

  it('sees no process but those of its own machine, and two machines may use the same port', async () => {
    const { ensure } = await open(AS_DAEMON)
    const script = `cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep ^BERTH_OWNER= | sort -u | wc -l
      nohup python3 -m http.server 8080 --bind 127.0.0.1 --directory /workspace >/dev/null 2>&1 &
      for i in $(seq 100); do curl -s http://127.0.0.1:8080/who && break; sleep 0.05; done`
    const machines = [await ensure(), await ensure()]
    for (const [index, { work }] of machines.entries()) {
      await writeFile(join(work, 'who'), `machine ${index}`, { mode: 0o644 })
      await writeFile(join(work, 'go.sh'), script, { mode: 0o644 })
    }
    expect(await Promise.all(machines.map(({ work }) => reportOf(work)))).toEqual(['1\nmachine 0', '1\nmachine 1'])
  }, 60_000)

  it('reaches a port of the host that was opened for workspaces, also through CONNECT, and the server by its link', async () => {
    const model = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('model') })
    cleanups.push(() => model.stop(true))
    const { bench, ensure } = await open(AS_DAEMON, [model.port ?? 0])
    await listenForDaemons(bench)
    const { work } = await ensure()
    await writeFile(join(work, 'go.sh'), [
      `curl -sS http://host.docker.internal:${model.port}/; echo`,
      `curl -sS --proxytunnel -x "$HTTP_PROXY" http://host.docker.internal:${model.port}/; echo`,
      `curl -sS -o /dev/null -w '%{http_code}\\n' http://host.docker.internal:1/`,
      `curl -sS --unix-socket /run/berth-host/link/link.sock http://berth/link/v1`,
    ].join('\n'), { mode: 0o644 })
    expect(await reportOf(work)).toBe('model\nmodel\n403\nlink /link/v1')
  }, 60_000)
})
