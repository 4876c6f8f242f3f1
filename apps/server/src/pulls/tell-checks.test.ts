/** Who is told of failed checks, and how often, whatever breaks off between saying it and noting that it was said. */
import { expect, test } from 'bun:test'
import { randomIds } from '@berth/wire'
import type { CheckResult } from '@berth/wire/github'
import { workspaceRow } from '@berth/testkit'
import { createCheckTeller } from './tell-checks.ts'
import type { Telling, ToldDeps } from './tell-checks.ts'

const failing = (...names: string[]): CheckResult[] => names.map((name) => ({ name, conclusion: 'failure', summary: 'no', url: null }))

/** A workspace whose agent is to be told. `said`: by their ids, as prompts are kept. */
function world() {
  const workspace = workspaceRow({ source: { kind: 'git', url: 'https://gitlab.example/o/n.git' } as never })
  const state = { told: null as string | null, results: failing('lint'), breakAt: null as 'saying' | 'noting' | null }
  const said = new Map<string, string>()
  const broken = (where: 'saying' | 'noting'): void => {
    if (state.breakAt !== where) return
    state.breakAt = null
    throw new Error('the server ended')
  }
  const deps: ToldDeps = {
    pulls: { status: async () => ({ host: 'GitLab', status: { branch: 'berth/demo', commit: 'a'.repeat(40), pull: null, checks: 'failed', results: state.results } }) },
    // Of a record and a store this part needs no more.
    store: { listWorkspaces: async () => [{ workspace } as never], github: { watch: async () => ({ tell: true, by: 'ada', told: state.told }), noteTold: async (_, told) => { broken('noting'); state.told = told } } },
    clock: { now: () => 0 } as never, log: () => {},
    async say({ text, promptId = randomIds.prompt() }: Telling) {
      broken('saying')
      said.set(promptId, text)
      return { promptId, status: 'queued' }
    },
  }
  return { state, said, round: () => createCheckTeller(deps).round(() => false) }
}

test('it is said once of one outcome, and once more of another and of its return', async () => {
  const { state, said, round } = world()
  for (const results of [failing('lint'), failing('lint'), failing('lint', 'test'), failing('lint'), failing('lint'), failing('lint', 'test')]) {
    state.results = results
    await round()
  }
  expect([...said.values()].map((text) => /: (\d) of/.exec(text)?.[1])).toEqual(['1', '2', '1', '2'])
})

test('what could not be said is said in the next round', async () => {
  const { state, said, round } = world()
  state.breakAt = 'saying'
  await round()
  expect(said.size).toBe(0)
  await round()
  expect(said.size).toBe(1)
})

test('a server that ends before it noted what it said does not say it a second time', async () => {
  const { state, said, round } = world()
  state.breakAt = 'noting'
  await round()
  expect(state.told).toBeNull()
  await round()
  await round()
  expect(said.size).toBe(1)
})

test('what an older server noted is not said again', async () => {
  const { state, said, round } = world()
  state.told = `${'a'.repeat(40)} lint`
  await round()
  expect(said.size).toBe(0)
})
