/**
 * Review on `local` with the real Claude Code: it edits files, a shell command edits another; a person rejects a hunk
 * with a reason while the turn runs, accepts another, comments, and the agent is told once. Then commit and rewind.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Approval, Workspace } from '@berth/wire'
import type { Checkpoint, Hunk, Review } from '@berth/wire/review'
import { startGround, type Ground } from './ground.ts'
import { eventually } from './product.ts'
import { git } from './repository.ts'

let ground: Ground
let workspace: Workspace

const list = Array.from({ length: 60 }, (_, index) => `line ${index + 1}\n`).join('')
/** The command that is answered last: the turn runs until then. */
const HELD = 'touch turn-is-held'

beforeAll(async () => {
  ground = await startGround({ from: { 'list.txt': list, 'src/app.ts': 'export const answer = 41\n' }, scenarios: {
    review: ({ cwd }) => [
      [{ text: 'I change the list.' }, { tool: 'bash', input: { command: 'cat list.txt' } }],
      [{ tool: 'write', input: { path: `${cwd ?? '.'}/notes.md`, content: 'one\ntwo\n' } }],
      [{ tool: 'bash', input: { command: "sed -i -e 's/^line 5$/FIVE/' -e 's/^line 50$/FIFTY/' list.txt && sed -i s/41/42/ src/app.ts" } }],
      [{ tool: 'bash', input: { command: HELD } }],
      [{ text: 'The list is changed.' }],
    ],
  } })
}, 60_000)
afterAll(() => ground?.close(), 120_000)

const api = <T>(method: string, path: string, body?: unknown): Promise<T> => ground.ask<T>(method, `/workspaces/${workspace.id}${path}`, body)
const events = () => ground.events(workspace.id)
const approvals = () => ground.approvals(workspace.id)
const allow = async ({ approvalId }: Approval): Promise<void> => {
  await ground.product.fetch(`/api/v1/approvals/${approvalId}/decision`, { method: 'POST', body: JSON.stringify({ decision: { behavior: 'allow' }, via: 'api' }) })
}
const hunkWith = (review: Review, path: string, text: string): Hunk => {
  const found = review.files.find((file) => file.path === path)?.hunks.find(({ lines }) => lines.some((line) => line.includes(text)))
  if (found === undefined) throw new Error(`no hunk of ${path} with ${text}: ${JSON.stringify(review.files)}`)
  return found
}

test('what the agent and its shell changed is reviewed while the turn runs', async () => {
  workspace = await ground.up('rev', 'please do [[review]]')
  await eventually(async () => {
    const open = await approvals()
    for (const approval of open) if (JSON.stringify(approval.input).includes(HELD) === false) await allow(approval)
    return open.some((approval) => JSON.stringify(approval.input).includes(HELD))
  }, 'the last question of the turn', 120_000)
  const review = await api<Review>('GET', '/review')
  expect(review.busy).toBe(true)
  expect(review.files.map(({ path, status }) => [path, status])).toEqual([['list.txt', 'modified'], ['notes.md', 'added'], ['src/app.ts', 'modified']])
  const rejected = hunkWith(review, 'list.txt', 'FIVE')
  const marked = await api<{ review: Review; gone: string[] }>('POST', '/review/marks', {
    tree: review.tree,
    marks: [{ path: 'list.txt', hunkId: rejected.hunkId, mark: 'rejected', reason: 'keep line five as it was' }, { path: 'src/app.ts', hunkId: hunkWith(review, 'src/app.ts', '42').hunkId, mark: 'accepted' }],
  })
  expect(marked.gone).toEqual([])
  expect(hunkWith(marked.review, 'list.txt', 'FIVE').mark).toBe('queued')
  await api('POST', '/review/comments', { path: 'list.txt', side: 'new', line: 50, quote: 'FIFTY', text: 'why in capitals?' })
  expect(await api<{ promptId: string | null; sent: number }>('POST', '/review/send', {})).toMatchObject({ promptId: null, sent: 2 })
}, 300_000)

test('when the turn ends the rejection is out of the tree and the agent is told once', async () => {
  for (const approval of await approvals()) await allow(approval)
  await eventually(async () => (await events()).some(({ body }) => body['type'] === 'review.changed' && body['what'] === 'sent'), 'the message to the agent', 60_000)
  const request = await ground.model.waitFor((candidate) => JSON.stringify(candidate.body).includes('keep line five as it was'))
  expect(JSON.stringify(request.body)).toContain('why in capitals?')
  const diff = await ground.product.cli(['diff', workspace.id])
  expect(diff.stdout).not.toContain('FIVE')
  expect(diff.stdout).toContain('FIFTY')
  await ground.turnOver(workspace.id)
  const told = (await events()).filter(({ body }) => body['type'] === 'message' && body['role'] === 'user' && String(body['text']).includes('I reviewed your changes'))
  expect(told).toHaveLength(1)
}, 180_000)

test('the rest is accepted and committed, and the tree goes back and forth', async () => {
  const shown = await ground.product.cli(['review', workspace.id])
  expect(shown.stdout).toContain('+FIFTY')
  const accepted = await ground.product.json<Review & { gone: string[] }>(['review', workspace.id, '--accept', 'all'])
  expect(accepted).toMatchObject({ gone: [], unsent: 0 })
  expect(accepted.reviewed).toBe(accepted.tree)
  const suggestion = await api<{ message: string; files: number; canPush: boolean }>('GET', '/commit')
  expect(suggestion).toMatchObject({ files: 4, canPush: true })
  const commit = await api<{ pushed: boolean; branch: string; commit: string }>('POST', '/commit', { message: suggestion.message, reviewedOnly: true, push: true })
  expect(commit).toMatchObject({ pushed: true, branch: 'berth/rev' })
  await ground.product.cli(['pull', workspace.id], { cwd: ground.dir })
  expect(await git(ground.dir, 'show', 'berth/rev:list.txt')).toBe(list.replace('line 50\n', 'FIFTY\n'))

  const checkpoints = await ground.product.json<Checkpoint[]>(['checkpoints', workspace.id])
  expect(checkpoints.some(({ turn }) => turn === 1)).toBe(true)
  const began = checkpoints.at(-1)?.commit ?? ''
  expect((await ground.product.cli(['rewind', workspace.id, began], { exit: null })).stderr).toContain('needs a yes')
  const { before } = await ground.product.json<{ before: string; conversation: string }>(['rewind', workspace.id, began, '-y'])
  expect((await ground.product.cli(['diff', workspace.id])).stdout).toBe('')
  await ground.product.cli(['rewind', workspace.id, before, '-y'])
  expect((await ground.product.cli(['diff', workspace.id])).stdout).toContain('FIFTY')
}, 180_000)
