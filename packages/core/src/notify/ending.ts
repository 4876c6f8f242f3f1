/** That a repository of the server is about to be taken away, told to its owner while it can be kept. Pure. */
import type { RepositoryId } from '@berth/wire'
import type { NewNotification } from '../ports/notify-store.ts'
import { heldUntil } from './quiet.ts'
import type { Listener } from './tell.ts'

export interface Ending { readonly id: RepositoryId; readonly name: string; readonly endsAt: number; /** When it was decided. */ readonly saidAt: number }

/** Rows that are done with are forgotten after some days; whoever was not told by then is not told twice instead. */
const TELL_WITHIN_MS = 2 * 24 * 3600_000
const DAY_MS = 24 * 3600_000
const PREFIX = 'ending:'

/** One end is told once; one that was put off and comes again is another. */
const keyOf = ({ id, endsAt }: Pick<Ending, 'id' | 'endsAt'>): string => `${PREFIX}${id}:${endsAt}`

/** What a row tells of; null: of something else. */
export function endingOf(key: string): { id: RepositoryId; endsAt: number } | null {
  if (!key.startsWith(PREFIX)) return null
  const [, id = '', endsAt = ''] = key.split(':')
  return { id: id as RepositoryId, endsAt: Number(endsAt) }
}

export function tellEnding(ending: Ending, { userId, channels, settings }: Pick<Listener, 'userId' | 'channels' | 'settings'>, now: number): NewNotification[] {
  if (now >= ending.endsAt || now - ending.saidAt > TELL_WITHIN_MS) return []
  const days = Math.max(1, Math.round((ending.endsAt - now) / DAY_MS))
  const message = {
    reason: 'ending' as const, title: `${ending.name} goes in ${days} ${days === 1 ? 'day' : 'days'}`, body: 'Nobody uses this repository, so the server takes it away. Keep it with one press on its page, or use it.',
    tag: `${PREFIX}${ending.id}`, url: '/repositories', workspaceId: '', approvalId: null, withdraw: false,
  }
  return channels.flatMap(({ channel, since }) => (ending.saidAt < since ? [] : [{ userId, channel, key: keyOf(ending), message, dueAt: heldUntil(settings, now) }]))
}
