/** A machine changes its toolbox while it runs: two real builds of the daemon, and some that are no good. */
import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { EventBody } from '@berth/wire'
import { VERSION } from '@berth/wire/version'
import { startMachine } from './testing/test-machine.ts'
import type { TestMachine } from './testing/test-machine.ts'

const MAIN = join(import.meta.dir, 'main.ts')
let dir = ''
let machine: TestMachine | null = null
const built: Record<'first' | 'second' | 'sick', string> = { first: '', second: '', sick: '' }

/** Compiles an entry into a toolbox named by the content; answers the name. */
async function build(entry: string): Promise<string> {
  const source = join(dir, 'entry.ts')
  writeFileSync(source, `import { main } from ${JSON.stringify(MAIN)}\n${entry}\nprocess.exit(await main(process.argv.slice(2)))\n`)
  const out = join(dir, 'berth-daemon')
  const child = Bun.spawn([process.execPath, 'build', '--compile', '--minify', '--format=esm', '--outfile', out, source], { cwd: dir, stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' })
  const [said, code] = await Promise.all([new Response(child.stderr).text(), child.exited])
  if (code !== 0) throw new Error(said)
  const hash = createHash('sha256').update(readFileSync(out)).digest('hex').slice(0, 16)
  mkdirSync(join(dir, hash))
  renameSync(out, join(dir, hash, 'berth-daemon'))
  return hash
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'berth-upgrade-'))
  chmodSync(dir, 0o755)
  built.first = await build('')
  built.second = await build('console.error("this is the second build")')
  built.sick = await build('if (process.argv[2] === "run") process.exit(9)')
}, 120_000)
afterAll(() => { rmSync(dir, { recursive: true, force: true }) })
afterEach(async () => {
  await machine?.close()
  machine = null
})

const step = (name: string, state: string) => (body: EventBody): boolean => body.type === 'workspace.step' && body.step === name && body.state === state

/** An agent that works on and on: its pid and its count tell whether it is the same one. */
const WORKING = 'i=0; while :; do i=$((i+1)); echo "$$ $i" > ../home/count.new; mv ../home/count.new ../home/count; sleep 0.05; done'
async function start(): Promise<TestMachine> {
  const started = await startMachine({ toolboxDir: join(dir, built.first), assignment: {
    agent: { kind: 'plain', sessionId: 'ses_aaaabbbbcccc' as never, command: WORKING, approvalMode: 'ask', executable: null, version: null },
    services: [{ name: 'web', command: 'echo one-start; exec sleep 1000' }],
  } })
  machine = started
  await started.event(step('services', 'done'))
  return started
}
async function counted(of: TestMachine, after = 0): Promise<{ pid: string; count: number }> {
  for (;;) {
    const [pid = '', count = '0'] = await Bun.file(join(of.boot.homeDir, 'count')).text().then((text) => text.trim().split(' '), () => [])
    if (pid !== '' && Number(count) > after) return { pid, count: Number(count) }
    await Bun.sleep(10)
  }
}

test('becomes another toolbox\'s daemon in place: the pid, the terminals, the services and the work of the agent go on', async () => {
  const running = await start()
  const before = await counted(running)
  expect(running.versions).toEqual([`${VERSION}+${built.first}`])
  const run = running.runPid()
  expect(await running.call('daemon.upgrade', { toolboxDir: join(dir, built.second) })).toEqual({})
  await running.connected(2)
  expect(running.versions[1]).toBe(`${VERSION}+${built.second}`)
  expect(readFileSync(`/proc/${running.supervisor.pid}/cmdline`, 'utf8')).toStartWith(join(dir, built.second, 'berth-daemon'))
  expect(running.runPid()).not.toBe(run)
  const after = await counted(running, before.count)
  expect(after.pid).toBe(before.pid)
  expect(running.events.filter(step('agent', 'done'))).toHaveLength(1)
  expect((await running.call('terminal.list', {})).map(({ terminalId }) => terminalId)).toEqual(['agent'])
  expect((await running.call('logs.read', { source: 'web' })).text).toBe('one-start\n')
  // And back by the toolbox's name alone, which is what the server knows.
  await running.call('daemon.upgrade', { toolboxDir: built.first })
  await running.connected(3)
  expect(running.versions[2]).toBe(`${VERSION}+${built.first}`)
  expect((await counted(running, after.count)).pid).toBe(before.pid)
}, 60_000)

test('refuses a toolbox that cannot run here, and goes on', async () => {
  const running = await start()
  const bad = (name: string, content: string, mode = 0o755): string => {
    const path = join(dir, name, 'berth-daemon')
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
    chmodSync(path, mode)
    return dirname(path)
  }
  const refusals = [
    [join(dir, 'nothing-here'), 'not_found'],
    [bad('not-executable', '#!/bin/sh\nexit 0\n', 0o644), 'unsupported'],
    [bad('not-a-program', 'no program at all'), 'unsupported'],
    [bad('ends-badly', '#!/bin/sh\necho no such symbol >&2\nexit 3\n'), 'unsupported'],
  ] as const
  for (const [toolboxDir, code] of refusals) {
    expect(await running.call('daemon.upgrade', { toolboxDir }).then(() => null, (refusal: unknown) => refusal)).toMatchObject({ code })
  }
  expect(running.hellos).toBe(1)
  expect(running.versions).toEqual([`${VERSION}+${built.first}`])
}, 60_000)

test('goes back to the toolbox before when the new one\'s daemon does not keep running', async () => {
  const running = await start()
  const before = await counted(running)
  await running.call('daemon.upgrade', { toolboxDir: built.sick })
  await running.connected(2)
  expect(running.versions[1]).toBe(`${VERSION}+${built.first}`)
  expect((await counted(running, before.count)).pid).toBe(before.pid)
}, 60_000)
