import { afterEach, describe, expect, it } from 'bun:test'
import type { Claim, WorkspaceStep } from '@berth/core'
import { randomIds } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import { startTickLoop } from './tick-loop.ts'
import type { TickLoop, TickLoopDeps } from './tick-loop.ts'

let loop: TickLoop | null = null
afterEach(async () => {
  await loop?.stop()
  loop = null
})

const NOTHING: WorkspaceStep = { do: 'nothing', againInMs: null }
const [A, B] = [randomIds.workspace(), randomIds.workspace()]

/** Workspaces that are due as soon as somebody says so, each claimed once for each time. */
function open(deps: Pick<TickLoopDeps, 'reconcile'> & Partial<Pick<TickLoopDeps, 'ticked'>>) {
  const due: WorkspaceId[] = []
  const logged: string[] = []
  const given: (Claim & { nextTickAt: number })[] = []
  let fence = 0
  const started = loop = startTickLoop({
    clock: { now: () => 0, sample: async () => {} }, owner: 'test', log: (line) => void logged.push(line), ticked: async () => {}, ...deps,
    store: {
      claimDue: async ({ limit }) => due.splice(0, limit).map((workspaceId) => ({ workspaceId, fence: ++fence })),
      giveBack: async (claims) => { given.push(...claims) },
      nextDue: async () => null,
    },
  })
  return { logged, given, due: (...ids: WorkspaceId[]) => { due.push(...ids); started.poke() } }
}

describe('the tick loop', () => {
  it('lets a tick that throws cost nobody else anything', async () => {
    const seen: Claim[] = []
    const all = Promise.withResolvers<void>()
    const { due, logged } = open({
      async reconcile(claim) {
        seen.push(claim)
        if (seen.length === 5) all.resolve()
        if (claim.workspaceId === A) throw new Error('broken row')
        return NOTHING
      },
    })
    due(A, B)
    due(A)
    due(B, A)
    await all.promise
    await loop?.stop()
    expect(seen.filter(({ workspaceId }) => workspaceId === B)).toHaveLength(2)
    expect(seen.filter(({ workspaceId }) => workspaceId === A)).toHaveLength(3)
    expect(logged.join()).toContain('broken row')
  })

  it('takes a claim that comes while the tick before it still cleans up, and takes it afterwards', async () => {
    const order: string[] = []
    const [cleaning, cleaned, again] = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const { due } = open({
      async reconcile({ fence }) {
        order.push(`tick ${fence}`)
        if (fence === 2) again.resolve()
        return NOTHING
      },
      async ticked() {
        cleaning.resolve()
        await cleaned.promise
        order.push('cleaned')
      },
    })
    due(A)
    await cleaning.promise
    due(A)
    cleaned.resolve()
    await again.promise
    expect(order).toEqual(['tick 1', 'cleaned', 'tick 2'])
  })

  it('gives back what it claimed when a tick throws, each time for longer, until one succeeds', async () => {
    let broken = true
    const tried = [0, 1, 2, 3, 4].map(() => Promise.withResolvers<void>())
    const { due, given } = open({
      async reconcile({ fence }) {
        queueMicrotask(() => tried[fence - 1]?.resolve())
        if (broken) throw new Error('no database')
        return NOTHING
      },
    })
    const again = async (fence: number) => {
      due(A)
      await tried[fence - 1]?.promise
      while (broken && given.length < fence) await new Promise((resolve) => setTimeout(resolve, 1))
    }
    for (const fence of [1, 2, 3]) await again(fence)
    expect(given.map(({ fence, nextTickAt }) => [fence, nextTickAt])).toEqual([[1, 1000], [2, 2000], [3, 4000]])
    broken = false
    await again(4)
    broken = true
    due(A)
    await tried[4]?.promise
    await loop?.stop()
    expect(given.slice(3).map(({ fence, nextTickAt }) => [fence, nextTickAt])).toEqual([[5, 1000]])
  })

  it('goes on after the database was away, and says so once', async () => {
    const ticked = Promise.withResolvers<void>()
    let away = 2
    const logged: string[] = []
    loop = startTickLoop({
      clock: { now: () => 0, sample: async () => {} }, owner: 'test', log: (line) => void logged.push(line), ticked: async () => {},
      async reconcile() {
        ticked.resolve()
        return NOTHING
      },
      store: {
        async claimDue() {
          if (away-- > 0) {
            queueMicrotask(() => loop?.poke())
            throw new Error('no connection')
          }
          return away === -1 ? [{ workspaceId: A, fence: 1 }] : []
        },
        giveBack: async () => {},
        nextDue: async () => null,
      },
    })
    loop.poke()
    await ticked.promise
    expect(logged).toEqual(['ticks pause: no connection'])
  })
})
