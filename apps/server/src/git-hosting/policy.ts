/**
 * Who may write which refs of a workspace's hosted repository. The daemon speaks for an agent that is hostile: it
 * writes its own branch and its saves, and deletes nothing. The commands are read before git sees a byte of them.
 */
import { readPushCommands } from '@berth/core'
import type { RefCommand } from '@berth/core'
import { HOSTED_REFS } from '@berth/wire'
import { reported, spoken } from './push-report.ts'

/** `task`: whoever may write to a repository of its own; what of a workspace may come was judged before. */
export type GitCaller = { readonly kind: 'person' } | { readonly kind: 'task' } | { readonly kind: 'workspace'; readonly name: string }

const PERSONS: readonly string[] = [HOSTED_REFS.head, HOSTED_REFS.wip, HOSTED_REFS.push]
const ZERO = /^0+$/
const REF_NAME = /^refs\/[A-Za-z0-9._\-/]{1,240}$/

/** Null: allowed. Else why not, in words that git prints behind the ref. */
export function refuseCommand(caller: GitCaller, command: RefCommand): string | null {
  const { ref } = command
  if (!REF_NAME.test(ref) || ref.includes('..')) return 'not a usable ref name'
  if (caller.kind === 'task') return /^refs\/(?:heads|tags)\//.test(ref) ? null : 'only branches and tags can be pushed here'
  if (caller.kind === 'person') return PERSONS.includes(ref) ? null : `only ${PERSONS.join(', ')} are yours to write`
  const own = HOSTED_REFS.out(caller.name)
  if (ref === HOSTED_REFS.head) return 'the uploaded source is not writable from the workspace'
  if (ref !== own && !ref.startsWith(`${own}-`) && ref !== HOSTED_REFS.save) return `only ${own} and ${own}-* are writable from this workspace`
  return ZERO.test(command.newId) ? 'deleting is not allowed from the workspace' : null
}

export interface PushHead {
  readonly commands: readonly RefCommand[]
  readonly capabilities: readonly string[]
  /** A push certificate, or something else that we do not pass on. */
  readonly refused: string | null
  /** Where the list ends and the pack begins: a push that has options between the two is refused. */
  readonly end: number
}

/** Reads the command list of a receive-pack request. `null`: the list is not complete yet. Throws RangeError on what git would not read. */
export function parsePushHead(bytes: Uint8Array): PushHead | null {
  const reading = readPushCommands(bytes)
  if (reading.kind === 'more') return null
  if (reading.kind === 'broken') throw new RangeError(`not a push: ${reading.why}`)
  return { commands: reading.commands, capabilities: reading.capabilities, refused: reading.strict, end: reading.end }
}

/** The answer to a refused push: every ref is refused, those without a reason of their own because of the others. */
export function refusedReport(head: PushHead, reasons: readonly (string | null)[]): Uint8Array<ArrayBuffer> {
  const others = head.refused ?? 'not done, because another ref of this push is refused'
  return new Uint8Array(Buffer.concat([spoken(head, 'berth: push refused by the rules of this workspace'), reported(head, head.commands.map((_, at) => reasons[at] ?? others))]))
}
