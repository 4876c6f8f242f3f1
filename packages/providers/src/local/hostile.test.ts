import { afterEach, describe, expect, it } from 'bun:test'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { denials, layPrey } from '../testing/hostile.ts'
import { eventually, finish, openBench, WAIT, type Bench } from '../testing/stand-in.ts'
import { createLocalProvider } from './index.ts'

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
const RUN_GIVEN = `while test ! -e /workspace/go.sh; do sleep 0.05; done; bash /workspace/go.sh > /workspace/report.part 2>&1; mv /workspace/report.part /workspace/report; ${WAIT}`
const reportOf = (work: string): Promise<string> => eventually(async () => readFile(join(work, 'report'), 'utf8').catch(() => null))

describe.skipIf(!sandboxed)('a hostile program in the local sandbox', () => {
  it('reads nothing of the home, the database, the engine, other workspaces or the server', async () => {
    const { bench, ensure } = await open(RUN_GIVEN)
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
    const { ensure } = await open(RUN_GIVEN)
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
    const { bench, ensure } = await open(RUN_GIVEN, [model.port ?? 0])
    await mkdir(join(bench.root, 'link'), { mode: 0o700 })
    const link = Bun.serve({ unix: bench.spec.boot.link.unixSocket ?? '', fetch: (request) => new Response(`link ${new URL(request.url).pathname}`) })
    cleanups.push(() => link.stop(true))
    const { work } = await ensure()
    await writeFile(join(work, 'go.sh'), [
      `curl -sS http://host.docker.internal:${model.port}/; echo`,
      `curl -sS --proxytunnel -x "$HTTP_PROXY" http://host.docker.internal:${model.port}/; echo`,
      `curl -sS -o /dev/null -w '%{http_code}\\n' http://host.docker.internal:1/`,
      `curl -sS --unix-socket /run/berth-host/sock/link.sock http://berth/link/v1`,
    ].join('\n'), { mode: 0o644 })
    expect(await reportOf(work)).toBe('model\nmodel\n403\nlink /link/v1')
  }, 60_000)
})
