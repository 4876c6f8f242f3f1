/**
 * What a person said while the server could not be reached: kept on this device, shown, and sent in order when it
 * answers again. Each has its id from the start, so that one that did arrive is not said twice.
 */
import { signal } from '@preact/signals'
import { ID_ALPHABET, ID_LENGTH } from '@berth/wire/id-alphabet'
import type { PromptId, WorkspaceId } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { client, refused } from './session.ts'

export interface Unsent { readonly promptId: PromptId; readonly workspaceId: WorkspaceId; readonly text: string; readonly at: number }
const KEY = 'berth.outbox'
/** A device that is away for days is not a queue. */
const LIMIT = 50

export const outbox = signal<readonly Unsent[]>([])

export function openOutbox(): void {
  try {
    outbox.value = JSON.parse(localStorage.getItem(KEY) ?? '[]') as Unsent[]
  } catch {
    outbox.value = []
  }
}

function keep(list: readonly Unsent[]): void {
  outbox.value = list
  try {
    localStorage.setItem(KEY, JSON.stringify(list))
  } catch {
    // A browser that keeps nothing holds it while the page is open.
  }
}

export function takeBack(promptId: PromptId): Unsent | null {
  const found = outbox.value.find((unsent) => unsent.promptId === promptId) ?? null
  keep(outbox.value.filter((unsent) => unsent !== found))
  return found
}

/** True: it is said or kept. False: the server refused it, and has said why. */
export async function speak(workspaceId: WorkspaceId, text: string): Promise<boolean> {
  const unsent: Unsent = { promptId: newPromptId(), workspaceId, text, at: Date.now() }
  // Behind those that wait, so that nothing overtakes.
  if (outbox.value.some((other) => other.workspaceId === workspaceId)) {
    keep([...outbox.value, unsent].slice(-LIMIT))
    void sendAll()
    return true
  }
  try {
    await client.sendMessage({ id: workspaceId, text, promptId: unsent.promptId })
    return true
  } catch (error) {
    if (isAway(error)) keep([...outbox.value, unsent].slice(-LIMIT))
    else refused(error)
    return isAway(error)
  }
}

/** As `createIds` of the wire makes them. */
function newPromptId(): PromptId {
  return `prm_${Array.from(crypto.getRandomValues(new Uint8Array(ID_LENGTH)), (byte) => ID_ALPHABET[byte & 31]).join('')}` as PromptId
}

let sending = false
export async function sendAll(): Promise<void> {
  if (sending) return
  sending = true
  try {
    for (let next = outbox.value[0]; next; next = outbox.value[0]) {
      await client.sendMessage({ id: next.workspaceId, text: next.text, promptId: next.promptId })
      const { promptId } = next
      keep(outbox.value.filter((unsent) => unsent.promptId !== promptId))
    }
  } catch (error) {
    if (!isAway(error)) {
      refused(error)
      keep(outbox.value.slice(1))
    }
  } finally {
    sending = false
  }
}

function isAway(error: unknown): boolean {
  return error instanceof BerthError && (error.code === 'server_unreachable' || error.code === 'database_unavailable')
}
