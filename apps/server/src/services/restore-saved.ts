/** A workspace made anew from what was saved, here or by another server. */
import type { Identity, RestoreFrom, SavedRow, WorkspaceRecord } from '@berth/core'
import { BerthError, randomIds, SavedId } from '@berth/wire'
import type { Workspace } from '@berth/wire'
import type { RestoreRequest } from '@berth/wire/saved'
import { Manifest } from '../saved/manifest.ts'
import type { StateBytes } from '../saved/state-bytes.ts'
import { checkProvider } from './create-workspace.ts'
import type { ServiceDeps } from './deps.ts'
import { withFreeName } from './free-name.ts'
import { requireSaved, type SavedDeps } from './saved.ts'
import { viewOf } from './view.ts'

export async function restoreSaved(deps: SavedDeps, input: RestoreRequest, caller: Identity): Promise<Workspace> {
  const row = await findSaved(deps, input, caller)
  if (row.state !== 'verified') throw new BerthError('conflict', `${input.ref} is ${row.state === 'saving' ? 'not saved yet' : 'no whole state'}`, { hint: 'see `berth backup list`' })
  const manifest = Manifest.parse(row.manifest)
  const provider = input.provider ?? (deps.providers.all().some(({ name }) => name === manifest.provider) ? manifest.provider : await deps.providers.defaultName())
  const resources = { ...manifest.resources, ...input.resources }
  const walls = await deps.store.egress.policy(row.workspaceId)
  await checkProvider(deps, provider, { acceptNoIsolation: input.acceptNoIsolation, resources, egress: walls === null ? undefined : { mode: walls.mode, allow: [...walls.allow] } })
  const own = await ownOf(deps, row, caller)
  const systemOf = await systemOfFork(deps, { row, manifest, provider, resources })
  const record = await deps.costLimits.admit({ orgId: caller.orgId, userId: caller.userId, id: null, provider, resources }, () => insert(deps, { own, systemOf, row, manifest, input, provider, resources, caller }))
  deps.poke(record.workspace.id)
  return viewOf(deps, record)
}

/** By the name of a template, by its id here, or by its id in the place of the backups, which another server may have written. */
async function findSaved(deps: SavedDeps, { ref, keys }: RestoreRequest, caller: Identity): Promise<SavedRow> {
  const template = await deps.store.saved.template(caller.orgId, ref)
  if (template !== null) return template
  const id = SavedId.safeParse(ref)
  if (!id.success) throw new BerthError('not_found', `there is no template ${ref}`, { hint: 'see `berth backup list`' })
  const known = await deps.store.saved.get(id.data)
  if (known !== null && known.state !== 'removed') return requireSaved(deps, caller, id.data)
  if (caller.role !== 'owner') throw new BerthError('not_found', `there is no saved state ${ref}`, { hint: 'an owner can take one in that another server made' })
  const found = await deps.stateBytes.look(id.data, keys)
  if (found === null) throw new BerthError('not_found', `there is no saved state ${ref} in ${deps.stateBytes.place}`, { hint: 'is this server set to the same place as the one that made it? see `backups` in config.yaml' })
  return takeIn(deps, { id: id.data, found, foreign: keys !== undefined }, caller)
}

/** One that was sealed under another server's key is kept anew under this one's: the other server's stays as it is. */
async function takeIn(deps: SavedDeps, { id, found, foreign }: { id: SavedId; found: NonNullable<Awaited<ReturnType<StateBytes['look']>>>; foreign: boolean }, caller: Identity): Promise<SavedRow> {
  const { store, stateBytes, clock } = deps
  const manifest = Manifest.parse(found.manifest)
  const own = foreign ? randomIds.saved() : id
  if (foreign) await stateBytes.receive(own, manifest, found.body)
  const measured = await stateBytes.measure(own)
  const now = clock.now()
  const row: SavedRow = {
    id: own, orgId: caller.orgId, workspaceId: randomIds.workspace(), workspaceName: manifest.name, repository: manifest.repository, kind: 'backup', name: null, state: 'verified', detail: null, place: stateBytes.place,
    ...measured, plainBytes: 0, files: 0, leftOut: [], manifest, createdBy: caller.userId, createdAt: now, verifiedAt: now, expiresAt: now + deps.keepBackupsMs,
  }
  // They stand where those of a workspace of this server stand, and are there before anything can be made of it.
  const { egress, git } = manifest
  if (egress !== undefined) await store.egress.change(row.workspaceId, () => egress, now)
  if (git !== undefined) await store.gitPolicies.put(row.workspaceId, git, now)
  await store.saved.takeIn(row)
  return row
}

/** A fork goes on with the variables of its workspace; logins, which renew themselves, stay with that one. Of a backup nothing is left but what is given again. */
async function ownOf(deps: SavedDeps, { kind, workspaceId }: SavedRow, caller: Identity): Promise<Awaited<ReturnType<SavedDeps['store']['secrets']>>> {
  const none = { env: {}, secretEnv: [], homeFiles: [] }
  return kind === 'fork' && (await deps.gate.may(caller, 'own', workspaceId)) ? deps.store.secrets(workspaceId) : none
}

/** Only where it is made with the same rights: what root may have left in the one is no root's in the other. */
async function systemOfFork({ store }: SavedDeps, { row, manifest, provider, resources }: Pick<Restoring, 'row' | 'manifest' | 'provider' | 'resources'>): Promise<Restoring['systemOf']> {
  if (row.kind !== 'fork' || provider !== manifest.provider) return {}
  if (resources.sudo !== manifest.resources.sudo || resources.docker !== manifest.resources.docker) return {}
  const record = await store.getWorkspace(row.workspaceId)
  return record === null || record.workspace.provider !== provider ? {} : { systemOf: { workspaceId: row.workspaceId, generation: record.workspace.generation } }
}

type Restoring = { own: Awaited<ReturnType<typeof ownOf>>; systemOf: Pick<RestoreFrom, 'systemOf'>; row: SavedRow; manifest: Manifest; input: RestoreRequest; provider: string; resources: Manifest['resources']; caller: Identity }
function insert(deps: SavedDeps, restoring: Restoring): Promise<WorkspaceRecord> {
  return withFreeName({ given: restoring.input.name, wanted: restoring.manifest.name }, async (name) => {
    const made = rowOf(deps, restoring, name)
    // Before there is anything that could be made without it: what one may not reach or send, the other made of it may not either.
    const [walls, git] = [await deps.store.egress.policy(restoring.row.workspaceId), await deps.store.gitPolicies.get(restoring.row.workspaceId)]
    if (walls !== null) await deps.store.egress.change(made.id, () => walls, deps.clock.now())
    await deps.store.gitPolicies.put(made.id, git, deps.clock.now())
    return deps.store.createWorkspace(made, deps.clock.now())
  })
}

function rowOf(deps: SavedDeps, { own, systemOf, row, manifest, input, provider, resources, caller }: Restoring, name: string): Parameters<ServiceDeps['store']['createWorkspace']>[0] {
  const id = randomIds.workspace()
  const main = randomIds.session()
  const others = manifest.sessions.map((session) => ({ session, to: randomIds.session() }))
  const now = deps.clock.now()
  return {
    id, orgId: caller.orgId, creatorId: caller.userId, name, repository: manifest.repository, branch: manifest.branch, source: manifest.source, sourceReady: true, provider, image: manifest.image,
    project: { revision: 1, outline: manifest.outline, from: 'source' }, resources, agent: manifest.agent, command: manifest.command, services: manifest.services, approvalMode: manifest.approvalMode,
    acceptNoIsolation: input.acceptNoIsolation, web: true, ephemeral: input.ephemeral, sessionId: main, steps: [], exposures: input.exposures, autoStopMs: manifest.autoStopMs,
    restore: { savedId: row.id, generation: 1, sessions: [{ from: manifest.sessionId, to: main }, ...others.map(({ session, to }) => ({ from: session.id, to }))], branch: `berth/${name}`, ...systemOf },
    sessions: others.map(({ session, to }) => ({ ...session, id: to, workspaceId: id, main: false, forkedFrom: null, state: 'none', detail: null, wantsLogin: false, createdAt: now, endedAt: null })),
    secrets: { env: { ...own.env, ...input.env }, secretEnv: [...(own.secretEnv ?? Object.keys(own.env)), ...(input.secretEnv ?? Object.keys(input.env))], homeFiles: input.homeFiles, ...(own.mcp === undefined ? {} : { mcp: own.mcp }) },
    prompt: input.prompt === undefined ? null : { promptId: randomIds.prompt(), text: input.prompt },
    idempotencyKey: input.idempotencyKey ?? null,
  }
}
