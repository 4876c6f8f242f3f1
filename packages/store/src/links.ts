/**
 * Rows are locked in one order everywhere: the stream, the workspace, its machine. A tick that writes a machine and
 * a daemon that reports would otherwise wait for each other.
 */
import { lastActivity, type LinkStore } from '@berth/core'
import { BerthError, type EventBody, type WorkspaceId } from '@berth/wire'
import type { Transaction } from './address.ts'
import type { StoreContext } from './context.ts'
import { derivedToken, hashToken, keysOf, newToken } from './crypto.ts'
import type { MasterKey } from './crypto.ts'
import { cleanText, happenedAt, json } from './json.ts'
import { appendEvents, lockStream } from './streams.ts'
import { uploadBatch } from './upload.ts'

/** Each restored database mints epochs in a block of its own, above whatever the one it was copied from minted. */
export const EPOCHS_PER_INSTALLATION_EPOCH = 2 ** 32

/** To the block of the installation's epoch as it now is. */
export async function raiseLinkEpochs(tx: Transaction): Promise<void> {
  await tx`update streams set link_epoch = greatest(link_epoch, (select epoch from installation) * ${EPOCHS_PER_INSTALLATION_EPOCH}::bigint)`
}

export function createLinks(context: StoreContext): LinkStore {
  const { sql, random } = context
  return {
    async issueBootToken(workspaceId, generation, now) {
      return sql.begin((tx) => currentBootToken(tx, { workspaceId, generation, now, masterKey: context.masterKey }))
    },

    async knowsBootToken(workspaceId, generation, bootToken) {
      const [row] = await sql`
        select b.hash from boot_tokens b join workspaces w on w.id = b.workspace_id
        where b.workspace_id = ${workspaceId} and b.generation = ${generation} and b.hash = ${hashToken(bootToken)} and b.used_at is null
          and w.deleted_at is null and w.generation = ${generation} and w.wish_target <> 'deleted'`
      return row !== undefined
    },

    async enrol(workspaceId, generation, bootToken, now) {
      const bootHash = hashToken(bootToken)
      return sql.begin(async (tx) => {
        const [row] = await tx`
          select b.hash from boot_tokens b join workspaces w on w.id = b.workspace_id
          where b.workspace_id = ${workspaceId} and b.generation = ${generation} and b.hash = ${bootHash} and b.used_at is null
            and w.deleted_at is null and w.generation = ${generation} and w.wish_target <> 'deleted'
          for update of b`
        if (row === undefined) return null
        // Tokens whose answers were lost: nobody has them.
        await tx`delete from link_tokens where workspace_id = ${workspaceId} and generation = ${generation} and not presented`
        const linkToken = newToken('berthlink', random)
        await tx`insert into link_tokens ${tx({ hash: hashToken(linkToken), workspaceId, generation, bootHash, createdAt: now })}`
        return { linkToken }
      })
    },

    async authenticateLink(linkToken) {
      const hash = hashToken(linkToken)
      const [row] = await sql<{ workspaceId: WorkspaceId; generation: number; presented: boolean }[]>`
        select t.workspace_id, t.generation, t.presented from link_tokens t join workspaces w on w.id = t.workspace_id and w.generation = t.generation
        where t.hash = ${hash} and w.deleted_at is null and w.wish_target <> 'deleted'
          and not exists (select from machines m where m.workspace_id = t.workspace_id and m.generation = t.generation and (m.ended_at is not null or ${stands(sql)}))`
      if (row === undefined) return null
      // Once in its life: those that come back, a thousand at a time, write nothing. An enrolment may have taken it away meanwhile.
      if (!row.presented && (await sql`update link_tokens set presented = true where hash = ${hash}`).count === 0) return null
      return { workspaceId: row.workspaceId, generation: row.generation }
    },

    async openLink(link, now) {
      return sql.begin((tx) => openLink(tx, context, { link, now }))
    },

    async closeLink(workspaceId, epoch, now) {
      await sql.begin(async (tx) => {
        await tx`update workspaces set next_tick_at = least(next_tick_at, ${now}), woken = true where id = ${workspaceId}`
        await tx`update links set closed_at = ${now} where workspace_id = ${workspaceId} and epoch = ${epoch} and closed_at is null`
        await tx`update machines set linked_at = null where workspace_id = ${workspaceId} and link_epoch = ${epoch}`
      })
    },

    async closeLinksOf(server, now) {
      await sql.begin(async (tx) => {
        const closed = await tx<{ workspaceId: WorkspaceId; epoch: number }[]>`update links set closed_at = ${now} where server = ${server} and closed_at is null returning workspace_id, epoch`
        await tx`update machines m set linked_at = null from unnest(${closed.map(({ workspaceId }) => workspaceId)}::text[], ${closed.map(({ epoch }) => epoch)}::bigint[]) as l (id, epoch) where m.workspace_id = l.id and m.link_epoch = l.epoch`
      })
    },

    async seen(workspaceId, epoch, now) {
      await sql`update machines set last_seen_at = ${now} where workspace_id = ${workspaceId} and link_epoch = ${epoch}`
    },

    async upload(batch, now) {
      return sql.begin((tx) => uploadBatch(tx, batch, now))
    },

    async report(workspaceId, epoch, activity, now) {
      await sql.begin(async (tx) => {
        const worked = lastActivity(activity, now)
        const activeAt = worked === null ? 0 : happenedAt(now, now - worked)
        await tx`
          update workspaces set activity = ${json(tx, activity)}, last_active_at = greatest(last_active_at, ${activeAt})
          where id = ${workspaceId}
            and exists (select from machines m where m.workspace_id = workspaces.id and m.generation = workspaces.generation and m.link_epoch = ${epoch})`
        await tx`update machines set last_seen_at = ${now} where workspace_id = ${workspaceId} and link_epoch = ${epoch}`
      })
    },
  }
}

/**
 * The same token for as long as nobody used it: a machine is asked for again and again while it comes up, and one
 * that got its boot file at an earlier call must not be refused. It is derived, so only its hash is stored.
 */
async function currentBootToken(tx: Transaction, at: { workspaceId: WorkspaceId; generation: number; now: number; masterKey: MasterKey }): Promise<string> {
  const { workspaceId, generation, now, masterKey } = at
  const tokenOf = (createdAt: number): string => derivedToken('berthboot', { key: keysOf(masterKey)[0], subject: `${workspaceId} ${generation} ${createdAt}` })
  await tx`
    insert into boot_tokens ${tx({ workspaceId, generation, hash: hashToken(tokenOf(now)), createdAt: now })} on conflict (workspace_id, generation) do nothing`
  const [row] = await tx<{ hash: string; createdAt: number; usedAt: number | null }[]>`
    select hash, created_at, used_at from boot_tokens where workspace_id = ${workspaceId} and generation = ${generation} for update`
  if (row !== undefined && row.usedAt === null && row.hash === hashToken(tokenOf(row.createdAt))) return tokenOf(row.createdAt)
  // Used up, or made under another master key.
  const createdAt = Math.max(now, (row?.createdAt ?? 0) + 1)
  await tx`
    update boot_tokens set hash = ${hashToken(tokenOf(createdAt))}, created_at = ${createdAt}, used_at = null
    where workspace_id = ${workspaceId} and generation = ${generation}`
  return tokenOf(createdAt)
}

/** The machine was stopped, and nobody starts it: who comes with its token is not that machine. Of `machines m` and `workspaces w`. */
const stands = (sql: Transaction | StoreContext['sql']) =>
  sql`(w.wish_target = 'stopped' and m.ensuring_since is null and m.stopping_since is null and m.observed ->> 'state' in ('stopped', 'absent', 'failed'))`

type Opening = { readonly link: Parameters<LinkStore['openLink']>[0]; readonly now: number }

async function openLink(tx: Transaction, { ids }: StoreContext, { link, now }: Opening): ReturnType<LinkStore['openLink']> {
  const { workspaceId, generation } = link
  const stream = await lockStream(tx, workspaceId)
  const [workspace] = await tx<{ generation: number; deletedAt: number | null; stands: boolean }[]>`
    select generation, deleted_at, exists (select from machines m where m.workspace_id = w.id and m.generation = w.generation and ${stands(tx)}) as stands
    from workspaces w where id = ${workspaceId} for no key update`
  if (workspace === undefined || workspace.deletedAt !== null || workspace.generation !== generation || workspace.stands) {
    throw new BerthError('conflict', `machine ${generation} of ${workspaceId} is no longer wanted`)
  }
  const [installation] = await tx<{ epoch: number }[]>`select epoch from installation`
  const epoch = Math.max(stream.linkEpoch, (installation?.epoch ?? 0) * EPOCHS_PER_INSTALLATION_EPOCH) + 1
  await tx`update streams set link_epoch = ${epoch} where workspace_id = ${workspaceId}`
  await tx`update links set closed_at = ${now} where workspace_id = ${workspaceId} and closed_at is null`
  await tx`insert into links ${tx({
    workspaceId, epoch, generation, server: link.server, journalId: cleanText(link.journalId), boot: cleanText(link.boot),
    daemonVersion: cleanText(link.daemonVersion), isolation: link.isolation, openedAt: now, lastSeenAt: now,
  })}`
  await tx`
    update machines set link_epoch = ${epoch}, linked_at = ${now}, last_seen_at = ${now},
      daemon_version = ${cleanText(link.daemonVersion)}, isolation = ${link.isolation}
    where workspace_id = ${workspaceId} and generation = ${generation}`
  // The link token it enrolled for has arrived: the boot token is used up.
  await tx`
    update boot_tokens b set used_at = ${now}
    where b.workspace_id = ${workspaceId} and b.generation = ${generation} and b.used_at is null
      and exists (select from link_tokens t where t.boot_hash = b.hash and t.workspace_id = ${workspaceId} and t.presented)`
  const connected: EventBody = { type: 'daemon.connected', version: link.daemonVersion, generation, boot: link.boot }
  await appendEvents(tx, workspaceId, [{ id: ids.event(), at: now, source: 'server', body: connected }])
  const [journal] = await tx<{ lastN: number }[]>`select last_n from journals where workspace_id = ${workspaceId} and id = ${cleanText(link.journalId)}`
  const ackedN = journal?.lastN ?? 0
  // It has forgotten what we stored of it, so its next numbers would be taken for old ones.
  return { epoch, journal: link.lastN < ackedN ? { do: 'rotate' } : { do: 'continue', ackedN } }
}
