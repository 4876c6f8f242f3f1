/** Whatever dies: each number the agent wrote is journaled once and in order, judged by the agent's own log. */
import { afterEach, describe, expect, it, setDefaultTimeout } from 'bun:test'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { numbersIn, writeNumberedAgent } from '@berth/testkit/numbered-agent'
import { openBench, type AgentBench } from '../testing/agent-bench.ts'

setDefaultTimeout(120_000)
let bench: AgentBench | undefined
let dir: string | undefined
afterEach(async () => {
  await bench?.close()
  if (dir !== undefined) rmSync(dir, { recursive: true, force: true })
  bench = dir = undefined
})

async function numbered(env: Record<string, string>): Promise<AgentBench> {
  dir = mkdtempSync(join(tmpdir(), 'berth-numbered-'))
  chmodSync(dir, 0o755)
  bench = await openBench({ executable: writeNumberedAgent(join(dir, 'claude')), env: { ANTHROPIC_AUTH_TOKEN: 'placeholder-token', ...env } })
  return bench
}
const journaled = (of: AgentBench): number[] => of.events.flatMap((body) => {
  const number = body.type === 'message' && body.role === 'agent' ? /^number (\d+)$/.exec(body.text)?.[1] : undefined
  return number === undefined ? [] : [Number(number)]
})
const oneTo = (last: number): number[] => Array.from({ length: last }, (_, at) => at + 1)
const isNumber = (last: number) => (body: { text: string }): boolean => body.text === `number ${last}`

describe('the driver over the numbered agent', () => {
  it('takes a prompt, counts, and is idle', async () => {
    const it = await numbered({ NUMBERED_DELAY_MS: '1' })
    const { promptId } = it.prompt('count 5')
    await it.waitFor('prompt', (body) => body.promptId === promptId && body.status === 'accepted')
    await it.waitFor('turn.ended')
    expect(journaled(it)).toEqual(oneTo(5))
  })

  it('loses and doubles nothing while daemon, agent and machine are killed', async () => {
    const last = 90
    const it = await numbered({ NUMBERED_UNTIL: String(last), NUMBERED_DELAY_MS: '40' })
    await it.waitFor('message', isNumber(5))
    await it.restartDaemon()
    await it.waitFor('message', isNumber(15))
    process.kill(it.terminals.pid('agent'), 'SIGKILL')
    await it.waitFor('message', isNumber(30))
    await it.killMachine()
    await it.waitFor('message', isNumber(45))
    await it.restartDaemon(async () => { await Bun.sleep(200) })
    await it.waitFor('message', isNumber(60))
    await it.killMachine()
    await it.waitFor('message', isNumber(last))
    expect(journaled(it)).toEqual(oneTo(last))
    expect(numbersIn(readFileSync(join(it.homeDir, '.claude', 'numbered.log'), 'utf8'))).toEqual(oneTo(last))
  })

  it('keeps a question over restarts of the daemon, and asks again after the agent died', async () => {
    const it = await numbered({ NUMBERED_UNTIL: '6', NUMBERED_DELAY_MS: '1', NUMBERED_ASK_EVERY: '3' })
    const first = await it.asked(1)
    await it.restartDaemon()
    expect(['applied', 'kept']).toContain((await it.decide(first, 'allow')).status)
    const second = await it.asked(2)
    process.kill(it.terminals.pid('agent'), 'SIGKILL')
    await it.waitFor('approval.orphaned', (body) => body.approvalId === second.approvalId)
    const again = await it.asked(3)
    expect(again.contentHash).toBe(second.contentHash)
    expect(await it.waitFor('approval.superseded')).toMatchObject({ approvalId: second.approvalId, by: again.approvalId })
    expect((await it.decide(second, 'allow')).status).toBe('already')
    expect((await it.decide(again, 'allow')).status).toBe('applied')
    await it.waitFor('message', isNumber(6))
    expect(journaled(it)).toEqual(oneTo(6))
  })

  it('starts an agent that died again, and says so', async () => {
    const it = await numbered({})
    for (let at = 0; at < 2; at++) {
      await it.waitFor('session.started', () => true, it.events.findLastIndex((body) => body.type === 'session.state' && body.state === 'starting'))
      process.kill(it.terminals.pid('agent'), 'SIGKILL')
      await it.waitFor('session.state', (body) => body.state === 'starting' && body.detail !== null, at === 0 ? 0 : it.events.length)
    }
    expect(it.events.some((body) => body.type === 'session.state' && (body.detail ?? '').includes('starting it again'))).toBe(true)
  })
})
