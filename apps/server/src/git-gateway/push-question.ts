/**
 * What a person is asked about a push: what would be lost or run first, then where it goes, what it moves, what is in
 * it and what was looked at. Words alone, so that every screen shows it, and all of it is bound to the decision. Pure.
 */
import { createHash } from 'node:crypto'
import { NAMED_REFS } from '@berth/core'
import type { RefCommand } from '@berth/core'
import type { WorkspaceId } from '@berth/wire'
import { PUSH_TOOL, PUSH_WARNING } from '@berth/wire/approval-rules'
import type { GitPolicy } from '@berth/wire/git-policy'
import type { ServerAsk } from '../services/server-asks.ts'
import type { Seen } from './look.ts'

export interface AskedPush { readonly workspaceId: WorkspaceId; readonly repository: string; readonly commands: readonly RefCommand[]; readonly policy: Pick<GitPolicy, 'maxFileBytes'> }

const ZERO = /^0+$/
const SHOWN_REFS = 20
const MIB = 1024 * 1024

export function questionOf({ workspaceId, repository, commands, policy }: AskedPush, { summary, workflows, rewritten }: Pick<Seen, 'summary' | 'workflows' | 'rewritten'>): ServerAsk {
  const deleted = commands.filter(({ newId }) => ZERO.test(newId))
  const moved = commands.filter(({ newId }) => !ZERO.test(newId))
  // What is not shown is bound by its sum: one answer must not serve for another commit behind the last line.
  const hidden = commands.slice(SHOWN_REFS)
  const sum = (): string => createHash('sha256').update(JSON.stringify(commands.map(({ oldId, newId, ref }) => [oldId, newId, ref]))).digest('hex')
  const { commits, commitCount, files, fileCount, added, removed } = summary
  const does = [
    ...(moved.length > 0 ? [`push ${plural(commitCount, 'commit')} (+${added} -${removed}) to ${named(moved)}`] : []),
    ...(deleted.length > 0 ? [`delete ${named(deleted)}`] : []),
  ].join(' and ')
  const also = [...(rewritten.length > 0 ? [`rewriting ${named(rewritten)}`] : []), ...(workflows.length > 0 ? ['changing what the host runs'] : [])]
  return {
    workspaceId, tool: PUSH_TOOL, title: [`${does} of ${repository.replace(/^https?:\/\//, '')}`, ...also].join(', '),
    input: {
      ...(deleted.length > 0 ? { [PUSH_WARNING.deleted]: listed(deleted.map(({ ref, oldId }) => `${ref}, which was ${oldId}`)) } : {}),
      ...(rewritten.length > 0 ? { [PUSH_WARNING.rewritten]: listed(rewritten.map(({ ref, lost }) => `${ref}${lost > 0 ? ` loses ${plural(lost, 'commit')}` : ''}`)) } : {}),
      ...(workflows.length > 0 ? { [PUSH_WARNING.runs]: listed(workflows) } : {}),
      repository, refs: [...commands.slice(0, SHOWN_REFS).map(moves), ...(hidden.length > 0 ? [`and ${hidden.length} more; all of them have the sum ${sum()}`] : [])].join('\n'),
      ...(moved.length === 0 ? {} : {
        commits: [...commits.map(({ id, subject }) => `${id.slice(0, 10)} ${subject}`), ...more(commitCount, commits.length)].join('\n') || 'none',
        files: [`${plural(fileCount, 'file')}, +${added} -${removed}`, ...files.map((file) => `${file.path} +${file.added} -${file.removed}`), ...more(fileCount, files.length)].join('\n'),
        // With a finding of these it would not have come so far.
        checks: ['no secret was found in what is added', `no file over ${sizeWords(policy.maxFileBytes)}`, ...(workflows.length > 0 ? [] : ['nothing that the host runs by itself is changed'])].join('\n'),
      }),
    },
  }
}

const moves = ({ ref, oldId, newId }: RefCommand): string => `${ref}: ${ZERO.test(newId) ? `deleted, was ${oldId}` : `${ZERO.test(oldId) ? 'new' : oldId} → ${newId}`}`
/** Plain letters: no other ref may be pushed. */
const short = (ref: string): string => ref.replace(/^refs\/heads\//, '').replace(/^refs\/tags\//, 'tag ')
const more = (count: number, shown: number): string[] => (count > shown ? [`and ${count - shown} more`] : [])
const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`
const named = (refs: readonly { readonly ref: string }[]): string => [refs.slice(0, NAMED_REFS).map(({ ref }) => short(ref)).join(', '), ...more(refs.length, NAMED_REFS)].join(' ')
const listed = (lines: readonly string[]): string => [...lines.slice(0, SHOWN_REFS), ...more(lines.length, SHOWN_REFS)].join('\n')
const sizeWords = (bytes: number): string => (bytes < MIB ? `${bytes} bytes` : `${Math.floor(bytes / MIB)} MB`)
