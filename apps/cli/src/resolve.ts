/** A workspace by its full id, a unique prefix of its id (with or without `ws_`), or its name. */
import type { Client } from '@berth/client'
import type { Approval, Workspace } from '@berth/wire'
import { BerthError } from '@berth/wire/error'

export async function resolveWorkspace(client: Client, word: string, signal: AbortSignal): Promise<Workspace> {
  const found = match(await client.listWorkspaces({}, signal), word)
  if (found) return found
  throw new BerthError('not_found', `there is no workspace "${word}"`, { hint: '`berth list` shows them' })
}

/** Null when nothing matches; throws when several do. A name beats a prefix, so a name can always be used. */
export function match(workspaces: readonly Workspace[], word: string): Workspace | null {
  const exact = workspaces.find(({ id, name }) => id === word || name === word)
  if (exact) return exact
  return unique(workspaces, word, { prefix: 'ws_', show: ({ id, name }) => `${id} (${name})` })
}

export async function resolveApproval(client: Client, word: string, signal: AbortSignal): Promise<Approval> {
  const approvals = await client.listApprovals({ all: 'true' }, signal)
  const found = approvals.find(({ approvalId }) => approvalId === word) ?? unique(approvals.map((approval) => ({ ...approval, id: approval.approvalId })), word, { prefix: 'apr_', show: ({ id, title }) => `${id} (${title})` })
  if (found) return found
  throw new BerthError('not_found', `there is no approval "${word}"`, { hint: '`berth approvals` shows those that wait' })
}

/** Shorter prefixes are chance. */
const PREFIX_MINIMUM = 2

function unique<T extends { readonly id: string }>(items: readonly T[], word: string, how: { prefix: string; show(item: T): string }): T | null {
  const bare = word.startsWith(how.prefix) ? word.slice(how.prefix.length) : word
  if (bare.length < PREFIX_MINIMUM) return null
  const matches = items.filter(({ id }) => id.slice(how.prefix.length).startsWith(bare))
  if (matches.length < 2) return matches[0] ?? null
  throw new BerthError('ambiguous_name', `"${word}" means ${matches.length} of them: ${matches.slice(0, 8).map(how.show).join(', ')}`, { hint: 'type more of the id', details: { matches: matches.map(({ id }) => id) } })
}
