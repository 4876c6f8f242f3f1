import type { WorkspaceId } from '@berth/wire'
import { client } from '../state/session.ts'
import { say } from './toast.tsx'

/** The whole tree with the message that the server suggests. */
export async function quickCommit(id: WorkspaceId): Promise<void> {
  const { message, files } = await client.suggestCommit({ id })
  if (files === 0) return say('Nothing to commit')
  const { commit, branch } = await client.commit({ id, message })
  say(`Committed ${commit.slice(0, 7)} on ${branch}: ${message.split('\n')[0] ?? ''}`)
}
