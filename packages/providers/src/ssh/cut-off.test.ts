/** A call may be cut off at any point: by the connection, before or after the host did it, and between any two of its commands. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { ProviderFault, type Owner, type Provider, type Step } from '@berth/core'
import { createCutSsh, REACHED, type Cut } from '../testing/cut-ssh.ts'
import { openSshBench, type SshBench } from '../testing/ssh-bench.ts'

const signal = new AbortController().signal
const installation = randomBytes(16).toString('hex')
const owner: Owner = { installation, workspaceId: 'ws_0000000000aa', generation: 1 }
/** From which command on, and every how many-th, a call is killed; `1/1` tries all, which takes minutes. */
const [FROM = 1, STRIDE = 1] = (process.env['BERTH_CUT'] ?? '5/27').split('/').map(Number)

let bench: SshBench
const ssh = createCutSsh()
const { plan } = ssh
let provider: Provider

beforeAll(async () => {
  bench = await openSshBench('ssh-cut')
  provider = bench.provider(installation, { program: ssh.program })
}, 120_000)
afterAll(async () => {
  await (bench as SshBench | undefined)?.close()
  ssh.remove()
})

const settled = async <T>(call: () => Promise<Step<T>>): Promise<T> => {
  for (;;) {
    const step = await call()
    if (step.done) return step.value
    await Bun.sleep(50)
  }
}
const ensure = () => settled(() => provider.ensure(owner, bench.spec, { signal }))
const destroy = () => settled(() => provider.destroy(owner, { signal }))
/** Null: it went through. */
const cut = async (what: Cut, call: () => Promise<unknown>): Promise<unknown> => {
  plan(what)
  try {
    return await call().then(() => null, (error: unknown) => error)
  } finally {
    plan('none')
  }
}
const commandsOf = async (call: () => Promise<unknown>): Promise<number> => {
  expect(await cut(100_000, call)).toBeNull()
  return Number(await bench.host.exec(`cat ${REACHED}`))
}

test('a connection that breaks before or after the host did it leaves nothing to remember', async () => {
  for (const when of ['before', 'after'] as const) {
    expect(await cut(when, () => provider.ensure(owner, bench.spec, { signal }))).toMatchObject({ category: 'transient', committed: 'unknown' })
    expect((await provider.observe(owner, signal)).observed.state).toBe(when === 'before' ? 'absent' : 'running')
    expect((await ensure()).observed.state).toBe('running')
    expect(await cut(when, () => provider.stop(owner, { signal }))).toMatchObject({ category: 'transient', committed: 'unknown' })
    expect(await settled(() => provider.stop(owner, { signal }))).toMatchObject({ state: 'stopped' })
    expect(await cut(when, () => provider.destroy(owner, { signal }))).toMatchObject({ category: 'transient', committed: 'unknown' })
    await destroy()
    expect(await bench.ledger()).toEqual([])
  }
}, 120_000)

test('a call that is killed between any two commands is made good by the next one, and nothing is left when all is deleted', async () => {
  const making = await commandsOf(() => provider.ensure(owner, bench.spec, { signal }))
  const removing = await commandsOf(() => provider.destroy(owner, { signal }))
  expect(making).toBeGreaterThan(50)
  expect(removing).toBeGreaterThan(20)
  expect(await bench.ledger()).toEqual([])
  for (let at = FROM, goesOn = false; at < making; at += STRIDE, goesOn = !goesOn) {
    const fault = await cut(at, () => provider.ensure(owner, bench.spec, { signal }))
    expect({ at, fault }).toMatchObject({ at, fault: expect.any(ProviderFault) })
    // A delete right then, or the making goes on, and the delete is cut off too.
    if (goesOn) {
      expect({ at, state: (await ensure()).observed.state }).toEqual({ at, state: 'running' })
      const until = Math.max(1, Math.round((at / making) * removing))
      await cut(until, () => provider.destroy(owner, { signal }))
    }
    await destroy()
    expect({ at, left: await bench.ledger() }).toEqual({ at, left: [] })
  }
  console.log(`  ${making} commands make a workspace, ${removing} remove it; each ${STRIDE}. was the last one`)
}, 900_000)
