import { afterEach, describe, expect, it } from 'bun:test'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EventBody } from '@berth/wire'
import type { Hook } from '@berth/wire/daemon'
import type { DaemonContext } from '../contracts.ts'
import { openJournal } from '../journal/journal.ts'
import { createAsAgent } from './as-agent.ts'
import { runHooks } from './hooks.ts'

const cleanups: (() => void)[] = []
afterEach(() => { for (const cleanup of cleanups.splice(0).toReversed()) cleanup() })

function open(hooks: { id: string; create: Hook[]; start: Hook[] }) {
  const root = mkdtempSync(join(tmpdir(), 'berth-hooks-'))
  const dirs = { stateDir: join(root, 'state'), runDir: join(root, 'run'), workDir: join(root, 'work'), homeDir: join(root, 'home') }
  for (const dir of Object.values(dirs)) mkdirSync(dir)
  const journal = openJournal({ path: join(root, 'state/journal.sqlite') })
  const events: EventBody[] = []
  cleanups.push(() => {
    journal.close()
    rmSync(root, { recursive: true, force: true })
  })
  const run = (given: { machineBoot?: string; hooks?: typeof hooks } = {}) => {
    const boot = { ...dirs, workspaceId: 'ws_aaaabbbbcccc', generation: 1, agentUser: null, isolation: 'none', env: { FROM: 'boot' }, hooks: given.hooks ?? hooks } as never as DaemonContext['boot']
    const machineBoot = given.machineBoot ?? 'first'
    const context: DaemonContext = { boot, journal: { ...journal, append: (body) => { events.push(body) } }, machineBoot, log: () => {}, signal: new AbortController().signal }
    return runHooks({ context, asAgent: createAsAgent({ boot, machineBoot, workspaceEnv: () => ({}) }) })
  }
  return { run, events, said: () => readFileSync(join(dirs.workDir, 'said'), 'utf8').trim().split('\n'), log: () => readFileSync(join(dirs.stateDir, 'logs/setup.log'), 'utf8') }
}
const says = (name: string, word: string): Hook => ({ name, command: `echo ${word} >> said` })

describe('hooks of a project', () => {
  it('run in their order, in the tree, with the environment, in all three forms', async () => {
    const { run, said } = open({
      id: '1.1',
      create: [says('onCreateCommand', 'one-$FROM'), { name: 'updateContentCommand', command: ['sh', '-c', 'echo "two $0" >> said', 'words'] }, { name: 'postCreateCommand', command: { a: 'echo three-a >> said', b: ['sh', '-c', 'echo three-b >> said'] } }],
      start: [says('postStartCommand', 'four')],
    })
    expect(await run()).toBe('onCreateCommand, updateContentCommand, postCreateCommand, postStartCommand')
    const lines = said()
    expect(lines.slice(0, 2)).toEqual(['one-boot', 'two words'])
    expect(lines.slice(2, 4).sort()).toEqual(['three-a', 'three-b'])
    expect(lines.at(-1)).toBe('four')
  })

  it('of a new machine run once for it, those of a start at each', async () => {
    const hooks = { id: '1.1', create: [says('onCreateCommand', 'made')], start: [says('postStartCommand', 'started')] }
    const { run, said } = open(hooks)
    await run()
    expect(await run()).toBeNull()
    expect(said()).toEqual(['made', 'started'])
    expect(await run({ machineBoot: 'second' })).toBe('postStartCommand')
    expect(await run({ machineBoot: 'third', hooks: { ...hooks, id: '1.2' } })).toBe('onCreateCommand, postStartCommand')
    expect(said()).toEqual(['made', 'started', 'started', 'made', 'started'])
  })

  it('that fail are told with their last words, and end those after them', async () => {
    const { run, said, events, log } = open({ id: '1.1', create: [says('onCreateCommand', 'one'), { name: 'postCreateCommand', command: 'echo nothing here >&2; exit 3' }], start: [says('postStartCommand', 'never')] })
    expect(await run()).toBe('onCreateCommand, postCreateCommand (failed)')
    expect(said()).toEqual(['one'])
    expect(events).toMatchObject([{ type: 'workspace.notice', level: 'error', code: 'hook_failed', message: 'postCreateCommand failed: it ended with 3: nothing here' }])
    expect(log()).toContain('nothing here')
  })

  it('are told to be missing root when they ask for it', async () => {
    const { run, events } = open({ id: '1.1', create: [{ name: 'onCreateCommand', command: 'echo "sudo: not allowed" >&2; exit 1' }], start: [] })
    await run()
    expect(JSON.stringify(events)).toContain('belongs into the Dockerfile')
  })
})
