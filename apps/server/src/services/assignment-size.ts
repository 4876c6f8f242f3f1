/**
 * An assignment travels in one message of the link. What it holds from the start and what waits for the agent each
 * get a share of that, so that a workspace whose daemon can never be told is refused before it is made.
 */
import { BerthError } from '@berth/wire'
import type { CreateWorkspace } from '@berth/wire/api'
import { LINK_MESSAGE_LIMIT } from '@berth/wire/daemon'

/** The envelope, ids, decisions. */
const HEADROOM = 64 * 1024
const FIXED_LIMIT = (LINK_MESSAGE_LIMIT - HEADROOM) / 2
const WAITING_LIMIT = LINK_MESSAGE_LIMIT - HEADROOM - FIXED_LIMIT

const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value))
const kib = (bytes: number): string => `${Math.ceil(bytes / 1024)} KiB`

export function checkFixedSize({ env, homeFiles, command, services, source, mcp }: CreateWorkspace): void {
  const size = sizeOf({ env, homeFiles, command, services, source, mcp })
  if (size <= FIXED_LIMIT) return
  throw new BerthError('too_large', `the environment, files and commands take ${kib(size)}, and ${kib(FIXED_LIMIT)} is the limit`, { hint: 'put large files into the repository, or fetch them in the workspace' })
}

/** With what waits already. The limit is counted as JSON, in which a line break takes two bytes. */
export function checkWaitingSize(waiting: readonly { text: string }[], text: string): void {
  const size = sizeOf([...waiting.map((prompt) => prompt.text), text])
  if (size <= WAITING_LIMIT) return
  if (waiting.length === 0) throw new BerthError('too_large', `the message takes ${kib(size)}, and ${kib(WAITING_LIMIT)} is the limit`, { hint: 'put it into a file of the repository' })
  throw new BerthError('too_many', `${waiting.length} messages wait for the agent already, and no more fit`, { hint: 'start the workspace, or wait until the agent took them' })
}
