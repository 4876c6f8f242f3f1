/** Where a session's conversation begins: with nothing, or with what was said in another session until now. */
import { dirname, join } from 'node:path'
import type { DriverDeps } from '../../../contracts.ts'
import type { AgentFiles } from '../agent-file.ts'
import { createConversation, type Conversation } from './conversation.ts'
import { copyConversation } from './copy-conversation.ts'
import { transcriptOf } from './program.ts'
import type { TranscriptTail } from './tail.ts'

const LAST_LINE_LIMIT = 16 * 1024 * 1024

/** Done once. The path of the copy; null: there is nothing to begin from, or it has begun. */
export async function beginConversation({ context: { journal, log }, assignment, asAgent, session }: DriverDeps, at: { files: AgentFiles; configDir: string; conversation: Conversation }): Promise<string | null> {
  const name = `forked.${assignment.agent.sessionId}`
  if (session.forkedFrom === null || journal.get(name) !== null) return null
  const origin = createConversation({ journal, sessionId: session.forkedFrom })
  const path = transcriptOf(at.configDir, origin.uuid)
  const to = path === null ? null : { uuid: at.conversation.uuid, path: join(dirname(path), `${at.conversation.uuid}.jsonl`) }
  const copied = path !== null && to !== null && (await copyConversation({ from: { uuid: origin.uuid, path, offset: wholeLines(at.files, path) }, to }, { asAgent }))
  if (path !== null && !copied) log('claude: the conversation could not be copied; this session begins with nothing')
  journal.set(name, 'done')
  return copied ? to.path : null
}

/** What stands in the conversation before this driver has it was told already, or in another session. */
export async function passOverKnown(deps: DriverDeps, at: Parameters<typeof beginConversation>[1], tail: TranscriptTail): Promise<void> {
  const copy = await beginConversation(deps, at)
  const known = copy ?? (deps.session.takenOver ? transcriptOf(at.configDir, at.conversation.uuid) : null)
  if (known !== null) tail.followFromEnd(known)
}

/** The other session may be writing its next line. */
function wholeLines(files: AgentFiles, path: string): number {
  const size = files.readFrom(path, 0, 0)?.size ?? 0
  const from = Math.max(0, size - LAST_LINE_LIMIT)
  return from + (files.readFrom(path, from, LAST_LINE_LIMIT)?.bytes.lastIndexOf(10) ?? -1) + 1
}
