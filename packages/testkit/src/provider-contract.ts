/**
 * What every provider must do, whatever it runs on. The fake passes it on each save, `local` and `docker` where they
 * can run. It knows nothing of what runs inside a machine; what only a look inside can show is checked where a
 * provider offers `inside`, and skipped aloud where it does not.
 *
 * `open` gives each case a provider of its own installation; `cleanup` must leave nothing behind, also after a failure.
 */
import { afterEach, beforeEach, describe, expect, it } from 'bun:test'
import { ProviderFault, type CallContext, type Inventory, type Leftover, type Machine, type MachineSpec, type Observed, type Owner, type Provider, type Step } from '@berth/core'
import { randomIds } from '@berth/wire'

export interface Inside {
  /** Null: no such file. */
  readFile(path: string): Promise<string | null>
  /** As the agent's user. */
  exec(argv: readonly string[]): Promise<{ exitCode: number; stdout: string }>
}
export interface OpenedProvider {
  readonly provider: Provider
  /** An id of 32 hex characters, unlike that of any other case. */
  readonly installation: string
  makeSpec(owner: Owner): MachineSpec | Promise<MachineSpec>
  cleanup(): Promise<void>
  readonly capabilities?: {
    inside?(owner: Owner): Inside
    /** A file that outlives a stop: where the workspace's tree is, as seen inside. */
    readonly workFile?: string
    /** Mode bits, e.g. 0o600, of the boot file before the daemon took it; null when it is gone. */
    bootFileMode?(owner: Owner): Promise<number | null>
    /** All the vendor shows of a machine to anyone who may list it: argv, labels, environment, names. */
    shown?(owner: Owner): Promise<string>
    /** Memory, cpus and pids the vendor says it enforces; null where it cannot. */
    limits?(owner: Owner): Promise<{ memoryBytes: number | null; cpus: number | null; pids: number | null }>
    /** The machine's first process dies. */
    crash?(owner: Owner): Promise<void>
    /** Somebody removes the machine behind our back and leaves its disk. */
    vanish?(owner: Owner): Promise<void>
    /** A provider that copies a machine's system: something on the disk that is a word, while the machine runs, and looking for it when it is off. */
    system?: { write(owner: Owner, word: string): Promise<void>; read(owner: Owner): Promise<string | null> }
    /** Something at the vendor that is not ours, with a name like ours. Resolves with the check that it is untouched. */
    foreign?(owner: Owner): Promise<{ untouched(): Promise<boolean> }>
  }
}

/** Longer than any single call: a case that needs more is broken. */
const CASE_MS = 120_000
const POLLS_AT_MOST = 600

const refusal = (call: Promise<unknown>): Promise<unknown> => call.then(() => null, (error: unknown) => error)

export function providerContract(name: string, open: () => Promise<OpenedProvider>): void {
  describe(`provider contract: ${name}`, () => {
    let opened: OpenedProvider
    let provider: Provider
    let installation: string
    const signal = new AbortController().signal
    beforeEach(async () => {
      opened = await open()
      ;({ provider, installation } = opened)
    }, CASE_MS)
    afterEach(async () => { await opened.cleanup() }, CASE_MS)

    const newOwner = (generation = 1): Owner => ({ installation, workspaceId: randomIds.workspace(), generation })
    /** Polls to the end, as ticks do: each poll is a call of its own. */
    const settle = async <T>(call: (context: CallContext) => Promise<Step<T>>): Promise<T> => {
      let context: CallContext = { signal }
      for (let polls = 0; polls < POLLS_AT_MOST; polls += 1) {
        const step = await call(context)
        if (step.done) return step.value
        context = { signal, poll: JSON.parse(JSON.stringify(step.poll)) as Record<string, unknown> } // as the database keeps it
        await Bun.sleep(Math.min(step.afterMs, 250))
      }
      throw new Error('the call never came to an end')
    }
    const ensure = async (owner: Owner): Promise<Machine> => {
      const spec = await opened.makeSpec(owner)
      return settle((context) => provider.ensure(owner, spec, context))
    }
    const stop = (owner: Owner): Promise<Observed> => settle((context) => provider.stop(owner, context))
    const destroy = (owner: Owner): Promise<null> => settle((context) => provider.destroy(owner, context))
    const state = async (owner: Owner) => (await provider.observe(owner, signal)).observed.state
    const isOwn = (owner: Owner) => (thing: { owner: Machine['owner'] }) => typeof thing.owner === 'object' && thing.owner.workspaceId === owner.workspaceId && thing.owner.generation === owner.generation && thing.owner.installation === owner.installation
    const machinesOf = async (owner: Owner) => (await list()).filter(isOwn(owner))
    const list = async (): Promise<readonly Machine[]> => (await provider.list(installation, signal)).items
    const leftovers = async (): Promise<readonly Leftover[]> => (await provider.leftovers(installation, signal)).items
    const nothingLeftOf = async (owner: Owner) => {
      expect(await state(owner)).toBe('absent')
      expect(await machinesOf(owner)).toEqual([])
      expect((await leftovers()).filter(isOwn(owner))).toEqual([])
    }
    const check = (title: string, body: () => Promise<void>) => it(title, body, CASE_MS)

    check('says whether it can be used', async () => {
      const { ok, detail } = await provider.check(signal)
      expect(ok).toBe(true)
      expect(detail.length).toBeGreaterThan(0)
    })
    check('quotes in whole micro-units', async () => {
      const quote = await provider.quote({ memoryBytes: 1024 ** 3, cpus: 1 })
      expect(Number.isInteger(quote.runningMicrosPerHour)).toBe(true)
      expect(quote.stoppedMicrosPerHour).toBeLessThanOrEqual(quote.runningMicrosPerHour)
    })
    check('sees a machine that was never made as absent', async () => {
      expect(await state(newOwner())).toBe('absent')
    })
    check('makes a running machine that carries its owner', async () => {
      const owner = newOwner()
      const machine = await ensure(owner)
      expect(machine.observed.state).toBe('running')
      expect(machine.owner).toEqual(owner)
      expect(machine.isolation).not.toBeNull()
      expect(await state(owner)).toBe('running')
    })
    check('makes one machine when asked twice', async () => {
      const owner = newOwner()
      const first = await ensure(owner)
      const second = await ensure(owner)
      expect(second.ref).toEqual(first.ref)
      expect(await machinesOf(owner)).toHaveLength(1)
    })
    check('makes one machine when asked twice at once', async () => {
      const owner = newOwner()
      const results = await Promise.allSettled([ensure(owner), ensure(owner)])
      // The loser may be told of the conflict; it may not buy a second one.
      expect(results.some(({ status }) => status === 'fulfilled')).toBe(true)
      for (const result of results) if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(ProviderFault)
      await ensure(owner)
      expect(await machinesOf(owner)).toHaveLength(1)
    })
    check('finds its machine after a crash between the call and its answer', async () => {
      const owner = newOwner()
      const spec = await opened.makeSpec(owner)
      await provider.ensure(owner, spec, { signal }) // the answer, a poll too, is lost
      const machine = await ensure(owner)
      expect(machine.observed.state).toBe('running')
      expect(await machinesOf(owner)).toHaveLength(1)
    })
    check('settles when the call is aborted in the middle and made again', async () => {
      const owner = newOwner()
      const spec = await opened.makeSpec(owner)
      const abort = new AbortController()
      const cut = provider.ensure(owner, spec, { signal: abort.signal }).then(() => null, (error: unknown) => error)
      abort.abort()
      await cut
      expect((await ensure(owner)).observed.state).toBe('running')
      expect(await machinesOf(owner)).toHaveLength(1)
    })
    check('does nothing for a signal that is already aborted', async () => {
      const owner = newOwner()
      const spec = await opened.makeSpec(owner)
      expect(await refusal(provider.ensure(owner, spec, { signal: AbortSignal.abort() }))).toBeInstanceOf(Error)
      await nothingLeftOf(owner)
    })
    check('keeps what it needs of a machine as plain data', async () => {
      const machine = await ensure(newOwner())
      expect(JSON.parse(JSON.stringify(machine.ref))).toEqual(machine.ref)
      for (const value of Object.values(machine.ref)) expect(['string', 'number']).toContain(typeof value)
    })
    check('keeps two generations apart', async () => {
      const first = newOwner(1)
      const second: Owner = { ...first, generation: 2 }
      await ensure(first)
      await ensure(second)
      await destroy(first)
      expect(await state(first)).toBe('absent')
      expect(await state(second)).toBe('running')
      expect(await machinesOf(second)).toHaveLength(1)
    })
    check('keeps two workspaces apart', async () => {
      const [one, other] = [newOwner(), newOwner()]
      const [a, b] = [await ensure(one), await ensure(other)]
      expect(a.ref).not.toEqual(b.ref)
      await stop(one)
      expect(await state(one)).toBe('stopped')
      expect(await state(other)).toBe('running')
    })
    check('stops a machine and keeps it', async () => {
      const owner = newOwner()
      await ensure(owner)
      expect((await stop(owner)).state).toBe('stopped')
      expect(await state(owner)).toBe('stopped')
      expect(await machinesOf(owner)).toHaveLength(1)
    })
    check('stops twice without an error', async () => {
      const owner = newOwner()
      await ensure(owner)
      await stop(owner)
      expect((await stop(owner)).state).toBe('stopped')
    })
    check('stops twice at once without an error', async () => {
      const owner = newOwner()
      await ensure(owner)
      await Promise.all([stop(owner), stop(owner)])
      expect(await state(owner)).toBe('stopped')
    })
    check('stops what is absent without an error', async () => {
      expect((await stop(newOwner())).state).toBe('absent')
    })
    check('starts a stopped machine again, as the same one', async () => {
      const owner = newOwner()
      await ensure(owner)
      await stop(owner)
      const again = await ensure(owner)
      expect(again.observed.state).toBe('running')
      expect(again.owner).toEqual(owner)
      expect(await machinesOf(owner)).toHaveLength(1)
    })
    check('starts, stops and starts again, several times', async () => {
      const owner = newOwner()
      for (let round = 0; round < 3; round += 1) {
        expect((await ensure(owner)).observed.state).toBe('running')
        expect((await stop(owner)).state).toBe('stopped')
      }
    })
    check('destroys a machine and everything bought for it', async () => {
      const owner = newOwner()
      await ensure(owner)
      await destroy(owner)
      await nothingLeftOf(owner)
    })
    check('destroys a stopped machine', async () => {
      const owner = newOwner()
      await ensure(owner)
      await stop(owner)
      await destroy(owner)
      await nothingLeftOf(owner)
    })
    check('destroys twice without an error', async () => {
      const owner = newOwner()
      await ensure(owner)
      await destroy(owner)
      await destroy(owner)
      await nothingLeftOf(owner)
    })
    check('destroys twice at once without an error', async () => {
      const owner = newOwner()
      await ensure(owner)
      await Promise.all([destroy(owner), destroy(owner)])
      await nothingLeftOf(owner)
    })
    check('destroys what is absent without an error', async () => {
      const owner = newOwner()
      await destroy(owner)
      await nothingLeftOf(owner)
    })
    check('can make the machine again after it was destroyed', async () => {
      const owner = newOwner()
      await ensure(owner)
      await destroy(owner)
      expect((await ensure(owner)).observed.state).toBe('running')
      expect(await machinesOf(owner)).toHaveLength(1)
    })
    check('settles when making and destroying race', async () => {
      const owner = newOwner()
      const results = await Promise.allSettled([ensure(owner), destroy(owner)])
      for (const result of results) if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(ProviderFault)
      await destroy(owner)
      await nothingLeftOf(owner)
    })
    check('lists what it has, completely, and says so', async () => {
      const owners = [newOwner(), newOwner()]
      for (const owner of owners) await ensure(owner)
      const inventory: Inventory<Machine> = await provider.list(installation, signal)
      expect(inventory.complete).toBe(true)
      expect(inventory.missing).toEqual([])
      for (const owner of owners) expect(inventory.items.filter(isOwn(owner))).toHaveLength(1)
      for (const machine of inventory.items) {
        expect(machine.createdAt).toBeGreaterThan(0)
        expect(machine.observed.state).not.toBe('absent')
      }
    })
    check('lists stopped machines too', async () => {
      const owner = newOwner()
      await ensure(owner)
      await stop(owner)
      expect((await machinesOf(owner)).map(({ observed }) => observed.state)).toEqual(['stopped'])
    })
    check('does not list machines of another installation as its own', async () => {
      const owner = newOwner()
      await ensure(owner)
      const other = await provider.list('e'.repeat(32), signal)
      expect(other.items.filter(isOwn(owner))).toEqual([])
    })
    check('does not touch the machine of another installation', async () => {
      const owner = newOwner()
      await ensure(owner)
      const stranger: Owner = { ...owner, installation: 'f'.repeat(32) }
      await settle((context) => provider.destroy(stranger, context)).catch((error: unknown) => expect(error).toBeInstanceOf(ProviderFault))
      await settle((context) => provider.stop(stranger, context)).catch((error: unknown) => expect(error).toBeInstanceOf(ProviderFault))
      expect(await state(owner)).toBe('running')
    })
    check('does not count the disk of a living machine as left over', async () => {
      const owner = newOwner()
      await ensure(owner)
      expect((await leftovers()).filter(isOwn(owner))).toEqual([])
      await stop(owner)
      expect((await leftovers()).filter(isOwn(owner))).toEqual([])
    })
    check('gives the output of a machine, and nothing for one that is absent', async () => {
      const owner = newOwner()
      await ensure(owner)
      expect(typeof await provider.logs(owner, 4096, signal)).toBe('string')
      expect((await provider.logs(owner, 16, signal)).length).toBeLessThanOrEqual(16)
      expect(await provider.logs(newOwner(), 4096, signal)).toBe('')
    })
    check('refuses a machine that cannot be, with a category', async () => {
      const owner = newOwner()
      const spec = await opened.makeSpec(owner)
      const fault: unknown = await settle((context) => provider.ensure(owner, { ...spec, memoryBytes: 0 }, context)).catch((error: unknown) => error)
      expect(fault).toBeInstanceOf(ProviderFault)
      expect(['invalid', 'unsupported']).toContain((fault as ProviderFault).category)
      await destroy(owner)
      await nothingLeftOf(owner)
    })

    const optional = (capability: keyof NonNullable<OpenedProvider['capabilities']>, title: string, body: () => Promise<void>) =>
      check(title, async () => {
        if (opened.capabilities?.[capability] === undefined) console.log(`  (not observable here: ${capability})`)
        else await body()
      })
    const can = () => opened.capabilities ?? {}

    const ensureFrom = async (owner: Owner, systemOf: Owner): Promise<Machine> => {
      const spec = { ...await opened.makeSpec(owner), systemOf }
      return settle((context) => provider.ensure(owner, spec, context))
    }
    const systemIn = async (owner: Owner): Promise<string | null> => {
      await stop(owner)
      return await can().system?.read(owner) ?? null
    }
    for (const how of ['runs', 'is off'] as const) {
      optional('system', `begins with the system of a machine that ${how}, and neither changes the other`, async () => {
        const [first, fork] = [newOwner(), newOwner()]
        await ensure(first)
        await can().system?.write(first, 'before')
        if (how === 'is off') await stop(first)
        expect((await ensureFrom(fork, first)).observed.state).toBe('running')
        expect(await state(first)).toBe(how === 'runs' ? 'running' : 'stopped')
        await ensure(first)
        await can().system?.write(first, 'after')
        expect(await systemIn(fork)).toBe('before')
        await ensureFrom(fork, first)
        await can().system?.write(fork, 'of the fork')
        expect(await systemIn(first)).toBe('after')
        await destroy(first)
        expect(await systemIn(fork)).toBe('of the fork')
        expect((await ensure(fork)).observed.state).toBe('running')
      })
    }
    optional('system', 'takes a system that is gone, or of another installation, for none', async () => {
      const [first, second, third] = [newOwner(), newOwner(), newOwner()]
      await ensure(first)
      await can().system?.write(first, 'mine')
      await ensureFrom(second, { ...first, installation: 'f'.repeat(32) })
      await destroy(first)
      await ensureFrom(third, first)
      expect([await systemIn(second), await systemIn(third)]).toEqual([null, null])
    })
    optional('inside', 'keeps the disk over a stop', async () => {
      const owner = newOwner()
      await ensure(owner)
      const file = can().workFile ?? '/workspace/kept'
      expect(await can().inside?.(owner).exec(['sh', '-c', 'echo kept > "$0"', file])).toMatchObject({ exitCode: 0 })
      await stop(owner)
      await ensure(owner)
      expect(await can().inside?.(owner).readFile(file)).toBe('kept\n')
    })
    optional('inside', 'does not show one workspace the disk of another', async () => {
      const [one, other] = [newOwner(), newOwner()]
      await ensure(one)
      await ensure(other)
      const file = can().workFile ?? '/workspace/private'
      expect(await can().inside?.(one).exec(['sh', '-c', 'echo private > "$0"', file])).toMatchObject({ exitCode: 0 })
      expect(await can().inside?.(other).readFile(file)).toBeNull()
    })
    optional('bootFileMode', 'keeps the boot file to the daemon', async () => {
      const owner = newOwner()
      await ensure(owner)
      expect([null, 0o600, 0o400]).toContain((await can().bootFileMode?.(owner)) ?? null)
    })
    optional('shown', 'shows no secret in names, labels, arguments or environment', async () => {
      const owner = newOwner()
      const spec = await opened.makeSpec(owner)
      await settle((context) => provider.ensure(owner, spec, context))
      expect(spec.boot.bootToken.length).toBeGreaterThan(0)
      const shown = await can().shown?.(owner)
      expect(shown?.length).toBeGreaterThan(0)
      expect(shown).not.toContain(spec.boot.bootToken)
    })
    optional('limits', 'applies the limits that were asked for', async () => {
      const owner = newOwner()
      const spec = await opened.makeSpec(owner)
      await settle((context) => provider.ensure(owner, spec, context))
      const limits = await can().limits?.(owner)
      if (limits?.memoryBytes !== null) expect(limits?.memoryBytes).toBe(spec.memoryBytes)
      if (limits?.cpus !== null) expect(limits?.cpus).toBeCloseTo(spec.cpus, 2)
      if (limits?.pids !== null) expect(limits?.pids).toBe(spec.pids)
    })
    optional('crash', 'sees a machine that died by itself, and starts it again', async () => {
      const owner = newOwner()
      await ensure(owner)
      await can().crash?.(owner)
      expect(['stopped', 'failed', 'absent']).toContain(await state(owner))
      expect((await ensure(owner)).observed.state).toBe('running')
      expect(await machinesOf(owner)).toHaveLength(1)
    })
    optional('vanish', 'finds what a vanished machine left, and removes it', async () => {
      const owner = newOwner()
      await ensure(owner)
      await can().vanish?.(owner)
      const now = await state(owner)
      if (now === 'stopped') {
        // Where a stop leaves nothing but the disk, what is left is a stopped machine.
        expect(await machinesOf(owner)).toHaveLength(1)
        await destroy(owner)
        return nothingLeftOf(owner)
      }
      expect(now).toBe('absent')
      const left = (await leftovers()).filter(isOwn(owner))
      expect(left.length).toBeGreaterThan(0)
      for (const leftover of left) await provider.removeLeftover(leftover, signal)
      for (const leftover of left) await provider.removeLeftover(leftover, signal) // gone is no error
      await nothingLeftOf(owner)
    })
    optional('vanish', 'makes a vanished machine again under the same key', async () => {
      const owner = newOwner()
      await ensure(owner)
      await can().vanish?.(owner)
      expect((await ensure(owner)).observed.state).toBe('running')
      expect(await machinesOf(owner)).toHaveLength(1)
    })
    optional('vanish', 'destroys what a vanished machine left', async () => {
      const owner = newOwner()
      await ensure(owner)
      await can().vanish?.(owner)
      await destroy(owner)
      await nothingLeftOf(owner)
    })
    optional('foreign', 'never touches what somebody else owns', async () => {
      const owner = newOwner()
      const thing = await can().foreign?.(owner)
      const fault: unknown = await ensure(owner).then(() => null, (error: unknown) => error)
      if (fault !== null) expect(fault).toBeInstanceOf(ProviderFault)
      await destroy(owner).catch((error: unknown) => expect(error).toBeInstanceOf(ProviderFault))
      for (const leftover of await leftovers()) {
        if (typeof leftover.owner === 'object') continue
        expect(await refusal(provider.removeLeftover(leftover, signal))).toBeInstanceOf(ProviderFault)
      }
      expect(await thing?.untouched()).toBe(true)
    })
  })
}
