/** What is always on: the same by our ledger as by the vendor's bill, whose months end at the month's price. */
import { expect, test } from 'bun:test'
import { billedMicros, monthAt, monthsBetween, priceOf, type CallContext, type MachineSpec, type Step } from '@berth/core'
import { startHetzner } from '@berth/sim-hetzner'
import { createHetznerProvider } from './index.ts'

const TOKEN = 'T'.repeat(64)
const HOUR = 3_600_000
const signal = new AbortController().signal

test.each(['running', 'stopped'] as const)('a machine that is %s for two whole months costs by the ledger what the vendor takes', async (state) => {
  const hetzner = startHetzner()
  const { world } = hetzner
  world.tokens.set(TOKEN, 'read-write')
  const provider = createHetznerProvider({ installation: 'a'.repeat(32), token: () => TOKEN, log: () => {}, endpoint: hetzner.url, fetch: hetzner.fetch, now: world.now })
  const owner = { installation: 'a'.repeat(32), workspaceId: 'ws_always', generation: 1 }
  const spec: MachineSpec = { image: null, memoryBytes: 2 * 1024 ** 3, cpus: 2, pids: 512, boot: { bootToken: 'token', link: { unixSocket: null, loopbackUrl: null, publicUrl: 'https://link.example' }, toolbox: { hostDir: '/nonexistent', hash: '0123456789abcdef' } } }
  const through = async <T>(step: (context: CallContext) => Promise<Step<T>>): Promise<void> => {
    for (let context: CallContext = { signal }; ;) {
      const result = await step(context)
      if (result.done) return
      context = { signal, poll: result.poll }
      world.settle()
    }
  }
  await through((context) => provider.ensure(owner, spec, context))
  if (state === 'stopped') await through((context) => provider.stop(owner, context))
  const { quote } = await provider.observe(owner, signal)
  if (quote === undefined) throw new Error('it says no price')
  const charge = { since: world.now(), price: priceOf(quote, state) }
  const [, first, second] = monthsBetween(monthAt(world.now()), monthAt(world.now() + 100 * 24 * HOUR), 12)
  if (first === undefined || second === undefined) throw new Error('there are no months')
  const counted = (): number => (billedMicros(charge, world.now()) - billedMicros(charge, first.from)) / 1e6
  world.advance(first.from - world.now())
  const [paid, begun] = [world.ledger.total(), billedMicros(charge, first.from) / 1e6]
  // Of a month that is not whole what may be too much is counted: server, address and disk do not reach their months' prices together.
  expect(begun).toBeGreaterThan(0)
  world.advance(second.to - first.from)
  const taken = world.ledger.total() - paid
  expect(counted()).toBeGreaterThanOrEqual(taken - 0.001)
  expect(counted() - taken).toBeLessThan(0.02 * 2)
  // By the hour it were more: a month has up to 744 of them, its price stands for fewer.
  const byTheHour = quote[state === 'running' ? 'runningMicrosPerHour' : 'stoppedMicrosPerHour'] * (second.to - first.from) / HOUR / 1e6
  expect(byTheHour - counted()).toBeGreaterThan(state === 'running' ? 0.5 : 0.005)
  await hetzner.close()
  expect([...hetzner.faulty, ...hetzner.refused]).toEqual([])
})
