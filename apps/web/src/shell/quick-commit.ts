import { request } from '@berth/client'
import { API_PREFIX } from '@berth/wire/routes'
import type { WorkspaceId } from '@berth/wire'
import { endpoint } from '../state/session.ts'
import { say } from './toast.tsx'

/** The whole tree with the message that the server suggests. */
export async function quickCommit(id: WorkspaceId): Promise<void> {
  const path = `${API_PREFIX}/workspaces/${id}/commit`
  const { message, files } = (await (await request(endpoint, path, {})).json()) as { message: string; files: number }
  if (files === 0) return say('Nothing to commit')
  const done = (await (await request(endpoint, path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ message }) })).json()) as { commit: string; branch: string }
  say(`Committed ${done.commit.slice(0, 7)} on ${done.branch}: ${message.split('\n')[0] ?? ''}`)
}
