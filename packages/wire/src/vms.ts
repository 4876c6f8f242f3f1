/**
 * The small surface that a machine is asked for by, as the specification of a manager of agents names it: a repository in,
 * a machine with an address out. Each is a workspace, and what more can be said of one is said by its own routes.
 */
import { oc } from '@orpc/contract'
import { z } from 'zod'
import { WorkspaceId } from './ids.ts'
import { MACHINE_SIZES, type MachineSize } from './sizes.ts'

const VmSize = z.enum(Object.keys(MACHINE_SIZES) as [MachineSize, ...MachineSize[]])
export const VmStatus = z.enum(['creating', 'running', 'stopping', 'stopped', 'failed'])
export type VmStatus = z.infer<typeof VmStatus>
export const Vm = z.object({
  id: WorkspaceId, name: z.string(), repoUrl: z.string(), provider: z.string(), status: VmStatus,
  /** Why it failed, what it waits for. */
  statusMessage: z.string().nullable(),
  /** Where a person works with it; null while it does not run. */
  url: z.string().nullable(),
  /** While it is made: how long that still takes, by how long it took the others. */
  readyInMs: z.number().int().nullable(),
  createdAt: z.number(),
})
export type Vm = z.infer<typeof Vm>

const ById = z.object({ id: WorkspaceId })
const tag = { tags: ['vms'] }
/** Spread into `api`. */
export const vmsApi = {
  createVm: oc.route({ method: 'POST', path: '/vms', successStatus: 201, summary: 'Make a machine from a repository; returns at once', ...tag })
    .input(z.object({ repoUrl: z.string().min(1).max(2048), branch: z.string().max(255).optional(), size: VmSize.optional(), provider: z.string().max(64).optional(), name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,38}$/).optional() })).output(Vm),
  listVms: oc.route({ method: 'GET', path: '/vms', summary: 'Machines, newest first; those that were stopped too', ...tag }).output(z.array(Vm)),
  deleteVm: oc.route({ method: 'DELETE', path: '/vms/{id}', summary: 'Delete it with all its data', ...tag }).input(ById).output(Vm),
  /** Repeatable: what has ended already is answered as it is. */
  cleanupVm: oc.route({ method: 'POST', path: '/vms/{id}/cleanup', summary: 'It ends: save the work, give back machine and names, keep the disk', ...tag }).input(ById).output(Vm),
  listGitHubRepos: oc.route({ method: 'GET', path: '/github/repos', summary: 'Repositories that the GitHub App may reach', ...tag })
    .output(z.array(z.object({ fullName: z.string(), url: z.string(), private: z.boolean(), defaultBranch: z.string() }))),
}
