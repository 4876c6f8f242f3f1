/** The agent's beginning: said to before it runs, and not able to run at all. */
import { afterEach, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EventBody, PromptId } from '@berth/wire'
import { BerthError } from '@berth/wire'
import type { AgentDriver, DaemonContext } from './contracts.ts'
import { createConverger } from './converge.ts'
import { openJournal } from './journal/journal.ts'
import { createAsAgent } from './services/as-agent.ts'
import { createStreams } from './streams.ts'
import { openTerminals } from './services/terminal/index.ts'
import { assignmentOf, startMachine } from './testing/test-machine.ts'

const cleanups: (() => Promise<unknown> | void)[] = []
afterEach(async () => { for (const cleanup of cleanups.splice(0).toReversed()) await cleanup() })
const promptId = 'prm_aaaabbbbcccc' as PromptId
const step = (name: string, state: string) => (body: EventBody): boolean => body.type === 'workspace.step' && body.step === name && body.state === state

test('a message that comes before the agent is given to it once it runs, once, though no assignment repeats it', async () => {
  const machine = await startMachine({ assignment: { sourceReady: false, agent: { ...assignmentOf({}).agent, command: 'while read line; do echo "$line" >> ../home/heard; done' } } })
  cleanups.push(machine.close)
  await machine.connected()
  expect(await machine.call('session.prompt', { promptId, text: 'are you there' })).toMatchObject({ status: 'held' })
  // The call is repeated when its answer was lost.
  expect(await machine.call('session.prompt', { promptId, text: 'are you there' })).toMatchObject({ status: 'held' })
  machine.assign({ sourceReady: true })
  await machine.event((body) => body.type === 'prompt' && body.status === 'accepted')
  machine.assign({ prompts: [{ promptId, text: 'are you there' }] })
  expect(await machine.call('session.prompt', { promptId: 'prm_ddddeeeeffff' as PromptId, text: 'and you' })).toMatchObject({ status: 'accepted' })
  const heard = async (): Promise<string> => Bun.file(join(machine.root, 'home/heard')).text().catch(() => '')
  while (!(await heard()).includes('and you')) await Bun.sleep(20)
  expect(await heard()).toBe('are you there\nand you\n')
  expect(machine.events.filter((body) => body.type === 'prompt' && body.promptId === promptId && body.status === 'accepted')).toHaveLength(1)
}, 60_000)

/** The converger with everything real but the driver, which is what this is about. */
function open(driverFor: () => Promise<() => AgentDriver>) {
  const root = mkdtempSync(join(tmpdir(), 'berth-converge-'))
  const dirs = { stateDir: join(root, 'state'), runDir: join(root, 'run'), workDir: join(root, 'work'), homeDir: join(root, 'home') }
  for (const dir of Object.values(dirs)) mkdirSync(dir)
  const boot = { ...dirs, workspaceId: 'ws_aaaabbbbcccc', generation: 1, linkUrl: 'http://x', bootToken: 'x', agentUser: null, toolboxDir: root, isolation: 'none' } as never as DaemonContext['boot']
  const journal = openJournal({ path: join(root, 'state/journal.sqlite') })
  const stop = new AbortController()
  const events: EventBody[] = []
  const append: typeof journal.append = (body, options) => {
    events.push(body)
    journal.append(body, options)
  }
  const context: DaemonContext = { boot, journal: { ...journal, append }, machineBoot: 'm', log: () => {}, signal: stop.signal }
  const asAgent = createAsAgent({ boot, machineBoot: 'm', workspaceEnv: () => ({}) })
  const terminals = openTerminals({ stateDir: dirs.stateDir, machineBoot: 'm', user: null, log: () => {} })
  const converger = createConverger({
    context, asAgent, terminals, changed: () => {}, driverFor,
    services: { converge() {}, stop: async () => {}, release() {}, logFile: (name) => name },
    source: { hostedUrl: async () => '', unpackArchive: async () => {} },
  })
  cleanups.push(async () => {
    stop.abort()
    for (const terminal of await terminals.list()) await terminal.kill()
    terminals.close()
    journal.close()
    rmSync(root, { recursive: true, force: true })
  })
  return { converger, events, terminals, asAgent, boot }
}

test('a driver that cannot be made leaves a workspace that is up, says why, and keeps its shell', async () => {
  const { converger, events, terminals, asAgent, boot } = open(() => Promise.reject(new BerthError('agent_unavailable', 'no such agent here', { hint: 'choose another' })))
  converger.apply(assignmentOf({}))
  await converger.settled()
  expect(converger.driver).toBeNull()
  expect(converger.codeReady).toBe(true)
  for (const name of ['code', 'setup', 'agent', 'services']) expect(events.filter(step(name, 'done'))).toHaveLength(1)
  expect(events.find((body) => body.type === 'workspace.notice')).toMatchObject({ level: 'error', code: 'agent_unavailable', message: expect.stringContaining('no such agent here'), hint: 'choose another' })
  const seen = Promise.withResolvers<string>()
  const output = new TransformStream<Uint8Array, Uint8Array>()
  const input = new TransformStream<Uint8Array, Uint8Array>()
  createStreams({ since: { all: () => new Map(), add() {}, clear() {}, save() {} }, ssh: { serve: async () => {} }, terminals, asAgent, workDir: boot.workDir, homeDir: boot.homeDir, humanInput() {}, previewTraffic() {}, log() {} })({ service: 'terminal', terminalId: 'shell', cols: 80, rows: 24, mode: 'watch' }, { readable: input.readable, writable: output.writable, abort: (reason) => { seen.reject(new Error(reason)) }, direct() { throw new Error('not for a terminal') } })
  const reader = output.readable.getReader()
  void reader.read().then(() => { seen.resolve('painted') })
  expect(await seen.promise).toBe('painted')
  expect((await terminals.list()).map(({ terminalId }) => terminalId)).toEqual(['shell'])
  await input.writable.close()
}, 60_000)

test('the next assignment tries the agent again, and hands over what was said meanwhile', async () => {
  const said: string[] = []
  let tries = 0
  const driver = { name: 'second', start: async () => {}, prompt: async ({ text }: { text: string }) => { said.push(text); return { status: 'accepted', detail: null } } } as never as AgentDriver
  const { converger } = open(async () => {
    if (tries++ === 0) throw new BerthError('agent_unavailable', 'not now')
    return () => driver
  })
  converger.apply(assignmentOf({}))
  await converger.settled()
  converger.keepPrompt({ promptId, text: 'still there' })
  converger.apply(assignmentOf({}))
  await converger.settled()
  expect(converger.driver).toBe(driver)
  expect(said).toEqual(['still there'])
}, 60_000)
