/** A person's commits and uncommitted work for a running workspace: its daemon compares and decides, here is only who may. */
import type { ByteStream } from '@berth/core'
import { BerthError, HOSTED_REFS } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import type { DaemonResult } from '@berth/wire/daemon'
import type { PushOutcome, PushStrategy } from '@berth/wire/sync'
import type { ServiceDeps } from './deps.ts'
import { requireRecord } from './view.ts'
import { requireCan } from './workspaces.ts'

/** A fetch of what was pushed, and a look at all of a large tree. */
const TAKE_WITHIN_MS = 120_000

export async function pushCode(deps: ServiceDeps, id: WorkspaceId, push: { commit: string; strategy: PushStrategy }): Promise<PushOutcome> {
  const record = await requireRecord(deps, id)
  requireCan(deps, record, 'attach')
  if ((await deps.repositories.resolve(id, HOSTED_REFS.push)) !== push.commit) throw new BerthError('conflict', 'that commit is not what was pushed last', { hint: '`berth push` pushes it first' })
  const answer = await deps.daemons.call(id, 'git.take', { key: crypto.randomUUID(), ...push }, { withinMs: TAKE_WITHIN_MS })
  if (!answer.ok) throw refusal(record.workspace.name, answer)
  return answer.outcome
}

/** Files as they change on the person's side. */
export async function openSync(deps: ServiceDeps, id: WorkspaceId): Promise<ByteStream> {
  requireCan(deps, await requireRecord(deps, id), 'attach')
  return deps.daemons.openStream(id, { service: 'sync' })
}

function refusal(name: string, { why, files, total }: Extract<DaemonResult<'git.take'>, { ok: false }>): BerthError {
  const details = { why, files, total }
  const listed = `${files.slice(0, 8).join(', ')}${total > 8 ? ` and ${total - 8} more` : ''}`
  switch (why) {
    case 'files': return new BerthError('conflict', `both sides changed ${total === 1 ? 'a file' : `${total} files`}, so nothing was touched: ${listed}`, { details, hint: `\`berth pull ${name}\` and merge here, then push; or --merge (line by line), --force (yours; the other is kept as a checkpoint)` })
    case 'commits': return new BerthError('conflict', `both sides committed, so nothing was touched${total === 0 ? '' : `; these do not merge: ${listed}`}`, { details, hint: `\`berth pull ${name}\`, \`git merge berth/${name}\`, then push; or --merge, --force` })
    case 'merging': return new BerthError('workspace_busy', `${name} is in the middle of a merge or rebase, and its branch cannot move`, { details, hint: 'push when it is done' })
    case 'unrelated': return new BerthError('conflict', `what you have here has nothing in common with the code of ${name}`, { details, hint: 'push from where the code came from, or from a clone of it' })
  }
}
