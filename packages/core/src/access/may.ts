/** Whether somebody may, from the table of rights and what is known of them. Pure: the store knows, the server asks. */
import type { Level, Role, Scope } from '@berth/wire/access'
import type { OrgId, UserId } from '@berth/wire'
import type { Right } from './rights.ts'

const ROLES: readonly Role[] = ['guest', 'viewer', 'member', 'owner']
const LEVELS: readonly Level[] = ['look', 'visit', 'act', 'own']
const SCOPES: readonly Scope[] = ['read', 'write', 'all']

/** The least that each right asks for, beside the level in a workspace. */
const NEEDS: Readonly<Record<Right, { readonly role: Role; readonly scope: Scope } | null>> = {
  anybody: null,
  known: { role: 'guest', scope: 'read' }, list: { role: 'guest', scope: 'read' },
  self: { role: 'guest', scope: 'write' }, account: { role: 'guest', scope: 'all' },
  survey: { role: 'member', scope: 'read' }, make: { role: 'member', scope: 'write' },
  oversee: { role: 'owner', scope: 'read' }, manage: { role: 'owner', scope: 'all' }, operate: { role: 'owner', scope: 'all' },
  look: { role: 'guest', scope: 'read' }, visit: { role: 'guest', scope: 'read' }, act: { role: 'guest', scope: 'write' }, own: { role: 'guest', scope: 'write' },
}

/** What somebody is in the organisation of a workspace, and what they were given in it. */
export interface Standing {
  readonly orgId: OrgId
  readonly creatorId: UserId
  /** Null: no member. */
  readonly role: Role | null
  /** Null: the workspace's owner gave nothing. */
  readonly grant: Level | null
  /** The host of the workspace's repository lets them write there. */
  readonly collaborates: boolean
}
export interface Asking { readonly userId: UserId; readonly orgId: OrgId; readonly role: Role; readonly scope: Scope }
export type Verdict =
  | { readonly may: true }
  /** `unseen`: they may not even know that it is there. */
  | { readonly may: false; readonly because: 'role' | 'scope' | 'level' | 'unseen'; readonly needs: Role | Scope | Level }

/** Null: they see nothing of it. */
export function levelIn(userId: UserId, standing: Standing): Level | null {
  const { creatorId, role, grant, collaborates } = standing
  if (role === null) return null
  if (role === 'owner' || (role === 'member' && creatorId === userId)) return 'own'
  const given = grant === 'own' ? 'act' : grant
  if (given !== null) return given
  return role !== 'guest' || collaborates ? 'look' : null
}

export const isLevel = (right: Right): right is Level => (LEVELS as readonly string[]).includes(right)
export const reaches = (has: Level | null, needs: Level): boolean => has !== null && LEVELS.indexOf(has) >= LEVELS.indexOf(needs)

/** `standing`: in the workspace that is asked about; null: there is none, or it is not asked about one. `homeOrg`: the server's own. */
export function mayDo(asking: Asking, right: Right, at: { readonly standing: Standing | null; readonly homeOrg: OrgId }): Verdict {
  const needs = NEEDS[right]
  if (needs === null) return { may: true }
  if (isLevel(right)) {
    const { standing } = at
    const has = standing === null || standing.orgId !== asking.orgId ? null : levelIn(asking.userId, standing)
    if (has === null) return { may: false, because: 'unseen', needs: right }
    if (!reaches(has, right)) return { may: false, because: 'level', needs: right }
  }
  if (ROLES.indexOf(asking.role) < ROLES.indexOf(needs.role)) return { may: false, because: 'role', needs: needs.role }
  if (right === 'operate' && asking.orgId !== at.homeOrg) return { may: false, because: 'role', needs: 'owner' }
  if (SCOPES.indexOf(asking.scope) < SCOPES.indexOf(needs.scope)) return { may: false, because: 'scope', needs: needs.scope }
  return { may: true }
}
