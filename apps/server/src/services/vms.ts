/** Workspaces by the few words of `/vms`. */
import type { Identity } from '@berth/core'
import type { Workspace, WorkspaceId, WorkspacePhase } from '@berth/wire'
import { CreateWorkspace } from '@berth/wire/api'
import { MACHINE_SIZES } from '@berth/wire/sizes'
import type { Vm, VmStatus, vmsApi } from '@berth/wire/vms'
import type { z } from 'zod'
import { createWorkspace } from './create-workspace.ts'
import type { ServiceDeps } from './deps.ts'
import { viewById } from './view.ts'
import { wish } from './workspaces.ts'

const STATUS: Readonly<Record<WorkspacePhase, VmStatus>> = {
  queued: 'creating', provisioning: 'creating', starting: 'creating', recovery: 'running', running: 'running', unreachable: 'running',
  stopping: 'stopping', deleting: 'stopping', sleeping: 'stopped', stopped: 'stopped', deleted: 'stopped', failed: 'failed',
}
/** Of one that nothing is known to compare with. */
const USUALLY_MS = 90_000
const COMPARED = 20
const HONEST_MS = 30 * 60_000

export async function createVm(deps: ServiceDeps, { repoUrl, branch, size, provider, name }: z.infer<NonNullable<(typeof vmsApi)['createVm']['~orpc']['inputSchema']>>, by: Identity): Promise<Vm> {
  const given = { ...(provider === undefined ? {} : { provider }), ...(name === undefined ? {} : { name }), ...(size === undefined ? {} : { resources: MACHINE_SIZES[size] }) }
  const workspace = await createWorkspace(deps, CreateWorkspace.parse({ source: { kind: 'git', url: repoUrl, ...(branch === undefined ? {} : { branch }) }, ...given }), by)
  return vmOf(workspace, await usuallyMs(deps, workspace.provider), deps.clock.now())
}

export async function listVms(deps: ServiceDeps, workspaces: readonly Workspace[]): Promise<Vm[]> {
  const providers = [...new Set(workspaces.filter(({ phase }) => STATUS[phase] === 'creating').map(({ provider }) => provider))]
  const usually = new Map(await Promise.all(providers.map(async (provider) => [provider, await usuallyMs(deps, provider)] as const)))
  return workspaces.map((workspace) => vmOf(workspace, usually.get(workspace.provider) ?? USUALLY_MS, deps.clock.now()))
}

export async function deleteVm(deps: ServiceDeps, id: WorkspaceId): Promise<Vm> {
  return vmOf(await wish(deps, id, 'deleted'), USUALLY_MS, deps.clock.now())
}

export async function cleanupVm(deps: ServiceDeps, id: WorkspaceId): Promise<Vm> {
  const now = await viewById(deps, id)
  const ended = STATUS[now.phase] === 'stopped' || STATUS[now.phase] === 'stopping'
  return vmOf(ended ? now : await wish(deps, id, 'stopped'), USUALLY_MS, deps.clock.now())
}

/** The middle of what it took the last ones from the wish to the agent. */
async function usuallyMs({ store }: ServiceDeps, provider: string): Promise<number> {
  const took = (await store.listWorkspaces({ deleted: true })).flatMap(({ workspace }) => {
    const { readyAt, createdAt, generation } = workspace
    const ms = readyAt === null || generation !== 1 ? 0 : readyAt - createdAt
    return workspace.provider === provider && ms > 0 && ms < HONEST_MS ? [ms] : []
  }).slice(0, COMPARED).toSorted((one, other) => one - other)
  return took[Math.floor(took.length / 2)] ?? USUALLY_MS
}

function vmOf({ id, name, repository, provider, phase, statusMessage, error, createdAt, webUrl }: Workspace, usually: number, now: number): Vm {
  const status = STATUS[phase]
  return {
    id, name, repoUrl: repository, provider, status, statusMessage: error?.message ?? statusMessage, createdAt,
    url: status === 'running' ? webUrl : null,
    readyInMs: status === 'creating' ? Math.max(1000, createdAt + usually - now) : null,
  }
}
