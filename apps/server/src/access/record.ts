/** Writes down what people did. One that cannot be written is logged: what was done is done. */
import { AUDITED_ROUTES, subjectOf } from '@berth/core'
import type { Clock, Identity, NewAuditRecord, Store } from '@berth/core'
import { BerthError, WorkspaceId } from '@berth/wire'
import type { OrgId } from '@berth/wire'
import type { AuditAction } from '@berth/wire/git-access'
import type { RouteName } from '@berth/wire/routes'
import { z } from 'zod'

export interface RecordDeps { readonly store: Pick<Store, 'audit'>; readonly clock: Clock; readonly log: (line: string) => void }
type Who = Pick<Identity, 'userId' | 'userName' | 'orgId' | 'kind'>
export interface Done { readonly action: AuditAction; readonly subject: string; readonly workspaceId?: WorkspaceId | null; /** Absent: it was allowed and done. */ readonly refused?: string }

/** Names may be alike; the id is not. */
export const actorOf = ({ userName, userId, kind }: Pick<Who, 'userId' | 'userName' | 'kind'>): string => `${userName} (${userId}, ${kind})`

export const note = (deps: RecordDeps, who: Who, done: Done): Promise<void> => noteOf(deps, { orgId: who.orgId, actor: actorOf(who) }, done)

/** For those who are nobody yet. */
export async function noteOf({ store, clock, log }: RecordDeps, by: { orgId: OrgId; actor: string }, { action, subject, workspaceId = null, refused }: Done): Promise<void> {
  const record: NewAuditRecord = { action, subject, workspaceId, actor: by.actor, allowed: refused === undefined, reason: refused ?? null, refs: [], tokenExpiresAt: null }
  await store.audit.write(by.orgId, record, clock.now()).catch((error: unknown) => log(`audit: ${action} by ${by.actor} was not written: ${String(error)}`))
}

/** Around a route of the contract: what came of it, where the table says that it leaves a record. */
export async function recorded<T>(deps: RecordDeps, call: { who: Who; route: string; input: unknown; workspaceId: WorkspaceId | null }, work: () => Promise<T>): Promise<T> {
  const audited = Object.hasOwn(AUDITED_ROUTES, call.route) ? AUDITED_ROUTES[call.route as RouteName] : undefined
  if (audited === undefined) return work()
  const done = { action: audited.action, subject: subjectOf(call.input, audited.fields), workspaceId: call.workspaceId }
  try {
    const result = await work()
    await note(deps, call.who, { ...done, workspaceId: call.workspaceId ?? madeIn(result) })
    return result
  } catch (error) {
    if (error instanceof BerthError) await note(deps, call.who, { ...done, refused: error.message })
    throw error
  }
}

/** A route that makes a workspace answers with it. */
const Made = z.object({ output: z.object({ id: WorkspaceId }) })
const madeIn = (result: unknown): WorkspaceId | null => Made.safeParse(result).data?.output.id ?? null
