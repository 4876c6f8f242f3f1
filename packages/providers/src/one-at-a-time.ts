/** Changes to one machine happen one after the other; the next caller finds what the one before it made. */
import type { Owner } from '@berth/core'

export type OneAtATime = <T>(owner: Owner, work: () => Promise<T>) => Promise<T>

export function createOneAtATime(): OneAtATime {
  const last = new Map<string, Promise<unknown>>()
  return async (owner, work) => {
    const key = `${owner.installation}/${owner.workspaceId}/${owner.generation}`
    const mine = (last.get(key) ?? Promise.resolve()).then(work)
    const settled = mine.catch(() => {})
    last.set(key, settled)
    try {
      return await mine
    } finally {
      if (last.get(key) === settled) last.delete(key)
    }
  }
}
