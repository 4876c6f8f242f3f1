/** A workspace by its full id, a unique prefix of its id (with or without `ws_`), or its name. */
import type { Client } from '@berth/client'
import type { Approval, Session, Workspace } from '@berth/wire'
import { BerthError } from '@berth/wire/error'
import { cleanLine } from './clean.ts'

/** Of a word that may be a whole file that somebody pasted. */
const SHOWN_LIMIT = 80

export async function resolveWorkspace(client: Client, word: string, signal: AbortSignal): Promise<Workspace> {
  const found = match(await client.listWorkspaces({}, signal), word)
  if (found) return found
  throw new BerthError('not_found', `there is no workspace "${cleanLine(word, SHOWN_LIMIT)}"`, { hint: '`berth list` shows them' })
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
  throw new BerthError('not_found', `there is no approval "${cleanLine(word, SHOWN_LIMIT)}"`, { hint: '`berth approvals` shows those that wait' })
}

/** By its number in the list, its title, its agent, or its id; without a word the first one. */
export async function resolveSession(client: Client, { id, name }: Pick<Workspace, 'id' | 'name'>, word: string | undefined, signal: AbortSignal): Promise<Session> {
  const sessions = await client.listSessions({ id }, signal)
  const plain = (text: string) => text.toLowerCase()
  const found = word === undefined ? sessions[0]
    : (sessions.find((one) => one.id === word) ?? sessions.find(({ title }) => plain(title) === plain(word)) ?? (/^\d{1,2}$/.test(word) ? sessions[Number(word) - 1] : undefined)
      ?? onlyOne(sessions.filter(({ agent }) => agent === word), word) ?? unique(sessions, word, { prefix: 'ses_', show: (one) => `${one.id} (${one.title})` }))
  if (found) return found
  throw new BerthError('not_found', `${name} has no session "${word}"`, { hint: `berth session list ${name}` })
}

function onlyOne(sessions: readonly Session[], word: string): Session | undefined {
  if (sessions.length < 2) return sessions[0]
  throw new BerthError('ambiguous_name', `"${word}" means ${sessions.length} sessions: ${sessions.map(({ title }) => title).join(', ')}`, { hint: 'name it by its title or its number' })
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
