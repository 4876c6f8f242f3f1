/**
 * A push that is kept: stored whole, looked at in quarantine, allowed by a person where the workspace's policy says so,
 * and only then passed on. git shows how it goes; nothing of it is at the host before all of it was allowed.
 */
import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { Clock } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { UserId, WorkspaceId } from '@berth/wire'
import type { PushHead } from '../git-hosting/policy.ts'
import { NO_CACHE } from '../git-hosting/push-request.ts'
import { reported, spoken, stillHere } from '../git-hosting/push-report.ts'
import type { Log } from '../http/respond.ts'
import type { ServerAsks, ServerDecision } from '../services/server-asks.ts'
import type { Operation, Outcome } from './gateway.ts'
import { lookAt } from './look.ts'
import type { Seen } from './look.ts'
import { questionOf } from './push-question.ts'
import type { Quarantine, Quarantines } from './quarantine.ts'
import { letGo } from './upstream.ts'
import type { Access } from './upstream.ts'

export interface KeptPush {
  readonly head: PushHead
  readonly body: ReadableStream<Uint8Array>
  /** Refs that may be added to and not rewritten. */
  readonly forwardOnly: ReadonlySet<string>
  /** Anew for each use: a person may take longer than a token lives. */
  access(how?: { workflows: boolean }): Promise<Access>
  noted(outcome: Outcome): Promise<unknown>
}
export interface KeptPushes { take(operation: Operation, push: KeptPush): Promise<Response> }
export interface KeptPushDeps {
  readonly dir: string
  readonly quarantines: Quarantines
  readonly asks: Pick<ServerAsks, 'begin'>
  readonly clock: Clock
  readonly log: Log
  /** Where a person answers. */
  pageOf(workspaceId: WorkspaceId, approvalId: string): Promise<string>
  nameOf(userId: UserId): Promise<string | null>
  readonly maxPushBytes?: number
}
type Stage = Operation & KeptPush & { readonly file: string; say(text: string): void }

const MAX_PUSH_BYTES = 512 * 1024 * 1024
/** Each holds a file and a repository on the server's disk until somebody answered. */
const AT_ONCE = 16
const OF_ONE_WORKSPACE = 3
const STILL_HERE_MS = 5000

export function createKeptPushes(deps: KeptPushDeps): KeptPushes {
  const running = new Map<WorkspaceId, number>()
  const enter = (id: WorkspaceId): (() => void) => {
    const mine = running.get(id) ?? 0
    const all = [...running.values()].reduce((sum, one) => sum + one, 0)
    if (mine >= OF_ONE_WORKSPACE || all >= AT_ONCE) throw new BerthError('too_many', 'too many pushes wait already', { hint: 'answer those first: `berth approvals`' })
    running.set(id, mine + 1)
    return () => {
      const left = (running.get(id) ?? 1) - 1
      if (left === 0) running.delete(id)
      else running.set(id, left)
    }
  }
  return {
    async take(operation, push) {
      const { head } = push
      const leave = enter(operation.workspace.id)
      const file = join(deps.dir, `push-${randomUUID()}`)
      const clear = async () => {
        leave()
        await rm(file, { force: true })
      }
      try {
        await store(push.body, file, deps)
      } catch (error) {
        await clear()
        await push.noted({ allowed: false, reason: error instanceof BerthError ? error.message : 'the push ended early' })
        throw error
      }
      return new Response(told(operation.request.signal, head, async (put) => {
        try {
          const reasons = await judged(deps, { ...operation, ...push, file, say: (text) => put(spoken(head, text)) })
          put(reported(head, reasons))
        } catch (error) {
          const { words, reason } = failure(deps, operation, error)
          put(spoken(head, words))
          await push.noted({ allowed: false, reason }).catch((cause: unknown) => deps.log(`a push was not noted: ${String(cause)}`))
          put(reported(head, head.commands.map(() => reason)))
        } finally {
          await clear()
        }
      }), { headers: { 'content-type': 'application/x-git-receive-pack-result', 'cache-control': NO_CACHE } })
    },
  }
}

/** What `work` puts, while it works; git reads all the while, so what is said reaches the person as it happens. */
function told(signal: AbortSignal, head: PushHead, work: (put: (bytes: Uint8Array) => void) => Promise<void>): ReadableStream<Uint8Array> {
  let open = true
  let timer: ReturnType<typeof setInterval> | undefined
  const end = () => {
    open = false
    clearInterval(timer)
  }
  return new ReadableStream<Uint8Array>({
    start(controller) {
      const put = (bytes: Uint8Array) => { if (open && bytes.length > 0) controller.enqueue(bytes) }
      signal.addEventListener('abort', end, { once: true })
      timer = setInterval(() => put(stillHere(head)), STILL_HERE_MS)
      void work(put).catch(() => {}).then(() => {
        const wasOpen = open
        end()
        if (wasOpen) controller.close()
      })
    },
    cancel: end,
  })
}

function failure(deps: KeptPushDeps, { request, workspace }: Operation, error: unknown): { words: string; reason: string } {
  if (request.signal.aborted) return { words: '', reason: 'whoever pushed went away' }
  if (error instanceof BerthError) return { words: `berth: ${error.message}${error.hint === undefined ? '' : `\n${error.hint}`}`, reason: error.message }
  deps.log(`${workspace.id}: a push: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  return { words: 'berth: something went wrong on the server', reason: 'something went wrong on the server' }
}

async function store(body: ReadableStream<Uint8Array>, file: string, { dir, maxPushBytes = MAX_PUSH_BYTES }: KeptPushDeps): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const handle = await open(file, 'wx', 0o600)
  let total = 0
  try {
    for await (const chunk of body) {
      total += chunk.length
      // Read to its end all the same: git reads no answer while it sends.
      if (total <= maxPushBytes) await handle.write(chunk)
    }
  } finally {
    await handle.close()
  }
  if (total > maxPushBytes) throw new BerthError('too_large', `the push has more than ${maxPushBytes} bytes`, { hint: 'push less at once' })
}

/** Each ref with why it did not move. Whatever happens is noted once. */
async function judged(deps: KeptPushDeps, stage: Stage): Promise<(string | null)[]> {
  const { workspace, wanted, request, policy, head, forwardOnly } = stage
  const { signal } = request
  const refuse = async (reasons: readonly (string | null)[], why: string): Promise<(string | null)[]> => {
    await stage.noted({ allowed: false, reason: why, refs: head.commands.slice(0, 100).map(({ ref, oldId, newId }, at) => ({ ref: ref.slice(0, 250), from: oldId, to: newId, refused: reasons[at] ?? null })) })
    return head.commands.map((_, at) => reasons[at] ?? 'not done, because another ref of this push is refused')
  }
  const first = await stage.access()
  const quarantine = await deps.quarantines.open(workspace.orgId, wanted, first.credential, signal).finally(() => letGo(first.credential))
  try {
    // A push that only deletes has none.
    if (Bun.file(stage.file).size > head.end) await unpack(quarantine, stage.file, { from: head.end, signal })
    const seen = await lookAt(quarantine, { commands: head.commands, forwardOnly, policy, signal })
    if (seen.reasons.some((reason) => reason !== null)) {
      if (seen.said.length > 0) stage.say(['berth: this push stays here.', ...seen.said].join('\n'))
      return await refuse(seen.reasons, [...new Set(seen.reasons.filter((reason) => reason !== null))].join('; ') + (seen.said.length > 0 ? `: ${seen.said.join('; ')}`.slice(0, 1500) : ''))
    }
    // The policy says yes to such files, or a person does.
    const unsure = seen.workflows.length > 0 && !policy.workflows
    if (policy.profile === 'protected' && (policy.approval === 'ask' || unsure)) {
      const decision = await asked(deps, stage, seen)
      if (decision.behavior === 'deny') return await refuse(head.commands.map(() => deniedWords(decision)), deniedWords(decision))
      stage.say(`berth: ${decision.by.who} allowed it.`)
    }
    return await forwarded(quarantine, stage, seen.workflows.length > 0)
  } finally {
    await quarantine.remove()
  }
}

async function forwarded(quarantine: Quarantine, { head, access, noted, request, say }: Stage, workflows: boolean): Promise<(string | null)[]> {
  const { credential, missing } = await access({ workflows })
  try {
    if (missing !== null) throw new BerthError('clone_refused', missing.message, { hint: missing.hint })
    // Noted before it is done: what was not written down did not happen.
    await noted({ allowed: true, reason: null, tokenExpiresAt: credential?.expiresAt ?? null })
    const { reasons, said } = await quarantine.forward(head.commands, credential, request.signal)
    if (said !== '') say(said)
    return reasons
  } finally {
    letGo(credential)
  }
}

async function asked(deps: KeptPushDeps, { workspace, request, say, ...push }: Stage, seen: Seen): Promise<ServerDecision> {
  const { approvalId, expiresAt, decided } = await deps.asks.begin(questionOf({ workspaceId: workspace.id, repository: `${push.wanted.origin}/${push.wanted.path}`, commands: push.head.commands, policy: push.policy }, seen))
  const minutes = Math.max(1, Math.round((expiresAt - deps.clock.now()) / 60_000))
  say(`berth: waiting for ${(await deps.nameOf(workspace.creatorId)) ?? 'a person'} to allow this push, up to ${minutes} minutes ...\n       ${await deps.pageOf(workspace.id, approvalId)}\n       Should git end before, push again: an answer is kept.`)
  return decided(request.signal)
}

const deniedWords = ({ by, message }: ServerDecision): string => (by.via === 'rule' ? (message ?? 'nobody answered') : `${by.who} denied it${message === null ? '' : `: ${message}`}`)

async function unpack(quarantine: Quarantine, file: string, { from, signal }: { from: number; signal: AbortSignal }): Promise<void> {
  // A slice of a file as the input of a process begins at the file's beginning (Bun 1.4.5).
  const input = Readable.toWeb(createReadStream(file, { start: from })) as unknown as ReadableStream<Uint8Array>
  const unpacked = await quarantine.run(['index-pack', '--stdin', '--fix-thin'], { input, signal })
  if (unpacked.exitCode !== 0) throw new BerthError('bad_request', 'the pack of the push cannot be read', { hint: 'push again' })
}
