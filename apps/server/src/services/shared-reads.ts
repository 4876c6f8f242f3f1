/**
 * What a thousand daemons that come back at once all ask of their organisation is read a few times and not a thousand. A
 * read serves only those who asked before it began, so nobody is told what was true before they asked.
 */
import type { Store } from '@berth/core'

export type Shared = <T>(key: string, read: () => Promise<T>) => Promise<T>

export function createShared(): Shared {
  const next = new Map<string, Promise<unknown>>()
  const last = new Map<string, Promise<unknown>>()
  return <T>(key: string, read: () => Promise<T>): Promise<T> => {
    // Keys name the kind of read, so the promise has the type of this call.
    const waiting = next.get(key) as Promise<T> | undefined
    if (waiting !== undefined) return waiting
    const before = last.get(key) ?? Promise.resolve()
    const mine = before.then(() => {
      next.delete(key)
      return read()
    })
    const settled = mine.then(() => {}, () => {}).finally(() => { if (last.get(key) === settled) last.delete(key) })
    next.set(key, mine)
    last.set(key, settled)
    return mine
  }
}

/** The same store, where what each assignment needs of an organisation and of a person is shared, and the workspace by all who welcome it. */
export function sharingReads(store: Store): Store {
  const shared = createShared()
  const { gitHosts, github, deployKeys, modelKeys, egress, commitIdentities, access } = store
  return {
    ...store,
    getWorkspace: (id) => shared(`workspace ${id}`, () => store.getWorkspace(id)),
    commitIdentities: {
      ...commitIdentities,
      get: (userId) => shared(`identity ${userId}`, () => commitIdentities.get(userId)),
      signingKey: (userId) => shared(`signing ${userId}`, () => commitIdentities.signingKey(userId)),
    },
    access: { ...access, nameOf: (userId) => shared(`name ${userId}`, () => access.nameOf(userId)) },
    gitHosts: { ...gitHosts, list: (orgId) => shared(`hosts ${orgId}`, () => gitHosts.list(orgId)) },
    github: { ...github, list: (orgId) => shared(`apps ${orgId}`, () => github.list(orgId)) },
    deployKeys: { ...deployKeys, list: (orgId) => shared(`keys ${orgId}`, () => deployKeys.list(orgId)) },
    modelKeys: { ...modelKeys, list: (orgId) => shared(`models ${orgId}`, () => modelKeys.list(orgId)) },
    egress: { ...egress, injections: (orgId) => shared(`injections ${orgId}`, () => egress.injections(orgId)) },
  }
}
