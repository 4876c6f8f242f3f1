/**
 * From a tap on "allow" to the tool: the decision over HTTP until the first thing the command does, with real Claude
 * Code between the two. The floor is a request to the same server and a shell that does the same.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ApprovalId } from '@berth/wire'
import { openPage, startClaudeWorkspace } from './claude-workspace.ts'
import type { ClaudeWorkspace } from './claude-workspace.ts'
import { percentile, within } from './measure.ts'
import type { Bench } from './measure.ts'
import { createWallClock } from './wall-clock.ts'

const GOAL_P95 = 150
const ASKED = 24
/** The first ones only warm. */
const WARMING = 4
const ASK_MS = 60_000
const STARTED = 'started.log'

export const approvalToTool: Bench = {
  name: 'approval-to-tool',
  summary: 'a decision over HTTP until the agent\'s tool starts',
  async *run({ signal }) {
    const command = (at: number): string => `date +%s%N >> ${STARTED}; echo ${at}`
    const workspace = await startClaudeWorkspace({ ask: () => [...Array.from({ length: ASKED }, (_, at) => [{ text: `asking ${at}` }, { tool: 'bash' as const, input: { command: command(at) } }]), [{ text: 'asked enough' }]] })
    try {
      const { decided, applied, floor } = await answerAll(workspace, signal)
      const started = readFileSync(join(workspace.workDir, STARTED), 'utf8').trim().split('\n').map((line) => Number(BigInt(line) / 1000n) / 1000)
      const taken = decided.map((at, index) => (started[index] ?? Number.POSITIVE_INFINITY) - at).slice(WARMING)
      const detail = `${taken.length} commands of Claude Code; floor: a request to the server and a shell`
      const told = decided.map((at, index) => (applied[index] ?? Number.POSITIVE_INFINITY) - at).slice(WARMING)
      yield { name: 'approval-to-agent-p50', value: percentile(told, 50), unit: 'ms', floor: null, detail: 'of it ours: until the daemon told the agent, by its own clock (cut to whole ms)' }
      yield { name: 'approval-to-agent-p95', value: percentile(told, 95), unit: 'ms', floor: null, detail: 'of it ours' }
      yield { name: 'approval-to-tool-p50', value: percentile(taken, 50), unit: 'ms', floor: percentile(floor, 50), detail }
      yield { name: 'approval-to-tool-p95', value: percentile(taken, 95), unit: 'ms', floor: percentile(floor, 95), goal: { valueAtMost: GOAL_P95 }, detail }
    } finally {
      await workspace.close()
    }
  },
}

async function answerAll({ product, id, workDir }: ClaudeWorkspace, signal: AbortSignal): Promise<{ decided: number[]; applied: number[]; floor: number[] }> {
  const client = product.client()
  const now = createWallClock()
  const asked: ApprovalId[] = []
  const applied: number[] = []
  const over = Promise.withResolvers<void>()
  let look = (): void => {}
  const page = await openPage(product, id, (message) => {
    if (message.type !== 'events') return
    for (const { at, body } of message.events) {
      if (body.type === 'approval.asked') asked.push((body['ask'] as { approvalId: ApprovalId }).approvalId)
      if (body.type === 'approval.applied') applied.push(at)
      if (body.type === 'turn.ended' && asked.length === ASKED) over.resolve()
    }
    look()
  })
  const decided: number[] = []
  const floor: number[] = []
  try {
    await client.sendMessage({ id, text: 'please [[ask]]' })
    for (let at = 0; at < ASKED; at++) {
      signal.throwIfAborted()
      await within(ASK_MS, 'the question', new Promise<void>((resolve) => { look = () => { if (asked[at] !== undefined) resolve() }; look() }))
      const since = performance.now()
      await client.health({})
      await Bun.spawn(['/bin/sh', '-c', 'date +%s%N'], { cwd: workDir, stdout: 'ignore' }).exited
      floor.push(performance.now() - since)
      decided.push(now())
      await client.decideApproval({ id: asked[at] as ApprovalId, decision: { behavior: 'allow', scope: 'once' }, via: 'api' })
    }
    await within(ASK_MS, 'the end of the turn', over.promise)
    return { decided, applied, floor }
  } finally {
    page.close()
  }
}
