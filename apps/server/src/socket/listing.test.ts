import { expect, test } from 'bun:test'
import type { Approval, Workspace, WorkspaceId } from '@berth/wire'
import { createListing } from './listing.ts'
import type { Outlet } from './outlet.ts'

test('what only moved is told of once a second, anything else at once', async () => {
  const id = 'ws_1' as WorkspaceId
  const told: Workspace[] = []
  let looked = Promise.withResolvers<undefined>()
  let workspace = { id, phase: 'running', tail: 1, lastActiveAt: 1, updatedAt: 1, needsYou: 0 } as Workspace
  let now = 10_000
  const outlet = { sendText: (text: string) => told.push((JSON.parse(text) as { workspace: Workspace }).workspace) } as unknown as Outlet
  const listing = createListing({
    list: async () => [workspace],
    view: async () => workspace,
    // Asked first of all when it looks: the one before has been told by then.
    waiting: async () => {
      looked.resolve(undefined)
      return [] as Approval[]
    },
    approval: async () => null,
    isShown: () => true,
    audience: async () => [outlet],
    readers: () => [],
    log: () => undefined,
    now: () => now,
  })
  const look = async (change: Partial<Workspace>): Promise<void> => {
    workspace = { ...workspace, ...change }
    for (let round = 0; round < 2; round++) {
      looked = Promise.withResolvers<undefined>()
      listing.changed(id)
      await looked.promise
    }
  }
  try {
    await look({})
    await look({ tail: 2, lastActiveAt: 2, updatedAt: 2 })
    await look({ tail: 3, lastActiveAt: 3, updatedAt: 3 })
    expect(told.map(({ tail }) => tail)).toEqual([1])
    await look({ tail: 4, needsYou: 1 })
    expect(told.map(({ tail }) => tail)).toEqual([1, 4])
    await look({ tail: 5 })
    now += 1000
    await look({})
    expect(told.map(({ tail }) => tail)).toEqual([1, 4, 5])
  } finally {
    await listing.stop()
  }
})
