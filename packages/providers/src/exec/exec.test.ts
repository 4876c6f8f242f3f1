/** What the contract does not ask: what goes to a command and how, what its exit codes mean, and where its limits are. */
import { afterEach, expect, test } from 'bun:test'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ProviderFault, type MachineSpec, type Owner } from '@berth/core'
import { openExecBench } from '../testing/exec-bench.ts'
import { refusalOf } from '../testing/stand-in.ts'
import { createExecProvider, type ExecProviderOptions } from './index.ts'

const owner: Owner = { installation: '0123456789abcdef0123456789abcdef', workspaceId: 'ws_0000000000aa', generation: 1 }
const spec: MachineSpec = { image: null, memoryBytes: 1024 ** 3, cpus: 2, pids: 512, boot: { bootToken: 'boot-token-of-the-test', link: { unixSocket: null, loopbackUrl: null, publicUrl: 'https://link.example/' }, toolbox: { hostDir: '/nonexistent', hash: '0123456789abcdef' } } }
const { signal } = new AbortController()
const closing: (() => unknown)[] = []
afterEach(async () => { for (const close of closing.splice(0)) await close() })

/** A command of a few lines of sh; `$1` is the verb, `$here` a directory of the test. */
function provider(lines: string, change: Partial<ExecProviderOptions> = {}) {
  const here = mkdtempSync('/tmp/berth-exec-')
  closing.push(() => rmSync(here, { recursive: true, force: true }))
  const program = join(here, 'command')
  writeFileSync(program, `#!/bin/sh\nhere=${here}\n${lines}\n`)
  chmodSync(program, 0o755)
  return { here, it: createExecProvider({ installation: owner.installation, log: () => {}, command: [program], isolation: 'vm', timeoutSeconds: 20, ...change }) }
}
const machine = (state: string) => `echo '{"version":1,"machine":{"name":"berth-01234567-ws_0000000000aa-g1","installation":"${owner.installation}","workspace":"ws_0000000000aa","generation":1,"state":"${state}","createdAt":1}}'`
const NONE = `echo '{"version":1,"machine":null}'`

test('a command gets the whole request on its standard input, and nothing secret anywhere else', async () => {
  const { here, it } = provider(`[ $1 = create ] || { ${NONE}; exit; }\ncat > $here/request; echo "$0 $*" > $here/argv; env > $here/env\n${machine('running')}`, { variables: ['WANTED'], environment: { PATH: process.env['PATH'], WANTED: 'yes', OTHER: 'no' } })
  expect(await it.ensure(owner, spec, { signal })).toMatchObject({ done: true, value: { owner, observed: { state: 'running' }, isolation: 'vm' } })
  const request = JSON.parse(readFileSync(join(here, 'request'), 'utf8')) as { boot: { files: { path: string; mode: string; content: string }[]; argv: string[]; userData: string } }
  expect(request).toMatchObject({ version: 1, verb: 'create', machine: { name: 'berth-01234567-ws_0000000000aa-g1', installation: owner.installation, workspace: owner.workspaceId, generation: 1 }, wanted: { image: null, memoryBytes: 1024 ** 3, cpus: 2, pids: 512 }, boot: { argv: ['/bin/sh', '/etc/berth/start'] } })
  expect(request.boot.files.map(({ path, mode }) => [path, mode])).toEqual([['/etc/berth/boot.json', '0600'], ['/etc/berth/authorization', '0600'], ['/etc/berth/start', '0755']])
  expect(JSON.parse(request.boot.files[0]?.content ?? '')).toMatchObject({ bootToken: 'boot-token-of-the-test', linkUrl: 'https://link.example', isolation: 'vm' })
  expect(request.boot.userData).toStartWith('#cloud-config\n')
  expect(readFileSync(join(here, 'argv'), 'utf8')).toBe(`${here}/command create\n`)
  const env = readFileSync(join(here, 'env'), 'utf8')
  expect(env).toContain('WANTED=yes')
  expect(env).not.toMatch(/OTHER|boot-token/)
})

test('where it is asked for, the secret part goes by a file that nobody else reads and that is gone afterwards', async () => {
  const { here, it } = provider(`[ $1 = create ] || { ${NONE}; exit; }\ncat > $here/request; path=$(tr '"' '\\n' < $here/request | grep '/boot.json$'); stat -c %a $path > $here/mode; cp $path $here/boot\n${machine('running')}`, { bootBy: 'file' })
  await it.ensure(owner, spec, { signal })
  const request = readFileSync(join(here, 'request'), 'utf8')
  expect(request).not.toContain('boot-token-of-the-test')
  expect(readFileSync(join(here, 'boot'), 'utf8')).toContain('boot-token-of-the-test')
  expect(readFileSync(join(here, 'mode'), 'utf8')).toBe('600\n')
  expect(existsSync((JSON.parse(request) as { boot: { path: string } }).boot.path)).toBe(false)
})

test('exit codes are categories, with what the command said last', async () => {
  const codes: readonly (readonly [number, string, string])[] = [[10, 'capacity', 'no'], [11, 'quota', 'no'], [12, 'rate', 'no'], [13, 'auth', 'no'], [14, 'invalid', 'no'], [15, 'conflict', 'no'], [16, 'not_found', 'no'], [17, 'transient', 'unknown'], [18, 'unsupported', 'no'], [19, 'image', 'no'], [20, 'no_space', 'unknown'], [1, 'unknown', 'unknown'], [137, 'unknown', 'unknown']]
  for (const [code, category, committed] of codes) {
    const { it } = provider(`[ $1 = create ] || { ${NONE}; exit; }\nprintf 'first\\nall \\033[31mred\\n' >&2; exit ${code}`)
    const fault = await refusalOf(it.ensure(owner, spec, { signal }))
    expect(fault).toBeInstanceOf(ProviderFault)
    expect(fault).toMatchObject({ category, committed, message: 'the command refused (making the machine): all  [31mred' })
  }
  const { it } = provider(`echo '{"version":1,"hint":"ask again","retryAfterMs":5000}'; exit 12`)
  expect(await refusalOf(it.observe(owner, signal))).toMatchObject({ category: 'rate', committed: 'no', hint: 'ask again', retryAfterMs: 5000 })
})

test('what is not as described is refused, and never guessed', async () => {
  for (const said of ['', 'running', '{"version":2,"machine":null}', '{"version":1}', '{"version":1,"machine":{"name":"berth-01234567-ws_0000000000aa-g1","state":"running"}}', '{"version":1,"machine":{"name":"another","state":"running","createdAt":1}}']) {
    const { it } = provider(`echo '${said}'`)
    expect(await refusalOf(it.observe(owner, signal))).toMatchObject({ category: 'invalid' })
  }
  const { it } = provider(machine('hibernating'))
  expect((await it.observe(owner, signal)).observed).toEqual({ state: 'unknown', raw: 'hibernating' })
  expect(await refusalOf(it.ensure(owner, spec, { signal }))).toMatchObject({ category: 'unknown' })
})

test('a machine of that name that is another\'s is neither started nor stopped nor removed', async () => {
  const { here, it } = provider(`echo $1 >> $here/verbs\n${machine('stopped').replace(owner.installation, 'f'.repeat(32))}`)
  for (const work of [() => it.ensure(owner, spec, { signal }), () => it.stop(owner, { signal }), () => it.destroy(owner, { signal })]) expect(await refusalOf(work())).toMatchObject({ category: 'conflict' })
  expect(new Set(readFileSync(join(here, 'verbs'), 'utf8').trim().split('\n'))).toEqual(new Set(['observe']))
})

test('a command that takes too long is ended with all that it started', async () => {
  const { here, it } = provider('sleep 1000 & echo $! > $here/pid; trap "" TERM; wait', { timeoutSeconds: 1 })
  expect(await refusalOf(it.observe(owner, signal))).toMatchObject({ category: 'transient', message: expect.stringContaining('longer than 1 s') })
  const pid = readFileSync(join(here, 'pid'), 'utf8').trim()
  expect(existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))).toBe(false)
})

test('a command that writes without end is ended, and a program that is not there is said', async () => {
  const { it } = provider('yes')
  expect(await refusalOf(it.observe(owner, signal))).toMatchObject({ category: 'transient', message: expect.stringContaining('wrote more than') })
  expect(await refusalOf(createExecProvider({ installation: owner.installation, log: () => {}, command: ['/nonexistent/machines'] }).observe(owner, signal))).toMatchObject({ category: 'invalid', message: expect.stringContaining('ENOENT') })
})

test('an inventory that is not whole is never taken for one', async () => {
  for (const lines of ['exit 17', `echo '{"version":1,"machines":[],"complete":false}'`, `echo '{"version":1,"machines":[],"missing":["the second host"]}'`]) {
    const { it } = provider(lines)
    expect(await it.list(owner.installation, signal)).toMatchObject({ items: [], complete: false, missing: [expect.any(String)] })
    expect((await it.leftovers(owner.installation, signal)).complete).toBe(false)
  }
})

test('nothing is made where nothing is set up, where nobody said what separates it, or where a wish cannot be met', async () => {
  const none = createExecProvider({ installation: owner.installation, log: () => {} })
  expect([none.isSetUp?.(), (await none.check(signal)).detail]).toEqual([false, 'not set up'])
  const half = createExecProvider({ installation: owner.installation, log: () => {}, commands: { create: ['/bin/true'] } })
  expect(await half.check(signal)).toMatchObject({ ok: false, detail: 'there is no command to start, stop, observe, destroy, list' })
  const { it } = provider(NONE, { isolation: 'none' })
  expect(await refusalOf(it.ensure(owner, spec, { signal }))).toMatchObject({ category: 'unsupported', hint: expect.stringContaining('--isolation') })
  for (const wish of [{ egress: 'closed' }, { docker: true }, { sudo: true }] as const) expect(await refusalOf(it.ensure(owner, { ...spec, ...wish }, { signal }))).toMatchObject({ category: 'unsupported' })
})

test('a price that was set is quoted', async () => {
  const { it } = provider(NONE, { price: { currency: 'EUR', runningMicrosPerHour: 45_000, stoppedMicrosPerHour: 1_000 } })
  expect(await it.quote(spec)).toMatchObject({ currency: 'EUR', runningMicrosPerHour: 45_000, stoppedMicrosPerHour: 1_000 })
})

test('the documented example takes its boot part by a file too, and speaks for itself', async () => {
  const bench = openExecBench()
  closing.push(() => bench.close())
  const it = bench.provider(owner.installation, { bootBy: 'file' })
  expect(await it.check(signal)).toMatchObject({ ok: true, detail: expect.stringContaining('process trees of this host') })
  expect(await it.ensure(owner, bench.spec, { signal })).toMatchObject({ done: true })
  expect(await refusalOf(it.ensure({ ...owner, generation: 2 }, { ...bench.spec, image: 'debian' }, { signal }))).toMatchObject({ category: 'unsupported' })
  while (!(await it.destroy(owner, { signal })).done) await Bun.sleep(20)
  expect(await it.list(owner.installation, signal)).toEqual({ items: [], complete: true, missing: [] })
})
