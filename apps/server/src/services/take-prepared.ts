/** Finds what was made ahead for who asks for a workspace like it. */
import { projectKey, projectKeyOf, type Clock, type NewWorkspace, type Store, type WorkspaceRecord } from '@berth/core'
import type { Resources } from '@berth/wire'
import type { CreateWorkspace } from '@berth/wire/api'

/** A member of a pool that is what was asked for, as that workspace. Null: there is none, it is made in the ordinary way. */
export async function takePrepared({ store, clock }: { readonly store: Pick<Store, 'pools'>; readonly clock: Clock }, input: CreateWorkspace, row: NewWorkspace): Promise<WorkspaceRecord | null> {
  const { source, image, egress } = input
  if (source.kind !== 'git' || source.commit !== undefined || image !== undefined || egress !== undefined) return null
  const key = projectKeyOf(source)
  const pool = (await store.pools.list(row.orgId)).find((each) => projectKey(each.url) === key && (each.branch ?? undefined) === source.branch && each.provider === row.provider && sameSize(each.resources, row.resources))
  return pool === undefined ? null : store.pools.take(pool.id, row, clock.now())
}

/** What is said in one order is compared as it is stored. */
export const sized = ({ memoryBytes, cpus, pids, docker, sudo }: Resources): Resources => ({
  ...(memoryBytes === undefined ? {} : { memoryBytes }), ...(cpus === undefined ? {} : { cpus }), ...(pids === undefined ? {} : { pids }), ...(docker === true ? { docker } : {}), ...(sudo === true ? { sudo } : {}),
})
const sameSize = (one: Resources, other: Resources): boolean => Bun.deepEquals(sized(one), sized(other))
