/** Slash commands of the real Claude Code, and its list of tasks: what a person sees of them from afar. */
import { afterAll, afterEach, beforeAll, describe, expect, it, setDefaultTimeout } from 'bun:test'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startScriptedModel, type ScriptedModel } from '@berth/testkit/scripted-model'
import { openBench, type AgentBench } from '../testing/agent-bench.ts'
import { claudeOn } from '../testing/claude-executable.ts'

setDefaultTimeout(120_000)
let model: ScriptedModel
beforeAll(async () => {
  const task = (subject: string) => ({ tool: 'TaskCreate', input: { subject, description: subject, activeForm: subject } })
  model = await startScriptedModel({ scenarios: {
    tasks: () => [
      [{ text: 'A list first.' }, { tool: 'ToolSearch', input: { query: 'select:TaskCreate,TaskUpdate' } }],
      [task('find the drift'), task('round once'), task('run the tests')],
      [{ tool: 'TaskUpdate', input: { taskId: '1', status: 'completed' } }, { tool: 'TaskUpdate', input: { taskId: '2', status: 'in_progress' } }],
      [{ tool: 'TaskUpdate', input: { taskId: '3', status: 'deleted' } }],
      [{ text: 'The list is kept.' }],
    ],
  } })
})
afterAll(async () => { await model.close() })
let bench: AgentBench | undefined
afterEach(async () => { await bench?.close(); bench = undefined })

async function claude(options: Partial<Parameters<typeof openBench>[0]> = {}): Promise<AgentBench> {
  bench = await openBench({ ...claudeOn(model), approvalMode: 'skip', ...options })
  return bench
}

describe('claude-tui', () => {
  it('tells the list of tasks as it changes', async () => {
    const it = await claude()
    void it.prompt('[[tasks]]').result
    await it.waitFor('turn.ended')
    const lists = it.events.filter((body) => body.type === 'plan').map(({ entries }) => entries.map(({ text, status }) => `${text}: ${status}`))
    expect(lists.at(-1)).toEqual(['find the drift: completed', 'round once: in_progress'])
    expect(lists).toContainEqual(['find the drift: pending', 'round once: pending', 'run the tests: pending'])
  })

  it('says that a command of the program itself was taken, and what it said', async () => {
    const it = await claude()
    const { promptId } = it.prompt('/rename harbour')
    await it.waitFor('prompt', (body) => body.promptId === promptId && body.status === 'accepted')
    await it.waitFor('message', (body) => body.role === 'system' && body.text.includes('Session renamed to: harbour'))
    expect(it.events.some((body) => body.type === 'message' && body.role === 'user' && body.text === '/rename harbour')).toBe(true)
    expect(it.events.some((body) => body.type === 'turn.started')).toBe(false)
  })

  it('closes a menu that a command opens, so that later messages are heard', async () => {
    const it = await claude()
    const { promptId } = it.prompt('/model')
    await it.waitFor('prompt', (body) => body.promptId === promptId && body.status === 'refused' && (body.detail ?? '').includes('menu'))
    void it.prompt('[[say heard after the menu]]').result
    await it.waitFor('message', (body) => body.role === 'agent' && body.text === 'heard after the menu')
  })

  it("shows a command of the project as a turn, under the person's words", async () => {
    const it = await claude()
    mkdirSync(join(it.workDir, '.claude/commands'), { recursive: true })
    writeFileSync(join(it.workDir, '.claude/commands/greet.md'), 'Please [[say greetings to $ARGUMENTS]]\n')
    chmodSync(join(it.workDir, '.claude'), 0o755)
    const { promptId } = it.prompt('/greet you')
    await it.waitFor('prompt', (body) => body.promptId === promptId && body.status === 'accepted')
    await it.waitFor('turn.ended', (body) => body.message === 'greetings to you')
    expect(it.events.filter((body) => body.type === 'message' && body.role === 'user').map((body) => body.type === 'message' && body.text)).toEqual(['/greet you'])
  })

  it('goes on with the conversation that /clear began, shown as it is written and after the machine died', async () => {
    const live: string[] = []
    const it = await claude({ live: (piece) => { if (piece.kind === 'text') live.push(piece.append) } })
    void it.prompt('[[say before]]').result
    await it.waitFor('turn.ended')
    const { promptId } = it.prompt('/clear')
    await it.waitFor('prompt', (body) => body.promptId === promptId && body.status === 'accepted')
    void it.prompt('[[say after the clearing]]').result
    await it.waitFor('turn.ended', (body) => body.message === 'after the clearing')
    expect(live.join('')).toContain('after the clearing')
    await it.killMachine()
    await it.waitFor('session.started', (body) => body.resumed)
    void it.prompt('[[say third]]').result
    await it.waitFor('turn.ended', (body) => body.message === 'third')
    const asked = model.requests().findLast(({ selected, offersTools }) => offersTools && selected?.argument === 'third')
    const heard = JSON.stringify(asked?.body)
    expect(heard).toContain('after the clearing')
    expect(heard).not.toContain('[[say before]]')
  })
})
