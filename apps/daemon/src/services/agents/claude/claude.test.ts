/** The real Claude Code, in a real terminal, as an unprivileged user, with the scripted model behind it. */
import { afterAll, afterEach, beforeAll, describe, expect, it, setDefaultTimeout } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { startScriptedModel, type ScriptedModel } from '@berth/testkit/scripted-model'
import { openBench, type AgentBench } from '../testing/agent-bench.ts'
import { claudeOn } from '../testing/claude-executable.ts'

setDefaultTimeout(120_000)
/** So long a wrong paste is given to show itself. */
const DIALOG_TAKES_KEYS_MS = 1000
let model: ScriptedModel
beforeAll(async () => { model = await startScriptedModel() })
afterAll(async () => { await model.close() })
let bench: AgentBench | undefined
afterEach(async () => { await bench?.close(); bench = undefined })

async function claude(options: Partial<Parameters<typeof openBench>[0]> = {}): Promise<AgentBench> {
  bench = await openBench({ ...claudeOn(model), ...options })
  return bench
}
const behaviors = (of: AgentBench): string[] => of.events.flatMap((body) => (body.type === 'approval.applied' ? [`${body.behavior} ${body.via}`] : []))

describe('claude-tui', () => {
  it('brings the prompt to the model, asks, is answered from afar, edits and finishes', async () => {
    const it = await claude()
    const { promptId, result } = it.prompt('please do [[work]]')
    await it.waitFor('prompt', (body) => body.promptId === promptId && body.status === 'accepted')
    expect(['accepted', 'held']).toContain((await result).status)
    for (const nth of [1, 2, 3]) expect((await it.decide(await it.asked(nth), 'allow')).status).toBe('applied')
    const ended = await it.waitFor('turn.ended')
    expect(ended).toMatchObject({ outcome: 'done', message: 'Done: hello.txt says alpha and gamma.', background: 0 })
    expect(it.file('hello.txt')).toBe('alpha\ngamma\n')
    expect(it.file('command-ran')).toBe('')
    expect(behaviors(it)).toEqual(['allow cli', 'allow cli', 'allow cli'])
    expect(it.events.filter((body) => body.type === 'message' && body.role === 'user')).toHaveLength(1)
    const edit = it.events.findLast((body) => body.type === 'tool' && body.name === 'Edit')
    expect(edit).toMatchObject({ status: 'completed', diffs: [{ added: 1, removed: 1 }] })
    expect(model.requests().some((request) => request.headers['authorization'] === 'Bearer placeholder-token' && request.selected?.name === 'work')).toBe(true)
  })

  it('works the same where there is no tmux', async () => {
    const it = await claude({ keeper: 'holder' })
    void it.prompt('[[ask holder-file]]').result
    const ask = await it.asked(1)
    await it.restartDaemon()
    expect(['applied', 'kept']).toContain((await it.decide(ask, 'allow')).status)
    await it.waitFor('turn.ended')
    expect(it.file('holder-file')).toBe('asked\n')
  })

  it('tells the agent that it was denied, with the reason', async () => {
    const it = await claude()
    void it.prompt('[[ask denied-file]]').result
    expect((await it.decide(await it.asked(1), 'deny', { message: 'not on a Friday' })).status).toBe('applied')
    await it.waitFor('turn.ended')
    expect(it.file('denied-file')).toBeNull()
    expect(behaviors(it)).toEqual(['deny cli'])
    expect(model.requests().some((request) => JSON.stringify(request.body).includes('not on a Friday'))).toBe(true)
  })

  it('notices a yes given in the terminal, and the loser of the race learns it', async () => {
    const it = await claude()
    void it.prompt('[[ask yes-file]]').result
    const ask = await it.asked(1)
    await it.screen('Do you want to proceed?')
    // The program passes over keys that come right as its dialog opens.
    const pressing = setInterval(() => { it.terminals.type('agent', 'Enter') }, 700)
    await it.waitFor('approval.applied').finally(() => { clearInterval(pressing) })
    await it.waitFor('turn.ended')
    expect(it.file('yes-file')).toBe('asked\n')
    expect(behaviors(it)).toEqual(['allow terminal'])
    expect((await it.decide(ask, 'deny')).status).toBe('already')
  })

  it('notices a no given in the terminal', async () => {
    const it = await claude()
    void it.prompt('[[ask no-file]]').result
    await it.asked(1)
    await it.screen('Do you want to proceed?')
    it.terminals.type('agent', 'Escape')
    await it.waitFor('approval.applied')
    await it.waitState('idle', it.events.length - 1 < 0 ? 0 : it.events.findIndex((body) => body.type === 'approval.asked'))
    expect(it.file('no-file')).toBeNull()
    expect(behaviors(it)).toEqual(['deny terminal'])
  })

  it('keeps a question over a restart of the daemon', async () => {
    const it = await claude()
    void it.prompt('[[ask kept-file]]').result
    const ask = await it.asked(1)
    await it.restartDaemon()
    await it.waitState('waiting')
    const status = (await it.decide(ask, 'allow')).status
    expect(['applied', 'kept']).toContain(status)
    await it.waitFor('turn.ended')
    expect(it.file('kept-file')).toBe('asked\n')
    expect(it.events.filter((body) => body.type === 'approval.asked')).toHaveLength(1)
    expect(behaviors(it)).toEqual(['allow cli'])
    expect(it.events.filter((body) => body.type === 'message' && body.role === 'user')).toHaveLength(1)
  })

  it('applies an answer once that came after the machine died', async () => {
    const it = await claude()
    void it.prompt('[[ask orphan-file]]').result
    const ask = await it.asked(1)
    await it.killMachine()
    await it.waitFor('approval.orphaned')
    expect(it.file('orphan-file')).toBeNull()
    expect((await it.decide(ask, 'allow', { orphaned: true })).status).toBe('kept')
    await it.waitFor('turn.ended', (body) => body.outcome === 'done')
    expect(it.file('orphan-file')).toBe('asked\n')
    expect(it.events.filter((body) => body.type === 'approval.asked')).toHaveLength(1)
    expect(behaviors(it)).toEqual(['allow cli'])
    expect(it.events.filter((body) => body.type === 'session.started')).toMatchObject([{ resumed: false }, { resumed: true }])
  })

  it('asks nothing where the workspace says so', async () => {
    const it = await claude({ approvalMode: 'skip' })
    void it.prompt('[[work]]').result
    expect(await it.waitFor('turn.ended')).toMatchObject({ outcome: 'done' })
    expect(it.file('hello.txt')).toBe('alpha\ngamma\n')
    expect(it.events.filter((body) => body.type === 'approval.asked')).toEqual([])
  })

  it('starts in the mode of the agent itself', async () => {
    const it = await claude({ approvalMode: 'auto' })
    void it.prompt('[[say from the auto mode]]').result
    expect(await it.waitFor('turn.ended')).toMatchObject({ outcome: 'done', message: 'from the auto mode' })
  })

  it('starts with an API key, which it is not asked about', async () => {
    const it = await claude({ env: { ANTHROPIC_BASE_URL: model.url, ANTHROPIC_API_KEY: 'sk-ant-api03-0123456789abcdefghijklmnop', CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1' } })
    void it.prompt('[[say by key]]').result
    await it.waitFor('turn.ended')
    expect(model.requests().some((request) => request.headers['x-api-key'] === 'sk-ant-api03-0123456789abcdefghijklmnop')).toBe(true)
  })

  it('carries out a plan that was accepted from afar, and still asks', async () => {
    const it = await claude({ command: '--permission-mode plan' })
    void it.prompt('[[plan]]').result
    const plan = await it.asked(1)
    expect(plan).toMatchObject({ kind: 'plan', tool: 'ExitPlanMode' })
    expect((await it.decide(plan, 'allow')).status).toBe('applied')
    const write = await it.asked(2)
    expect(write.tool).toBe('Write')
    expect((await it.decide(write, 'allow')).status).toBe('applied')
    await it.waitFor('turn.ended')
    expect(it.file('plan.txt')).toBe('planned\n')
  })

  it('brings the answer to a question', async () => {
    const it = await claude()
    void it.prompt('[[question]]').result
    const question = await it.asked(1)
    expect(question).toMatchObject({ kind: 'question', tool: 'AskUserQuestion' })
    await it.decide(question, 'allow', { updatedInput: { ...question.input, answers: { 'Which database?': 'Postgres' } } })
    await it.waitFor('turn.ended')
    expect(model.requests().some((request) => JSON.stringify(request.body).includes('Postgres'))).toBe(true)
  })

  it('says what to do when there is no login, and leaves the terminal to the person (US1.5.3)', async () => {
    const it = await claude({ env: { ANTHROPIC_BASE_URL: model.url, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1' } })
    const error = await it.waitFor('session.state', (body) => body.state === 'error')
    expect(error.detail).toContain('/login')
    expect(error.wantsLogin).toBe(true)
    expect((await it.prompt('hello').result).status).toBe('held')
    expect(await (await it.terminals.get('agent'))?.exited()).toBeNull()
  })

  it('starts again after the program dies, in the same conversation', async () => {
    const it = await claude()
    void it.prompt('[[say one]]').result
    await it.waitFor('turn.ended')
    process.kill(it.terminals.pid('agent'), 'SIGKILL')
    await it.waitFor('session.started', (body) => body.resumed)
    void it.prompt('[[say two]]').result
    await it.waitFor('message', (body) => body.role === 'agent' && body.text === 'two')
    const last = model.requests().findLast((request) => request.selected?.argument === 'two')
    expect(JSON.stringify(last?.body['messages'])).toContain('[[say one]]')
  })

  it('begins anew when the program was killed before it wrote what was said', async () => {
    const it = await claude()
    void it.prompt('[[say one]]').result
    await it.waitFor('turn.ended')
    const [transcript = ''] = new Bun.Glob('.claude/projects/*/*.jsonl').scanSync({ cwd: it.homeDir, absolute: true, dot: true })
    const said = readFileSync(transcript, 'utf8').split('\n').filter((line) => line !== '')
    const settings = said.filter((line) => !/"type":"(user|assistant)"/.test(line))
    expect(settings.length).toBeGreaterThan(0)
    expect(settings.length).toBeLessThan(said.length)
    process.kill(it.terminals.pid('agent'), 'SIGKILL')
    writeFileSync(transcript, settings.map((line) => `${line}\n`).join(''))
    const from = it.events.length
    expect((await it.waitFor('session.started', () => true, from)).resumed).toBe(false)
    void it.prompt('[[say two]]').result
    await it.waitFor('message', (body) => body.role === 'agent' && body.text === 'two')
  })

  it('interrupts a turn and is idle after it', async () => {
    const it = await claude()
    void it.prompt('[[long 60]]').result
    await it.waitState('busy')
    await model.waitFor((request) => request.selected?.name === 'long')
    expect(await it.driver.interrupt()).toEqual({ interrupted: true })
    expect((await it.waitFor('turn.ended')).outcome).toBe('interrupted')
    expect(await it.driver.interrupt()).toEqual({ interrupted: false })
    const after = it.prompt('[[say after the interruption]]')
    await it.waitFor('prompt', (body) => body.promptId === after.promptId && body.status === 'accepted')
    await it.waitFor('message', (body) => body.role === 'agent' && body.text === 'after the interruption')
  })

  it('never answers a dialog with a chat message', async () => {
    const it = await claude()
    const chats = Number(process.env['BERTH_CHAT_RACES'] ?? 28)
    let allowed = 0
    let asked = 0
    let reached = 0
    // In rounds, because a session holds back only so many messages.
    for (let sent = 0; sent < chats;) {
      const from = it.events.length
      const first = sent + 1
      const inRound = Math.min(100, chats - sent)
      const questions = Math.ceil(inRound / 4)
      void it.prompt(`[[asks ${questions}]]`).result
      for (let nth = 1; nth <= questions; nth++) {
        const ask = await it.asked(++asked)
        // The program passes over keys that come right as its dialog opens: an Enter would count only in one that has stood.
        const stands = nth % 3 === 1
        if (stands) { await it.screen('Do you want to proceed?'); await Bun.sleep(DIALOG_TAKES_KEYS_MS) }
        // Some come while the dialog opens, some while it is open, some when it closes.
        for (let at = 0; at < 3; at++) {
          void it.prompt(`chat ${++sent}.`).result
          await Bun.sleep(Math.random() * 60)
        }
        if (stands) await Bun.sleep(DIALOG_TAKES_KEYS_MS)
        const behavior = nth % 3 === 0 ? 'allow' : 'deny'
        if (behavior === 'allow') allowed += 1
        const decided = it.decide(ask, behavior)
        void it.prompt(`chat ${++sent}.`).result
        expect(['applied', 'kept']).toContain((await decided).status)
      }
      await it.waitFor('message', (body) => body.text === 'asked enough', from)
      for (let chat = first; chat <= sent; chat++) await it.waitFor('prompt', (body) => body.text === `chat ${chat}.` && (body.status === 'accepted' || body.status === 'ambiguous'), from)
      // They go in one after another, so a request that holds the last one holds them all.
      const said = JSON.stringify((await model.waitFor((request) => JSON.stringify(request.body).includes(`chat ${sent}.`))).body)
      for (let chat = first; chat <= sent; chat++) if (said.includes(`chat ${chat}.`)) reached += 1
    }
    const ran = (it.file('asks.log') ?? '').split('\n').filter((line) => line !== '')
    expect(ran).toHaveLength(allowed)
    expect(behaviors(it).filter((behavior) => behavior.endsWith('terminal'))).toEqual([])
    expect(behaviors(it)).toHaveLength(asked)
    // Each message reached the agent at most once. One it did not confirm in time is called ambiguous and not sent again.
    const outcomes = new Map(it.events.flatMap((body) => (body.type === 'prompt' && body.text.startsWith('chat ') ? [[body.text, body.status] as const] : [])))
    const heard = it.events.flatMap((body) => (body.type === 'message' && body.role === 'user' ? (body.text.match(/chat \d+\./g) ?? []) : []))
    expect(new Set(heard).size).toBe(heard.length)
    const pasted = it.terminals.log.filter((line) => line.startsWith('paste chat'))
    expect(new Set(pasted).size).toBe(pasted.length)
    const accepted = [...outcomes.values()].filter((status) => status === 'accepted').length
    const ambiguous = [...outcomes.values()].filter((status) => status === 'ambiguous').length
    expect(accepted + ambiguous).toBe(chats)
    expect(reached).toBeGreaterThanOrEqual(accepted)
    // A busy machine may make one late; more would be a fault of ours.
    expect(ambiguous).toBeLessThanOrEqual(Math.ceil(chats / 100))
    process.stdout.write(`chat races: ${asked} dialogs (${allowed} allowed), ${chats} messages, ${reached} reached the model, ${accepted} accepted, ${ambiguous} ambiguous, ${ran.length - allowed} accidental approvals\n`)
    // `BERTH_CHAT_RACES=1000` takes fifteen to twenty minutes.
  }, 3_600_000)
})
