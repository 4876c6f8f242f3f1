/** A push on its way in: its commands are known before anybody takes its pack. */
import { BerthError } from '@berth/wire'
import { continued, gitBody, joined } from './git-body.ts'
import { parsePushHead, refusedReport } from './policy.ts'
import type { PushHead } from './policy.ts'

const COMMANDS_LIMIT = 1024 * 1024
export const NO_CACHE = 'no-cache, max-age=0, must-revalidate'

export interface PushRequest {
  readonly head: PushHead
  /** The whole request from its beginning, decoded. */
  readonly body: ReadableStream<Uint8Array>
  /** Instead of `body`: a client that is still sending its pack does not read the answer. */
  drain(): Promise<void>
}

/** Throws `bad_request` on what is no push, `too_large` on more commands than anybody sends. */
export async function readPush(request: Request): Promise<PushRequest> {
  const reader = gitBody(request).getReader()
  let bytes = new Uint8Array(0)
  for (;;) {
    const head = understand(bytes)
    if (head !== null) return { head, body: continued(bytes, reader), drain: () => drain(reader) }
    const next = await reader.read().catch((cause: unknown) => { throw new BerthError('bad_request', 'the push ended early or is not what it says it is', { hint: 'push again', cause }) })
    // The list alone is limited: one piece of the body may hold the list and megabytes of the pack behind it.
    if (next.done || bytes.length > COMMANDS_LIMIT) {
      await reader.cancel().catch(() => {})
      throw new BerthError(next.done ? 'bad_request' : 'too_large', 'the list of refs in the push cannot be used', { hint: 'push fewer refs at once' })
    }
    bytes = joined(bytes, next.value)
  }
}

/** Each ref with its reason, in the words of git's own protocol. */
export function refusedPush(head: PushHead, reasons: readonly (string | null)[]): Response {
  return new Response(refusedReport(head, reasons), { headers: { 'content-type': 'application/x-git-receive-pack-result', 'cache-control': NO_CACHE } })
}

function understand(bytes: Uint8Array): PushHead | null {
  try {
    return parsePushHead(bytes)
  } catch (cause) {
    throw new BerthError('bad_request', 'not a git push', { hint: 'only git itself speaks here', cause })
  }
}

async function drain(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  while (!(await reader.read()).done);
}
