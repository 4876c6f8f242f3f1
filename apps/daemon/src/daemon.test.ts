/** The whole daemon in its own processes, against the server's end of the link. */
import { afterEach, expect, test } from 'bun:test'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { EventBody } from '@berth/wire'
import { LINK_CLOSE } from '@berth/wire/daemon'
import { createTerminalDecoder, encodeTerminalFrame } from '@berth/wire/terminal-frames'
import { AGENT, startMachine } from './testing/test-machine.ts'
import type { TestMachine } from './testing/test-machine.ts'

let machine: TestMachine | null = null
afterEach(async () => {
  await machine?.close()
  machine = null
})

const step = (name: string, state: string) => (body: EventBody): boolean => body.type === 'workspace.step' && body.step === name && body.state === state
const ended = (pid: number): Promise<void> => new Promise((resolve) => {
  const look = setInterval(() => {
    try { process.kill(pid, 0) } catch { clearInterval(look); resolve() }
  }, 20)
})

async function screen(of: TestMachine, terminalId: string, typed: string, sees: RegExp): Promise<string> {
  const stream = await of.open({ service: 'terminal', terminalId, cols: 80, rows: 24, mode: 'control' })
  const writer = stream.writable.getWriter()
  const decode = createTerminalDecoder()
  let seen = ''
  let typing = typed
  for await (const chunk of stream.readable) {
    for (const frame of decode(chunk)) if (frame.kind === 'bytes') seen += new TextDecoder().decode(frame.bytes)
    if (typing !== '') await writer.write(encodeTerminalFrame({ kind: 'bytes', bytes: new TextEncoder().encode(typing) }))
    typing = ''
    if (sees.test(seen)) break
  }
  stream.abort('seen enough')
  return seen
}

test('brings up code, home, agent and services, and shows their terminals', async () => {
  machine = await startMachine({ assignment: {
    env: { GREETING: 'hello-from-env' }, homeFiles: [{ path: '.config/login.json', contentBase64: btoa('{"token":"sk-1234567890abcdefghijkl"}') }],
    services: [{ name: 'web', command: 'echo $GREETING; echo ${#GREETING}; exec sleep 1000' }],
  } })
  for (const name of ['code', 'setup', 'agent', 'services']) await machine.event(step(name, 'done'))
  const login = statSync(join(machine.root, 'home/.config/login.json'))
  expect([login.mode & 0o777, login.uid]).toEqual([0o600, AGENT?.uid ?? process.getuid?.() ?? -1])
  await machine.event((body) => body.type === 'service' && body.state === 'started')
  await machine.event((body) => body.type === 'terminal' && body.state === 'open')
  expect((await machine.call('terminal.list', {})).map(({ terminalId }) => terminalId)).toEqual(['agent'])
  await screen(machine, 'agent', 'typed-by-hand\r', /agent-here[^]*typed-by-hand/)
  expect(await screen(machine, 'shell', 'echo uid-$(id -u)-$GREETING\r', /uid-\d+-hello/)).toContain(`uid-${AGENT?.uid ?? process.getuid?.()}-hello-from-env`)
  // Every process writes what it begins with at once; its log is asked for until it is there.
  let text = ''
  while (!text.includes('14\n')) ({ text } = await machine.call('logs.read', { source: 'web' }))
  // It has the variable; what a person reads of its log has not.
  expect(text).toBe('[masked]\n14\n')
  expect((await machine.call('logs.read', { source: 'setup' })).text).toContain('code: done')
  const status = readFileSync(`/proc/${machine.runPid()}/status`, 'utf8')
  expect(status).toContain('VmRSS')
  if (process.env['BERTH_TEST_VERBOSE']) process.stderr.write(/VmRSS.*/.exec(status)?.[0] ?? '')
  expect(await machine.call('git.checkpoint', { reason: 'test', publish: false })).toMatchObject({ files: 0, commit: expect.any(String) })
}, 60_000)

test('a daemon that is killed comes back to the same agent, terminals and services', async () => {
  machine = await startMachine({ assignment: { agent: { kind: 'plain', sessionId: 'ses_aaaabbbbcccc' as never, command: 'echo pid-$$; exec cat', approvalMode: 'ask', executable: null, version: null }, services: [{ name: 'web', command: 'echo one-start; exec sleep 1000' }] } })
  await machine.event(step('services', 'done'))
  const first = /pid-\d+/.exec(await screen(machine, 'agent', '', /pid-\d+/))?.[0] ?? 'none'
  const pid = machine.runPid()
  process.kill(pid, 'SIGKILL')
  await ended(pid)
  await machine.connected(2)
  expect(await screen(machine, 'agent', 'again\r', /pid-\d+[^]*again/)).toContain(first)
  expect((await machine.call('terminal.list', {})).length).toBe(1)
  expect((await machine.call('logs.read', { source: 'web' })).text).toBe('one-start\n')
  expect(machine.events.filter(step('agent', 'done')).length).toBe(1)
}, 60_000)

test('SIGTERM to the supervisor ends everything that belongs to the machine', async () => {
  machine = await startMachine({ assignment: { services: [{ name: 'web', command: 'trap "" TERM; setsid sleep 1000 & sleep 1000' }] } })
  await machine.event(step('services', 'done'))
  expect(machine.marked().length).toBeGreaterThan(2)
  machine.supervisor.kill('SIGTERM')
  expect(await machine.supervisor.exited).toBe(0)
  expect(machine.marked()).toEqual([])
}, 60_000)

test('a machine that the server does not want ends itself', async () => {
  machine = await startMachine({})
  await machine.event(step('services', 'done'))
  machine.closeLink(LINK_CLOSE.rejected)
  expect(await machine.supervisor.exited).toBe(0)
  expect(machine.marked()).toEqual([])
}, 60_000)

test('a clone that is refused is a failed step with the reason, and a later assignment tries again', async () => {
  machine = await startMachine({ assignment: { source: { kind: 'git', url: 'file:///nowhere/at/all' } } })
  expect(await machine.event(step('code', 'failed'))).toMatchObject({ detail: expect.stringContaining('/nowhere/at/all') })
  machine.assign({ source: { kind: 'empty' } })
  await machine.event(step('agent', 'done'))
}, 60_000)

test('waits for an upload, then unpacks the archive as the agent', async () => {
  const dir = `${import.meta.dir}/services/archive`
  const tar = Bun.spawnSync(['sh', '-c', `tar -C ${dir} -cf - tar.ts | zstd -q -1`]).stdout
  machine = await startMachine({ assignment: { source: { kind: 'archive', label: 'x' }, sourceReady: false }, http: async (request) => (new URL(request.url).pathname === '/source/archive' ? new Response(new Uint8Array(tar)) : new Response('no', { status: 404 })) })
  await machine.connected()
  machine.assign({ sourceReady: true })
  await machine.event(step('agent', 'done'))
  expect(readFileSync(join(machine.root, 'work/tar.ts'), 'utf8')).toBe(readFileSync(`${dir}/tar.ts`, 'utf8'))
  expect(statSync(join(machine.root, 'work/tar.ts')).uid).toBe(AGENT?.uid ?? process.getuid?.() ?? -1)
}, 60_000)

test('comes up without an agent when the agent cannot start, and says so', async () => {
  machine = await startMachine({ assignment: { agent: { kind: 'plain', sessionId: 'ses_aaaabbbbcccc' as never, command: null, approvalMode: 'ask', executable: null, version: null } }, agentUser: null })
  await machine.event(step('services', 'done'))
  expect(await machine.event((body) => body.type === 'session.state' && body.state === 'error')).toMatchObject({ detail: expect.stringContaining('no command') })
  await screen(machine, 'shell', 'echo still-$((40+2))\r', /still-42/)
}, 60_000)
