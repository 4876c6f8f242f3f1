/**
 * Git of a workspace to a git host, with a credential that the workspace never sees. What may be asked is a short list;
 * who asks is known by the link. A push streams on when its list of refs is allowed as it stands; where the list does
 * not say enough, or the workspace is `protected`, it is kept and looked at before anything of it leaves.
 */
import { accessTo, judgeRef } from '@berth/core'
import type { AuditStore, Clock, DeployKeyStore, GitHostStore, GitHubStore, GitPolicyStore, NewAuditRecord, RefVerdict, WorkspaceRow } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { GitPolicy } from '@berth/wire/git-policy'
import type { PushHead } from '../git-hosting/policy.ts'
import type { HostedReach } from '../git-hosting/hosted.ts'
import { readPush, refusedPush } from '../git-hosting/push-request.ts'
import type { GitHub } from '../github/index.ts'
import type { Log } from '../http/respond.ts'
import { createFetching } from './fetching.ts'
import type { KeptPacks } from './kept-packs.ts'
import type { KeptPushes } from './kept-push.ts'
import type { Lfs } from './lfs.ts'
import { createHostAccess } from './host-access.ts'
import type { Quarantines } from './quarantine.ts'
import { askHost, isPushing, letGo, passed, untilRead } from './upstream.ts'
import type { Access } from './upstream.ts'
import { wantedBy } from './wanted.ts'
import type { Wanted } from './wanted.ts'

export interface GitGatewayDeps {
  readonly store: {
    readonly gitHosts: Pick<GitHostStore, 'credential' | 'used'>; readonly github: Pick<GitHubStore, 'list'>
    readonly deployKeys: Pick<DeployKeyStore, 'of' | 'list' | 'used'>; readonly audit: Pick<AuditStore, 'write'>; readonly gitPolicies: Pick<GitPolicyStore, 'get'>
  }
  /** Another source of credentials, one for each operation. */
  readonly github: Pick<GitHub, 'credentialFor'>
  readonly keptPushes: KeptPushes
  readonly keptPacks: Pick<KeptPacks, 'find' | 'passing' | 'ahead'>
  readonly quarantines: Pick<Quarantines, 'mirror' | 'mirrorOf'>
  /** Repositories of this server. Absent: it keeps none for tasks. */
  readonly hosted?: HostedReach
  /** Keys lie here while they are used. */
  readonly keysDir: string
  readonly lfs: Lfs
  readonly clock: Clock
  readonly log: Log
  readonly fetch?: typeof fetch
}
export type Asking = Pick<WorkspaceRow, 'id' | 'orgId' | 'name' | 'source' | 'creatorId'>
/** `ahead`: the server itself asks, for this workspace, before it does. Its answer to a fetch has no bytes, and ends when the server has the pack. */
export type GitGateway = (workspace: Asking, request: Request, how?: { readonly ahead: true }) => Promise<Response>
export type Outcome = Pick<NewAuditRecord, 'allowed' | 'reason'> & Partial<Pick<NewAuditRecord, 'refs' | 'tokenExpiresAt'>>
/** What one operation has at hand. `own`: the kept credential is for it. */
export interface Operation { readonly workspace: Asking; readonly wanted: Wanted; readonly policy: GitPolicy; readonly request: Request; readonly own: boolean; readonly ahead: boolean }

const SUBJECT_LIMIT = 250
const reasonOf = (error: unknown): string => (error instanceof BerthError ? error.message : 'it could not be done')

export function createGitGateway(deps: GitGatewayDeps): GitGateway {
  const { store, clock } = deps
  const send = deps.fetch ?? fetch
  const noted = ({ workspace, wanted }: Pick<Operation, 'workspace' | 'wanted'>, outcome: Outcome): Promise<unknown> => store.audit.write(workspace.orgId, {
    action: isPushing(wanted.service) ? 'git.push' : 'git.fetch', workspaceId: workspace.id, actor: workspace.name, subject: `${wanted.origin}/${wanted.path}`, refs: [], tokenExpiresAt: null, ...outcome,
  }, clock.now())

  /** An attempt is an attempt, whatever it was for: what is refused before it has an address is noted by its path. */
  const byItsPath = async <T>(action: 'git.fetch' | 'git.lfs', { workspace, request }: Pick<Operation, 'workspace' | 'request'>, work: () => T | Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      const subject = new URL(request.url).pathname.slice(0, SUBJECT_LIMIT)
      await store.audit.write(workspace.orgId, { action, workspaceId: workspace.id, actor: workspace.name, subject, refs: [], tokenExpiresAt: null, allowed: false, reason: reasonOf(error) }, clock.now())
      throw error
    }
  }
  const notedIfRefused = async <T>(operation: Operation, work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      await noted(operation, { allowed: false, reason: reasonOf(error) })
      throw error
    }
  }
  const { accessFor, fromMirror } = createHostAccess(deps)
  const fetchPack = createFetching({ keptPacks: deps.keptPacks, send, noted })
  const performed = async (operation: Operation, access: Access): Promise<Response> => {
    const { wanted, request } = operation
    if (access.credential?.ssh !== undefined && (request.method === 'GET' || !isPushing(wanted.service))) {
      if (request.method === 'POST') await noted(operation, { allowed: true, reason: 'by a deploy key' })
      return fromMirror(operation, access.credential)
    }
    if (request.method === 'GET') return notedIfRefused(operation, () => beginning(operation, access))
    if (isPushing(wanted.service)) return push(operation, access)
    return fetchPack(operation, access)
  }
  const push = async (operation: Operation, { credential, missing }: Access): Promise<Response> => {
    const { workspace, wanted, policy, request } = operation
    const { head, body, drain } = await readPush(request)
    // git asks so whether it may come, and nothing is done of it.
    if (head.commands.length === 0 && credential?.ssh !== undefined) return refusedPush(head, [])
    if (head.commands.length === 0) return passed(await askHost(send, wanted, { request, body, credential }), wanted, missing)
    const verdicts = verdictsOn(head, { name: workspace.name, policy })
    const reasons = verdicts.map((verdict) => (verdict.kind === 'refused' ? verdict.reason : null))
    const refused = head.refused ?? (reasons.some((reason) => reason !== null) ? 'not a ref of this workspace' : null)
    if (refused !== null) {
      await drain()
      await noted(operation, { allowed: false, reason: refused, refs: refsOf(head, reasons) })
      return refusedPush(head, reasons)
    }
    // Looked at, too, where an app's token gets more for a push that needs it.
    if (policy.profile === 'protected' || policy.workflows || credential?.ssh !== undefined || verdicts.some((verdict) => verdict.kind === 'allowed' && verdict.forwardOnly)) {
      return deps.keptPushes.take(operation, {
        head, body, forwardOnly: new Set(head.commands.filter((_, at) => verdicts[at]?.kind === 'allowed' && (verdicts[at]).forwardOnly).map(({ ref }) => ref)),
        access: (how) => accessFor(workspace, wanted, { service: wanted.service, own: true, ...how }),
        noted: (outcome) => noted(operation, { refs: refsOf(head, reasons), ...outcome }),
      })
    }
    // Noted before it is done: what was not written down did not happen.
    await noted(operation, { allowed: true, reason: null, refs: refsOf(head, reasons), tokenExpiresAt: credential?.expiresAt ?? null })
    return passed(await askHost(send, wanted, { request, body, credential }), wanted, missing)
  }
  /** Every operation begins so. */
  const beginning = async ({ workspace, wanted, request, own }: Operation, { credential, missing }: Access): Promise<Response> => {
    const answer = await askHost(send, wanted, { request, body: null, credential })
    if (answer.status !== 401 || credential === null || credential.discard === null) return passed(answer, wanted, missing)
    // Taken back while it was kept, as when the app was: then with another, or with the reason why there is none.
    void answer.body?.cancel()
    credential.discard()
    const again = await accessFor(workspace, wanted, { service: wanted.service, own })
    try {
      return passed(await askHost(send, wanted, { request, body: null, credential: again.credential }), wanted, again.missing)
    } finally {
      letGo(again.credential)
    }
  }
  return async (workspace, request, how) => {
    const ticket = deps.lfs.ticketIn(request)
    if (ticket !== null) return byItsPath('git.lfs', { workspace, request }, async () => deps.lfs.carry(workspace, ticket, { request, policy: await store.gitPolicies.get(workspace.id) }))
    const wanted = await byItsPath('git.fetch', { workspace, request }, () => wantedBy(request))
    const policy = await store.gitPolicies.get(workspace.id)
    const right = accessTo({ source: workspace.source, policy }, wanted)
    if ('lfs' in wanted) return deps.lfs.answer({ workspace, wanted, policy, right, request }, (service) => accessFor(workspace, wanted, { service, own: right !== null }))
    const operation: Operation = { workspace, wanted, policy, request, own: right !== null, ahead: how !== undefined }
    const found = await notedIfRefused(operation, () => accessFor(workspace, wanted, { service: wanted.service, own: right !== null && (right === 'write' || !isPushing(wanted.service)) }))
    const refuse = async (reason: string, hint: string): Promise<never> => {
      await noted(operation, { allowed: false, reason })
      throw new BerthError('forbidden', reason, { hint })
    }
    try {
      if (isPushing(wanted.service) && right !== 'write') await refuse('this workspace may not write to that repository', right === 'read' ? `it may read it; \`berth git-access ${workspace.name} --repo ${wanted.origin}/${wanted.path}:write\` lets it` : 'it may push to the repository that it was made from')
      if (isPushing(wanted.service) && found.missing !== null) await refuse(found.missing.message, found.missing.hint)
      return untilRead(await performed(operation, found), found.credential?.release ?? null)
    } catch (error) {
      letGo(found.credential)
      throw error
    }
  }
}

function verdictsOn({ commands }: PushHead, workspace: { name: string; policy: GitPolicy }): RefVerdict[] {
  const seen = new Set<string>()
  return commands.map((command) => {
    // A host may look at the first and do the second.
    if (seen.has(command.ref)) return { kind: 'refused', reason: 'the push names this ref twice' }
    seen.add(command.ref)
    return judgeRef(workspace, command)
  })
}

function refsOf(head: PushHead, reasons: readonly (string | null)[]): NewAuditRecord['refs'] {
  return head.commands.slice(0, 100).map(({ ref, oldId, newId }, index) => ({ ref: ref.slice(0, 250), from: oldId, to: newId, refused: reasons[index] ?? null }))
}
