/** A place in the tree, put into the message somebody is writing. */
import type { WorkspaceId } from '@berth/wire'
import { mention as say } from '../session/composer.tsx'

export interface Picked { readonly from: number; readonly to: number }
export interface Mention { readonly path: string; readonly from?: number; readonly to?: number }

export function mention(id: WorkspaceId, place: Mention): void {
  say(id, `${mentionWords(place)} `)
}

/** As agents and people write it: `@src/sum.ts:20-25`. */
export function mentionWords({ path, from, to }: Mention): string {
  // A path with a space ends at its quote.
  const name = /[\s"]/.test(path) ? `@"${path.replaceAll('"', '\\"')}"` : `@${path}`
  if (from === undefined) return name
  return to === undefined || to === from ? `${name}:${from}` : `${name}:${from}-${to}`
}

/** The first number begins, the next extends to it, one within the choice begins anew. */
export function pick(before: Picked | null, line: number, extend: boolean): Picked | null {
  if (before === null) return { from: line, to: line }
  if (before.from === line && before.to === line && !extend) return null
  if (!extend && before.from !== before.to) return { from: line, to: line }
  return { from: Math.min(before.from, line), to: Math.max(before.to, line) }
}
