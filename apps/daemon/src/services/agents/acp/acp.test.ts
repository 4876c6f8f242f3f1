/** Any command that speaks ACP, in the terminals as the daemon keeps them: over restarts, refusals and deaths. */
import { afterEach, describe, expect, it, setDefaultTimeout } from 'bun:test'
import { openBench, type AgentBench } from '../testing/agent-bench.ts'
import { wordsOf } from './messages.ts'
import { optionFor } from './tools.ts'

setDefaultTimeout(60_000)
const AGENT = `${process.execPath} ${new URL('../testing/acp-agent.ts', import.meta.url).pathname}`
let bench: AgentBench | undefined
afterEach(async () => { await bench?.close(); bench = undefined })
const open = async (options: Partial<Parameters<typeof openBench>[0]> = {}): Promise<AgentBench> => {
  bench = await openBench({ kind: 'acp', command: AGENT, env: { LOGIN: 'yes' }, ...options })
  return bench
}
const said = (of: AgentBench): string[] => of.events.flatMap((body) => (body.type === 'message' ? [`${body.role}: ${body.text}`] : []))
const prompts = (of: AgentBench): string[] => of.events.flatMap((body) => (body.type === 'prompt' ? [body.status] : []))

for (const keeper of ['tmux', 'holder'] as const) {
  describe(`an agent that speaks ACP, kept by ${keeper}`, () => {
    it('takes words, one turn at a time, and says them as it writes', async () => {
      const live: string[] = []
      const it = await open({ keeper, live: (piece) => { live.push(piece.append) } })
      await it.waitState('idle')
      const first = it.prompt('say hello')
      const second = it.prompt('say again')
      expect((await first.result).status).toBe('accepted')
      expect((await second.result).status).toBe('held')
      await it.waitFor('turn.ended', ({ turnId }) => turnId === second.promptId)
      expect(said(it)).toEqual(['user: say hello', 'agent: hello', 'user: say again', 'agent: again'])
      expect(live.filter((piece) => piece !== '').join('')).toBe('helloagain')
      expect(it.events.find((body) => body.type === 'session.started')).toMatchObject({ driver: 'acp', agentVersion: '1.2.3', resumed: false })
      expect(it.events.filter((body) => body.type === 'usage')).toMatchObject([{ inputTokens: 7, outputTokens: 3 }, { inputTokens: 7, outputTokens: 3 }])
    })

    it('is answered at its terminal, with y, or with n and why', async () => {
      const it = await open({ keeper })
      await it.waitState('idle')
      void it.prompt('ask yes-file').result
      await it.asked(1)
      // What is said yes to can be read there.
      await it.screen('? Bash: touch yes-file')
      it.terminals.type('agent', 'y', 'Enter')
      await it.waitFor('turn.ended')
      void it.prompt('ask no-file').result
      await it.asked(2)
      it.terminals.type('agent', 'n', ' not that', 'Enter')
      await it.waitFor('message', ({ role, text }) => role === 'user' && text.endsWith('and said: not that'))
      expect([it.file('yes-file'), it.file('no-file')]).toEqual(['made\n', null])
      expect(it.events.flatMap((body) => (body.type === 'approval.applied' ? [`${body.behavior} ${body.via}`] : []))).toEqual(['allow terminal', 'deny terminal'])
    })

    it('goes on while the daemon is away: nothing is lost, told twice or asked twice', async () => {
      const it = await open({ keeper })
      await it.waitState('idle')
      void it.prompt('ask kept').result
      const ask = await it.asked(1)
      await it.restartDaemon()
      expect(['applied', 'kept']).toContain((await it.decide(ask, 'allow')).status)
      await it.waitFor('turn.ended')
      const from = it.events.length
      await it.restartDaemon()
      await it.waitState('idle', from)
      expect(['accepted', 'held']).toContain((await it.prompt('say after').result).status)
      await it.waitFor('message', ({ text }) => text === 'after')
      expect(said(it)).toEqual(['user: ask kept', 'agent: made it', 'user: say after', 'agent: after'])
      expect(it.events.filter((body) => body.type === 'approval.asked')).toHaveLength(1)
      expect(it.events.filter((body) => body.type === 'session.started')).toHaveLength(1)
      expect(prompts(it).filter((status) => status !== 'queued')).toEqual(['sent', 'accepted', 'sent', 'accepted'])
    })
  })
}

describe('an agent that speaks ACP', () => {
  it('goes back to its conversation after the machine died, and history is not said again', async () => {
    const it = await open()
    await it.waitState('idle')
    void it.prompt('ask orphan').result
    const ask = await it.asked(1)
    await it.killMachine()
    await it.waitFor('approval.orphaned')
    await it.waitFor('session.started', ({ resumed }) => resumed)
    expect((await it.decide(ask, 'deny', { orphaned: true })).status).toBe('kept')
    await it.waitFor('turn.ended', ({ outcome }) => outcome === 'done')
    void it.prompt('remember').result
    await it.waitFor('message', ({ role, text }) => role === 'agent' && text.includes('ask orphan'))
    expect(said(it)).not.toContain('agent: history')
    expect(it.file('orphan')).toBeNull()
  })

  it('is started again when it dies, and says so when it dies again and again', async () => {
    const it = await open()
    await it.waitState('idle')
    const from = it.events.length
    void it.prompt('die').result
    await it.waitFor('session.state', ({ state, detail }) => state === 'starting' && detail?.includes('exit code 3') === true, from)
    await it.waitState('idle', from)
    expect(it.events.slice(from).find((body) => body.type === 'turn.ended')).toMatchObject({ outcome: 'interrupted' })
  })

  it('is interrupted, also while it asks', async () => {
    const it = await open()
    await it.waitState('idle')
    void it.prompt('wait').result
    await it.waitFor('turn.started')
    expect(await it.driver.interrupt()).toEqual({ interrupted: true })
    await it.waitFor('turn.ended', ({ outcome }) => outcome === 'interrupted')
    const from = it.events.length
    void it.prompt('ask never').result
    await it.asked(1)
    expect(await it.driver.interrupt()).toEqual({ interrupted: true })
    await it.waitFor('turn.ended', ({ outcome }) => outcome === 'interrupted', from)
    expect(it.events.slice(from).filter((body) => body.type === 'approval.applied')).toMatchObject([{ behavior: 'deny' }])
    expect(it.file('never')).toBeNull()
  })

  it('is interrupted by Ctrl-C at its terminal, and lives on', async () => {
    const it = await open()
    await it.waitState('idle')
    void it.prompt('wait').result
    await it.waitFor('turn.started')
    it.terminals.type('agent', '\u0003')
    await it.waitFor('turn.ended', ({ outcome }) => outcome === 'interrupted')
    void it.prompt('say alive').result
    await it.waitFor('message', ({ text }) => text === 'alive')
    expect(it.events.filter((body) => body.type === 'session.started')).toHaveLength(1)
  })

  it('is refused what no client has, and is not asked where nobody wants to be', async () => {
    const it = await open({ approvalMode: 'skip' })
    await it.waitState('idle')
    void it.prompt('odd').result
    await it.waitFor('message', ({ text }) => text === 'refused with -32601')
    void it.prompt('ask skipped').result
    await it.waitFor('message', ({ text }) => text === 'made it')
    expect(it.file('skipped')).toBe('made\n')
    expect(it.events.filter((body) => body.type.startsWith('approval.'))).toEqual([])
  })

  it('is told of and begun again when it says more at once than anybody keeps, and much else goes through', async () => {
    const it = await open()
    await it.waitState('idle')
    void it.prompt('flood 3').result
    await it.waitFor('message', ({ role, text }) => role === 'agent' && text.includes('characters left out'))
    const from = it.events.length
    void it.prompt('flood 9').result
    await it.waitFor('session.state', ({ state, detail }) => state === 'starting' && detail?.includes('a line was longer') === true, from)
    await it.waitState('idle', from)
  })

  it('says that nobody is signed in, and tries again with the next message', async () => {
    const it = await open({ env: {} })
    const state = await it.waitFor('session.state', (body) => body.state === 'error')
    expect(state.detail).toContain('login')
    const from = it.events.length
    void it.prompt('say hello').result
    await it.waitFor('session.state', (body) => body.state === 'starting', from)
    await it.waitFor('session.state', (body) => body.state === 'error', from)
    expect(prompts(it)).toEqual(['queued'])
  })

  it('tries again with the next message when it could not be begun', async () => {
    const it = await open({ command: ' ' })
    expect((await it.waitFor('session.state', (body) => body.state === 'error')).detail).toContain('no command was given')
    const from = it.events.length
    void it.prompt('say hello').result
    await it.waitFor('session.state', (body) => body.state === 'starting', from)
    await it.waitFor('session.state', (body) => body.state === 'error', from)
  })

  it('says what is wrong with a command that does not speak it', async () => {
    const it = await open({ command: 'echo hello; sleep 1; exit 7' })
    const state = await it.waitFor('session.state', (body) => body.state === 'error')
    expect(state.detail).toContain('exit code 7')
  })
})

describe('the options of a permission', () => {
  const gemini = [{ optionId: 'proceed_always', kind: 'allow_always' }, { optionId: 'proceed_once', kind: 'allow_once' }, { optionId: 'cancel', kind: 'reject_once' }]
  const qwen = [{ optionId: 'proceed_always_project', kind: 'allow_once' }, { optionId: 'proceed_once', kind: 'allow_once' }, { optionId: 'cancel', kind: 'reject_once' }]
  const opencode = [{ optionId: 'once', kind: 'allow_once' }, { optionId: 'always', kind: 'allow_always' }, { optionId: 'reject', kind: 'reject_once' }]
  const nameless = [{ optionId: 'allow-it' }, { optionId: 'reject-it' }]
  const chosen = (options: Parameters<typeof optionFor>[0], behavior: 'allow' | 'deny', scope: 'once' | 'session' = 'once') => optionFor(options, { behavior, scope })?.optionId ?? null
  it('are chosen by kind, then by name; nothing is allowed for ever unless that was said', () => {
    expect([gemini, qwen, opencode, nameless].map((options) => chosen(options, 'allow'))).toEqual(['proceed_once', 'proceed_once', 'once', 'allow-it'])
    expect([gemini, qwen, opencode, nameless].map((options) => chosen(options, 'deny'))).toEqual(['cancel', 'cancel', 'reject', 'reject-it'])
    expect([gemini, opencode].map((options) => chosen(options, 'allow', 'session'))).toEqual(['proceed_always', 'always'])
    expect(chosen([{ optionId: 'always', kind: 'allow_always' }], 'allow')).toBeNull()
    expect(chosen([{ optionId: 'ok', kind: 'allow_once' }], 'deny')).toBeNull()
  })
})

it('says what went wrong with what the agent says beside it', () => {
  expect(wordsOf({ code: -32_603, message: 'Internal error', data: { details: '403 Your subscription is inactive.' } })).toBe('Internal error: 403 Your subscription is inactive.')
  expect(wordsOf({ code: -32_603, message: 'no: 403', data: '403' })).toBe('no: 403')
  expect(wordsOf({ code: -32_603, message: 'no', data: { code: 4 } })).toBe('no')
})
