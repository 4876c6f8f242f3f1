/**
 * What a person said while the server could not be reached: kept on this device, shown, and sent in order when it
 * answers again. Each has its id from the start, so that one that did arrive is not said twice.
 */
import { signal } from '@preact/signals'
import { ID_ALPHABET, ID_LENGTH } from '@berth/wire/id-alphabet'
import type { PromptId, SessionId, WorkspaceId } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { client, offlineSince, refused } from './session.ts'

/** `refusal`: the server does not take it; it waits for its person, and nothing waits for it. */
export interface Unsent { readonly promptId: PromptId; readonly workspaceId: WorkspaceId; readonly text: string; readonly at: number; /** Absent: the main one. */ readonly session?: SessionId; readonly refusal?: string }
const KEY = 'berth.outbox'
/** A device that is away for days is not a queue. */
const LIMIT = 50
/** A network that takes requests and answers none: what was said is kept, and said again under its id. */
const ANSWER_MS = 10_000
const RETRY_MS = 4000

export const outbox = signal<readonly Unsent[]>([])

/** Other tabs of this browser send from it too. */
export function openOutbox(): void {
  outbox.value = read()
  addEventListener('storage', (event: StorageEvent) => { if (event.key === KEY) outbox.value = read() })
}

/** A browser that keeps nothing holds it while the page is open. */
let keeps = true
function read(): readonly Unsent[] {
  try {
    if (keeps) return JSON.parse(localStorage.getItem(KEY) ?? '[]') as Unsent[]
  } catch {
    keeps = false
  }
  return outbox.value
}

/** What another tab wrote a moment ago is in it. */
function change(make: (list: readonly Unsent[]) => readonly Unsent[]): void {
  outbox.value = make(read())
  try {
    localStorage.setItem(KEY, JSON.stringify(outbox.value))
  } catch {
    keeps = false
  }
}
const without = (promptId: PromptId) => change((list) => list.filter((unsent) => unsent.promptId !== promptId))

export function forgetUnsent(): void {
  change(() => [])
}

/** Null: it is on its way already. */
export function takeBack(promptId: PromptId): Unsent | null {
  const found = outbox.value.find((unsent) => unsent.promptId === promptId && promptId !== sending) ?? null
  if (found) without(promptId)
  return found
}

/** True: it is said or kept. False: the server refused it, and has said why. */
export async function speak(workspaceId: WorkspaceId, text: string, to: Pick<Unsent, 'session'> = {}): Promise<boolean> {
  const unsent: Unsent = { promptId: newPromptId(), workspaceId, text, at: Date.now(), ...to }
  // Behind those that wait, so that nothing overtakes.
  const waits = offlineSince.value !== null || outbox.value.some((other) => other.workspaceId === workspaceId && other.refusal === undefined)
  if (waits && outbox.value.length >= LIMIT) {
    refused(new BerthError('too_many', `${LIMIT} messages wait already`, { hint: 'send this one after them' }))
    return false
  }
  try {
    if (!waits) await send(unsent)
  } catch (error) {
    if (!isAway(error)) {
      refused(error)
      return false
    }
    change((list) => [...list, unsent])
    later()
  }
  if (waits) {
    change((list) => [...list, unsent])
    void sendAll()
  }
  return true
}

const send = ({ workspaceId, text, promptId, session }: Unsent) => client.sendMessage({ id: workspaceId, text, promptId, session }, AbortSignal.timeout(ANSWER_MS))

/** As `createIds` of the wire makes them. */
function newPromptId(): PromptId {
  return `prm_${Array.from(crypto.getRandomValues(new Uint8Array(ID_LENGTH)), (byte) => ID_ALPHABET[byte & 31]).join('')}` as PromptId
}

let sending: PromptId | null = null
let retry: ReturnType<typeof setTimeout> | undefined
function later(): void {
  clearTimeout(retry)
  retry = setTimeout(() => void sendAll(), RETRY_MS)
}

/** In order; one that is refused holds nobody up. While the server is away it tries again by itself. */
export async function sendAll(): Promise<void> {
  if (sending !== null) return
  for (let next = first(); next; next = first()) {
    sending = next.promptId
    try {
      await send(next)
      without(next.promptId)
    } catch (error) {
      if (isAway(error)) return later()
      const { promptId } = next
      const refusal = error instanceof Error ? error.message : String(error)
      change((list) => list.map((unsent) => (unsent.promptId === promptId ? { ...unsent, refusal } : unsent)))
    } finally {
      sending = null
    }
  }
}
const first = () => outbox.value.find(({ refusal }) => refusal === undefined)

function isAway(error: unknown): boolean {
  // Our own timeout is `cancelled`.
  return error instanceof BerthError && ['server_unreachable', 'database_unavailable', 'cancelled'].includes(error.code)
}
