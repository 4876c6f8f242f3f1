/** A conversation of the program is a file, so a copy of it up to somewhere is a conversation of its own. */
import type { AsAgent } from '../../../contracts.ts'

/** Each line names its conversation. The arguments are no part of the script. */
const COPY = 'head -c "$1" -- "$2" | sed "s/$3/$4/g" > "$5" && test -s "$5"'
const COPY_WITHIN_MS = 30_000

interface Copy { readonly from: { readonly uuid: string; readonly path: string; readonly offset: number }; readonly to: { readonly uuid: string; readonly path: string } }

/** False: it is not there any more. */
export async function copyConversation({ from, to }: Copy, { asAgent, withinMs = COPY_WITHIN_MS }: { asAgent: AsAgent; withinMs?: number }): Promise<boolean> {
  // It is the agent's file, so it may be anything by now, a pipe that nobody writes to as well.
  const copied = await asAgent.run(['sh', '-c', COPY, 'sh', String(from.offset), from.path, from.uuid, to.uuid, to.path], { signal: AbortSignal.timeout(withinMs) }).catch(() => null)
  return copied?.exitCode === 0
}
