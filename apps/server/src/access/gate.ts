/**
 * The one place where it is asked whether somebody may. Before a handler runs, and again and again for connections that
 * outlive their request: nothing here remembers.
 */
import { isLevel, levelIn, mayDo } from '@berth/core'
import type { Identity, Right, Standing, Store, Verdict } from '@berth/core'
import { BerthError } from '@berth/wire'
import type { OrgId, UserId, WorkspaceId } from '@berth/wire'
import type { Level } from '@berth/wire/access'

export type Asker = Pick<Identity, 'userId' | 'orgId' | 'role' | 'scope'>

export interface Gate {
  may(asker: Asker, right: Right, workspaceId: WorkspaceId | null): Promise<boolean>
  /** Throws `forbidden`, or `not_found` where even that it exists is not theirs to know. */
  require(asker: Asker, right: Right, workspaceId: WorkspaceId | null): Promise<void>
  /** Whatever organisation they look at now. */
  levelOf(userId: UserId, workspaceId: WorkspaceId): Promise<Level | null>
  /** In the organisation they look at. Null: nothing of it. */
  level(asker: Pick<Identity, 'userId' | 'orgId'>, workspaceId: WorkspaceId): Promise<Level | null>
  /** How much of each workspace; null: a list does not hold it. */
  seenBy(asker: Pick<Identity, 'userId' | 'orgId'>): Promise<(id: WorkspaceId) => Level | null>
}

export function createGate({ access, homeOrg }: { access: Pick<Store['access'], 'standing' | 'standings'>; homeOrg: OrgId }): Gate {
  const verdict = async (asker: Asker, right: Right, workspaceId: WorkspaceId | null): Promise<Verdict> => {
    const standing: Standing | null = workspaceId === null || !isLevel(right) ? null : await access.standing(asker.userId, workspaceId)
    return mayDo(asker, right, { standing, homeOrg })
  }
  return {
    may: async (asker, right, workspaceId) => (await verdict(asker, right, workspaceId)).may,
    async require(asker, right, workspaceId) {
      const said = await verdict(asker, right, workspaceId)
      if (!said.may) throw denied(said, workspaceId)
    },
    async levelOf(userId, workspaceId) {
      const standing = await access.standing(userId, workspaceId)
      return standing === null ? null : levelIn(userId, standing)
    },
    async level({ userId, orgId }, workspaceId) {
      const standing = await access.standing(userId, workspaceId)
      return standing?.orgId === orgId ? levelIn(userId, standing) : null
    },
    async seenBy({ userId, orgId }) {
      const standings = await access.standings(userId, orgId)
      return (id) => {
        const standing = standings.get(id)
        return standing === undefined ? null : levelIn(userId, standing)
      }
    },
  }
}

const LEVEL_WORDS: Readonly<Record<Level, string>> = {
  look: 'look at this workspace', visit: 'visit the previews of this workspace', act: 'act in this workspace', own: 'decide about this workspace itself',
}

function denied({ because, needs }: Extract<Verdict, { may: false }>, workspaceId: WorkspaceId | null): BerthError {
  switch (because) {
    case 'unseen': return new BerthError('not_found', `there is no workspace ${workspaceId ?? 'of that name'}`, { hint: 'see `berth list`' })
    // The table says so: a level is what these need.
    case 'level': return new BerthError('forbidden', `access denied: you may not ${LEVEL_WORDS[needs as Level]}`, { hint: 'its owner gives more with `berth people grant`', details: { needs } })
    case 'role': return new BerthError('forbidden', `access denied: this is for ${needs === 'owner' ? 'an owner' : `a ${needs}`} of the organisation`, { hint: 'ask an owner; `berth people` lists them', details: { needs } })
    case 'scope': return new BerthError('forbidden', `access denied: this token's scope does not reach so far`, { hint: `use one with \`--scope ${needs}\`, or sign in`, details: { needs } })
  }
}
