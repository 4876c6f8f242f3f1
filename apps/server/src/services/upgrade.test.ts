import { expect, test } from 'bun:test'
import { createFakeDaemons } from '@berth/testkit'
import { BerthError } from '@berth/wire'
import type { WorkspaceId } from '@berth/wire'
import { createUpgrades, upgradeFor } from './upgrade.ts'

const id = 'ws_aaaabbbbcccc' as WorkspaceId

function bench(daemonVersion: string | null, target: 'running' | 'stopped' = 'running') {
  const daemons = createFakeDaemons()
  daemons.connect(id)
  const upgrades = createUpgrades({
    daemons, log: () => {}, currentToolbox: async () => 'bbbb2222',
    // The rule reads nothing else of the record.
    store: { getWorkspace: async () => ({ workspace: { wish: { target } }, machine: { daemonVersion } }) as never },
  })
  return { daemons, upgrades }
}

test('upgrades to what this server carries, once, and not what has no toolbox', () => {
  const rows: [string | null, string[], string | null][] = [
    ['0.1.0+aaaa1111', [], 'bbbb2222'], ['0.1.0+aaaa1111', ['bbbb2222'], null], ['0.1.0+aaaa1111', ['cccc3333'], 'bbbb2222'],
    ['0.1.0+bbbb2222', [], null], ['0.1.0', [], null], [null, [], null],
  ]
  for (const [version, tried, expected] of rows) expect([version, upgradeFor(version, 'bbbb2222', new Set(tried))]).toEqual([version, expected])
})

test('asks a connected machine by the name of the toolbox, and does not ask again when it refused', async () => {
  const { daemons, upgrades } = bench('0.1.0+aaaa1111')
  daemons.answer('daemon.upgrade', () => { throw new BerthError('unsupported', 'cannot run here') })
  expect(await upgrades.look(id).then(() => null, (refusal: unknown) => refusal)).toMatchObject({ code: 'unsupported' })
  await upgrades.look(id)
  expect(daemons.calls.map(({ method, params }) => [method, params])).toEqual([['daemon.upgrade', { toolboxDir: 'bbbb2222' }]])
})

test('leaves alone a machine that is away, that is being stopped, or that has it already', async () => {
  for (const [version, target, away] of [['0.1.0+aaaa1111', 'running', true], ['0.1.0+aaaa1111', 'stopped', false], ['0.1.0+bbbb2222', 'running', false]] as const) {
    const { daemons, upgrades } = bench(version, target)
    if (away) daemons.disconnect(id)
    await upgrades.look(id)
    expect(daemons.calls).toEqual([])
  }
})
