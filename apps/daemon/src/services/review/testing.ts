/** A repository in a work directory, the daemon's review of it, and what the server makes of its answers. */
import { createHash } from 'node:crypto'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { backwards, isWhole, movesOf, patchOf, planMarks, readChanges } from '@berth/core'
import type { Changes, Mark, Unit } from '@berth/core'
import type { EventBody } from '@berth/wire'
import { pack, unpack } from '@berth/wire/git-bytes'
import type { CallHandlers } from '../../contracts.ts'
import { openJournal } from '../../journal/journal.ts'
import { createAsAgent } from '../as-agent.ts'
import { createReview } from './index.ts'
import type { ReviewMethod, ReviewService } from './index.ts'

export const AGENT = process.getuid?.() === 0 ? { uid: 65534, gid: 65534, name: 'nobody' } : null
const LIMIT = 4 * 1024 * 1024
const never = new AbortController().signal
const sha256 = (bytes: string): string => createHash('sha256').update(bytes, 'latin1').digest('hex')

export interface Bench {
  readonly work: string
  readonly hosted: string
  readonly events: EventBody[]
  readonly calls: Pick<CallHandlers, ReviewMethod>
  readonly review: ReviewService
  readonly signal: AbortSignal
  sh(script: string, dir?: string): Promise<string>
  /** Writes the worktree as a tree by git itself. */
  treeOf(): Promise<string>
  read(against: string | null, only?: string): Promise<{ changes: Changes; base: string; tree: string }>
  /** Accepts on `from`; the new reviewed tree. */
  accept(from: string, marks: readonly Mark[]): Promise<string>
  reject(from: string, marks: readonly Mark[]): Promise<void>
  close(): void
}

export async function startBench(options: { init?: boolean } = {}): Promise<Bench> {
  const root = mkdtempSync(join(tmpdir(), 'berth-review-'))
  chmodSync(root, 0o755)
  const dirs = { work: join(root, 'work'), hosted: join(root, 'hosted.git'), home: join(root, 'home') }
  for (const dir of Object.values(dirs)) {
    mkdirSync(dir)
    if (AGENT !== null) chownSync(dir, AGENT.uid, AGENT.gid)
  }
  const asAgent = createAsAgent({ boot: { workspaceId: 'ws_aaaabbbbcccc' as never, homeDir: dirs.home, agentUser: AGENT, isolation: 'none' }, machineBoot: 'test', workspaceEnv: () => ({}) })
  const journal = openJournal({ path: join(root, 'journal.sqlite') })
  const events: EventBody[] = []
  const recording = { ...journal, append: (body: EventBody) => { events.push(body) } }
  const review = createReview({ asAgent, workDir: dirs.work, journal: recording, hostedUrl: async () => `file://${dirs.hosted}`, log: () => {} })
  const calls = review.calls(() => ({ name: 'demo' }))
  const sh = async (script: string, dir = dirs.work): Promise<string> => {
    const result = await asAgent.run(['bash', '-ec', script], { cwd: dir, bytes: true, env: { GIT_AUTHOR_NAME: 'Pat', GIT_AUTHOR_EMAIL: 'pat@example.org', GIT_COMMITTER_NAME: 'Pat', GIT_COMMITTER_EMAIL: 'pat@example.org' } })
    if (result.exitCode !== 0) throw new Error(`${result.stdout}${result.stderr}`)
    return result.stdout
  }
  if (options.init !== false) await sh('git init -q -b main; git config user.name Pat; git config user.email pat@example.org')
  const bench: Bench = {
    work: dirs.work, hosted: dirs.hosted, events, calls, review, sh, signal: never,
    treeOf: async () => (await sh('export GIT_INDEX_FILE=$(mktemp -u); git add -A; git write-tree; rm -f $GIT_INDEX_FILE')).trim(),
    async read(against, only) {
      const answer = await calls['review.read']({ against, limitBytes: LIMIT, ...(only === undefined ? {} : { only }) }, never)
      const [raw, stat, patch] = await Promise.all([unpack(answer.raw, LIMIT), unpack(answer.stat, LIMIT), unpack(answer.patch, LIMIT)])
      return { base: answer.base, tree: answer.tree, changes: readChanges({ ...answer, raw, stat, patch, whole: only !== undefined }, sha256) }
    },
    async accept(from, marks) {
      const { accept } = planOf((await bench.read(from)).changes, marks)
      return (await calls['review.advance']({ from, ...await changeOf(accept, 'reviewed') }, never)).tree
    },
    async reject(from, marks) {
      const { reject } = planOf((await bench.read(from)).changes, marks)
      const { patch, moves } = await changeOf(reject, 'worktree')
      await calls['review.apply']({ key: crypto.randomUUID(), patch, moves: backwards(moves), reverse: true }, never)
    },
    close() {
      journal.close()
      rmSync(root, { recursive: true, force: true })
    },
  }
  return bench
}

function planOf(changes: Changes, marks: readonly Mark[]): ReturnType<typeof planMarks> {
  const plan = planMarks({ changes, decided: [], marks, unchanged: () => true })
  if (plan.gone.length > 0) throw new Error(`gone: ${plan.gone.join(', ')}`)
  return plan
}

async function changeOf(units: readonly Unit[], side: 'reviewed' | 'worktree') {
  const whole = new Map(units.filter(({ wholly, piece }) => wholly || isWhole(piece.file)).map((unit) => [unit.path, unit]))
  return {
    patch: await pack(patchOf(units.filter(({ path }) => !whole.has(path)).map(({ piece }) => piece), side)),
    moves: [...whole.values()].flatMap(({ piece }) => movesOf(piece)),
  }
}
